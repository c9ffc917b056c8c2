//! Registries, as the configuration lists them.

use std::sync::Arc;

use postern_host::config::{self, Config};
use postern_host::environment::Environment;
use postern_host::secret;
use postern_registry::{Credential, DockerConfig, HostOptions, Registry, RegistryOptions};

use crate::WiringError;

/// A client for every registry: the listed ones as they are listed, all others anonymously over
/// HTTPS, or with what `docker login` left for them. Of the configuration, `aws` counts.
///
/// # Errors
/// If a secret cannot be read, or a credential's kind is not in this build.
pub async fn registry(
    listed: &[config::Registry],
    config: &Config,
    environment: &dyn Environment,
) -> Result<Arc<Registry>, WiringError> {
    let mut options = RegistryOptions {
        docker_config: Some(DockerConfig::from_environment()),
        ..RegistryOptions::default()
    };
    for host in listed {
        options
            .hosts
            .push(host_options(host, config, environment).await?);
    }
    Registry::new(options)
        .map(Arc::new)
        .map_err(WiringError::mistake)
}

async fn host_options(
    listed: &config::Registry,
    config: &Config,
    environment: &dyn Environment,
) -> Result<HostOptions, WiringError> {
    let resolve = |reference| {
        secret::resolve(reference, environment).map_err(|error| {
            WiringError::mistake(format_args!("registry {}: {error}", listed.host))
        })
    };
    let credential = match &listed.credential {
        config::Credential::Anonymous => Credential::Anonymous,
        config::Credential::Basic { username, password } => Credential::Basic {
            username: username.clone(),
            password: resolve(password)?,
        },
        config::Credential::Bearer { token } => Credential::Bearer {
            token: resolve(token)?,
        },
        config::Credential::DockerConfig => {
            Credential::DockerConfig(DockerConfig::from_environment())
        }
        config::Credential::Google => google()?,
        config::Credential::Ecr => ecr(config, environment).await?,
    };
    Ok(HostOptions {
        plain_http: listed.plain_http,
        allow_private: listed.allow_private,
        realms: listed.realms.clone(),
        credential,
        ..HostOptions::new(&listed.host)
    })
}

#[cfg(feature = "gcp")]
fn google() -> Result<Credential, WiringError> {
    let credentials = postern_gcp::GoogleCredentials::from_environment();
    credentials
        .map(|credentials| Credential::Provider(Arc::new(credentials)))
        .map_err(WiringError::mistake)
}

#[cfg(not(feature = "gcp"))]
fn google() -> Result<Credential, WiringError> {
    Err(WiringError::not_built(
        "a registry credential of type google",
        "gcp",
    ))
}

#[cfg(feature = "aws")]
async fn ecr(config: &Config, environment: &dyn Environment) -> Result<Credential, WiringError> {
    let session = crate::aws::session(config, environment).await?;
    Ok(Credential::Provider(Arc::new(
        postern_aws::EcrCredentials::new(session),
    )))
}

#[cfg(not(feature = "aws"))]
async fn ecr(_: &Config, _: &dyn Environment) -> Result<Credential, WiringError> {
    Err(WiringError::not_built(
        "a registry credential of type ecr",
        "aws",
    ))
}
