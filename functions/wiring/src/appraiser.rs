//! The opinion of a gate in another process, over HTTP.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use postern_core::image::shortened;
use postern_core::ports::{Appraisal, Appraiser, Unavailable};
use postern_core::target::Target;
use postern_host::config::{Config, SecretReference};
use postern_host::environment::{Environment, Process};
use postern_host::secret::{self, SecretError};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use crate::WiringError;

/// The gate itself takes ten seconds at most.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The largest answer that is read.
const ANSWER_LIMIT: usize = 4 * 1024 * 1024;

/// A gate at an address.
struct RemoteGate {
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
}

impl Token {
    fn of(reference: &SecretReference, environment: &dyn Environment) -> Result<Self, SecretError> {
        Ok(match secret::is_managed(&reference.0) {
            true => Self::Fetched(secret::resolve(reference, environment)?),
            false => Self::Renewed(reference.clone()),
        })
    }

    fn read(&self) -> Result<SecretString, SecretError> {
        match self {
            Self::Renewed(reference) => secret::resolve(reference, &Process),
            Self::Fetched(token) => Ok(token.clone()),
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
    let wrong = || {
        WiringError::mistake(
            "audit.gate.url: write https://HOST, or http://127.0.0.1:PORT for a gate on this machine",
        )
    };
    let mut url = Url::parse(&gate.url).map_err(|_| wrong())?;
    let nobody = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    let on_this_machine = is_loopback(&url);
    let fits = url.scheme() == "https" || (url.scheme() == "http" && on_this_machine);
    if !fits || !nobody {
        return Err(wrong());
    }
    let path = format!("{}/v1/appraise", url.path().trim_end_matches('/'));
    url.set_path(&path);
    let mut client = Client::builder().timeout(TIMEOUT).redirect(Policy::none());
    if on_this_machine {
        client = client.no_proxy();
    }
    let token = gate
        .token
        .as_ref()
        .map(|token| Token::of(token, environment));
    Ok(Some(Arc::new(RemoteGate {
        url,
        token: token.transpose().map_err(WiringError::mistake)?,
        client: client.build().map_err(WiringError::mistake)?,
    })))
}

#[async_trait]
impl Appraiser for RemoteGate {
    async fn appraise(&self, target: &Target, images: &[String]) -> Result<Appraisal, Unavailable> {
        let body = json!({"target": target, "images": images});
        let mut request = self.client.post(self.url.clone()).json(&body);
        if let Some(token) = &self.token {
            let token = token.read().map_err(|error| self.failed(error))?;
            request = request.bearer_auth(token.expose_secret().trim());
        }
        let answer = request.send().await.map_err(|error| self.failed(error))?;
        let status = answer.status();
        let body = self.whole(answer).await?;
        if !status.is_success() {
            let said: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            let detail = shortened(said["detail"].as_str().unwrap_or_default());
            return Err(self.failed(format_args!("it answered {status}: {detail}")));
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

impl RemoteGate {
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
    use postern_host::config::RemoteGate as Named;

    #[test]
    fn a_token_goes_only_where_it_is_safe() {
        let made = |url: &str| {
            let mut config = Config::default();
            config.audit.gate = Some(Named {
                url: url.to_owned(),
                token: None,
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
