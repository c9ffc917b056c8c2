//! What several events together mean. Every event here is synthetic.

use jiff::SignedDuration;
use postern_core::event::AuditEvent;
use postern_core::memory::{Decided, Memory};

use super::clues::Clues;
use crate::classify::{Observed, classify};
use crate::subject::Subject;
use crate::testing::{catalogue, entry, patched, read};
use crate::watch::Watch;

const TARGET: &str = "cloud-run:acme-shop/europe-west1/checkout";
const IMAGE: &str = "europe-west1-docker.pkg.dev/acme-shop/apps/checkout@sha256:9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d";

/// A memory that remembers what events said, as a store does.
#[derive(Default)]
struct Past {
    memory: Memory,
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
        let mut asked = Memory::default();
        for key in &clues.questions.facts {
            asked
                .facts
                .insert(key.clone(), self.memory.of(key).to_vec());
        }
        for of in &clues.questions.decisions {
            let decided = self.memory.decisions.get(of).cloned().unwrap_or_default();
            asked.decisions.insert(of.clone(), decided);
        }
        asked.gated.clone_from(&self.memory.gated);
        let weighed = clues.weigh(&asked, observed);
        for fact in weighed.facts {
            self.memory
                .facts
                .entry(fact.key.clone())
                .or_default()
                .push(fact);
        }
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

    fn decided(&mut self, allowed: Option<&str>, denied: Option<&str>) {
        let digest = IMAGE.rsplit_once('@').unwrap().1.parse().unwrap();
        let decided = Decided {
            allowed: allowed.map(str::to_owned),
            denied: denied.map(str::to_owned),
        };
        self.memory
            .decisions
            .insert((digest, TARGET.to_owned()), decided);
        self.memory.gated.insert(TARGET.to_owned());
    }
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

fn break_glass(past: &mut Past, at: &str, revision: &str, justification: &str) -> Vec<Observed> {
    let entry = patched(
        &entry("cloud-run-break-glass"),
        &[
            ("/resource/labels/revision_name", revision.into()),
            (
                "/protoPayload/response/metadata/annotations/run.googleapis.com~1binary-authorization-breakglass",
                justification.into(),
            ),
        ],
    );
    let event = at_time(&read(&entry), at, revision);
    let observed = classify(&catalogue(), &event);
    let subject = Subject::of(&event);
    past.take(&event, &subject, &observed)
}

#[test]
fn the_same_justification_again_is_sticky() {
    let mut past = Past::default();
    let first = break_glass(
        &mut past,
        "2026-03-03T05:00:00Z",
        "checkout-1",
        "INC-1 outage",
    );
    assert_eq!(detections(&first), [""; 0]);
    let other = break_glass(
        &mut past,
        "2026-03-03T06:00:00Z",
        "checkout-2",
        "INC-2 another",
    );
    assert_eq!(detections(&other), [""; 0]);
    let again = break_glass(
        &mut past,
        "2026-03-04T05:00:00Z",
        "checkout-3",
        " inc-1  OUTAGE ",
    );
    assert_eq!(detections(&again), ["postern.break-glass.sticky"]);
    assert_eq!(again[0].finding.revision.as_deref(), Some("checkout-3"));
}

#[test]
fn the_entries_of_one_deployment_are_one_use() {
    let mut past = Past::default();
    break_glass(
        &mut past,
        "2026-03-03T05:00:00Z",
        "checkout-1",
        "INC-1 outage",
    );
    let service = break_glass(
        &mut past,
        "2026-03-03T05:00:02Z",
        "checkout-1",
        "INC-1 outage",
    );
    assert_eq!(detections(&service), [""; 0]);
    break_glass(
        &mut past,
        "2026-03-03T07:00:00Z",
        "checkout-2",
        "INC-1 outage",
    );
    let told = break_glass(
        &mut past,
        "2026-03-03T07:00:02Z",
        "checkout-2",
        "INC-1 outage",
    );
    assert_eq!(detections(&told), [""; 0], "each deployment is told once");
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
fn a_deployment_after_a_denial_is_worse_and_an_allowed_one_is_fine() {
    let mut past = Past::default();
    past.decided(None, Some("01A-DENIED"));
    let found = past.deploy("2026-03-03T05:00:00Z", "checkout-1");
    assert_eq!(detections(&found), ["postern.deployment.after-denial"]);
    assert_eq!(found[0].finding.decision_id.as_deref(), Some("01A-DENIED"));
    past.decided(Some("01B-ALLOWED"), Some("01A-DENIED"));
    let allowed = past.deploy("2026-03-03T09:00:00Z", "checkout-2");
    assert_eq!(detections(&allowed), [""; 0]);
    past.decided(Some("01B-ALLOWED"), Some("01C-DENIED"));
    let since = past.deploy("2026-03-03T12:00:00Z", "checkout-3");
    assert_eq!(detections(&since), ["postern.deployment.after-denial"]);
}

#[test]
fn having_asked_nobody_first_does_not_hide_what_was_denied_since() {
    let mut past = Past::default();
    past.watch.gated = vec!["cloud-run:acme-shop/*".to_owned()];
    let first = past.deploy("2026-03-03T05:00:00Z", "checkout-1");
    assert_eq!(detections(&first), ["postern.deployment.without-decision"]);
    past.decided(None, Some("01A-DENIED"));
    let second = past.deploy("2026-03-03T05:10:00Z", "checkout-2");
    assert_eq!(detections(&second), ["postern.deployment.after-denial"]);
}

#[test]
fn break_glass_is_no_bypass_and_knows_the_last_conformant_revision() {
    let mut past = Past::default();
    past.decided(Some("01ALLOWED"), None);
    past.deploy("2026-03-03T04:00:00Z", "checkout-ok");
    let entry = entry("cloud-run-break-glass");
    let event = read(&entry);
    let observed = classify(&catalogue(), &event);
    let subject = Subject {
        deployed: vec![IMAGE.to_owned()],
        ..Subject::of(&event)
    };
    past.memory.decisions.clear();
    let key = event.key();
    let clues = Clues::of(&catalogue(), &past.watch, &event, &subject, &observed, &key);
    let weighed = clues.weigh(&past.memory, &observed);
    assert_eq!(detections(&weighed.found), ["gcp.cloud-run.break-glass"]);
    let finding = &weighed.found[0].finding;
    assert_eq!(
        finding.last_conformant_revision.as_deref(),
        Some("checkout-ok")
    );
    assert_eq!(clues.expectations.len(), 1, "its image should be attested");
    let due = clues.expectations[0].due_at;
    assert_eq!(due.duration_since(event.at), SignedDuration::from_hours(24));
}

#[test]
fn traffic_to_a_revision_that_was_never_allowed_is_found() {
    let mut past = Past::default();
    past.decided(Some("01ALLOWED"), None);
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

/// The three entries in any order make one finding.
#[test]
fn open_deploy_close_is_found_whichever_entry_comes_last() {
    let base = read(&entry("ordinary deployment"));
    let observed = |id: &str, event: &AuditEvent| {
        let mut observed = classify(&catalogue(), &read(&entry("cloud-run-break-glass")));
        observed[0].finding.detection = id.to_owned();
        observed[0].finding.category = postern_core::finding::Category::PolicyWeakened;
        observed[0].finding.at = event.at;
        observed
    };
    let orders: [[usize; 3]; 6] = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    for order in orders {
        let mut past = Past::default();
        let mut found = Vec::new();
        for step in order {
            found.extend(match step {
                0 => {
                    let event = at_time(&base, "2026-03-03T05:00:00Z", "weakened");
                    let observed = observed("gcp.binauthz.policy-weakened", &event);
                    past.take(&event, &Subject::default(), &observed)
                }
                1 => past.deploy("2026-03-03T05:10:00Z", "checkout-1"),
                _ => {
                    let event = at_time(&base, "2026-03-03T05:20:00Z", "restored");
                    let observed = observed("gcp.binauthz.policy-changed", &event);
                    past.take(&event, &Subject::default(), &observed)
                }
            });
        }
        assert_eq!(
            detections(&found),
            ["postern.policy.open-deploy-close"],
            "{order:?}"
        );
        assert!(
            found[0].finding.summary.contains(TARGET),
            "{}",
            found[0].finding.summary
        );
    }
}

#[test]
fn a_policy_that_stays_weak_or_comes_back_a_day_later_is_another_story() {
    let base = read(&entry("ordinary deployment"));
    let mut past = Past::default();
    let policy = |past: &mut Past, id: &str, at: &str| {
        let event = at_time(&base, at, id);
        let mut observed = classify(&catalogue(), &read(&entry("cloud-run-break-glass")));
        observed[0].finding.detection = id.to_owned();
        observed[0].finding.category = postern_core::finding::Category::PolicyWeakened;
        past.take(&event, &Subject::default(), &observed)
    };
    policy(
        &mut past,
        "gcp.binauthz.policy-weakened",
        "2026-03-03T05:00:00Z",
    );
    assert!(past.deploy("2026-03-03T05:10:00Z", "checkout-1").is_empty());
    let late = policy(
        &mut past,
        "gcp.binauthz.policy-changed",
        "2026-03-04T05:00:00Z",
    );
    assert_eq!(detections(&late), [""; 0]);
}

#[test]
fn a_signature_of_a_key_of_ours_is_expected_to_become_an_attestation() {
    const KEY: &str = "projects/acme-shop/locations/global/keyRings/trust/cryptoKeys/attest";
    let mut event = read(&entry("ordinary deployment"));
    event.service = "cloudkms.googleapis.com".to_owned();
    event.method = "AsymmetricSign".to_owned();
    event.resource = format!("{KEY}/cryptoKeyVersions/1");
    let payload = postern_core::image::Digest::of(b"a synthetic payload");
    let bytes: Vec<u8> = (0..32)
        .map(|i| u8::from_str_radix(&payload.hex()[i * 2..i * 2 + 2], 16).unwrap())
        .collect();
    let digest = postern_core::bytes::Base64::encode(&bytes);
    event.request = Some(serde_json::json!({"digest": {"sha256": digest}}));
    let expected = |keys: &[&str]| {
        let watch = Watch {
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            ..Watch::default()
        };
        let clues = Clues::of(
            &catalogue(),
            &watch,
            &event,
            &Subject::of(&event),
            &[],
            "key",
        );
        clues
            .expectations
            .into_iter()
            .map(|e| e.what)
            .collect::<Vec<_>>()
    };
    assert_eq!(expected(&[]), []);
    assert_eq!(
        expected(&[KEY]),
        [postern_core::memory::Expected::Attestation {
            payload: payload.hex()
        }]
    );
}
