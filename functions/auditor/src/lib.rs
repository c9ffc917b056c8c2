//! The auditor: audit entry → event → findings → case.
//!
//! An entry is delivered ([`http`]), read into an [`AuditEvent`](postern_core::event::AuditEvent)
//! ([`parse`]), held against the detections ([`detection`], which are data), joined with what is
//! known ([`mod@decide`], which is pure), and written in one transaction ([`Auditor`]). Only then is
//! the delivery acknowledged.

mod auditor;
pub mod case;
pub mod classify;
mod cloud_events;
mod correlation;
pub mod coverage;
pub mod decide;
pub mod detection;
pub mod http;
pub mod input;
mod intake;
mod journal;
pub mod ledger;
pub mod owners;
pub mod parse;
pub mod pull;
mod push;
pub mod queue;
pub mod reconcile;
pub mod report;
pub mod sns;
pub mod sources;
pub mod subject;
pub mod terraform;
#[cfg(test)]
mod testing;
mod watch;

pub use auditor::{Auditor, Believed, NotTaken, Received, Ticked};
pub use journal::findings_of_entry;
pub use watch::Watch;
