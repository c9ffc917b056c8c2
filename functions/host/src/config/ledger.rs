//! The record, and who signs it.

use serde::Deserialize;

use super::SecretReference;

/// The ledger over the journal.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Ledger {
    /// Its name, such as `postern.example.com/production`: it stands in every checkpoint, and never
    /// changes.
    pub origin: String,
    /// The private key (ECDSA P-256) that checkpoints are signed with, every minute in which something
    /// was recorded: `file:PATH`, `env:NAME`, `awskms://…` or
    /// `gcpkms://…`. Absent: none are signed here.
    pub key: Option<String>,
    /// The public halves (PEM) of the keys that signed before: what one of them signed last is gone on
    /// from. `file:PATH` or `env:NAME`.
    pub previous_keys: Vec<SecretReference>,
    /// Where signed checkpoints are kept besides. They need a key.
    pub anchors: Vec<LedgerAnchor>,
}

/// A place where signed checkpoints are kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", deny_unknown_fields)]
pub enum LedgerAnchor {
    /// Appended to a file.
    File {
        /// Which.
        path: String,
    },
    /// Objects of a bucket of Cloud Storage.
    Gcs {
        /// Which.
        bucket: String,
        /// A folder in it; none is the top.
        #[serde(default)]
        prefix: String,
    },
    /// Objects of a bucket of Amazon S3.
    S3 {
        /// Which.
        bucket: String,
        /// A folder in it; none is the top.
        #[serde(default)]
        prefix: String,
        /// The bucket's region, where it is not that of the environment.
        region: Option<String>,
    },
    /// Published to a topic of Google Pub/Sub; who subscribes keeps it.
    Pubsub {
        /// `projects/PROJECT/topics/TOPIC`.
        topic: String,
    },
    /// Published to a topic of Amazon SNS; who subscribes keeps it.
    Sns {
        /// Its ARN.
        topic: String,
    },
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            origin: "postern".to_owned(),
            key: None,
            previous_keys: Vec::new(),
            anchors: Vec::new(),
        }
    }
}
