//! ID tokens of the identity this runs as, for others than Google.

use std::time::Duration;

use async_trait::async_trait;
use postern_core::image::shortened;
use postern_core::ports::{IdentityTokens, Unavailable};
use reqwest::{Client, StatusCode, Url};

const SOURCE: &str = "Google metadata server";
/// Where the metadata server is on Google Cloud.
const HOST: &str = "metadata.google.internal";
/// The account that the instance or revision runs as.
const PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/identity";
/// On requests it says that they are meant for the metadata server, on answers that it gave them.
const FLAVOR: (&str, &str) = ("metadata-flavor", "Google");
const TIMEOUT: Duration = Duration::from_secs(3);
/// How often one token is asked for. The server is on the same machine, and at times not up yet.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);
/// The longest token that is read, in bytes.
const LIMIT: usize = 16 * 1024;

/// The metadata server of a VM, a Pod or a service on Google Cloud, which vouches for the service account
/// that it runs as.
#[derive(Debug)]
pub struct MetadataServer {
    identity: Url,
    client: Client,
    pause: Duration,
}

/// Why there is no such server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataServerError {
    /// Not where a server is.
    #[error("GCE_METADATA_HOST: {0:?} is no HOST or HOST:PORT")]
    Host(String),
    /// No client can be made.
    #[error(transparent)]
    Client(#[from] reqwest::Error),
}

/// What became of one try.
enum Tried {
    Token(String),
    Again(String),
    Never(String),
}

impl MetadataServer {
    /// The server at `HOST` or `HOST:PORT`; without one where Google has it. It is spoken to by plain
    /// HTTP, and is on the same machine.
    ///
    /// # Errors
    /// If that is no host.
    pub fn new(host: Option<&str>) -> Result<Self, MetadataServerError> {
        let host = host.unwrap_or(HOST);
        let wrong = || MetadataServerError::Host(shortened(host));
        let known = |b: u8| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b);
        if host.is_empty() || !host.bytes().all(known) {
            return Err(wrong());
        }
        let identity: Url = format!("http://{host}{PATH}")
            .parse()
            .map_err(|_| wrong())?;
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self {
            identity,
            client,
            pause: PAUSE,
        })
    }

    async fn once(&self, audience: &str) -> Tried {
        let mut url = self.identity.clone();
        url.query_pairs_mut()
            .append_pair("audience", audience)
            .append_pair("format", "full");
        let request = self.client.get(url).header(FLAVOR.0, FLAVOR.1);
        let mut answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                let how = if error.is_timeout() {
                    "in time"
                } else {
                    "at all"
                };
                return Tried::Again(format!(
                    "it does not answer {how}; web identity takes a process on Google Cloud"
                ));
            }
        };
        if answer
            .headers()
            .get(FLAVOR.0)
            .is_none_or(|flavor| flavor != FLAVOR.1)
        {
            return Tried::Never("what answers is no metadata server".to_owned());
        }
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => {
                let why = "it knows no service account of this process; run it as one";
                return Tried::Never(why.to_owned());
            }
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Tried::Again(format!("it answered {status}"));
            }
            status => return Tried::Never(format!("it answered {status}")),
        }
        let mut token = Vec::new();
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) if token.len() + chunk.len() <= LIMIT => {
                    token.extend_from_slice(&chunk);
                }
                Ok(Some(_)) => {
                    return Tried::Never(format!("it answered more than {LIMIT} bytes"));
                }
                Ok(None) => break,
                Err(_) => return Tried::Again("its answer broke off".to_owned()),
            }
        }
        match String::from_utf8(token) {
            Ok(token) if is_jwt(token.trim()) => Tried::Token(token.trim().to_owned()),
            _ => Tried::Never("what it answered is no token".to_owned()),
        }
    }
}

#[async_trait]
impl IdentityTokens for MetadataServer {
    async fn token(&self, audience: &str) -> Result<String, Unavailable> {
        let mut why = String::new();
        for again in 1..=TRIES {
            match self.once(audience).await {
                Tried::Token(token) => return Ok(token),
                Tried::Never(why) => return Err(Unavailable::new(SOURCE, why)),
                Tried::Again(error) => why = error,
            }
            if again < TRIES {
                tokio::time::sleep(self.pause).await;
            }
        }
        Err(Unavailable::new(SOURCE, why))
    }
}

/// Three parts in the alphabet of base64url (RFC 7515 §7.1). What is in them is for the audience to judge.
fn is_jwt(text: &str) -> bool {
    let is_part = |part: &str| {
        let known = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        !part.is_empty() && part.bytes().all(known)
    };
    text.split('.').count() == 3 && text.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::http::{HeaderMap, Uri};

    use super::*;

    const AUDIENCE: &str = "sts.amazonaws.com/synthetic?a&b";
    const TOKEN: &str = "synthetic-header.synthetic-claims.synthetic_signature";

    /// A stand-in for the metadata server that answers the first requests so, and others with a token.
    async fn against(
        first: usize,
        answer: (StatusCode, &'static str),
        flavor: &'static str,
    ) -> (Result<String, Unavailable>, usize) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let router = Router::new().fallback(move |uri: Uri, headers: HeaderMap| {
            let asked = count.fetch_add(1, Ordering::Relaxed);
            assert_eq!(headers["metadata-flavor"], "Google");
            assert_eq!(
                uri,
                "/computeMetadata/v1/instance/service-accounts/default/identity\
                 ?audience=sts.amazonaws.com%2Fsynthetic%3Fa%26b&format=full"
            );
            let (status, body) = match asked < first {
                true => answer,
                false => (StatusCode::OK, TOKEN),
            };
            async move { (status, [("metadata-flavor", flavor)], body) }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut server = MetadataServer::new(Some(&address)).unwrap();
        server.pause = Duration::ZERO;
        let token = server.token(AUDIENCE).await;
        (token, asked.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn a_token_is_for_its_audience() {
        let (token, asked) = against(0, (StatusCode::OK, ""), "Google").await;
        assert_eq!((token.as_deref(), asked), (Ok(TOKEN), 1));
    }

    #[tokio::test]
    async fn what_may_pass_is_asked_again_a_few_times() {
        let busy = (StatusCode::SERVICE_UNAVAILABLE, "");
        let (token, asked) = against(2, busy, "Google").await;
        assert_eq!((token.as_deref(), asked), (Ok(TOKEN), 3));
        let (token, asked) = against(3, busy, "Google").await;
        let error = token.unwrap_err().to_string();
        assert!(
            error.ends_with("it answered 503 Service Unavailable"),
            "{error}"
        );
        assert_eq!(asked, 3);
    }

    #[tokio::test]
    async fn what_does_not_pass_says_why() {
        let mut said = Vec::new();
        for (answer, flavor) in [
            ((StatusCode::NOT_FOUND, ""), "Google"),
            ((StatusCode::FORBIDDEN, ""), "Google"),
            ((StatusCode::FOUND, ""), "Google"),
            ((StatusCode::OK, "<html>"), "Google"),
            ((StatusCode::OK, "a.b."), "Google"),
            ((StatusCode::OK, TOKEN), "Other"),
        ] {
            let (token, asked) = against(1, answer, flavor).await;
            assert_eq!(asked, 1);
            said.push(token.unwrap_err().to_string());
        }
        insta::assert_snapshot!(said.join("\n"), @"
        Google metadata server: it knows no service account of this process; run it as one
        Google metadata server: it answered 403 Forbidden
        Google metadata server: it answered 302 Found
        Google metadata server: what it answered is no token
        Google metadata server: what it answered is no token
        Google metadata server: what answers is no metadata server
        ");
    }

    #[tokio::test]
    async fn no_server_is_said_to_be_none() {
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let mut server = MetadataServer::new(Some(&address)).unwrap();
        server.pause = Duration::ZERO;
        let error = server.token(AUDIENCE).await.unwrap_err().to_string();
        assert!(
            error.ends_with("web identity takes a process on Google Cloud"),
            "{error}"
        );
    }

    #[test]
    fn only_a_host_is_taken() {
        assert!(MetadataServer::new(None).is_ok());
        for host in ["", "a/b", "user@host", "a b", "http://a", "a:port"] {
            assert!(MetadataServer::new(Some(host)).is_err(), "{host}");
        }
    }
}
