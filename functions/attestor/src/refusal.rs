//! Why the function did not sign, and what its caller is told.

use axum::http::StatusCode;
use postern_core::attestor::{AttestorName, ResourceNameError};
use postern_core::image::ImageReferenceError;
use postern_core::ports::Unavailable;
use postern_core::reason::Reason;
use postern_core::revocation::{Revocation, Revoked};
use postern_host::problem::Problem;

use crate::issue::IssueError;
use crate::key::KeyMistake;

/// After how many seconds asking again makes sense when something was out of reach.
const RETRY_AFTER: u64 = 5;

/// Why a request was not signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The image's name cannot be read.
    #[error("`image`: {0}")]
    Image(#[from] ImageReferenceError),
    /// The attestor's name cannot be read.
    #[error("`attestor`: {0}")]
    AttestorName(#[from] ResourceNameError),
    /// No rule is about this attestor.
    #[error("this function does not sign in the name of {0}")]
    NotServed(AttestorName),
    /// No rule about this attestor names the caller.
    #[error("this caller may not ask for attestations by {0}")]
    Caller(AttestorName),
    /// No rule that names the caller covers the repository.
    #[error("{image} is in no repository that this caller may have attested by {attestor}")]
    Repository {
        /// By whom.
        attestor: AttestorName,
        /// What.
        image: String,
    },
    /// The image or the key is on the revocation list.
    #[error("{what} is revoked: {reason}")]
    Revoked {
        /// What.
        what: Revoked,
        /// Why.
        reason: String,
    },
    /// An attestor that must be satisfied first is not.
    #[error("{} must be satisfied first: {}", attestor, told(reasons))]
    Requirement {
        /// Which.
        attestor: AttestorName,
        /// Why it is not.
        reasons: Vec<Reason>,
    },
    /// Whether an attestor that must be satisfied first is could not be found out.
    #[error("it is not known whether {} is satisfied: {}", attestor, told(reasons))]
    Undetermined {
        /// Which.
        attestor: AttestorName,
        /// What could not be read.
        reasons: Vec<Reason>,
    },
    /// The configuration names an attestor that does not exist.
    #[error("there is no attestor {0}")]
    AttestorNotFound(AttestorName),
    /// The key cannot be used in the attestor's name.
    #[error("{0}")]
    Key(#[from] KeyMistake),
    /// Nothing was signed or stored.
    #[error("{0}")]
    Issue(#[from] IssueError),
    /// Attestors or revocations could not be read.
    #[error("{0}")]
    Unavailable(Unavailable),
    /// The signing could not be recorded.
    #[error("the signing could not be recorded: {0}")]
    Journal(Unavailable),
}

fn told(reasons: &[Reason]) -> String {
    let messages: Vec<&str> = reasons
        .iter()
        .map(|reason| reason.message.as_str())
        .collect();
    messages.join("; ")
}

impl From<&Revocation> for Refusal {
    fn from(entry: &Revocation) -> Self {
        Self::Revoked {
            what: entry.what.clone(),
            reason: entry.reason.clone(),
        }
    }
}

impl Refusal {
    const fn kind(&self) -> (StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::Image(_) => (S::BAD_REQUEST, "IMAGE_REFERENCE_INVALID"),
            Self::AttestorName(_) => (S::BAD_REQUEST, "ATTESTOR_NAME_INVALID"),
            Self::Issue(IssueError::ByTag(_)) => (S::BAD_REQUEST, "IMAGE_BY_TAG"),
            Self::NotServed(_) => (S::FORBIDDEN, "ATTESTOR_NOT_SERVED"),
            Self::Caller(_) => (S::FORBIDDEN, "CALLER_NOT_ALLOWED"),
            Self::Repository { .. } => (S::FORBIDDEN, "REPOSITORY_NOT_ALLOWED"),
            Self::Revoked { .. } => (S::FORBIDDEN, "REVOKED"),
            Self::Requirement { .. } => (S::FORBIDDEN, "REQUIREMENT_NOT_MET"),
            Self::AttestorNotFound(_) => (S::INTERNAL_SERVER_ERROR, "ATTESTOR_NOT_FOUND"),
            Self::Issue(IssueError::WithoutKeys(_)) => {
                (S::INTERNAL_SERVER_ERROR, "ATTESTOR_WITHOUT_KEYS")
            }
            Self::Issue(IssueError::ForeignKey { .. }) => {
                (S::INTERNAL_SERVER_ERROR, "KEY_NOT_OF_ATTESTOR")
            }
            Self::Issue(IssueError::Unverifiable { .. }) => {
                (S::INTERNAL_SERVER_ERROR, "SIGNATURE_NOT_VERIFIED")
            }
            Self::Key(_) => (S::INTERNAL_SERVER_ERROR, "KEY_UNUSABLE"),
            Self::Undetermined { .. } => (S::SERVICE_UNAVAILABLE, "EVIDENCE_UNAVAILABLE"),
            Self::Issue(IssueError::Signer(_)) => (S::SERVICE_UNAVAILABLE, "SIGNER_UNAVAILABLE"),
            Self::Issue(IssueError::Sink(_)) => (S::SERVICE_UNAVAILABLE, "STORE_UNAVAILABLE"),
            Self::Unavailable(_) => (S::SERVICE_UNAVAILABLE, "TRUST_UNAVAILABLE"),
            Self::Journal(_) => (S::SERVICE_UNAVAILABLE, "JOURNAL_UNAVAILABLE"),
        }
    }

    fn remedy(&self) -> Option<String> {
        match self {
            Self::Issue(error) => Some(error.remedy()),
            Self::NotServed(attestor) => Some(format!("configure a signer of {attestor}")),
            Self::Caller(attestor) => Some(format!(
                "add the caller to `callers` of the signer of {attestor}"
            )),
            Self::Repository { attestor, .. } => Some(format!(
                "add the repository to `repositories` of the signer of {attestor}"
            )),
            Self::Requirement { reasons, .. } => {
                reasons.iter().find_map(|reason| reason.remedy.clone())
            }
            _ => None,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, code) = refusal.kind();
        let mut problem = Self::new(status, code, refusal.to_string());
        if let Some(remedy) = refusal.remedy() {
            problem = problem.remedy(remedy);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            problem = problem.retry_after(RETRY_AFTER);
        }
        problem
    }
}
