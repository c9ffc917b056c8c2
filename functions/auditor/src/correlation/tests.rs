//! What several events together mean. Every event here is synthetic.

mod policy;
mod sticky;

use jiff::SignedDuration;
use postern_core::entry::Entry;
use postern_core::event::AuditEvent;
use postern_core::finding::Finding;
use postern_core::image::Digest;
use postern_core::memory::{Expected, Outcome, PastDecision};
use postern_core::occurrence::payload_hashes;
use postern_host::config::TrustSet;

use super::clues::Clues;
use crate::classify::{Observed, classify};
use crate::journal::findings_of_entry;
use crate::subject::Subject;
use crate::testing::{self, catalogue, entry, patched, read};
use crate::watch::Watch;

const TARGET: &str = "cloud-run:acme-shop/europe-west1/checkout";
const IMAGE: &str = "europe-west1-docker.pkg.dev/acme-shop/apps/checkout@sha256:9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d";

/// A memory that remembers what events said, as a store does.
#[derive(Default)]
struct Past {
    memory: testing::Past,
    watch: Watch,
}

impl Past {
    /// Takes an event in; returns what only the memory could find.
    fn take(
        &mut self,
        event: &AuditEvent,
        subject: &Subject,
        observed: &[Observed],
    ) -> Vec<Observed> {
        let key = event.key();
        let clues = Clues::of(&catalogue(), &self.watch, event, subject, observed, &key);
        self.weigh(&clues, observed)
    }

    /// Takes in what the gate did.
    fn take_entry(&mut self, entry: &Entry) -> Vec<Observed> {
        let observed = findings_of_entry(&catalogue(), entry);
        let clues = Clues::of_findings(&catalogue(), &self.watch, &observed);
        self.weigh(&clues, &observed)
    }

    fn weigh(&mut self, clues: &Clues, observed: &[Observed]) -> Vec<Observed> {
        let weighed = clues.weigh(&self.memory.recall(&clues.questions), observed);
        self.memory.add(weighed.facts);
        weighed.found.into_iter().skip(observed.len()).collect()
    }

    fn deploy(&mut self, at: &str, revision: &str) -> Vec<Observed> {
        let event = at_time(&read(&entry("ordinary deployment")), at, revision);
        let subject = Subject {
            target: Some(TARGET.to_owned()),
            revision: Some(revision.to_owned()),
            images: vec![IMAGE.to_owned()],
            deployed: vec![IMAGE.to_owned()],
            ..Subject::default()
        };
        self.take(&event, &subject, &[])
    }

    fn decided(&mut self, at: &str, id: &str, outcome: Outcome) {
        let decision = PastDecision {
            id: id.to_owned(),
            at: at.parse().unwrap(),
            outcome,
        };
        let decided = (digest(), TARGET.to_owned(), decision);
        self.memory.decisions.push(decided);
    }
}

fn digest() -> Digest {
    IMAGE.rsplit_once('@').unwrap().1.parse().unwrap()
}

fn at_time(event: &AuditEvent, at: &str, id: &str) -> AuditEvent {
    AuditEvent {
        at: at.parse().unwrap(),
        id: format!("synthetic-{id}-{at}"),
        ..event.clone()
    }
}

fn detections(found: &[Observed]) -> Vec<&str> {
    found.iter().map(|o| o.finding.detection.as_str()).collect()
}

#[test]
fn a_deployment_that_nobody_asked_the_gate_about_is_found_where_the_gate_stands() {
    let mut past = Past::default();
    assert_eq!(
        detections(&past.deploy("2026-03-03T05:00:00Z", "checkout-1")),
        [""; 0]
    );
    past.watch.gated = vec!["cloud-run:acme-shop/*".to_owned()];
    let found = past.deploy("2026-03-03T05:10:00Z", "checkout-2");
    assert_eq!(detections(&found), ["postern.deployment.without-decision"]);
    let again = past.deploy("2026-03-03T05:12:00Z", "checkout-3");
    assert_eq!(
        detections(&again),
        [""; 0],
        "the same image is told once an hour"
    );
}

#[test]
fn the_last_decision_before_a_deployment_says_whether_it_was_allowed() {
    let mut past = Past::default();
    // The ids are in another order than the times.
    past.decided("2026-03-03T04:00:00Z", "01D", Outcome::Denied);
    past.decided("2026-03-03T08:00:00Z", "01C", Outcome::Conformant);
    past.decided("2026-03-03T11:00:00Z", "01B", Outcome::Denied);
    past.decided("2026-03-03T14:00:00Z", "01A", Outcome::LetThrough);
    for (at, expected) in [
        ("2026-03-03T03:00:00Z", Some(("without-decision", None))),
        ("2026-03-03T05:00:00Z", Some(("after-denial", Some("01D")))),
        ("2026-03-03T09:00:00Z", None),
        ("2026-03-03T12:00:00Z", Some(("after-denial", Some("01B")))),
        // In dry run nobody went past the gate.
        ("2026-03-03T15:00:00Z", None),
    ] {
        let found = past.deploy(at, &format!("checkout-{}", &at[11..13]));
        let told = found.iter().map(|o| {
            let word = o.finding.detection.rsplit('.').next().unwrap();
            (word, o.finding.decision_id.as_deref())
        });
        let expected: Vec<_> = expected.into_iter().collect();
        assert_eq!(told.collect::<Vec<_>>(), expected, "{at}");
    }
}

#[test]
fn what_is_allowed_later_does_not_count_but_for_clocks_that_are_apart() {
    for (decided, expected) in [
        ("2026-03-03T05:00:30Z", [""; 0].as_slice()),
        (
            "2026-03-03T05:00:31Z",
            &["postern.deployment.without-decision"],
        ),
    ] {
        let mut past = Past::default();
        past.decided(decided, "01A", Outcome::Conformant);
        let found = past.deploy("2026-03-03T05:00:00Z", "checkout-1");
        assert_eq!(detections(&found), expected, "{decided}");
    }
}

#[test]
fn having_asked_nobody_first_does_not_hide_what_was_denied_since() {
    let mut past = Past::default();
    past.watch.gated = vec!["cloud-run:acme-shop/*".to_owned()];
    let first = past.deploy("2026-03-03T05:00:00Z", "checkout-1");
    assert_eq!(detections(&first), ["postern.deployment.without-decision"]);
    past.decided("2026-03-03T05:05:00Z", "01A-DENIED", Outcome::Denied);
    let second = past.deploy("2026-03-03T05:10:00Z", "checkout-2");
    assert_eq!(detections(&second), ["postern.deployment.after-denial"]);
}

/// The finding of a break-glass, with what the memory adds to it.
fn enriched(past: &Past) -> (Clues, Finding) {
    let event = read(&entry("cloud-run-break-glass"));
    let observed = classify(&catalogue(), &event);
    let subject = Subject {
        deployed: vec![IMAGE.to_owned()],
        ..Subject::of(&event)
    };
    let key = event.key();
    let clues = Clues::of(&catalogue(), &past.watch, &event, &subject, &observed, &key);
    let weighed = clues.weigh(&past.memory.recall(&clues.questions), &observed);
    assert_eq!(detections(&weighed.found), ["gcp.cloud-run.break-glass"]);
    (clues, weighed.found[0].finding.clone())
}

#[test]
fn break_glass_is_no_bypass_and_knows_the_last_conformant_revision() {
    let mut past = Past::default();
    past.decided("2026-03-03T03:59:00Z", "01A", Outcome::Conformant);
    past.deploy("2026-03-03T04:00:00Z", "checkout-ok");
    past.memory.decisions.clear();
    past.decided("2026-03-03T04:10:00Z", "01B", Outcome::LetThrough);
    past.deploy("2026-03-03T04:11:00Z", "checkout-dry-run");
    past.memory.decisions.clear();
    past.decided("2026-03-03T04:20:00Z", "01C", Outcome::Denied);
    let (clues, finding) = enriched(&past);
    assert_eq!(
        finding.last_conformant_revision.as_deref(),
        Some("checkout-ok"),
        "what was let through in dry run never conformed"
    );
    assert_eq!(finding.decision_id.as_deref(), Some("01C"));
    assert_eq!(clues.expectations.len(), 1, "its image should be attested");
    let due = clues.expectations[0].due_at;
    let within = due.duration_since(finding.at);
    assert_eq!(within, SignedDuration::from_hours(24));
}

#[test]
fn traffic_to_a_revision_that_was_never_allowed_is_found() {
    let mut past = Past::default();
    past.decided("2026-03-03T03:59:00Z", "01A", Outcome::Conformant);
    past.deploy("2026-03-03T04:00:00Z", "checkout-ok");
    let mut move_to = |at: &str, revision: &str| {
        let event = at_time(&read(&entry("ordinary deployment")), at, revision);
        let subject = Subject {
            target: Some(TARGET.to_owned()),
            traffic_to: vec![revision.to_owned()],
            ..Subject::default()
        };
        past.take(&event, &subject, &[])
    };
    assert_eq!(
        detections(&move_to("2026-03-03T05:00:00Z", "checkout-ok")),
        [""; 0]
    );
    let found = move_to("2026-03-03T05:01:00Z", "checkout-unseen");
    assert_eq!(
        detections(&found),
        ["postern.deployment.traffic-to-unverified"]
    );
    assert_eq!(
        found[0].finding.revision.as_deref(),
        Some("checkout-unseen")
    );
}

#[test]
fn a_signature_of_a_key_of_ours_is_expected_to_become_an_attestation() {
    const KEY: &str = "projects/acme-shop/locations/global/keyRings/trust/cryptoKeys/attest";
    const PAYLOAD: &[u8] = b"a synthetic payload";
    let mut event = read(&entry("ordinary deployment"));
    event.service = "cloudkms.googleapis.com".to_owned();
    event.method = "AsymmetricSign".to_owned();
    event.resource = format!("{KEY}/cryptoKeyVersions/1");
    let expected = |event: &AuditEvent, keys: &[&str]| {
        let trust = TrustSet {
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            ..TrustSet::default()
        };
        let (catalogue, subject) = (catalogue().trusting(&trust), Subject::of(event));
        let clues = Clues::of(
            &catalogue,
            &Watch::default(),
            event,
            &subject,
            &[],
            "log|sign",
        );
        let expectations = clues.expectations.into_iter();
        expectations.map(|e| e.what).collect::<Vec<_>>()
    };
    let names = ["sha256", "sha384", "sha512"];
    for (name, hash) in names.into_iter().zip(payload_hashes(PAYLOAD)) {
        let bytes = hex::decode(&hash).unwrap();
        let digest = postern_core::bytes::Base64::encode(&bytes);
        event.request = Some(serde_json::json!({"digest": {name: digest}}));
        assert_eq!(expected(&event, &[]), []);
        assert_eq!(
            expected(&event, &[KEY]),
            [Expected::Attestation {
                payload: hash.clone()
            }]
        );
        event.request = Some(serde_json::json!({"digest": {name: &digest[..8]}}));
        assert_eq!(expected(&event, &[KEY]), [], "{name} is cut short");

        let mut past = Past::default();
        let mut attested = event.clone();
        attested.service = "containeranalysis.googleapis.com".to_owned();
        attested.method = "CreateOccurrence".to_owned();
        let payload = postern_core::bytes::Base64::encode(PAYLOAD);
        attested.request = Some(serde_json::json!({
            "occurrence": {"attestation": {"serializedPayload": payload}}
        }));
        past.take(&attested, &Subject::of(&attested), &[]);
        let facts = &past.memory.facts;
        assert!(facts.contains_key(&super::attested_key(&hash)), "{name}");
    }
}
