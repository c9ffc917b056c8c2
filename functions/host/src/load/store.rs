//! Where the store is: written as it is, or by reference, because the URL of a server may hold a password.

use secrecy::ExposeSecret as _;

use crate::config::{Config, SecretReference};
use crate::environment::{Environment, Platform};
use crate::problem::quoted;
use crate::secret;

/// The URL that a reference stands for; everything else as it is.
pub(super) fn resolved(store: &str, environment: &dyn Environment) -> Result<String, String> {
    match store.split_once(':') {
        Some(("env" | "file" | "gcpsm" | "awssm", _)) => {
            let secret = secret::resolve(&SecretReference(store.to_owned()), environment);
            let secret = secret.map_err(|error| error.to_string())?;
            Ok(secret.expose_secret().to_owned())
        }
        _ => Ok(store.to_owned()),
    }
}

/// What is wrong with a store on a platform.
pub(super) fn check(config: &Config, platform: Platform) -> Option<String> {
    match config.store.split_once(':') {
        Some(("sqlite", "")) => Some("`sqlite:` takes a path".to_owned()),
        Some(("sqlite", _)) if platform != Platform::Other && !config.accept_ephemeral_store => {
            Some(format!(
                "SQLite is refused on {platform}, whose disk, and every record on it, ends with the \
                 instance: use `postgres://USER@HOST/DATABASE`; to try Postern out nevertheless, say \
                 `acceptEphemeralStore: true`"
            ))
        }
        Some(("sqlite" | "postgres" | "postgresql", _)) => None,
        // The rest of a URL may hold a password.
        _ => {
            let shown = match config.store.split_once("://") {
                Some((scheme, _)) => format!("{}://…", quoted(scheme)),
                None => quoted(&config.store),
            };
            Some(format!(
                "`{shown}` is no store: use `sqlite:PATH` or `postgres://USER@HOST/DATABASE`"
            ))
        }
    }
}
