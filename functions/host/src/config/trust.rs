//! The trust function.

use serde::Deserialize;

/// The trust function.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Trust {
    /// Members who may do everything there, such as `user:alice@example.com`. Somebody has to set the first
    /// binding.
    pub owners: Vec<String>,
}
