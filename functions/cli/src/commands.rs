//! One file per command.

pub(crate) mod attest;
pub(crate) mod audit;
pub(crate) mod case;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod deploy;
pub(crate) mod doctor;
pub(crate) mod inspect;
pub(crate) mod key;
pub(crate) mod ledger;
pub(crate) mod notify;
pub(crate) mod payload;
pub(crate) mod policy;
pub(crate) mod report;
pub(crate) mod revoke;
pub(crate) mod serve;
pub(crate) mod signature;
pub(crate) mod store;
pub(crate) mod terraform;
