//! Whether a registry is there, and lets us in (OCI distribution specification, "Determining Support").

use jiff::Timestamp;
use postern_core::ports::Unavailable;
use reqwest::header::DATE;
use reqwest::{Method, StatusCode};

use crate::auth::Scope;
use crate::registry::{Registry, refusal};
use crate::transport::Request;

/// Only the status counts.
const LIMIT: usize = 64 * 1024;

/// What a registry answered to `GET /v2/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ping {
    /// Why it does not let us in; `None` if it does.
    pub refused: Option<String>,
    /// The time by its own clock, to the second.
    pub date: Option<Timestamp>,
}

impl Registry {
    /// Knocks at a registry's door, with the credential for its host.
    ///
    /// # Errors
    /// If it does not answer, answers that it cannot, or the credential cannot be had.
    pub async fn ping(&self, host: &str) -> Result<Ping, Unavailable> {
        let endpoint = self.endpoint_of(host)?;
        let request = Request::new(Method::GET, endpoint.url(""), endpoint.reach);
        let answer = self.call(&endpoint, &Scope::none(), request, LIMIT).await?;
        let refused = match answer.status {
            status if status.is_success() => None,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Some(refusal(&endpoint, &answer, "GET /v2/").message)
            }
            _ => return Err(refusal(&endpoint, &answer, "GET /v2/")),
        };
        let date = answer.header(DATE.as_str());
        let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        Ok(Ping {
            refused,
            date: date.map(|date| date.timestamp()),
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::get;

    use super::*;
    use crate::options::{HostOptions, RegistryOptions};

    /// A registry that answers so; synthetic.
    async fn ping(status: StatusCode) -> Result<Ping, Unavailable> {
        let answer = get(async move || (status, [("date", "Tue, 03 Feb 2026 04:05:06 GMT")]));
        let router = Router::new().route("/v2/", answer);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let listed = HostOptions {
            plain_http: true,
            allow_private: true,
            ..HostOptions::new(&host)
        };
        let options = RegistryOptions {
            hosts: vec![listed],
            ..RegistryOptions::default()
        };
        Registry::new(options).unwrap().ping(&host).await
    }

    #[tokio::test]
    async fn who_is_let_in_is_told_from_who_is_not_and_from_an_outage() {
        let let_in = ping(StatusCode::OK).await.unwrap();
        assert_eq!(let_in.refused, None);
        assert_eq!(let_in.date, "2026-02-03T04:05:06Z".parse().ok());
        let refused = ping(StatusCode::FORBIDDEN).await.unwrap().refused;
        assert!(refused.unwrap().contains("it answered 403"));
        assert!(ping(StatusCode::SERVICE_UNAVAILABLE).await.is_err());
    }
}
