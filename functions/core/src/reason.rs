//! Verdicts and the reasons for them.

use serde::{Deserialize, Serialize};

/// The policy's answer. Three values, never two: what could not be read is not "unsigned".
///
/// Ordered from best to worst, so that the worst of several is their maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// The policy is satisfied.
    Conformant,
    /// Something that was needed could not be reached or read.
    Undetermined,
    /// The policy is not satisfied, whatever else might still be learned.
    NonConformant,
}

/// Why: a stable code that scripts may match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum ReasonCode {
    /// An exempt pattern matches.
    Allowlisted,
    /// The rule allows everything.
    AlwaysAllow,
    /// The rule denies everything.
    AlwaysDeny,
    /// The attestor's attestation was verified.
    Attested,
    /// No attestation of this image was found for the attestor.
    NoAttestation,
    /// A well-formed signature does not verify.
    SignatureInvalid,
    /// The bytes are no signature of this kind at all.
    SignatureMalformed,
    /// The signature names a key that the attestor does not have.
    KeyUnknown,
    /// The key is not of the algorithm that the attestor states.
    KeyAlgorithmMismatch,
    /// The key's validity ended.
    KeyExpired,
    /// The key was revoked by its owner.
    KeyRevoked,
    /// The attestation says itself that it is over.
    AttestationExpired,
    /// The signed payload is about another digest.
    PayloadDigestMismatch,
    /// The signed payload is about another repository, and the policy compares it.
    PayloadRepositoryMismatch,
    /// The signed bytes are no payload.
    PayloadMalformed,
    /// The platform requires a digest and a tag was given.
    ImageByTag,
    /// The image's name cannot be made canonical.
    ImageReferenceInvalid,
    /// The registry says there is no such image.
    ImageNotFound,
    /// The policy requires an attestor that does not exist.
    AttestorNotFound,
    /// The attestor has no keys, so nothing can satisfy it.
    AttestorWithoutKeys,
    /// The attestor exists but could not be read.
    AttestorNotReadable,
    /// Digest, key or attestation is on the revocation list.
    Revoked,
    /// Code reaches the platform outside the image.
    CodeOutsideImage,
    /// A source of evidence could not be read.
    EvidenceUnavailable,
    /// More evidence than is ever looked at.
    EvidenceLimitExceeded,
    /// The caller's time was up.
    DeadlineExceeded,
    /// There is no policy to decide by.
    PolicyUnavailable,
    /// The decision could not be recorded.
    JournalUnavailable,
}

impl ReasonCode {
    /// What this reason alone makes of an attestor or an image.
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Allowlisted | Self::AlwaysAllow | Self::Attested => Verdict::Conformant,
            Self::AttestorNotReadable
            | Self::EvidenceUnavailable
            | Self::DeadlineExceeded
            | Self::PolicyUnavailable
            | Self::JournalUnavailable => Verdict::Undetermined,
            _ => Verdict::NonConformant,
        }
    }

    /// Whether waiting may change the answer: an attestation may still arrive, a source that failed
    /// may answer. What only a change of policy, attestor or request can mend is final.
    pub const fn is_retryable(self) -> bool {
        !matches!(
            self,
            Self::Allowlisted
                | Self::AlwaysAllow
                | Self::Attested
                | Self::AlwaysDeny
                | Self::ImageByTag
                | Self::ImageReferenceInvalid
                | Self::ImageNotFound
                | Self::AttestorNotFound
                | Self::AttestorWithoutKeys
                | Self::Revoked
                | Self::CodeOutsideImage
        )
    }
}

impl std::fmt::Display for ReasonCode {
    /// The stable code, such as `NO_ATTESTATION`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

impl std::fmt::Display for Verdict {
    /// The stable word, such as `NON_CONFORMANT`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// One reason: a code for scripts, a sentence for people, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The stable code.
    pub code: ReasonCode,
    /// The attestor this is about, `projects/P/attestors/A`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestor: Option<String>,
    /// What happened.
    pub message: String,
    /// What to do, often a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Reason {
    /// A reason without attestor and remedy.
    pub fn new(code: ReasonCode, message: impl Into<String>) -> Self {
        Self {
            code,
            attestor: None,
            message: message.into(),
            remedy: None,
        }
    }

    /// Names the attestor it is about.
    #[must_use]
    pub fn of_attestor(mut self, attestor: impl Into<String>) -> Self {
        self.attestor = Some(attestor.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_verdict_is_the_maximum() {
        use Verdict::{Conformant, NonConformant, Undetermined};
        assert_eq!(
            [Conformant, Undetermined].into_iter().max(),
            Some(Undetermined)
        );
        assert_eq!(
            [NonConformant, Undetermined].into_iter().max(),
            Some(NonConformant)
        );
    }

    #[test]
    fn codes_are_spelled_as_in_the_contract() {
        assert_eq!(
            ReasonCode::PayloadDigestMismatch.to_string(),
            "PAYLOAD_DIGEST_MISMATCH"
        );
        assert_eq!(Verdict::NonConformant.to_string(), "NON_CONFORMANT");
    }
}
