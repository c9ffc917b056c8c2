//! The keys that `KEY` means.

use postern_attestor::{KeyMistake, KeyReference, SignerFor, SoftwareKey};
use postern_host::config::Config;
use postern_host::environment::Environment;
use postern_wiring::ManagedKey;

use crate::outcome::Failure;

/// What makes a signer of the key that a word means: `file:PATH`, `env:NAME`, `awskms://…` or
/// `gcpkms://…`. Nothing is asked of a key service before something is to be signed.
pub(crate) async fn signer_for(
    key: &str,
    config: &Config,
    environment: &dyn Environment,
) -> Result<Box<SignerFor>, KeyMistake> {
    match key.parse()? {
        KeyReference::Software(reference) => {
            Ok(SoftwareKey::read(&reference, environment)?.into_signer_for())
        }
        KeyReference::Managed(reference) => {
            let key = ManagedKey::named(&reference, config, environment).await;
            let key = key.map_err(|error| KeyMistake::Managed(error.to_string()))?;
            Ok(Box::new(move |attestor| Ok(key.signer(attestor))))
        }
    }
}

impl From<KeyMistake> for Failure {
    fn from(mistake: KeyMistake) -> Self {
        let failure = Self::mistake(&mistake);
        match mistake.remedy() {
            Some(remedy) => failure.remedy(remedy),
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    async fn refused(key: &str) -> String {
        let environment = BTreeMap::from([("KEY".to_owned(), "synthetic".to_owned())]);
        let mistake = signer_for(key, &Config::default(), &environment)
            .await
            .err()
            .unwrap();
        mistake.to_string()
    }

    #[tokio::test]
    async fn mistakes_say_what_is_wrong() {
        insta::assert_snapshot!(refused("env:NONE").await, @"the key cannot be read: the environment variable `NONE` is not set");
        insta::assert_snapshot!(refused("key.pem").await, @"a key is written file:PATH, env:NAME, awskms:///KEY or gcpkms://KEY, never as itself");
        assert!(
            refused("env:KEY")
                .await
                .starts_with("env:KEY: the key is neither PEM nor")
        );
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_managed_key_is_told() {
        let told = refused("gcpkms://projects/p/locations/l").await;
        let expected = match cfg!(feature = "gcp") {
            true => "a key of Cloud KMS is written gcpkms://projects/P/",
            false => "signing with gcpkms:// keys needs the cargo feature `gcp`",
        };
        assert!(told.starts_with(expected), "{told}");
    }
}
