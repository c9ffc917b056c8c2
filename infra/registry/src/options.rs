//! How registries are reached.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use postern_core::ports::CredentialProvider;
use secrecy::SecretString;

use crate::docker_config::DockerConfig;

/// How registries are reached. Hosts that are not listed are reached over HTTPS at public
/// addresses.
#[derive(Debug)]
pub struct RegistryOptions {
    /// Hosts that need more than that.
    pub hosts: Vec<HostOptions>,
    /// Consulted for hosts that are not listed; without it they are asked anonymously. A Docker
    /// configuration says itself which host each of its credentials is for.
    pub docker_config: Option<DockerConfig>,
    /// What one request may take, its answer's body included.
    pub timeout: Duration,
}

impl Default for RegistryOptions {
    /// No host is listed, and a request may take 10 seconds.
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            docker_config: None,
            timeout: Duration::from_secs(10),
        }
    }
}

/// How one host is reached.
#[derive(Debug)]
pub struct HostOptions {
    /// Host and port as in image names, such as `us-docker.pkg.dev` or `localhost:5000`.
    pub host: String,
    /// HTTP without TLS.
    pub plain_http: bool,
    /// Whether its address, and that of its realms, may be private, link-local or loopback.
    pub allow_private: bool,
    /// Other hosts, with their ports, that issue its tokens and may see its credential.
    pub realms: Vec<String>,
    /// The credential.
    pub credential: Credential,
}

impl HostOptions {
    /// A host that is reached anonymously over HTTPS at a public address.
    pub fn new(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            plain_http: false,
            allow_private: false,
            realms: Vec::new(),
            credential: Credential::Anonymous,
        }
    }
}

/// A credential for a registry.
#[derive(Clone)]
pub enum Credential {
    /// None.
    Anonymous,
    /// User name and password.
    Basic {
        /// User name.
        username: String,
        /// Password.
        password: SecretString,
    },
    /// A registry token, sent as it is.
    Bearer {
        /// The token.
        token: SecretString,
    },
    /// What `docker login` left for this host.
    DockerConfig(DockerConfig),
    /// A cloud's identity: Google, Amazon ECR.
    Provider(Arc<dyn CredentialProvider>),
}

impl fmt::Debug for Credential {
    /// The kind, never the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Basic { .. } => "Basic",
            Self::Bearer { .. } => "Bearer",
            Self::DockerConfig(_) => "DockerConfig",
            Self::Provider(_) => "Provider",
        })
    }
}

/// Why a client cannot be made of the options.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// A host or realm is no `HOST[:PORT]`.
    #[error("{0:?} is no registry host; write HOST or HOST:PORT, without https:// and path")]
    Host(String),
    /// A host is listed twice.
    #[error("the registry {0} is listed twice")]
    Duplicate(String),
}
