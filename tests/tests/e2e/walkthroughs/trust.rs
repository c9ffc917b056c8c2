//! Keys, attestors and policies, with the gate of the same server as judge.

use postern_tests::have;

use super::{Reader, TOOLS};
use crate::support::World;
use crate::support::oidc::{AUDIENCE, Issuer};

pub(super) const FOLLOWED: [&str; 5] = [
    "break-glass.md",
    "kms-and-cloud-build.md",
    "pgp-and-circleci.md",
    "sign-by-hand.md",
    "troubleshooting.md",
];

#[test]
fn a_kms_attestor_and_cloud_build() {
    if have(&TOOLS) {
        Reader::new(&[]).follow("kms-and-cloud-build.md");
    }
}

#[test]
fn signing_by_hand_and_from_dry_run_to_enforcement() {
    if have(&TOOLS) && have(&["openssl"]) {
        Reader::new(&[]).follow("sign-by-hand.md");
    }
}

#[test]
fn a_pgp_attestor_and_circleci() {
    if have(&TOOLS) && have(&["gpg"]) {
        Reader::new(&[]).follow("pgp-and-circleci.md");
    }
}

#[test]
fn break_glass_and_its_audit_trail() {
    if have(&TOOLS) {
        let mut reader = Reader::new(&[("POSTERN__BREAKGLASS__TICKET", "^INC-[0-9]+")]);
        reader.follow("break-glass.md");
    }
}

/// Here callers are somebody: an owner, and the account of the build.
#[test]
fn when_something_is_refused() {
    if !(have(&TOOLS) && have(&["openssl"])) {
        return;
    }
    let world = World::new();
    let issuer = Issuer::start(world.folder());
    let callers = format!("[{{issuer: \"{}\", audience: {AUDIENCE}}}]", issuer.name());
    let mut reader = Reader::in_world(
        world,
        &[
            ("POSTERN__AUTH__TRUST", &callers),
            ("POSTERN__TRUST__OWNERS", "[user:owner@example.com]"),
        ],
    );
    reader.with("OWNER", &issuer.token("owner@example.com"));
    let builder = "builder@demo-mart.iam.gserviceaccount.com";
    reader.with("BUILDER", &issuer.token(builder));
    reader.follow("troubleshooting.md");
}
