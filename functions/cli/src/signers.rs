//! The keys that `KEY` means.

use postern_attestor::{KeyMistake, KeyReference, SignerFor};
use postern_host::environment::Environment;

use crate::outcome::Failure;

/// What makes a signer of the key that a word means: `file:PATH`, `env:NAME` or `awskms://…`.
/// Nothing is asked of a key service before something is to be signed.
pub(crate) async fn signer_for(
    key: &str,
    environment: &dyn Environment,
) -> Result<Box<SignerFor>, KeyMistake> {
    match key.parse()? {
        #[cfg(feature = "aws")]
        KeyReference::AwsKms(reference) => aws(&reference).await,
        reference => KeyReference::signer_for(&reference, environment),
    }
}

#[cfg(feature = "aws")]
async fn aws(reference: &str) -> Result<Box<SignerFor>, KeyMistake> {
    let key = postern_aws::KmsKey::of_environment(reference).await;
    let key = key.map_err(|error| KeyMistake::Form(error.to_string()))?;
    Ok(Box::new(move |attestor| {
        Ok(std::sync::Arc::new(key.signer(attestor)))
    }))
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
        let mistake = signer_for(key, &environment).await.err().unwrap();
        mistake.to_string()
    }

    #[tokio::test]
    async fn mistakes_say_what_is_wrong() {
        insta::assert_snapshot!(refused("env:NONE").await, @"the key cannot be read: the environment variable `NONE` is not set");
        insta::assert_snapshot!(refused("key.pem").await, @"a key is written file:PATH, env:NAME, awskms:///KEY or gcpkms://KEY, never as itself");
        insta::assert_snapshot!(refused("gcpkms://projects/p/locations/l").await, @"this build cannot sign with gcpkms:// keys: this version does not speak to Cloud KMS; use file:, env: or awskms://");
        assert!(
            refused("env:KEY")
                .await
                .starts_with("env:KEY: the key is neither PEM nor")
        );
    }

    #[cfg(not(feature = "aws"))]
    #[tokio::test]
    async fn what_is_not_built_is_named() {
        insta::assert_snapshot!(refused("awskms:///alias/ci").await, @"this build cannot sign with awskms:// keys: it was made without the cargo feature `aws`; build with --features aws");
    }

    #[cfg(feature = "aws")]
    #[tokio::test]
    async fn a_malformed_reference_is_named() {
        insta::assert_snapshot!(refused("awskms:///a b").await, @r#""a b" is no key id, alias/NAME or ARN of AWS KMS"#);
    }
}
