//! The domain of Postern, and nothing else: what an image, a policy, an attestation, a decision, an
//! audit event, a finding and a case are, and the pure functions over them.
//!
//! No I/O, no runtime, no clock and no randomness: time and ids come in as arguments, the outside
//! world stands behind the traits of [`ports`]. `clippy.toml` beside this crate enforces it.

pub mod attestor;
pub mod bytes;
pub mod case;
pub mod change;
pub mod checksum;
pub mod decision;
pub mod entry;
pub mod event;
pub mod evidence;
pub mod finding;
pub mod glob;
pub mod image;
pub mod ledger;
pub mod memory;
pub mod occurrence;
pub mod ocsf;
pub mod payload;
pub mod personal;
pub mod platform_policy;
pub mod policy;
pub mod ports;
pub mod reason;
pub mod request;
pub mod revocation;
pub mod rollback;
pub mod sparse;
pub mod target;
