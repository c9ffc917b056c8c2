//! Keys as a configuration or a command line names them.

use std::str::FromStr;
use std::sync::Arc;

use postern_core::attestor::Attestor;
use postern_host::config::SecretReference;
use postern_host::environment::Environment;
use postern_host::secret::{self, SecretError};
use postern_verify::TrustedAttestor;
use postern_verify::signer::{SignerError, SoftwareSigner};
use secrecy::{ExposeSecret as _, SecretString};

use crate::rule::SignerFor;

/// Where the passphrase of an encrypted key is looked for.
const PASSPHRASE: &str = secret::KEY_PASSPHRASE;

/// Where a private key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyReference {
    /// `file:PATH` or `env:NAME`: read into memory, see [`SoftwareKey`].
    Software(SecretReference),
    /// `awskms://…` or `gcpkms://…`, as it was written: the client is for binaries to bring.
    Managed(String),
}

/// Why a key cannot be used as it is named. Never quotes what may be the key itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyMistake {
    /// None of the known forms.
    #[error("a key is written file:PATH, env:NAME, awskms:///KEY or gcpkms://KEY, never as itself")]
    NotAReference,
    /// The text of the key cannot be had.
    #[error("the key cannot be read: {0}")]
    Secret(#[from] SecretError),
    /// What was read is no key to sign with.
    #[error("{reference}: {error}")]
    Key {
        /// `file:PATH` or `env:NAME`.
        reference: String,
        /// Why.
        error: SignerError,
    },
    /// What a key management service holds cannot be used as it is named.
    #[error("{0}")]
    Managed(String),
}

impl KeyMistake {
    /// What to do about it, where the message does not say it.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Key {
                error: SignerError::PassphraseNeeded,
                ..
            } => Some(format!("set {PASSPHRASE} in the environment")),
            Self::Key {
                error: SignerError::Decryption(_),
                ..
            } => Some(format!("compare {PASSPHRASE} with the key's passphrase")),
            _ => None,
        }
    }
}

impl FromStr for KeyReference {
    type Err = KeyMistake;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("file:") || text.starts_with("env:") {
            Ok(Self::Software(SecretReference(text.to_owned())))
        } else if text.starts_with("awskms://") || text.starts_with("gcpkms://") {
            Ok(Self::Managed(text.to_owned()))
        } else {
            Err(KeyMistake::NotAReference)
        }
    }
}

/// A private key that is held in memory: PEM or an armored OpenPGP secret key, or base64 of either.
///
/// For trying out; a key management service is for production.
#[derive(Debug)]
pub struct SoftwareKey {
    reference: String,
    text: SecretString,
    passphrase: Option<SecretString>,
}

impl SoftwareKey {
    /// Reads the key, and makes sure that it is one. The passphrase of an encrypted key is that of
    /// the environment variable `POSTERN_KEY_PASSPHRASE`.
    ///
    /// # Errors
    /// See [`KeyMistake`].
    pub fn read(
        reference: &SecretReference,
        environment: &dyn Environment,
    ) -> Result<Self, KeyMistake> {
        let key = Self {
            reference: reference.0.clone(),
            text: secret::resolve(reference, environment)?,
            passphrase: environment.get(PASSPHRASE).map(SecretString::from),
        };
        key.parsed().map_err(|error| key.mistake(error))?;
        Ok(key)
    }

    /// A signer with this key. An RSA key signs by the algorithm that the attestor states for its
    /// public half, so the two must be named together.
    ///
    /// # Errors
    /// If the attestor states an algorithm that is not for such a key.
    pub fn signer(&self, attestor: &Attestor) -> Result<SoftwareSigner, KeyMistake> {
        let signer = self
            .parsed()
            .and_then(|signer| in_the_name_of(signer, attestor));
        signer.map_err(|error| self.mistake(error))
    }

    /// What makes a signer of it in an attestor's name.
    pub fn into_signer_for(self) -> Box<SignerFor> {
        Box::new(move |attestor| Ok(Arc::new(self.signer(attestor)?)))
    }

    fn parsed(&self) -> Result<SoftwareSigner, SignerError> {
        let passphrase = self
            .passphrase
            .as_ref()
            .map(|secret| secret.expose_secret());
        SoftwareSigner::from_pem(self.text.expose_secret(), passphrase, None)
    }

    fn mistake(&self, error: SignerError) -> KeyMistake {
        KeyMistake::Key {
            reference: self.reference.clone(),
            error,
        }
    }
}

fn in_the_name_of(
    signer: SoftwareSigner,
    attestor: &Attestor,
) -> Result<SoftwareSigner, SignerError> {
    let public = signer.public_half()?;
    let trusted = TrustedAttestor::new(attestor);
    match trusted.key_of(&public).and_then(|key| key.algorithm()) {
        Some(algorithm) => signer.with_algorithm(algorithm),
        // OpenPGP, or a key that is not the attestor's, which is found out when it is to sign.
        None => Ok(signer),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::{Key, attestor};
    use rstest::rstest;

    fn environment(key: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("KEY".to_owned(), key.to_owned())])
    }

    fn read(key: &str) -> Result<SoftwareKey, KeyMistake> {
        SoftwareKey::read(&SecretReference("env:KEY".to_owned()), &environment(key))
    }

    #[rstest]
    #[case::file("file:key.pem", "Software(SecretReference(\"file:key.pem\"))")]
    #[case::env("env:KEY", "Software(SecretReference(\"env:KEY\"))")]
    #[case::aws("awskms:///alias/ci", "Managed(\"awskms:///alias/ci\")")]
    #[case::gcp("gcpkms://projects/p", "Managed(\"gcpkms://projects/p\")")]
    fn references_are_told_apart(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(
            format!("{:?}", text.parse::<KeyReference>().unwrap()),
            expected
        );
    }

    #[test]
    fn a_key_in_place_of_its_reference_is_not_quoted() {
        let mistake = Key::new(1).pem().parse::<KeyReference>().unwrap_err();
        insta::assert_snapshot!(mistake, @"a key is written file:PATH, env:NAME, awskms:///KEY or gcpkms://KEY, never as itself");
    }

    #[test]
    fn a_key_signs_by_what_the_attestor_states() {
        let key = Key::new(1);
        let signer = read(&key.pem())
            .unwrap()
            .signer(&attestor("a", &[&key]))
            .unwrap();
        let stated = attestor("a", &[&key])
            .user_owned_grafeas_note
            .public_keys
            .remove(0);
        assert_eq!(
            signer.algorithm(),
            stated.pkix_public_key.map(|key| key.signature_algorithm)
        );
    }

    #[test]
    fn what_is_no_key_is_said_at_once_and_not_shown() {
        let mistake = read("synthetic nonsense").unwrap_err().to_string();
        assert!(mistake.starts_with("env:KEY: "), "{mistake}");
        assert!(!mistake.contains("synthetic nonsense"), "{mistake}");
        let key = read(&Key::new(1).pem()).unwrap();
        assert!(!format!("{key:?}").contains("PRIVATE"));
    }
}
