//! Amazon SNS: what a topic posts to an HTTPS subscription, believed for its signature (Amazon SNS
//! developer guide, "Verifying the signatures of Amazon SNS messages").
//!
//! Only signatures of version 2 (SHA-256 with RSA) count. The certificate is fetched from the host of
//! the topic's own region: that it is Amazon's, the TLS connection to that host says, because what is
//! fetched holds no chain up to a root.

mod certificates;
mod door;
mod message;
mod topic;

pub use door::{SnsDoor, SnsMistake};

pub(crate) use door::{Posted, SnsError};
