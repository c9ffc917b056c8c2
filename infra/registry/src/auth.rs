//! Logging in to registries: which credential, in which form, for how long.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;
use postern_core::ports::Unavailable;
use reqwest::header::{HeaderMap, HeaderValue};
use secrecy::SecretString;

use crate::challenge::Challenge;
use crate::docker_config::DockerConfig;
use crate::endpoint::Endpoint;
use crate::options::Credential;
use crate::token;
use crate::transport::Transport;

/// How long a credential is used before it is asked for again: providers and helpers renew theirs.
const CREDENTIAL_LIFETIME: Duration = Duration::from_secs(60);
/// How long a registry is taken to ask for the same as last time.
const CHALLENGE_LIFETIME: Duration = Duration::from_secs(3600);
const MAX_REMEMBERED: u64 = 1024;

/// What a request needs to be allowed to do.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    pub(crate) repository: String,
    pub(crate) push: bool,
}

impl Scope {
    /// To read a repository.
    pub(crate) fn pull(repository: &str) -> Self {
        Self {
            repository: repository.to_owned(),
            push: false,
        }
    }

    /// To be known, and nothing else.
    pub(crate) fn none() -> Self {
        Self::pull("")
    }

    /// Whether it asks for anything.
    pub(crate) fn is_none(&self) -> bool {
        self.repository.is_empty()
    }

    /// To read and write a repository.
    pub(crate) fn push(repository: &str) -> Self {
        Self {
            repository: repository.to_owned(),
            push: true,
        }
    }
}

impl fmt::Display for Scope {
    /// As the token specification writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let actions = if self.push { "pull,push" } else { "pull" };
        write!(f, "repository:{}:{actions}", self.repository)
    }
}

/// A credential at hand.
#[derive(Debug, Clone)]
pub(crate) enum Login {
    Anonymous,
    Basic {
        username: String,
        password: SecretString,
    },
    /// An OAuth2 refresh token, for the realm only.
    Identity(SecretString),
    /// A registry token, sent as it is.
    Bearer(SecretString),
}

/// A header that the registry accepts, and for how long.
#[derive(Debug, Clone)]
pub(crate) struct Granted {
    pub(crate) header: HeaderValue,
    pub(crate) lifetime: Duration,
}

/// Remembers what registries ask for and what was granted.
pub(crate) struct Authenticator {
    docker_config: Option<DockerConfig>,
    challenges: Cache<String, Arc<Challenge>>,
    grants: Cache<(String, String), Granted>,
}

impl Authenticator {
    /// `docker_config` speaks for hosts that are not configured.
    pub(crate) fn new(docker_config: Option<DockerConfig>) -> Self {
        Self {
            docker_config,
            challenges: Cache::builder()
                .max_capacity(MAX_REMEMBERED)
                .time_to_live(CHALLENGE_LIFETIME)
                .build(),
            grants: Cache::builder()
                .max_capacity(MAX_REMEMBERED)
                .expire_after(GrantLifetime)
                .build(),
        }
    }

    /// The header to send at once, if this registry has asked for one before.
    pub(crate) async fn header(
        &self,
        transport: &Transport,
        endpoint: &Endpoint,
        scope: &Scope,
    ) -> Result<Option<HeaderValue>, Unavailable> {
        let Some(challenge) = self.challenges.get(&endpoint.host).await else {
            return Ok(None);
        };
        let granted = self
            .grants
            .try_get_with(
                grant_key(endpoint, scope),
                self.log_in(transport, endpoint, scope, &challenge),
            )
            .await
            .map_err(|unavailable| Unavailable::clone(&unavailable))?;
        Ok(Some(granted.header))
    }

    /// The header to send after a 401: what was granted before is forgotten.
    pub(crate) async fn renewed(
        &self,
        transport: &Transport,
        endpoint: &Endpoint,
        scope: &Scope,
        refusal: &HeaderMap,
    ) -> Result<Option<HeaderValue>, Unavailable> {
        let challenge = Challenge::of(refusal).map_err(|problem| {
            endpoint.unavailable(format!("it answered 401 Unauthorized, and {problem}"))
        })?;
        self.challenges
            .insert(endpoint.host.clone(), Arc::new(challenge))
            .await;
        self.grants.invalidate(&grant_key(endpoint, scope)).await;
        self.header(transport, endpoint, scope).await
    }

    async fn log_in(
        &self,
        transport: &Transport,
        endpoint: &Endpoint,
        scope: &Scope,
        challenge: &Challenge,
    ) -> Result<Granted, Unavailable> {
        let login = self.login(endpoint).await?;
        let header = match (challenge, &login) {
            (_, Login::Bearer(registry_token)) => token::bearer(registry_token),
            (Challenge::Bearer { realm, service }, login) => {
                let realm = (realm, service.as_deref());
                return token::fetch(transport, endpoint, scope, realm, login).await;
            }
            (Challenge::Basic, Login::Basic { username, password }) => {
                token::basic(username, password)
            }
            (Challenge::Basic, Login::Anonymous | Login::Identity(_)) => {
                return Err(endpoint.unavailable(
                    "it answered 401 Unauthorized and asks for a user name and a password; \
                     give it a credential in `registries`, or run docker login",
                ));
            }
        };
        let header = header.ok_or_else(|| {
            endpoint.unavailable("its credential has characters that no HTTP header can carry")
        })?;
        Ok(Granted {
            header,
            lifetime: CREDENTIAL_LIFETIME,
        })
    }

    async fn login(&self, endpoint: &Endpoint) -> Result<Login, Unavailable> {
        let configured = match &endpoint.credential {
            Credential::Anonymous => None,
            Credential::DockerConfig(config) => Some(config),
            Credential::Basic { username, password } => {
                return Ok(Login::Basic {
                    username: username.clone(),
                    password: password.clone(),
                });
            }
            Credential::Bearer { token } => return Ok(Login::Bearer(token.clone())),
            Credential::Provider(provider) => {
                let credential = provider.credential(&endpoint.host).await?;
                return Ok(Login::Basic {
                    username: credential.username,
                    password: credential.password.into(),
                });
            }
        };
        let unlisted = self.docker_config.as_ref().filter(|_| !endpoint.listed);
        match configured.or(unlisted) {
            Some(config) => config
                .login(&endpoint.host)
                .await
                .map_err(|error| endpoint.unavailable(error)),
            None => Ok(Login::Anonymous),
        }
    }
}

fn grant_key(endpoint: &Endpoint, scope: &Scope) -> (String, String) {
    (endpoint.host.clone(), scope.to_string())
}

struct GrantLifetime;

impl Expiry<(String, String), Granted> for GrantLifetime {
    fn expire_after_create(
        &self,
        _key: &(String, String),
        granted: &Granted,
        _created_at: Instant,
    ) -> Option<Duration> {
        Some(granted.lifetime)
    }
}
