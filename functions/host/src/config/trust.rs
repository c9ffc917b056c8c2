//! The trust function.

use serde::Deserialize;

use super::SecretReference;

/// The trust function.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Trust {
    /// Members who may do everything there, such as `user:alice@example.com`. Somebody has to set the first
    /// binding.
    pub owners: Vec<String>,
    /// The software keys that it keeps.
    pub keys: TrustKeys,
}

/// The software keys that the trust function keeps behind Cloud KMS's API.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TrustKeys {
    /// What private keys are encrypted with in the store: 32 random bytes, in base64 or hex. Whoever has
    /// this and the store has the keys, so keep them apart. Absent: no keys are made, and none sign.
    pub wrapping_key: Option<SecretReference>,
}
