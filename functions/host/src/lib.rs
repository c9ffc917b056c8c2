//! Runs one function anywhere: HTTP on Cloud Run, AWS Lambda, or embedded.
//!
//! Everything a function needs around its own work: the configuration, who is calling, the time a
//! request may take, the server with its limits, problems, logs and metrics.

pub mod auth;
pub mod config;
pub mod crypto;
pub mod deadline;
pub mod environment;
#[cfg(feature = "lambda")]
pub mod lambda;
pub mod load;
pub mod problem;
pub mod queue;
pub mod secret;
pub mod server;
pub mod telemetry;
pub mod unique;
