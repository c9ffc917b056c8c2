//! The vault of the software keys that the trust function keeps.

use std::sync::Arc;

use async_trait::async_trait;
use postern_core::ports::{KeyUse, KeyVault, SealedKey, Unavailable};
use postern_host::config::Config;
use postern_host::environment::Environment;
use postern_host::secret;
use postern_verify::{Vault, VaultError};
use secrecy::ExposeSecret as _;
use tokio::sync::Semaphore;

use crate::WiringError;

/// The name of the vault in errors.
const NAME: &str = "the vault of software keys";
/// So many keys are made at once; the rest waits. One of RSA keeps a processor busy for seconds.
const MAKING: usize = 2;

/// The vault under `trust.keys.wrappingKey`; `None` where none is configured, and then no keys are kept.
///
/// # Errors
/// If the reference cannot be resolved, or what it names is no wrapping key.
pub fn key_vault(
    config: &Config,
    environment: &dyn Environment,
) -> Result<Option<Arc<dyn KeyVault>>, WiringError> {
    let Some(reference) = &config.trust.keys.wrapping_key else {
        return Ok(None);
    };
    let wrong = |error: &dyn std::fmt::Display| {
        WiringError::mistake(format_args!("trust.keys.wrappingKey: {error}"))
    };
    let key = secret::resolve(reference, environment).map_err(|error| wrong(&error))?;
    let vault = Vault::new(key.expose_secret()).map_err(|error| wrong(&error))?;
    Ok(Some(Arc::new(Blocking {
        vault: Arc::new(vault),
        making: Arc::new(Semaphore::new(MAKING)),
    })))
}

/// Does the arithmetic on threads that may take their time.
struct Blocking {
    vault: Arc<Vault>,
    making: Arc<Semaphore>,
}

#[async_trait]
impl KeyVault for Blocking {
    async fn make(&self, key: KeyUse<'_>) -> Result<SealedKey, Unavailable> {
        let permit = Arc::clone(&self.making).acquire_owned().await;
        let permit = permit.map_err(|error| Unavailable::new(NAME, error))?;
        let vault = Arc::clone(&self.vault);
        let (name, algorithm) = (key.name.to_owned(), key.algorithm);
        let made = move || {
            // Held for as long as the thread works, whether somebody still waits for it or not.
            let _permit = permit;
            let name = name.as_str();
            vault.make(KeyUse { name, algorithm })
        };
        done(tokio::task::spawn_blocking(made).await)
    }

    async fn sign(
        &self,
        key: KeyUse<'_>,
        sealed: &SealedKey,
        digest: &[u8],
    ) -> Result<Vec<u8>, Unavailable> {
        let vault = Arc::clone(&self.vault);
        let (name, algorithm) = (key.name.to_owned(), key.algorithm);
        let (sealed, digest) = (sealed.clone(), digest.to_vec());
        let signed = move || {
            let name = name.as_str();
            vault.sign(KeyUse { name, algorithm }, &sealed, &digest)
        };
        done(tokio::task::spawn_blocking(signed).await)
    }
}

fn done<T>(
    outcome: Result<Result<T, VaultError>, tokio::task::JoinError>,
) -> Result<T, Unavailable> {
    outcome
        .map_err(|error| Unavailable::new(NAME, error))?
        .map_err(|error| Unavailable::permanent(NAME, error))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use postern_core::attestor::SignatureAlgorithm;
    use postern_host::config::SecretReference;

    use super::*;

    fn vault(reference: Option<&str>, key: &str) -> Result<Option<Arc<dyn KeyVault>>, String> {
        let mut config = Config::default();
        config.trust.keys.wrapping_key = reference.map(|text| SecretReference(text.to_owned()));
        let environment = BTreeMap::from([("KEY".to_owned(), key.to_owned())]);
        key_vault(&config, &environment).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_vault_makes_keys_and_signs_with_them() {
        let wrapping = Vault::generate_wrapping_key().unwrap();
        let vault = vault(Some("env:KEY"), &wrapping).unwrap().unwrap();
        let key = KeyUse {
            name: "projects/shop/key",
            algorithm: SignatureAlgorithm::EcdsaP256Sha256,
        };
        let sealed = vault.make(key).await.unwrap();
        assert!(vault.sign(key, &sealed, &[1; 32]).await.is_ok());
        let error = vault.sign(key, &sealed, &[1; 31]).await.unwrap_err();
        assert!(error.permanent, "{error}");
    }

    #[test]
    fn without_a_wrapping_key_there_is_no_vault_and_a_wrong_one_is_told() {
        assert!(vault(None, "").unwrap().is_none());
        let told = |reference, key| vault(Some(reference), key).err().unwrap();
        insta::assert_snapshot!(told("env:KEY", "letmein"), @"trust.keys.wrappingKey: a wrapping key is 32 random bytes in base64 or hex; make one: openssl rand -base64 32");
        insta::assert_snapshot!(told("env:NONE", ""), @"trust.keys.wrappingKey: the environment variable `NONE` is not set");
    }
}
