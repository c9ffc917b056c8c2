//! The client: one call to a registry, logged in if need be.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use postern_core::image::{ImageReference, shortened};
use postern_core::ports::{ImageResolver, ResolvedImage, Unavailable};
use reqwest::header::{LOCATION, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use url::Url;

use crate::auth::{Authenticator, Scope};
use crate::content::Contents;
use crate::endpoint::{Endpoint, url_authority};
use crate::guard::Reach;
use crate::manifest::Manifest;
use crate::options::{RegistryError, RegistryOptions};
use crate::transport::{Answer, Request, Transport};

const MAX_REDIRECTS: usize = 3;

/// A client of every registry.
///
/// Content is asked for once: it is kept by its digest, and what is in flight is shared. What a tag
/// stands for, and that there is no such thing, is never kept.
pub struct Registry {
    endpoints: HashMap<String, Arc<Endpoint>>,
    authenticator: Authenticator,
    transport: Transport,
    pub(crate) contents: Contents,
}

impl Registry {
    /// A client with these options.
    ///
    /// # Errors
    /// If a host is none or is listed twice, or if no HTTP client can be set up.
    pub fn new(options: RegistryOptions) -> Result<Self, RegistryError> {
        let mut endpoints = HashMap::new();
        for host in options.hosts {
            let endpoint = Arc::new(Endpoint::new(host)?);
            if let Some(twice) = endpoints.insert(endpoint.host.clone(), endpoint) {
                return Err(RegistryError::Duplicate(twice.host.clone()));
            }
        }
        Ok(Self {
            endpoints,
            authenticator: Authenticator::new(options.docker_config),
            transport: Transport::new(options.timeout),
            contents: Contents::new(),
        })
    }

    /// How many requests were sent so far, those for tokens included.
    pub fn requests(&self) -> u64 {
        self.transport.sent()
    }

    /// The endpoint of an image's registry.
    pub(crate) fn endpoint(&self, image: &ImageReference) -> Result<Arc<Endpoint>, Unavailable> {
        self.endpoint_of(image.registry())
    }

    /// The endpoint of a host.
    pub(crate) fn endpoint_of(&self, host: &str) -> Result<Arc<Endpoint>, Unavailable> {
        if let Some(endpoint) = self.endpoints.get(host) {
            return Ok(Arc::clone(endpoint));
        }
        Endpoint::unlisted(host)
            .map(Arc::new)
            .map_err(|error| Unavailable::new(format!("registry {}", shortened(host)), error))
    }

    /// Sends a request, logs in if the registry asks for it, and follows redirects of a GET without
    /// any credential. Every status comes back as an answer.
    pub(crate) async fn call(
        &self,
        endpoint: &Endpoint,
        scope: &Scope,
        mut request: Request,
        limit: usize,
    ) -> Result<Answer, Unavailable> {
        let failed = |error| endpoint.unavailable(error);
        request.authorization = self
            .authenticator
            .header(&self.transport, endpoint, scope)
            .await?;
        let mut answer = self
            .transport
            .send(request.clone(), limit)
            .await
            .map_err(failed)?;
        if answer.status == StatusCode::UNAUTHORIZED {
            request.authorization = self
                .authenticator
                .renewed(&self.transport, endpoint, scope, &answer.headers)
                .await?;
            answer = self
                .transport
                .send(request.clone(), limit)
                .await
                .map_err(failed)?;
        }
        if request.method == Method::GET && answer.status.is_redirection() {
            return self.follow(endpoint, request, answer, limit).await;
        }
        Ok(answer)
    }

    async fn follow(
        &self,
        endpoint: &Endpoint,
        mut request: Request,
        mut answer: Answer,
        limit: usize,
    ) -> Result<Answer, Unavailable> {
        request.authorization = None;
        for _ in 0..MAX_REDIRECTS {
            let location = answer.header(LOCATION.as_str());
            let target = location
                .and_then(|location| request.url.join(location).ok())
                .ok_or_else(|| endpoint.unavailable("it redirects to nowhere"))?;
            request.reach = self.redirect_reach(endpoint, &target)?;
            request.url = target;
            answer = self
                .transport
                .send(request.clone(), limit)
                .await
                .map_err(|error| endpoint.unavailable(format!("where it redirects to: {error}")))?;
            if !answer.status.is_redirection() {
                return Ok(answer);
            }
        }
        Err(endpoint.unavailable(format!("it redirects more than {MAX_REDIRECTS} times")))
    }

    /// A redirect leads where its own host may be, not where the redirecting one may.
    fn redirect_reach(&self, endpoint: &Endpoint, target: &Url) -> Result<Reach, Unavailable> {
        let listed = url_authority(target).and_then(|host| self.endpoints.get(&host));
        let plain_http = listed.is_some_and(|listed| listed.is_plain());
        let permitted = target.scheme() == "https" || (target.scheme() == "http" && plain_http);
        if !permitted {
            let target = shortened(target.as_str());
            return Err(endpoint.unavailable(format!("it redirects to {target}, without TLS")));
        }
        Ok(listed.map_or(Reach::Public, |listed| listed.reach))
    }
}

#[async_trait]
impl ImageResolver for Registry {
    async fn resolve(&self, image: &ImageReference) -> Result<Option<ResolvedImage>, Unavailable> {
        let Some(content) = self.manifest(image).await? else {
            return Ok(None);
        };
        let manifest = Manifest::parse(&content.bytes).map_err(|error| {
            let endpoint = format!("registry {}", image.registry());
            Unavailable::new(
                endpoint,
                format!("the manifest of {image} cannot be judged: {error}"),
            )
        })?;
        Ok(Some(ResolvedImage {
            digest: content.digest,
            children: manifest.children,
        }))
    }
}

/// An answer that is neither what was asked for nor "there is none", in words.
pub(crate) fn refusal(endpoint: &Endpoint, answer: &Answer, asked: &str) -> Unavailable {
    let mut message = format!("it answered {} to {asked}", answer.status);
    if let Some(detail) = registry_error(&answer.body) {
        message.push_str(&format!(" ({detail})"));
    }
    if let Some(wait) = answer.header(RETRY_AFTER.as_str()) {
        message.push_str(&format!("; Retry-After: {}", shortened(wait)));
    }
    match answer.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => message.push_str(
            "; the credential for this registry (`registries`, or docker login) does not allow it",
        ),
        StatusCode::TOO_MANY_REQUESTS => message.push_str("; try again later"),
        _ => {}
    }
    endpoint.unavailable(message)
}

/// The registry's own list of errors (distribution specification, "Error Codes"); the codes are
/// left as text, because registries invent some.
#[derive(Deserialize)]
struct RegistryErrors {
    errors: Vec<OneError>,
}

#[derive(Deserialize)]
struct OneError {
    code: String,
    #[serde(default)]
    message: String,
}

fn registry_error(body: &[u8]) -> Option<String> {
    let listed: RegistryErrors = serde_json::from_slice(body).ok()?;
    let first = listed.errors.first()?;
    Some(shortened(&format!("{}: {}", first.code, first.message)))
}
