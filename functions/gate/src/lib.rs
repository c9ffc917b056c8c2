//! The gate: may these images be deployed there?
//!
//! A request in any of the platforms' own forms becomes a
//! [`DeployRequest`](postern_core::request::DeployRequest) ([`request`]); the images are resolved to
//! digests, evidence is gathered through ports and judged by the policy ([`Gate::decide`]); the
//! decision is journalled, and only then answered ([`router`]).

mod admission;
mod appraisals;
mod appraise;
mod break_glass;
mod cluster;
mod count;
mod decisions;
mod evidence;
mod forwarded;
mod gate;
mod image_review;
mod judge;
mod observe;
mod options;
pub mod request;
mod verified;

pub use break_glass::BreakGlassRules;
pub use forwarded::Forwarded;
pub use gate::{Asked, DecisionObserver, Gate, GateParts, NotRecorded};
pub use observe::Observed;
pub use options::{GateOptions, OptionsError};

use std::sync::Arc;

/// The gate's paths: `/v1/decisions`, `/v1/admission`, `/v1/imagereview`, `/v1/appraise`.
pub fn router(gate: Arc<Gate>) -> axum::Router {
    axum::Router::new()
        .merge(decisions::routes())
        .merge(admission::routes())
        .merge(image_review::routes())
        .merge(appraisals::routes())
        .with_state(gate)
}
