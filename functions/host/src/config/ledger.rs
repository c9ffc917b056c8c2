//! The record, and who signs it.

use serde::Deserialize;

/// The ledger over the journal.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Ledger {
    /// Its name, such as `postern.example.com/production`: it stands in every checkpoint, and never
    /// changes.
    pub origin: String,
    /// The private key (ECDSA P-256) that checkpoints are signed with, every minute in which something
    /// was recorded: `file:PATH`, `env:NAME` or `awskms://…`. Absent: none are signed here.
    pub key: Option<String>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            origin: "postern".to_owned(),
            key: None,
        }
    }
}
