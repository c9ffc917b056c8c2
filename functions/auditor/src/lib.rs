//! The auditor: audit entry → event → findings → case.
//!
//! An entry is delivered ([`http`]), read into an [`AuditEvent`](postern_core::event::AuditEvent)
//! ([`parse`]), held against the detections ([`detection`], which are data), joined with what is
//! known ([`mod@decide`], which is pure), and written in one transaction ([`Auditor`]). Only then is
//! the delivery acknowledged.

mod auditor;
pub mod classify;
mod cloud_events;
mod correlation;
pub mod coverage;
pub mod decide;
pub mod detection;
pub mod http;
pub mod input;
mod journal;
pub mod parse;
mod push;
pub mod report;
pub mod subject;
#[cfg(test)]
mod testing;

pub use auditor::{Auditor, Believed, Received};
pub use journal::findings_of_entry;
