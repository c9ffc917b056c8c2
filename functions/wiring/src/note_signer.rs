//! The signer of a key that belongs to no attestor: checkpoints of the ledger are signed with one.

use std::sync::Arc;

use postern_core::attestor::SignatureAlgorithm;
use postern_core::ports::Signer;
use postern_host::config::{Config, SecretReference};
use postern_host::environment::Environment;
use postern_host::secret;
use postern_verify::signer::SoftwareSigner;
use secrecy::ExposeSecret as _;

use crate::{ManagedKey, WiringError};

/// The one algorithm of checkpoints.
const ALGORITHM: SignatureAlgorithm = SignatureAlgorithm::EcdsaP256Sha256;

/// The signer that a word means: `file:PATH` or `env:NAME` of an ECDSA P-256 key (the passphrase of an
/// encrypted one in `POSTERN_KEY_PASSPHRASE`), or a [`ManagedKey`].
///
/// # Errors
/// If the word means nothing, or what it names is no such key.
pub async fn note_signer(
    key: &str,
    config: &Config,
    environment: &dyn Environment,
) -> Result<Arc<dyn Signer>, WiringError> {
    if ManagedKey::is_meant(key) {
        let key = ManagedKey::named(key, config, environment).await?;
        return Ok(key.signer_by(ALGORITHM));
    }
    let wrong = |error: &dyn std::fmt::Display| {
        // The word may be the key itself, and then is not shown.
        let name = key.split_once(':').map_or("the key", |_| key);
        WiringError::mistake(format_args!("{name}: {error}"))
    };
    let text = match secret::resolve(&SecretReference(key.to_owned()), environment) {
        Ok(text) => text,
        Err(error @ secret::SecretError::NotAReference) => return Err(WiringError::mistake(error)),
        Err(error) => return Err(wrong(&error)),
    };
    let passphrase = environment.get(secret::KEY_PASSPHRASE);
    let signer = SoftwareSigner::from_pem(text.expose_secret(), passphrase.as_deref(), None);
    let signer = signer.map_err(|error| wrong(&error))?;
    if signer.algorithm() != Some(ALGORITHM) {
        return Err(wrong(
            &"checkpoints are signed with ECDSA P-256, and this is another kind of key",
        ));
    }
    Ok(Arc::new(signer))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use postern_verify::signer::generate_p256;

    async fn refused(word: &str, key: &str) -> String {
        let environment = BTreeMap::from([("KEY".to_owned(), key.to_owned())]);
        let signer = note_signer(word, &Config::default(), &environment).await;
        signer.err().unwrap().to_string()
    }

    #[tokio::test]
    async fn a_software_key_signs() {
        let (private, _) = generate_p256().unwrap();
        let environment = BTreeMap::from([("KEY".to_owned(), private.to_string())]);
        assert!(
            note_signer("env:KEY", &Config::default(), &environment)
                .await
                .is_ok()
        );
    }

    #[tokio::test]
    async fn mistakes_say_what_is_wrong_and_never_quote_a_key() {
        let (private, _) = generate_p256().unwrap();
        let pasted = refused(&private, "").await;
        assert_eq!(
            pasted,
            "a secret is written as `env:NAME`, `file:PATH`, `gcpsm://projects/P/secrets/S` or `awssm://ARN-or-name`, never as itself"
        );
        assert!(
            refused("env:KEY", "nonsense")
                .await
                .starts_with("env:KEY: the key is neither PEM")
        );
        assert!(
            refused("gcpkms://projects/p", "")
                .await
                .contains(match cfg!(feature = "gcp") {
                    true => "Cloud KMS",
                    false => "cargo feature `gcp`",
                })
        );
        assert_eq!(
            refused("env:NONE", "").await,
            "env:NONE: the environment variable `NONE` is not set"
        );
    }
}
