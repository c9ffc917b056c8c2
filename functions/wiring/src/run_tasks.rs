//! HCP Terraform, called back over HTTPS. The addresses come with a request, and the token with them: so only
//! hosts that the configuration names are called, and the token is shown to the first of them alone.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use postern_core::image::shortened;
use postern_core::ports::{RunTaskHost, Unavailable};
use postern_host::config::RunTask;
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use serde_json::Value;

use crate::WiringError;

/// HCP Terraform itself, and where it keeps plans.
const HOSTS: [&str; 2] = ["https://app.terraform.io", "https://archivist.terraform.io"];
/// The type of JSON:API documents.
const JSON_API: &str = "application/vnd.api+json";
/// A plan is an answer of megabytes.
const TIMEOUT: Duration = Duration::from_secs(60);
/// A plan's address leads to where it is kept.
const MAX_REDIRECTS: usize = 2;

/// Who asked for a run task.
struct Hcp {
    origins: Vec<String>,
    client: Client,
}

/// The hosts that a run task may call back.
///
/// # Errors
/// If one of the configuration is none.
pub fn run_task_host(task: &RunTask) -> Result<Arc<dyn RunTaskHost>, WiringError> {
    let mut origins: Vec<String> = HOSTS.map(str::to_owned).to_vec();
    for host in &task.hosts {
        origins.push(origin(host).ok_or_else(|| {
            WiringError::mistake(format_args!(
                "terraform.runTask.hosts: {:?} is none; write HOST or HOST:PORT, or http://127.0.0.1:PORT for a \
                 stand-in on this machine",
                shortened(host)
            ))
        })?);
    }
    let client = Client::builder().timeout(TIMEOUT).redirect(Policy::none());
    Ok(Arc::new(Hcp {
        origins,
        client: client.build().map_err(WiringError::mistake)?,
    }))
}

/// `https://HOST[:PORT]`, or loopback without TLS.
fn origin(host: &str) -> Option<String> {
    let whole = match host.contains("://") {
        true => host.to_owned(),
        false => format!("https://{host}"),
    };
    let url = Url::parse(&whole).ok()?;
    let plain = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let fits = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    (fits && plain && is_anonymous(&url)).then(|| url.origin().ascii_serialization())
}

fn is_anonymous(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none()
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let literal: Option<std::net::IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    literal.is_some_and(|ip| ip.is_loopback())
}

impl Hcp {
    fn allowed(&self, text: &str) -> Result<Url, Unavailable> {
        let url = Url::parse(text).ok().filter(is_anonymous);
        let url = url.filter(|url| {
            let origin = url.origin().ascii_serialization();
            self.origins.contains(&origin)
        });
        url.ok_or_else(|| {
            let why = "it is not called: only app.terraform.io and terraform.runTask.hosts are";
            Unavailable::permanent(shown(text), why)
        })
    }

    async fn get(&self, url: Url, token: &str) -> Result<Response, Unavailable> {
        let name = shown(url.as_str());
        let failed = |error: reqwest::Error| Unavailable::new(name.clone(), error.without_url());
        let mut answer = self
            .client
            .get(url.clone())
            .bearer_auth(token)
            .send()
            .await
            .map_err(failed)?;
        let mut asked = url.clone();
        for _ in 0..MAX_REDIRECTS {
            if !answer.status().is_redirection() {
                break;
            }
            let location = answer
                .headers()
                .get(LOCATION)
                .and_then(|value| value.to_str().ok());
            let next = location.and_then(|location| asked.join(location).ok());
            let Some(next) = next else { break };
            let next = self.allowed(next.as_str())?;
            let mut request = self.client.get(next.clone());
            if next.origin() == url.origin() {
                request = request.bearer_auth(token);
            }
            answer = request.send().await.map_err(failed)?;
            asked = next;
        }
        Ok(answer)
    }
}

#[async_trait]
impl RunTaskHost for Hcp {
    async fn plan(&self, url: &str, token: &str, limit: usize) -> Result<Vec<u8>, Unavailable> {
        let url = self.allowed(url)?;
        let name = shown(url.as_str());
        let mut answer = self.get(url, token).await?;
        if answer.status() != StatusCode::OK {
            let why = format!("it answered {}", answer.status());
            return Err(Unavailable::new(name, why));
        }
        let mut plan = Vec::new();
        let failed = |error: reqwest::Error| Unavailable::new(name.clone(), error.without_url());
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if plan.len() + chunk.len() > limit {
                let why = format!("the plan has more than {limit} bytes");
                return Err(Unavailable::limit(name, why));
            }
            plan.extend_from_slice(&chunk);
        }
        Ok(plan)
    }

    async fn tell(&self, url: &str, token: &str, document: &Value) -> Result<(), Unavailable> {
        let url = self.allowed(url)?;
        let name = shown(url.as_str());
        let request = self.client.patch(url).bearer_auth(token);
        let request = request
            .header(CONTENT_TYPE, JSON_API)
            .body(document.to_string());
        let answer = request.send().await;
        let answer = answer.map_err(|error| Unavailable::new(name.clone(), error.without_url()))?;
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(Unavailable::new(
                name,
                format_args!("it answered {}", answer.status()),
            )),
        }
    }
}

/// An address as it may be told: what follows a question mark may let anybody in.
fn shown(url: &str) -> String {
    shortened(url.split(['?', '#']).next().unwrap_or_default())
}

#[cfg(test)]
mod tests;
