//! What the gate would say now.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Unavailable;
use crate::reason::{Reason, Verdict};
use crate::target::Target;

/// What the gate would say of images, with its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Appraisal {
    /// One for each image that was asked about, under the name that it was asked by.
    pub images: Vec<AppraisedImage>,
}

/// What the gate would say of one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppraisedImage {
    /// The image as it was asked about.
    pub image: String,
    /// The policy's answer.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<Reason>,
    /// What was verified for it.
    pub evidence: Vec<AppraisedEvidence>,
}

/// A verified attestation, and whose doing it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppraisedEvidence {
    /// The attestor, `projects/P/attestors/A`.
    pub attestor: String,
    /// The key that verified it.
    pub key_id: String,
    /// The occurrence's name, where it has one.
    pub occurrence: Option<String>,
    /// Who had it signed, where that is known by other means than the journal.
    pub signer: Option<String>,
}

/// Asks the gate without deploying: nothing is recorded, and no break-glass counts.
#[async_trait]
pub trait Appraiser: Send + Sync {
    /// What the gate would say now of these images (by digest) at this target: by the policy, the
    /// evidence and the revocations of this moment.
    ///
    /// An image whose verdict is undetermined because something could not be reached is an error
    /// here: the caller has to know the difference.
    async fn appraise(&self, target: &Target, images: &[String]) -> Result<Appraisal, Unavailable>;
}
