//! Keys of key management services: AWS KMS and Google's Cloud KMS.

use std::sync::Arc;

use postern_core::attestor::{Attestor, SignatureAlgorithm};
use postern_core::ports::Signer;
use postern_host::config::Config;
use postern_host::environment::Environment;

use crate::WiringError;

const AWS: &str = "awskms://";
const GOOGLE: &str = "gcpkms://";

/// A key that stays with a key management service. It is not asked before something is to be signed.
#[derive(Clone)]
pub struct ManagedKey(Arc<dyn Key>);

/// What both services can.
trait Key: Send + Sync {
    fn signer(self: Arc<Self>, attestor: &Attestor) -> Arc<dyn Signer>;
    fn signer_by(self: Arc<Self>, algorithm: SignatureAlgorithm) -> Arc<dyn Signer>;
}

#[cfg(feature = "aws")]
impl Key for postern_aws::KmsKey {
    fn signer(self: Arc<Self>, attestor: &Attestor) -> Arc<dyn Signer> {
        Arc::new(Self::signer(&self, attestor))
    }

    fn signer_by(self: Arc<Self>, algorithm: SignatureAlgorithm) -> Arc<dyn Signer> {
        Arc::new(Self::signer_by(&self, algorithm))
    }
}

#[cfg(feature = "gcp")]
impl Key for postern_gcp::KmsKey {
    fn signer(self: Arc<Self>, attestor: &Attestor) -> Arc<dyn Signer> {
        Arc::new(Self::signer(&self, attestor))
    }

    fn signer_by(self: Arc<Self>, algorithm: SignatureAlgorithm) -> Arc<dyn Signer> {
        Arc::new(Self::signer_by(&self, algorithm))
    }
}

impl ManagedKey {
    /// Whether a word means such a key, well formed or not.
    pub fn is_meant(word: &str) -> bool {
        word.starts_with(AWS) || word.starts_with(GOOGLE)
    }

    /// The key that a word means: `awskms://…` or `gcpkms://…`. Of the configuration, `endpoints.kms`
    /// and `aws` count.
    ///
    /// # Errors
    /// If it is no such word, there is no identity to sign as, or this build has no client for it.
    pub async fn named(
        word: &str,
        config: &Config,
        environment: &dyn Environment,
    ) -> Result<Self, WiringError> {
        if word.starts_with(GOOGLE) {
            google(word, config, environment)
        } else {
            aws(word, config, environment).await
        }
        .map(Self)
    }

    /// A signer in the name of an attestor, by the algorithm that it states for the key.
    pub fn signer(&self, attestor: &Attestor) -> Arc<dyn Signer> {
        Arc::clone(&self.0).signer(attestor)
    }

    /// A signer in nobody's name, by this algorithm.
    pub fn signer_by(&self, algorithm: SignatureAlgorithm) -> Arc<dyn Signer> {
        Arc::clone(&self.0).signer_by(algorithm)
    }
}

#[cfg(feature = "aws")]
async fn aws(
    word: &str,
    config: &Config,
    environment: &dyn Environment,
) -> Result<Arc<dyn Key>, WiringError> {
    use postern_aws::{KmsKey, KmsReference};

    let reference: KmsReference = word.parse().map_err(WiringError::mistake)?;
    let session = crate::aws::session(config, environment).await?;
    Ok(Arc::new(KmsKey::new(&session, reference)))
}

#[cfg(not(feature = "aws"))]
async fn aws(_: &str, _: &Config, _: &dyn Environment) -> Result<Arc<dyn Key>, WiringError> {
    Err(WiringError::not_built("signing with awskms:// keys", "aws"))
}

/// Cloud KMS where the configuration says that it is, or where `gcloud` is told so.
#[cfg(feature = "gcp")]
fn google(
    word: &str,
    config: &Config,
    environment: &dyn Environment,
) -> Result<Arc<dyn Key>, WiringError> {
    use postern_gcp::{KMS, KmsKey, KmsReference};

    const OVERRIDE: &str = "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS";
    let reference: KmsReference = word.parse().map_err(WiringError::mistake)?;
    let told = environment.get(OVERRIDE).filter(|url| !url.is_empty());
    let (setting, address) = match (&config.endpoints.kms, told) {
        (Some(address), _) => ("endpoints.kms", address.clone()),
        (None, Some(address)) => (OVERRIDE, address),
        (None, None) => ("endpoints.kms", KMS.to_owned()),
    };
    let (endpoint, credentials) = crate::fetched::built::shown(setting, &address)?;
    let key = KmsKey::new(reference, endpoint, credentials).map_err(WiringError::mistake)?;
    Ok(Arc::new(key))
}

#[cfg(not(feature = "gcp"))]
fn google(_: &str, _: &Config, _: &dyn Environment) -> Result<Arc<dyn Key>, WiringError> {
    Err(WiringError::not_built("signing with gcpkms:// keys", "gcp"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[cfg(feature = "gcp")]
    const KEY: &str = "gcpkms://projects/demo-mart/locations/global/keyRings/trust/cryptoKeys/ci/cryptoKeyVersions/1";

    async fn named(word: &str, kms: Option<&str>, told: &str) -> Result<ManagedKey, String> {
        let mut config = Config::default();
        config.endpoints.kms = kms.map(str::to_owned);
        let told = ("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS", told);
        let environment: BTreeMap<_, _> = [(told.0.to_owned(), told.1.to_owned())].into();
        let key = ManagedKey::named(word, &config, &environment).await;
        key.map_err(|error| error.to_string())
    }

    #[cfg(not(feature = "aws"))]
    #[tokio::test]
    async fn awskms_is_said_not_to_be_built() {
        let error = named("awskms:///alias/ci", None, "").await.err().unwrap();
        insta::assert_snapshot!(error, @"signing with awskms:// keys needs the cargo feature `aws`, which this build was made without; build with --features aws (or full)");
    }

    #[cfg(not(feature = "gcp"))]
    #[tokio::test]
    async fn gcpkms_is_said_not_to_be_built() {
        let error = named("gcpkms://projects/p", None, "").await.err().unwrap();
        insta::assert_snapshot!(error, @"signing with gcpkms:// keys needs the cargo feature `gcp`, which this build was made without; build with --features gcp (or full)");
    }

    #[cfg(feature = "aws")]
    #[tokio::test]
    async fn a_malformed_name_at_aws_is_told() {
        let error = named("awskms:///a b", None, "").await.err().unwrap();
        insta::assert_snapshot!(error, @r#""a b" is no key id, alias/NAME or ARN of AWS KMS"#);
        assert!(named("awskms:///alias/ci", None, "").await.is_ok());
    }

    #[cfg(feature = "gcp")]
    #[tokio::test]
    async fn a_malformed_name_at_google_is_told() {
        let error = named("gcpkms://projects/p", None, "").await.err().unwrap();
        insta::assert_snapshot!(error, @"a key of Cloud KMS is written gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/V");
    }

    #[cfg(feature = "gcp")]
    #[tokio::test]
    async fn the_configuration_says_where_cloud_kms_is_before_the_environment() {
        assert!(
            named(KEY, Some("http://[::1]:8085"), "http://192.0.2.1")
                .await
                .is_ok()
        );
        assert!(named(KEY, None, "http://127.0.0.1:8085/").await.is_ok());
        let error = named(KEY, Some("http://192.0.2.1"), "")
            .await
            .err()
            .unwrap();
        assert!(error.starts_with("endpoints.kms: "), "{error}");
        let error = named(KEY, None, "http://192.0.2.1").await.err().unwrap();
        assert!(
            error.starts_with("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS: "),
            "{error}"
        );
    }
}
