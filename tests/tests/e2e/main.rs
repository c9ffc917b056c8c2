//! The shipped binaries end to end: against keys and signatures of other people's tools, real
//! registries, emulators, and against servers that are taken away.
//!
//! Everything here is synthetic, and every key is made when its test runs.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what goes wrong in a helper fails the test that called it"
)]

mod alerts;
mod anchors;
mod apart;
mod appraised;
mod attest_running;
mod audit;
mod callers;
mod cloud_kms;
mod coverage;
mod deploy;
mod doctor;
mod forward;
mod founding;
mod gcloud;
mod google_api;
mod inspect;
mod issuing;
mod kms;
mod ledger;
mod ledger_rotation;
mod openpgp;
mod outages;
mod pack;
mod peers;
mod pkix;
mod platforms;
mod policy_live;
mod pubsub;
mod queues;
mod reconcile;
mod registry;
mod revocations;
mod secrets;
mod sns;
mod store;
mod support;
mod terraform;
mod terraform_google;
mod trust;
mod trust_kms;
mod trust_platforms;
mod walkthroughs;
