//! The notifier: sends every alert of the outbox to every output that the routes name, at least once,
//! under an id of its own, until it is confirmed or given up.

mod address;
mod backoff;
mod body;
mod breaker;
mod cloud_event;
mod gauges;
mod group;
mod heartbeat;
pub mod http;
mod notifier;
pub mod output;
pub mod queue;
mod route;
mod signature;
mod sink;
#[cfg(test)]
mod testing;
mod trial;

pub use group::AlertGroup;
pub use notifier::{Notifier, SetUpError, Tally};
pub use output::{Output, OutputError, Receipt, Refusal, Retry};
pub use route::{RouteError, Routes};
pub use trial::{Trial, TrialOutcome, trial};
