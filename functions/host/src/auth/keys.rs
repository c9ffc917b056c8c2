//! The keys of one issuer: fetched when needed, kept, and fetched again when they rotate.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use thiserror::Error;
use tokio::sync::Mutex;
use url::Url;

use super::authenticator::Clock;
use super::key::{Key, key_set};

/// Between two fetches, whatever tokens come: an unknown key id costs the issuer one request a
/// minute, not one per token.
const FLOOR: SignedDuration = SignedDuration::from_secs(60);
/// Between two attempts as long as no keys were ever had.
const FIRST_FLOOR: SignedDuration = SignedDuration::from_secs(5);
/// After this, keys are fetched again although the one asked for is there, and serves meanwhile.
const FRESH: SignedDuration = SignedDuration::from_hours(1);
/// After this, keys that could not be fetched again are not believed any more.
const STALE: SignedDuration = SignedDuration::from_hours(24);
/// The longest document that is read of an issuer, in bytes.
const LIMIT: usize = 256 * 1024;

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyError {
    /// The issuer's keys are known, and this one is not among them.
    Unknown,
    /// The issuer's keys are not known.
    Unavailable,
}

/// The keys of one issuer.
pub(super) struct Keys {
    issuer: String,
    uri: Option<String>,
    client: reqwest::Client,
    clock: Clock,
    state: RwLock<Cached>,
    refreshing: Mutex<()>,
}

#[derive(Clone, Default)]
struct Cached {
    keys: Arc<BTreeMap<String, Key>>,
    /// When the keys were had.
    fetched: Option<Timestamp>,
    /// When the last fetch began, and whether it failed.
    attempted: Option<Timestamp>,
    failed: bool,
}

impl Keys {
    /// `uri` is where the keys are, where the discovery document is not to be asked.
    pub(super) fn new(
        issuer: String,
        uri: Option<String>,
        client: reqwest::Client,
        clock: Clock,
    ) -> Self {
        let (state, refreshing) = (RwLock::default(), Mutex::default());
        Self {
            issuer,
            uri,
            client,
            clock,
            state,
            refreshing,
        }
    }

    /// The key of that id. Fetches the issuer's keys if that may help and is due; a key that will do
    /// meanwhile does not wait for it.
    pub(super) async fn key(self: &Arc<Self>, id: &str) -> Result<Key, KeyError> {
        let (cached, now) = (self.cached(), (self.clock)());
        let known = cached.find(id, now);
        if !cached.needs_refresh(id, now) || known.is_ok() && self.is_refreshing() {
            return known;
        }
        let keys = self.clone();
        // In a task of its own, so that a caller who hangs up does not end it for the others.
        let refresh = tokio::spawn(async move { keys.refresh(cached.attempted).await });
        if known.is_ok() {
            return known;
        }
        refresh.await.map_err(|_| KeyError::Unavailable)?;
        self.cached().find(id, (self.clock)())
    }

    /// Whether somebody fetches the keys at the moment.
    fn is_refreshing(&self) -> bool {
        self.refreshing.try_lock().is_err()
    }

    fn cached(&self) -> Cached {
        self.state
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn update(&self, change: impl FnOnce(&mut Cached)) {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Fetches the keys, unless somebody else has done so since `seen`.
    async fn refresh(&self, seen: Option<Timestamp>) {
        let _turn = self.refreshing.lock().await;
        if self.cached().attempted != seen {
            return;
        }
        let now = (self.clock)();
        let outcome = self.fetch().await;
        let label = if outcome.is_ok() { "ok" } else { "failed" };
        metrics::counter!("postern_auth_key_fetches_total", "outcome" => label).increment(1);
        self.update(|cached| {
            cached.attempted = Some(now);
            cached.failed = outcome.is_err();
            match outcome {
                Ok(keys) => {
                    cached.keys = Arc::new(keys);
                    cached.fetched = Some(now);
                }
                Err(error) => {
                    tracing::warn!(issuer = self.issuer, %error, "the keys of an issuer cannot be had");
                }
            }
        });
    }

    async fn fetch(&self) -> Result<BTreeMap<String, Key>, FetchError> {
        let uri = match &self.uri {
            Some(uri) => uri.clone(),
            None => self.discover().await?,
        };
        let keys = key_set(&self.get(&uri).await?).map_err(FetchError::Json)?;
        match keys.is_empty() {
            true => Err(FetchError::NoKeys),
            false => Ok(keys),
        }
    }

    /// Asks the discovery document (OpenID Connect Discovery 1.0 §4) where the keys are.
    async fn discover(&self) -> Result<String, FetchError> {
        #[derive(Deserialize)]
        struct Discovery {
            issuer: String,
            jwks_uri: String,
        }
        let base = self.issuer.trim_end_matches('/');
        let document = self
            .get(&format!("{base}/.well-known/openid-configuration"))
            .await?;
        let discovery: Discovery = serde_json::from_slice(&document).map_err(FetchError::Json)?;
        match discovery.issuer == self.issuer {
            true => Ok(discovery.jwks_uri),
            false => Err(FetchError::OtherIssuer),
        }
    }

    async fn get(&self, uri: &str) -> Result<Vec<u8>, FetchError> {
        if !is_confidential(uri) {
            return Err(FetchError::NotHttps);
        }
        let mut response = self.client.get(uri).send().await?;
        if response.status() != http::StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LIMIT {
                return Err(FetchError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

impl Cached {
    fn needs_refresh(&self, id: &str, now: Timestamp) -> bool {
        let floor = if self.fetched.is_some() {
            FLOOR
        } else {
            FIRST_FLOOR
        };
        let wanted = !self.keys.contains_key(id) || is_older(self.fetched, FRESH, now);
        wanted && is_older(self.attempted, floor, now)
    }

    fn find(&self, id: &str, now: Timestamp) -> Result<Key, KeyError> {
        if is_older(self.fetched, STALE, now) {
            return Err(KeyError::Unavailable);
        }
        match self.keys.get(id) {
            Some(key) => Ok(key.clone()),
            // The key may be a new one that the failed fetch would have brought.
            None if self.failed => Err(KeyError::Unavailable),
            None => Err(KeyError::Unknown),
        }
    }
}

/// Whether it was never, is longer ago than that, or lies in the future: the clock was set back.
fn is_older(at: Option<Timestamp>, age: SignedDuration, now: Timestamp) -> bool {
    at.is_none_or(|at| {
        let passed = now.duration_since(at);
        passed >= age || passed.is_negative()
    })
}

/// HTTPS, or this machine.
pub(crate) fn is_confidential(uri: &str) -> bool {
    let Ok(url) = Url::parse(uri) else {
        return false;
    };
    let loopback = match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" && url.has_host() || url.scheme() == "http" && loopback
}

/// Why keys could not be fetched.
#[derive(Debug, Error)]
enum FetchError {
    #[error("its address is neither https nor on this machine")]
    NotHttps,
    #[error("{0}")]
    Http(#[from] reqwest::Error),
    #[error("it answers with status {0}")]
    Status(u16),
    #[error("it answers with more than 256 KiB")]
    TooLong,
    #[error("its answer is not what it should be: {0}")]
    Json(serde_json::Error),
    #[error("its discovery document is another issuer's")]
    OtherIssuer,
    #[error("it has no keys that tokens can be signed by")]
    NoKeys,
}
