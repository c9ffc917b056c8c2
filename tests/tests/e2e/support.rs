//! What the tests share: a folder of files as gcloud writes them, processes, and HTTP.

pub(crate) mod cloud_run;
pub(crate) mod cloud_run_v2;
mod gcloud;
pub(crate) mod gpg;
pub(crate) mod http;
mod listing;
pub(crate) mod oidc;
mod process;
pub(crate) mod registry;
mod stand_in;
mod world;

pub(crate) use gcloud::gcloud;
pub(crate) use listing::{Attestation, occurrences};
pub(crate) use process::{Process, ours};
pub(crate) use stand_in::{Reply, Seen, StandIn};
pub(crate) use world::{
    ATTESTOR, Checked, DIGEST, IMAGE, NOTE, World, attestor, ecdsa_attestor, sha256,
};
