//! How commands reach registries.

use std::path::PathBuf;
use std::sync::Arc;

use postern_core::image::ImageReference;
use postern_host::config::{Config, Credential, Registry as Listed};
use postern_registry::Registry;

use crate::configuration::{self, Environment};
use crate::outcome::Failure;

#[derive(clap::Args, Clone)]
pub(crate) struct RegistryArgs {
    /// A configuration file; of it, `registries`, `endpoints`, `projects`, `gate` and `breakGlass` are
    /// used.
    #[arg(long, value_name = "FILE", env = "POSTERN_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

impl RegistryArgs {
    /// The configuration, checked whole, and its environment; without a file every default.
    pub(crate) async fn config(&self) -> Result<(Config, Environment), Failure> {
        configuration::load_named(self.config.as_deref()).await
    }
}

/// A client for the registries of a configuration. A registry that an image names by a loopback
/// host is this machine's own, and spoken to without TLS, as `docker` does.
pub(crate) async fn client(
    config: &Config,
    images: &[String],
    environment: &Environment,
) -> Result<Arc<Registry>, Failure> {
    let mut listed = config.registries.clone();
    for image in images {
        let Ok(image) = ImageReference::parse(image) else {
            continue;
        };
        let host = image.registry();
        if is_loopback(host) && !listed.iter().any(|registry| registry.host == host) {
            listed.push(Listed {
                host: host.to_owned(),
                plain_http: true,
                allow_private: true,
                realms: Vec::new(),
                credential: Credential::DockerConfig,
            });
        }
    }
    Ok(postern_wiring::registry(&listed, config, environment).await?)
}

fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost"
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_this_machine_is_spoken_to_without_tls() {
        for host in [
            "localhost",
            "localhost:5000",
            "127.0.0.1:5000",
            "[::1]:5000",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "localhost.example",
            "10.0.0.1:5000",
            "gcr.io",
            "127.0.0.1.example:80",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
