//! Keys and their versions, as they are kept and as they are answered.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use postern_core::ports::{Resource, ResourceWrite, SealedKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::algorithm::Algorithm;
use crate::body::{fields, typed};
use crate::error::{ApiError, Code};

/// The one purpose of the keys here.
pub(super) const PURPOSE: &str = "ASYMMETRIC_SIGN";
/// Where their private halves are: in software.
pub(super) const PROTECTION: &str = "SOFTWARE";

/// A key. Its name and times stand beside it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CryptoKey {
    /// What new versions are made for.
    pub(super) algorithm: Algorithm,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) labels: BTreeMap<String, String>,
    /// How long a version can be restored before it is destroyed, in seconds.
    pub(super) destroy_after: u32,
    /// The number of the last version; no number is used twice.
    pub(super) versions: u32,
}

impl CryptoKey {
    /// When a version that is to be destroyed now will be.
    pub(super) fn destroyed_at(&self, now: Timestamp) -> Timestamp {
        let after = SignedDuration::from_secs(self.destroy_after.into());
        now.checked_add(after).unwrap_or(Timestamp::MAX)
    }
}

/// A version. Its name and times stand beside it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Version {
    pub(super) state: State,
    pub(super) algorithm: Algorithm,
    /// Absent once it is destroyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<SealedKey>,
    /// When it is to be destroyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) destroy_time: Option<Timestamp>,
    /// When it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) destroy_event_time: Option<Timestamp>,
}

/// What a version can be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum State {
    Enabled,
    Disabled,
    DestroyScheduled,
    Destroyed,
}

impl State {
    /// Its word in the API.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
            Self::DestroyScheduled => "DESTROY_SCHEDULED",
            Self::Destroyed => "DESTROYED",
        }
    }
}

impl Version {
    /// Erases what can be used no more, if its time has come.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.state == State::DestroyScheduled && self.destroy_time.is_some_and(|due| due <= now)
    }

    /// What is left of it when its time has come: what it was, and nothing to sign with.
    pub(super) fn destroyed(self, now: Timestamp) -> Self {
        Self {
            state: State::Destroyed,
            key: None,
            destroy_time: None,
            destroy_event_time: Some(now),
            ..self
        }
    }
}

/// The fields of what is kept.
///
/// # Errors
/// If it was not written by this function.
pub(super) fn kept<T: DeserializeOwned>(stored: &Resource) -> Result<T, ApiError> {
    typed(fields(stored.body.clone()))
        .map_err(|error| ApiError::new(Code::Internal, format!("{}: {error}", stored.name)))
}

/// A write of what is named, in its parent's collection.
pub(super) fn write<T: Serialize>(
    name: &str,
    expected: u64,
    body: &T,
) -> Result<ResourceWrite, ApiError> {
    let body = serde_json::to_value(body).map_err(|error| ApiError::invalid(error.to_string()))?;
    let collection = name.rsplit_once('/').map_or(name, |(of, _)| of);
    Ok(ResourceWrite {
        name: name.to_owned(),
        collection: collection.to_owned(),
        expected,
        body: Some(body),
    })
}

/// A key as it is answered.
pub(super) fn key_answer(stored: &Resource, key: &CryptoKey) -> Value {
    let mut answer = json!({
        "name": stored.name,
        "purpose": PURPOSE,
        "createTime": stored.created,
        "versionTemplate": {"protectionLevel": PROTECTION, "algorithm": key.algorithm},
        "destroyScheduledDuration": format!("{}s", key.destroy_after),
    });
    if !key.labels.is_empty() {
        answer["labels"] = json!(key.labels);
    }
    answer
}

/// A version as it is answered.
pub(super) fn version_answer(stored: &Resource, version: &Version) -> Value {
    let mut answer = json!({
        "name": stored.name,
        "state": version.state,
        "protectionLevel": PROTECTION,
        "algorithm": version.algorithm,
        "createTime": stored.created,
        "generateTime": stored.created,
    });
    if let Some(time) = version.destroy_time {
        answer["destroyTime"] = json!(time);
    }
    if let Some(time) = version.destroy_event_time {
        answer["destroyEventTime"] = json!(time);
    }
    answer
}
