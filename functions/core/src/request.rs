//! What the gate is asked, whichever way it was asked.

use crate::decision::BreakGlassSource;
use crate::reason::Reason;
use crate::target::Target;

/// A request to run images somewhere. Every way in (own JSON, Knative, AdmissionReview, …) is a
/// parser into this.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeployRequest {
    /// Every image that would run, of every container.
    pub images: Vec<RequestedImage>,
    /// Where, for the request as a whole.
    pub target: Target,
    /// The emergency door, where it was asked for.
    pub break_glass: Option<BreakGlassRequest>,
    /// On whose behalf, as claimed.
    pub requester: Option<String>,
    /// Code that reaches the platform outside of any image: the field and what it holds.
    pub code_outside_image: Vec<CodeOutsideImage>,
    /// Reasons found while parsing, such as a tag where the platform takes only digests.
    pub reasons: Vec<Reason>,
    /// What its author should know, such as a break-glass marker that does nothing.
    pub warnings: Vec<String>,
}

/// One image of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedImage {
    /// As written.
    pub image: String,
    /// The container that runs it, for messages; empty where the request names only images.
    pub container: String,
    /// Where this one is to run.
    pub target: Target,
}

/// A field that brings code without an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeOutsideImage {
    /// The field or annotation, such as `run.googleapis.com/sources`.
    pub field: String,
    /// Its value, shortened.
    pub value: String,
}

/// The emergency door, asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakGlassRequest {
    /// Why; absent only where the platform has no place for it.
    pub justification: Option<String>,
    /// Where it was asked for.
    pub source: BreakGlassSource,
}
