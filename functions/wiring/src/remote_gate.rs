//! A gate in another process, over HTTP: what it thinks, and what it decides.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use postern_core::decision::Decision;
use postern_core::image::shortened;
use postern_core::ports::{
    Appraisal, Appraiser, DeploymentGate, GateRefusal, IdentityTokens, ProposedDeployment,
    Unavailable,
};
use postern_core::target::Target;
use postern_host::config::{Config, RemoteGate as Named, SecretReference};
use postern_host::environment::{Environment, Process};
use postern_host::secret;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::WiringError;
use crate::google_identity::google_identity;

/// The gate itself takes ten seconds at most.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The largest answer that is read.
const ANSWER_LIMIT: usize = 4 * 1024 * 1024;

/// A gate at an address.
struct RemoteGate {
    /// The path that is asked.
    url: Url,
    token: Option<Token>,
    client: Client,
}

/// What shows the gate who asks.
enum Token {
    /// Read each time: tokens are renewed.
    Renewed(SecretReference),
    /// Of a manager of secrets, which was asked at the start.
    Fetched(SecretString),
    /// An ID token of this process for an audience.
    Own(Arc<dyn IdentityTokens>, String),
}

impl Token {
    fn of(
        gate: &Named,
        setting: &str,
        environment: &dyn Environment,
    ) -> Result<Option<Self>, WiringError> {
        match (&gate.token, &gate.audience) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(WiringError::mistake(format_args!(
                "{setting}: name a `token`, or an `audience` for an ID token of this process, not both"
            ))),
            (None, Some(audience)) => {
                let tokens = google_identity(setting, environment)?;
                Ok(Some(Self::Own(tokens, audience.clone())))
            }
            (Some(token), None) if secret::is_managed(&token.0) => {
                let token = secret::resolve(token, environment);
                Ok(Some(Self::Fetched(token.map_err(WiringError::mistake)?)))
            }
            (Some(token), None) => Ok(Some(Self::Renewed(token.clone()))),
        }
    }

    async fn read(&self) -> Result<SecretString, Unavailable> {
        match self {
            Self::Renewed(reference) => secret::resolve(reference, &Process)
                .map_err(|error| Unavailable::new("the gate's token", error)),
            Self::Fetched(token) => Ok(token.clone()),
            Self::Own(tokens, audience) => Ok(tokens.token(audience).await?.into()),
        }
    }
}

/// The gate that `audit.gate` names; `None` where it names none.
///
/// # Errors
/// If it is no address to send a token to.
pub fn appraiser(
    config: &Config,
    environment: &dyn Environment,
) -> Result<Option<Arc<dyn Appraiser>>, WiringError> {
    let Some(gate) = &config.audit.gate else {
        return Ok(None);
    };
    let gate = RemoteGate::of(gate, "audit.gate", "v1/appraise", environment)?;
    Ok(Some(Arc::new(gate)))
}

/// The gate that `forward.gate` names; `None` where it names none.
///
/// # Errors
/// If it is no address to send a token to.
pub fn deployment_gate(
    config: &Config,
    environment: &dyn Environment,
) -> Result<Option<Arc<dyn DeploymentGate>>, WiringError> {
    let Some(gate) = &config.forward.gate else {
        return Ok(None);
    };
    let gate = RemoteGate::of(gate, "forward.gate", "v1/decisions", environment)?;
    Ok(Some(Arc::new(gate)))
}

/// The gate at this address of a command line, which is shown the token in a file.
///
/// # Errors
/// If it is no address to send a token to.
pub fn gate_at(
    url: &str,
    token_file: Option<&Path>,
    environment: &dyn Environment,
) -> Result<Arc<dyn DeploymentGate>, WiringError> {
    let token = token_file.map(|file| SecretReference(format!("file:{}", file.display())));
    let named = Named {
        url: url.to_owned(),
        audience: None,
        token,
    };
    let gate = RemoteGate::of(&named, "--gate", "v1/decisions", environment)?;
    Ok(Arc::new(gate))
}

#[async_trait]
impl Appraiser for RemoteGate {
    async fn appraise(&self, target: &Target, images: &[String]) -> Result<Appraisal, Unavailable> {
        let body = json!({"target": target, "images": images});
        let (status, body) = self.ask(self.url.clone(), &body).await?;
        if !status.is_success() {
            return Err(self.failed(said(status, &body)));
        }
        let appraisal: Appraisal =
            serde_json::from_slice(&body).map_err(|error| self.failed(error))?;
        let names = appraisal.images.iter().map(|appraised| &appraised.image);
        if names.eq(images) {
            Ok(appraisal)
        } else {
            Err(self.failed("it answered about other images"))
        }
    }
}

#[async_trait]
impl DeploymentGate for RemoteGate {
    async fn decide(&self, proposed: &ProposedDeployment) -> Result<Decision, GateRefusal> {
        let mut url = self.url.clone();
        if proposed.dry_run {
            url.set_query(Some("dryRun=true"));
        }
        let body = json!({"manifest": proposed.manifest, "target": proposed.target});
        let (status, body) = self.ask(url, &body).await?;
        match status {
            StatusCode::OK => {
                let decision = serde_json::from_slice(&body);
                Ok(decision.map_err(|error| self.failed(error))?)
            }
            StatusCode::BAD_REQUEST => Err(GateRefusal::Unreadable(said(status, &body))),
            status => Err(self.failed(said(status, &body)).into()),
        }
    }
}

/// What a problem says (RFC 9457).
fn said(status: StatusCode, body: &[u8]) -> String {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let detail = shortened(problem["detail"].as_str().unwrap_or_default());
    format!("it answered {status}: {detail}")
}

impl RemoteGate {
    fn of(
        gate: &Named,
        setting: &str,
        path: &str,
        environment: &dyn Environment,
    ) -> Result<Self, WiringError> {
        let wrong = || {
            WiringError::mistake(format_args!(
                "{setting}.url: write https://HOST, or http://127.0.0.1:PORT for a gate on this machine"
            ))
        };
        let mut url = Url::parse(&gate.url).map_err(|_| wrong())?;
        let nobody = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        let on_this_machine = is_loopback(&url);
        let fits = url.scheme() == "https" || (url.scheme() == "http" && on_this_machine);
        if !fits || !nobody {
            return Err(wrong());
        }
        let path = format!("{}/{path}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        let mut client = Client::builder().timeout(TIMEOUT).redirect(Policy::none());
        if on_this_machine {
            client = client.no_proxy();
        }
        Ok(Self {
            url,
            token: Token::of(gate, setting, environment)?,
            client: client.build().map_err(WiringError::mistake)?,
        })
    }

    async fn ask(&self, url: Url, body: &Value) -> Result<(StatusCode, Vec<u8>), Unavailable> {
        let mut request = self.client.post(url).json(body);
        if let Some(token) = &self.token {
            let token = token.read().await?;
            request = request.bearer_auth(token.expose_secret().trim());
        }
        let answer = request.send().await.map_err(|error| self.failed(error))?;
        let status = answer.status();
        Ok((status, self.whole(answer).await?))
    }

    async fn whole(&self, mut answer: Response) -> Result<Vec<u8>, Unavailable> {
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.failed(error))? {
            if body.len() + chunk.len() > ANSWER_LIMIT {
                return Err(self.failed("its answer is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn failed(&self, error: impl std::fmt::Display) -> Unavailable {
        let host = self.url.host_str().unwrap_or_default();
        Unavailable::new(format!("the gate at {host}"), error)
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let literal: Option<std::net::IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    host == "localhost" || literal.is_some_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_only_where_it_is_safe() {
        let made = |url: &str| {
            let mut config = Config::default();
            config.audit.gate = Some(Named {
                url: url.to_owned(),
                token: None,
                audience: None,
            });
            appraiser(&config, &Process).map(|made| made.is_some()).ok()
        };
        assert_eq!(made("https://gate.example"), Some(true));
        assert_eq!(made("http://127.0.0.1:8080"), Some(true));
        for url in ["http://gate.example", "https://a:b@gate.example", "gate"] {
            assert_eq!(made(url), None, "{url}");
        }
        assert!(appraiser(&Config::default(), &Process).unwrap().is_none());
    }
}
