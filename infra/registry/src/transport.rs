//! One request, bounded in time and size, to an address that may be asked.

use std::error::Error as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use postern_core::image::shortened;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use url::Url;

use crate::clients::Clients;
use crate::guard::{self, AddressRefused, Reach};

/// As much of an error's body as is read.
const MAX_ERROR_BODY: usize = 16 * 1024;

/// Sends requests, and counts them.
pub(crate) struct Transport {
    clients: Clients,
    sent: AtomicU64,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) reach: Reach,
    pub(crate) accept: Option<&'static str>,
    pub(crate) authorization: Option<HeaderValue>,
    /// Content type and content.
    pub(crate) body: Option<(String, Bytes)>,
}

impl Request {
    /// A request without body and credential.
    pub(crate) fn new(method: Method, url: Url, reach: Reach) -> Self {
        Self {
            method,
            url,
            reach,
            accept: None,
            authorization: None,
            body: None,
        }
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Whole for a success; the first bytes of an error.
    pub(crate) body: Bytes,
}

impl Answer {
    /// A header's text, where it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why nothing usable came back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    #[error(transparent)]
    Refused(#[from] AddressRefused),
    #[error("no whole answer within {0:?}")]
    Timeout(Duration),
    #[error("the answer has more than the {limit} bytes that are read")]
    TooLarge { limit: usize },
    #[error("cannot set up TLS: {0}; install the platform's root certificates (ca-certificates)")]
    SetUp(String),
    #[error("{0}")]
    Failed(String),
}

impl Transport {
    pub(crate) const fn new(timeout: Duration) -> Self {
        Self {
            clients: Clients::new(timeout),
            sent: AtomicU64::new(0),
        }
    }

    /// How many requests were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Sends a request; a successful answer may have a body of `limit` bytes.
    pub(crate) async fn send(
        &self,
        request: Request,
        limit: usize,
    ) -> Result<Answer, TransportError> {
        guard::check_literal(&request.url, request.reach)?;
        self.sent.fetch_add(1, Ordering::Relaxed);
        let outcome = self.exchange(request, limit).await;
        let class = match &outcome {
            Ok(answer) if answer.status.is_success() => "success",
            Ok(answer) if answer.status.is_server_error() => "server_error",
            Ok(_) => "refused",
            Err(_) => "failed",
        };
        metrics::counter!("postern_registry_requests_total", "outcome" => class).increment(1);
        outcome
    }

    async fn exchange(&self, request: Request, limit: usize) -> Result<Answer, TransportError> {
        let client = self.clients.of(&request.url, request.reach);
        let client = client.map_err(|error| TransportError::SetUp(innermost(&error)))?;
        let mut builder = client.request(request.method, request.url);
        if let Some(accept) = request.accept {
            builder = builder.header(ACCEPT, accept);
        }
        if let Some(authorization) = request.authorization {
            builder = builder.header(AUTHORIZATION, authorization);
        }
        if let Some((content_type, body)) = request.body {
            builder = builder.header(CONTENT_TYPE, content_type).body(body);
        }
        let mut response = builder.send().await.map_err(|error| self.failure(error))?;
        let body = if response.status().is_success() {
            self.read_whole(&mut response, limit).await?
        } else {
            read_start(&mut response).await
        };
        Ok(Answer {
            status: response.status(),
            headers: std::mem::take(response.headers_mut()),
            body,
        })
    }

    async fn read_whole(
        &self,
        response: &mut Response,
        limit: usize,
    ) -> Result<Bytes, TransportError> {
        let announced = response.content_length().unwrap_or(0);
        if usize::try_from(announced).map_or(true, |announced| announced > limit) {
            return Err(TransportError::TooLarge { limit });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.failure(error))?
        {
            if body.len() + chunk.len() > limit {
                return Err(TransportError::TooLarge { limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.into())
    }

    fn failure(&self, error: reqwest::Error) -> TransportError {
        let mut texts = Vec::new();
        let mut cause = error.source();
        while let Some(inner) = cause {
            if let Some(refused) = inner.downcast_ref::<AddressRefused>() {
                return TransportError::Refused(refused.clone());
            }
            texts.push(inner.to_string());
            cause = inner.source();
        }
        if error.is_timeout() {
            return TransportError::Timeout(self.clients.timeout());
        }
        // The innermost cause is the one that says something: "connection refused".
        let what = if error.is_connect() {
            "cannot connect"
        } else {
            "the connection failed"
        };
        match texts.pop() {
            Some(cause) => TransportError::Failed(format!("{what}: {}", shortened(&cause))),
            None => TransportError::Failed(what.to_owned()),
        }
    }
}

/// An error's body only explains; the status stands without it.
async fn read_start(response: &mut Response) -> Bytes {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = MAX_ERROR_BODY - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == MAX_ERROR_BODY {
            break;
        }
    }
    body.into()
}

fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    shortened(&cause.to_string())
}
