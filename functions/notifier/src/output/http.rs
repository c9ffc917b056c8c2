//! The HTTP client that alerts go out by: over TLS to public addresses, no redirects, bounded in time,
//! and with one answer to what an answer means.

use std::net::IpAddr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use postern_host::problem::quoted;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};

use super::{Receipt, Refusal, Retry};
use crate::address::{PublicOnly, is_public};

/// The whole exchange takes at most this long.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The connection takes at most this long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// So much of an unfriendly answer is read.
const REPLY_LIMIT: usize = 4096;

/// Somebody who takes alerts by HTTP POST.
pub(crate) struct Receiver {
    url: Url,
    /// Sent with every alert.
    headers: HeaderMap,
    client: Client,
}

/// Why a receiver must not or cannot be called.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiverError {
    /// No URL.
    #[error("{0:?} is no URL of a receiver; write https://HOST/PATH")]
    Url(String),
    /// No URL, and secret.
    #[error("what `url` refers to is no URL of a receiver; it should hold https://HOST/PATH")]
    SecretUrl,
    /// Alerts go over TLS.
    #[error("alerts go over https; http is for loopback with allowPrivate: true")]
    PlainHttp,
    /// A user name or password in the URL would end up in logs.
    #[error("the URL holds a user name or password; use `secret` or `token` instead")]
    Credentials,
    /// An address of the inside.
    #[error("{0} is not a public address; if that is meant, set allowPrivate: true")]
    PrivateAddress(IpAddr),
    /// A token that no header can hold.
    #[error(
        "what `token` refers to is no bearer token: it holds a line break or another control character"
    )]
    Token,
    /// TLS could not be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(#[from] reqwest::Error),
}

impl Receiver {
    pub(super) fn new(url: &str, allow_private: bool) -> Result<Self, ReceiverError> {
        let url: Url = url.parse().map_err(|_| ReceiverError::Url(quoted(url)))?;
        check(&url, allow_private)?;
        let client = Client::builder()
            // A redirect would take the alert, and its signature, to somebody else.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("postern/", env!("CARGO_PKG_VERSION")));
        let client = if allow_private {
            client
        } else {
            client.dns_resolver(PublicOnly)
        };
        Ok(Self {
            url,
            headers: HeaderMap::new(),
            client: client.build()?,
        })
    }

    /// A receiver whose URL nobody may see.
    pub(crate) fn secret(url: &str, allow_private: bool) -> Result<Self, ReceiverError> {
        Self::new(url.trim(), allow_private).map_err(|error| match error {
            ReceiverError::Url(_) => ReceiverError::SecretUrl,
            other => other,
        })
    }

    /// The receiver, with a bearer token.
    pub(super) fn with_token(mut self, token: &str) -> Result<Self, ReceiverError> {
        let value = HeaderValue::try_from(format!("Bearer {}", token.trim()));
        let mut value = value.map_err(|_| ReceiverError::Token)?;
        value.set_sensitive(true);
        self.headers.insert(AUTHORIZATION, value);
        Ok(self)
    }

    /// The receiver, at an address that is derived from the configured one.
    pub(super) fn at(mut self, derive: impl FnOnce(&mut Url)) -> Self {
        derive(&mut self.url);
        self
    }

    /// Sends one alert; `Ok` once the receiver has confirmed it. `now` is the time of the attempt.
    pub(crate) async fn post(
        &self,
        content_type: &'static str,
        headers: HeaderMap,
        body: Vec<u8>,
        now: Timestamp,
    ) -> Result<Receipt, Refusal> {
        let request = self
            .client
            .post(self.url.clone())
            .headers(self.headers.clone())
            .headers(headers)
            .header(CONTENT_TYPE, content_type)
            .body(body);
        let response = request.send().await.map_err(|e| Refusal::again(told(&e)))?;
        match classified(response.status(), asked(&response, now)) {
            None => Ok(Receipt::new(format_args!(
                "HTTP {}",
                response.status().as_u16()
            ))),
            Some(retry) => Err(Refusal {
                retry,
                error: reply(response).await,
            }),
        }
    }
}

fn check(url: &Url, allow_private: bool) -> Result<(), ReceiverError> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ReceiverError::Credentials);
    }
    let host = url
        .host_str()
        .ok_or_else(|| ReceiverError::Url(quoted(url.as_str())))?;
    // Names are checked when they are resolved.
    let literal: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let loopback = host == "localhost" || literal.is_some_and(|ip| ip.is_loopback());
    match (url.scheme(), literal) {
        ("https", Some(ip)) if !allow_private && !is_public(ip) => {
            Err(ReceiverError::PrivateAddress(ip))
        }
        ("https", _) => Ok(()),
        ("http", _) if loopback && allow_private => Ok(()),
        ("http", _) => Err(ReceiverError::PlainHttp),
        _ => Err(ReceiverError::Url(quoted(url.as_str()))),
    }
}

/// What an answer means. Mistakes of a person (a redirect, 401, 403, 404) are tried again: somebody
/// repairs them.
fn classified(status: StatusCode, asked: Option<SignedDuration>) -> Option<Retry> {
    match status.as_u16() {
        200..=299 => None,
        410 => Some(Retry::Off),
        300..=399 | 401 | 403 | 404 | 407 | 408 | 409 | 421 | 423 | 425 | 429 | 500..=599 => {
            Some(Retry::Again(asked))
        }
        _ => Some(Retry::Dead),
    }
}

/// `Retry-After`, in seconds or as a date (RFC 9110 §10.2.3).
fn asked(response: &Response, now: Timestamp) -> Option<SignedDuration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse::<u32>() {
        Ok(seconds) => Some(SignedDuration::from_secs(seconds.into())),
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            Some(date.duration_since(now))
        }
    }
}

async fn reply(mut response: Response) -> String {
    let status = response.status();
    let mut body = Vec::new();
    while body.len() < REPLY_LIMIT {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            _ => break,
        }
    }
    body.truncate(REPLY_LIMIT);
    let text = quoted(String::from_utf8_lossy(&body).trim());
    if text.is_empty() {
        format!("answered {status}")
    } else {
        format!("answered {status}: {text}")
    }
}

/// The innermost cause says what happened; the URL may hold a token and is left out.
fn told(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if error.is_timeout() {
        "no answer in time".to_owned()
    } else {
        quoted(&cause.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(url: &str, allow_private: bool) -> String {
        Receiver::new(url, allow_private).err().unwrap().to_string()
    }

    #[test]
    fn receivers_on_the_inside_are_refused() {
        let messages = [
            error("https://169.254.169.254/latest", false),
            error("https://[::1]/x", false),
            error("http://hooks.example/x", false),
            error("http://10.0.0.1/x", true),
            error("http://localhost/x", false),
            error("https://user:pass@hooks.example/x", false),
            error("ftp://hooks.example/x", false),
            error("hooks.example", false),
        ]
        .join("\n");
        insta::assert_snapshot!(messages, @r#"
    169.254.169.254 is not a public address; if that is meant, set allowPrivate: true
    ::1 is not a public address; if that is meant, set allowPrivate: true
    alerts go over https; http is for loopback with allowPrivate: true
    alerts go over https; http is for loopback with allowPrivate: true
    alerts go over https; http is for loopback with allowPrivate: true
    the URL holds a user name or password; use `secret` or `token` instead
    "ftp://hooks.example/x" is no URL of a receiver; write https://HOST/PATH
    "hooks.example" is no URL of a receiver; write https://HOST/PATH
    "#);
        assert!(Receiver::new("http://127.0.0.1:9/x", true).is_ok());
    }

    #[tokio::test]
    async fn a_name_of_the_inside_is_refused_when_it_is_resolved() {
        let receiver = Receiver::new("https://localhost:9/x", false).unwrap();
        let refusal = receiver
            .post(
                "text/plain",
                HeaderMap::new(),
                Vec::new(),
                Timestamp::UNIX_EPOCH,
            )
            .await
            .unwrap_err();
        assert_eq!(refusal.error, "localhost has no public address");
    }

    #[rstest::rstest]
    #[case(200, None)]
    #[case(204, None)]
    #[case(301, Some(Retry::Again(None)))]
    #[case(302, Some(Retry::Again(None)))]
    #[case(308, Some(Retry::Again(None)))]
    #[case(400, Some(Retry::Dead))]
    #[case(403, Some(Retry::Again(None)))]
    #[case(410, Some(Retry::Off))]
    #[case(429, Some(Retry::Again(None)))]
    #[case(503, Some(Retry::Again(None)))]
    fn answers_mean(#[case] status: u16, #[case] expected: Option<Retry>) {
        assert_eq!(
            classified(StatusCode::from_u16(status).unwrap(), None),
            expected
        );
    }

    #[test]
    fn a_url_that_is_a_secret_is_not_shown() {
        let error = Receiver::secret("hooks.example/T0/hunter2", false)
            .err()
            .unwrap();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        let receiver = Receiver::new("https://hooks.example/", false).unwrap();
        let error = receiver.with_token("hunter2\nX-Other: y").err().unwrap();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
