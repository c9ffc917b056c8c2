//! The attestor: signs an attestation of an image once its conditions hold.
//!
//! * [`issue()`] makes one attestation with one key and stores it, for the function and the command
//!   line alike. What was signed is verified against the attestor before it is stored.
//! * [`SigningRule`] says with which key an attestor signs, for whom and what; [`rules()`] reads those
//!   of a configuration.
//! * [`Attestor`] is the function: a request is held against the rules, signed, journalled, stored
//!   and then answered ([`router`]).
//! * [`KeyReference`] and [`SoftwareKey`] read keys as configurations and command lines name them.

mod attestor;
mod issue;
mod key;
mod refusal;
mod routes;
mod rule;
mod rules;
#[cfg(test)]
mod testing;

pub use attestor::{Attestor, AttestorParts, Request};
pub use issue::{IssueError, Signed, issue, issue_until, sign};
pub use key::{KeyMistake, KeyReference, SoftwareKey};
pub use refusal::Refusal;
pub use routes::router;
pub use rule::{RuleMistake, SignerFor, SigningRule};
pub use rules::{RulesMistake, rules};
