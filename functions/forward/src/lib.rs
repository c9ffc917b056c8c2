//! The forwarding gate: it stands in front of the Cloud Run Admin API, so that `gcloud run deploy` itself is
//! judged before anything is deployed.
//!
//! Reads pass. A write passes if its method and path are on a list (`asked`) and the resource as it will
//! be after the write (`after`) runs nothing new that the gate denies: its template where that changes,
//! and every revision that is to get traffic (`change`). The gate is asked with a manifest
//! (`manifest`); tags are pinned to what was judged (`pin`); what goes on is what was parsed here,
//! written anew. Refusals look like Google's (`refusal`).
//!
//! Nothing that anybody can attest is read here, and no token is kept.

mod after;
mod asked;
mod body;
mod change;
mod forward;
mod http;
mod manifest;
mod options;
mod permission;
mod pin;
mod query;
mod refusal;
mod region;
mod resource;
mod revision;
#[cfg(test)]
mod testing;
mod told;

pub use forward::{Forward, ForwardOptions, ForwardParts};
pub use http::router;
