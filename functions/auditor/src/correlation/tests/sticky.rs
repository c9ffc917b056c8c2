//! The same justification again, at the gate and on the platform.

use jiff::Timestamp;
use postern_core::decision::{
    ApiVersion, BreakGlass, BreakGlassSource, Decision, DecisionKind, EnforcementMode,
};
use postern_core::entry::Record;
use postern_core::reason::Verdict;
use serde_json::Value;

use super::*;

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

/// A use of the gate's own emergency door.
fn at_the_gate(past: &mut Past, at: &str, justification: &str) -> Vec<Observed> {
    let at: Timestamp = at.parse().unwrap();
    past.take_entry(&Entry {
        id: format!("01GATE-{at}"),
        at,
        record: Record::Decision(Box::new(Decision {
            api_version: ApiVersion::V1,
            kind: DecisionKind::Decision,
            id: format!("01GATE-{at}"),
            decided_at: at,
            allowed: true,
            verdict: Verdict::NonConformant,
            enforcement: EnforcementMode::Enforced,
            retryable: false,
            break_glass: Some(BreakGlass {
                justification: Some(justification.to_owned()),
                ticket: None,
                source: BreakGlassSource::Request,
                overrode: Verdict::NonConformant,
                over_quota: false,
            }),
            caller: None,
            requester: None,
            target: TARGET.parse().unwrap(),
            policy: None,
            images: Vec::new(),
            reasons: Vec::new(),
            warnings: Vec::new(),
        })),
    })
}

#[test]
fn the_gates_own_emergency_door_is_sticky_too() {
    let mut past = Past::default();
    let first = at_the_gate(&mut past, "2026-03-03T05:00:00Z", "INC-1 outage");
    assert_eq!(detections(&first), [""; 0]);
    let again = at_the_gate(&mut past, "2026-03-03T05:03:00Z", "inc-1 outage");
    assert_eq!(detections(&again), ["postern.break-glass.sticky"]);
    assert_eq!(again[0].finding.target.as_deref(), Some(TARGET));
}

#[test]
fn a_use_at_the_gate_and_on_the_platform_is_one() {
    let mut past = Past::default();
    at_the_gate(&mut past, "2026-03-03T05:00:00Z", "INC-1 outage");
    let platform = break_glass(
        &mut past,
        "2026-03-03T05:09:00Z",
        "checkout-1",
        "INC-1 outage",
    );
    assert_eq!(detections(&platform), [""; 0]);
    let again = at_the_gate(&mut past, "2026-03-03T07:00:00Z", "INC-1 outage");
    assert_eq!(detections(&again), ["postern.break-glass.sticky"]);
    let platform = break_glass(
        &mut past,
        "2026-03-03T07:09:00Z",
        "checkout-2",
        "INC-1 outage",
    );
    assert_eq!(detections(&platform), [""; 0], "it was told at the gate");
}

/// Who asked for it: an entry that names no revision yet.
fn requested(past: &mut Past, at: &str, operation: Option<&str>) -> Vec<Observed> {
    let mut event = at_time(&read(&entry("cloud-run-request-v2")), at, "request");
    event.operation = operation.map(str::to_owned);
    let observed = classify(&catalogue(), &event);
    assert_eq!(
        observed[0].finding.justification.as_deref(),
        Some(JUSTIFICATION)
    );
    let subject = Subject::of(&event);
    past.take(&event, &subject, &observed)
}

const JUSTIFICATION: &str = "INC-4711 payment outage";

fn ready(past: &mut Past, at: &str, revision: &str, operation: Option<&str>) -> Vec<Observed> {
    let operation = operation.map_or(Value::Null, Value::from);
    let entry = patched(
        &entry("cloud-run-break-glass"),
        &[
            ("/resource/labels/revision_name", revision.into()),
            (
                "/protoPayload/response/metadata/annotations/run.googleapis.com~1operation-id",
                operation,
            ),
        ],
    );
    let event = at_time(&read(&entry), at, revision);
    let observed = classify(&catalogue(), &event);
    let subject = Subject::of(&event);
    past.take(&event, &subject, &observed)
}

#[test]
fn a_request_and_its_revision_are_one_use_however_long_it_takes_to_start() {
    for operation in [None, Some("op-1")] {
        let mut past = Past::default();
        requested(&mut past, "2026-03-03T05:00:00Z", operation);
        let found = ready(&mut past, "2026-03-03T05:04:00Z", "checkout-1", operation);
        assert_eq!(detections(&found), [""; 0], "{operation:?}");
        let again = requested(&mut past, "2026-03-03T05:06:00Z", Some("op-2"));
        assert_eq!(detections(&again), ["postern.break-glass.sticky"]);
        let found = ready(
            &mut past,
            "2026-03-03T05:10:00Z",
            "checkout-2",
            Some("op-2"),
        );
        assert_eq!(detections(&found), [""; 0], "each use is told once");
    }
}

#[test]
fn an_operation_names_a_use_beyond_any_time() {
    let mut past = Past::default();
    requested(&mut past, "2026-03-03T05:00:00Z", Some("op-1"));
    let found = ready(
        &mut past,
        "2026-03-03T07:00:00Z",
        "checkout-1",
        Some("op-1"),
    );
    assert_eq!(detections(&found), [""; 0]);
    let other = ready(
        &mut past,
        "2026-03-03T07:00:01Z",
        "checkout-2",
        Some("op-2"),
    );
    assert_eq!(detections(&other), ["postern.break-glass.sticky"]);
}
