use postern_core::decision::{
    ApiVersion, BreakGlass, BreakGlassSource, DecisionKind, EnforcementMode,
};
use postern_core::finding::{Category, Severity};
use postern_core::reason::Verdict;
use postern_core::revocation::{Revocation, Revoked};
use postern_core::target::Target;
use serde_json::{Value, json};

use postern_core::change::Notification;

use super::*;
use crate::classify::classify;
use crate::testing::{MemoryStore, catalogue, entry, patched};

fn auditor(believed: Believed) -> (Auditor, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::default());
    let auditor = Auditor::new(store.clone(), catalogue(), believed)
        .with_clock(|| "2026-03-03T05:00:10Z".parse().unwrap());
    (auditor, store)
}

async fn receive(auditor: &Auditor, entry: &Value) -> Received {
    let raw = entry.to_string();
    auditor
        .receive(raw.as_bytes(), "test", Form::LogEntry)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_break_glass_opens_a_case_with_its_entry_and_its_alert() {
    let (auditor, store) = auditor(Believed::default());
    assert_eq!(
        receive(&auditor, &entry("cloud-run-break-glass")).await,
        Received::Recorded(1)
    );
    store.with(|state| {
        let case = state.cases.values().next().unwrap();
        assert_eq!(case.category, Category::BreakGlass);
        assert_eq!(case.actors, ["night-duty@example.com"]);
        assert_eq!(case.due_at, Some("2026-03-04T05:00:10Z".parse().unwrap()));
        assert_eq!(case.findings[0].case_id.as_ref(), Some(&case.id));
        assert_eq!(state.outbox, [Notification::of(case, case.opened_at)]);
        let records: Vec<_> = state
            .entries
            .iter()
            .map(|entry| match &entry.record {
                Record::Event(receipt) if receipt.readable => "event",
                Record::Finding(_) => "finding",
                Record::CaseStep(_) => "step",
                _ => "other",
            })
            .collect();
        assert_eq!(records, ["event", "finding", "step"]);
    });
}

#[tokio::test]
async fn the_same_event_is_one_event_by_whichever_route() {
    let (auditor, store) = auditor(Believed::default());
    let entry = entry("cloud-run-break-glass");
    receive(&auditor, &entry).await;
    assert_eq!(receive(&auditor, &entry).await, Received::Known);
    let mut data = entry.clone();
    data["protoPayload"]
        .as_object_mut()
        .unwrap()
        .remove("@type");
    let raw = serde_json::to_vec_pretty(&data).unwrap();
    let again = auditor
        .receive(&raw, "cloudevents", Form::LogEntryData)
        .await
        .unwrap();
    assert_eq!(again, Received::Known);
    store.with(|state| assert_eq!((state.cases.len(), state.outbox.len()), (1, 1)));
}

#[rstest::rstest]
#[case::revision_first("cloud-run-break-glass", "cloud-run-break-glass-service")]
#[case::blocked_revision_first("cloud-run-blocked", "cloud-run-blocked-service")]
#[case::blocked_service_first("cloud-run-blocked-service", "cloud-run-blocked")]
#[tokio::test]
async fn a_revision_and_its_service_are_one_case_and_one_alert(
    #[case] first: &str,
    #[case] second: &str,
) {
    let (auditor, store) = auditor(Believed::default());
    receive(&auditor, &entry(first)).await;
    receive(&auditor, &entry(second)).await;
    store.with(|state| {
        assert_eq!(state.cases.len(), 1);
        let case = state.cases.values().next().unwrap();
        assert_eq!(case.findings.len(), 2);
        assert!(case.findings[0].revision.is_some());
        assert_eq!(state.outbox.len(), 1, "{:#?}", state.outbox);
    });
}

#[tokio::test]
async fn who_asked_joins_what_was_used() {
    let (auditor, store) = auditor(Believed::default());
    receive(&auditor, &entry("cloud-run-request-v1")).await;
    receive(&auditor, &entry("cloud-run-break-glass")).await;
    receive(&auditor, &entry("cloud-run-break-glass-service")).await;
    store.with(|state| {
        assert_eq!(state.cases.len(), 1);
        let case = state.cases.values().next().unwrap();
        assert_eq!((case.findings.len(), case.revision), (3, 3));
        assert_eq!(case.findings[0].detection, "gcp.cloud-run.break-glass");
        assert_eq!(state.outbox.len(), 2);
    });
}

#[tokio::test]
async fn a_break_glass_long_after_is_told_again() {
    let (auditor, store) = auditor(Believed::default());
    let base = entry("cloud-run-break-glass");
    receive(&auditor, &base).await;
    for (id, at, alerts) in [
        ("soon", "2026-03-03T05:59:00Z", 1),
        ("a month later", "2026-04-03T05:00:00Z", 2),
        ("soon after that", "2026-04-03T05:10:00Z", 2),
    ] {
        let again = patched(
            &base,
            &[("/insertId", id.into()), ("/timestamp", at.into())],
        );
        receive(&auditor, &again).await;
        store.with(|state| {
            assert_eq!(state.cases.len(), 1, "{id}");
            assert_eq!(state.outbox.len(), alerts, "{id}");
        });
    }
}

#[tokio::test]
async fn entries_of_one_deployment_that_are_decided_at_the_same_time_are_one_case() {
    let store = MemoryStore::default();
    let now = "2026-03-03T05:01:00Z".parse().unwrap();
    let intake = |name: &str| {
        let event = crate::testing::read(&entry(name));
        Intake {
            seen: seen(event.key(), event.content(), b"", now),
            receipt: None,
            quarantine: None,
            entries: Vec::new(),
            observed: classify(&catalogue(), &event),
            labels: Labels::default(),
            sequel: Sequel::default(),
        }
    };
    let decided = async |intake: &Intake| {
        let keys = intake.correlation_keys();
        let snapshot = store.snapshot(&intake.seen.key, &keys).await.unwrap();
        decide(&snapshot, intake, &Rules::default(), now, &mut new_id)
    };
    let revision = intake("cloud-run-break-glass");
    let service = intake("cloud-run-break-glass-service");
    let (first, second) = (decided(&revision).await, decided(&service).await);
    assert_eq!(store.commit(first).await, Ok(Committed::Written));
    assert_eq!(store.commit(second).await, Ok(Committed::Stale));
    let again = decided(&service).await;
    assert_eq!(store.commit(again).await, Ok(Committed::Written));
    store.with(|state| assert_eq!(state.cases.len(), 1));
}

#[tokio::test]
async fn another_revision_is_another_break_glass_however_soon() {
    let (auditor, store) = auditor(Believed::default());
    let base = entry("cloud-run-break-glass");
    receive(&auditor, &base).await;
    let next = [
        ("/insertId", "run-bg-next".into()),
        (
            "/resource/labels/revision_name",
            "checkout-00008-hen".into(),
        ),
    ];
    receive(&auditor, &patched(&base, &next)).await;
    store.with(|state| assert_eq!(state.cases.len(), 2));
}

#[tokio::test]
async fn a_second_request_is_a_second_case() {
    let (auditor, store) = auditor(Believed::default());
    let base = entry("cloud-run-request-v1");
    receive(&auditor, &base).await;
    receive(&auditor, &patched(&base, &[("/insertId", "again".into())])).await;
    store.with(|state| assert_eq!((state.cases.len(), state.outbox.len()), (2, 2)));
}

#[tokio::test]
async fn a_known_id_with_other_content_is_critical_and_hides_nothing() {
    let (auditor, store) = auditor(Believed::default());
    let real = entry("cloud-run-break-glass");
    let forged = patched(
        &real,
        &[("/protoPayload/status/message", "All is well.".into())],
    );
    assert_eq!(receive(&auditor, &forged).await, Received::Recorded(0));
    assert_eq!(receive(&auditor, &real).await, Received::Recorded(2));
    assert_eq!(receive(&auditor, &real).await, Received::Known);
    store.with(|state| {
        let mut found: Vec<_> = state
            .cases
            .values()
            .map(|c| (c.category, c.severity))
            .collect();
        found.sort();
        assert_eq!(
            found,
            [
                (Category::BreakGlass, Severity::High),
                (Category::AuditBlinded, Severity::Critical)
            ]
        );
    });
}

#[tokio::test]
async fn what_cannot_be_read_is_kept_once_and_told() {
    let (auditor, store) = auditor(Believed::default());
    for expected in [Received::Quarantined, Received::Known] {
        let received = auditor
            .receive(b"rubbish", "test", Form::LogEntry)
            .await
            .unwrap();
        assert_eq!(received, expected);
    }
    store.with(|state| {
        assert_eq!(state.quarantined, [b"rubbish"]);
        let case = state.cases.values().next().unwrap();
        assert_eq!(case.category, Category::AuditBlinded);
        assert_eq!(state.outbox.len(), 1);
    });
}

#[tokio::test]
async fn entries_of_unexpected_projects_are_not_believed() {
    let believed = Believed {
        projects: vec!["another".to_owned()],
        ..Believed::default()
    };
    let (auditor, store) = auditor(believed);
    assert_eq!(
        receive(&auditor, &entry("cloud-run-break-glass")).await,
        Received::Quarantined
    );
    store.with(|state| {
        let case = state.cases.values().next().unwrap();
        insta::assert_snapshot!(
            case.findings[0].summary,
            @r#"An audit entry could not be read: nobody expects entries of project "acme-shop""#
        );
    });
}

#[tokio::test]
async fn an_organization_is_expected_under_its_full_name() {
    let log = "organizations/1/logs/cloudaudit.googleapis.com%2Factivity";
    let entry = patched(&entry("gke-break-glass"), &[("/logName", log.into())]);
    for (listed, expected) in [
        ("organizations/1", Received::Recorded(1)),
        ("1", Received::Quarantined),
        ("acme-shop", Received::Quarantined),
    ] {
        let (auditor, _) = auditor(Believed {
            projects: vec![listed.to_owned()],
            ..Believed::default()
        });
        assert_eq!(receive(&auditor, &entry).await, expected, "{listed}");
    }
}

#[tokio::test]
async fn an_entry_of_no_interest_is_kept_without_a_case() {
    let (auditor, store) = auditor(Believed::default());
    let received = receive(&auditor, &entry("data access")).await;
    assert_eq!(received, Received::Recorded(0));
    store.with(|state| {
        assert_eq!(
            (state.entries.len(), state.cases.len(), state.seen.len()),
            (1, 0, 1)
        );
    });
}

#[tokio::test]
async fn a_stale_case_is_read_again_and_an_outage_changes_nothing() {
    let (auditor, store) = auditor(Believed::default());
    store.with(|state| state.stale = 3);
    assert_eq!(
        receive(&auditor, &entry("cloud-run-break-glass")).await,
        Received::Recorded(1)
    );
    store.with(|state| state.outage = true);
    let raw = entry("gke-break-glass").to_string();
    assert!(
        auditor
            .receive(raw.as_bytes(), "test", Form::LogEntry)
            .await
            .is_err()
    );
    store.with(|state| assert_eq!(state.cases.len(), 1));
}

#[tokio::test]
async fn an_alert_wakes_the_notifier() {
    let store = Arc::new(MemoryStore::default());
    let (wake, woken) = std::sync::mpsc::channel();
    let auditor = Auditor::new(store, catalogue(), Believed::default())
        .on_alert(move || wake.send(()).unwrap());
    receive(&auditor, &entry("data access")).await;
    assert!(woken.try_recv().is_err());
    receive(&auditor, &entry("cloud-run-break-glass")).await;
    assert!(woken.try_recv().is_ok());
}

fn decision(verdict: Verdict, break_glass: Option<BreakGlass>) -> Decision {
    Decision {
        api_version: ApiVersion::V1,
        kind: DecisionKind::Decision,
        id: "01JSYNTHETIC".to_owned(),
        decided_at: "2026-03-03T05:00:00Z".parse().unwrap(),
        allowed: true,
        verdict,
        enforcement: EnforcementMode::Enforced,
        retryable: false,
        break_glass,
        caller: Some(postern_core::decision::Caller {
            issuer: "https://accounts.google.com".to_owned(),
            subject: "1".to_owned(),
            email: Some("night-duty@example.com".to_owned()),
        }),
        requester: None,
        target: "cloud-run:acme-shop/europe-west1/checkout"
            .parse::<Target>()
            .unwrap(),
        policy: None,
        images: Vec::new(),
        reasons: Vec::new(),
        warnings: Vec::new(),
    }
}

fn used(over_quota: bool) -> BreakGlass {
    BreakGlass {
        justification: Some("INC-4711 payment outage".to_owned()),
        ticket: Some("INC-4711".to_owned()),
        source: BreakGlassSource::Request,
        overrode: Verdict::NonConformant,
        over_quota,
    }
}

#[tokio::test]
async fn a_break_glass_at_the_gate_and_on_the_platform_are_one_case() {
    let (auditor, store) = auditor(Believed::default());
    let decision = decision(Verdict::NonConformant, Some(used(false)));
    assert_eq!(
        auditor.record_decision(&decision).await,
        Ok(Received::Recorded(1))
    );
    receive(&auditor, &entry("cloud-run-break-glass")).await;
    store.with(|state| {
        assert_eq!(state.cases.len(), 1);
        let case = state.cases.values().next().unwrap();
        let gate = case
            .findings
            .iter()
            .find(|f| f.source.kind == "postern.gate")
            .unwrap();
        assert_eq!(gate.bypassed, Some(true));
        assert_eq!(gate.decision_id.as_deref(), Some("01JSYNTHETIC"));
    });
}

#[tokio::test]
async fn the_gates_acts_become_findings_of_the_right_severity() {
    for (decision, expected) in [
        (
            decision(Verdict::NonConformant, Some(used(false))),
            Some((Category::BreakGlass, Severity::High)),
        ),
        (
            decision(Verdict::NonConformant, Some(used(true))),
            Some((Category::BreakGlass, Severity::Critical)),
        ),
        (
            decision(Verdict::Undetermined, None),
            Some((Category::FailOpen, Severity::High)),
        ),
        (decision(Verdict::Conformant, None), None),
    ] {
        let (auditor, store) = auditor(Believed::default());
        auditor.record_decision(&decision).await.unwrap();
        let found = store.with(|s| s.cases.values().next().map(|c| (c.category, c.severity)));
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn a_change_of_the_revocation_list_is_a_finding() {
    let (auditor, store) = auditor(Believed::default());
    let at = "2026-03-03T05:00:00Z".parse().unwrap();
    let revocation = Revocation {
        what: Revoked::Key("ni:///sha-256;abc".to_owned()),
        reason: "leaked".to_owned(),
        by: "local:dana".to_owned(),
        at,
    };
    let entry = Entry {
        id: "r1".to_owned(),
        at,
        record: Record::Revocation(revocation),
    };
    assert_eq!(auditor.record(&entry).await, Ok(Received::Recorded(1)));
    store.with(|state| {
        let case = state.cases.values().next().unwrap();
        insta::assert_snapshot!(case.findings[0].summary, @r#"local:dana revoked ni:///sha-256;abc, because "leaked""#);
    });
}

#[tokio::test]
async fn the_spool_is_taken_in_under_its_own_ids_and_only_once() {
    let (auditor, store) = auditor(Believed::default());
    let decision = decision(Verdict::Undetermined, Some(used(false)));
    let entry = Entry {
        id: decision.id.clone(),
        at: decision.decided_at,
        record: Record::Decision(Box::new(decision.clone())),
    };
    assert_eq!(auditor.take_in(&entry).await, Ok(Received::Recorded(1)));
    assert_eq!(auditor.take_in(&entry).await, Ok(Received::Known));
    assert_eq!(
        auditor.record_decision(&decision).await,
        Ok(Received::Known)
    );
    store.with(|state| {
        assert_eq!(state.entries.iter().filter(|e| e.id == entry.id).count(), 1);
        assert_eq!(state.cases.len(), 1);
    });
    let mut other = decision;
    other.allowed = false;
    assert_eq!(
        auditor.record_decision(&other).await,
        Ok(Received::Recorded(1))
    );
    store.with(|state| {
        assert!(
            state
                .cases
                .values()
                .any(|case| case.category == Category::AuditBlinded)
        );
    });
}

#[test]
fn the_configuration_says_who_is_believed() {
    let audit: postern_host::config::Audit =
        serde_json::from_value(json!({"projects": ["p"], "subscriptions": ["s"]})).unwrap();
    let believed = Believed::from(&audit);
    assert_eq!(
        (believed.projects, believed.subscriptions),
        (vec!["p".to_owned()], vec!["s".to_owned()])
    );
}

/// Both parts of a break-glass on GKE, whose request was cut in two. Synthetic.
fn parts() -> [serde_json::Value; 2] {
    let part = |index: u64, request: serde_json::Value| {
        patched(
            &entry("gke-break-glass"),
            &[
                ("/insertId", format!("gke-bg-1-{index}").into()),
                (
                    "/split",
                    serde_json::json!({"uid": "synthetic-split", "index": index, "totalSplits": 2}),
                ),
                ("/protoPayload/request", request),
            ],
        )
    };
    let whole = entry("gke-break-glass")["protoPayload"]["request"].clone();
    let mut metadata = whole.clone();
    metadata.as_object_mut().unwrap().remove("spec");
    [
        part(0, metadata),
        part(1, serde_json::json!({"spec": whole["spec"]})),
    ]
}

#[tokio::test]
async fn a_split_entry_is_read_when_its_last_part_is_there_in_whichever_order() {
    for order in [[0, 1], [1, 0]] {
        let (auditor, store) = auditor(Believed::default());
        let parts = parts();
        let mut received = Vec::new();
        for index in [order[0], order[0], order[1]] {
            let raw = parts[index].to_string();
            let outcome = auditor
                .receive(raw.as_bytes(), "test", Form::LogEntry)
                .await;
            received.push(outcome.unwrap());
        }
        let raw = parts[0].to_string();
        let again = auditor.receive(raw.as_bytes(), "test", Form::LogEntry);
        received.push(again.await.unwrap());
        let expected = [
            Received::Kept,
            Received::Kept,
            Received::Recorded(1),
            Received::Known,
        ];
        assert_eq!(received, expected);
        store.with(|state| {
            let case = state.cases.values().next().unwrap();
            assert_eq!(case.findings[0].detection, "gcp.gke.break-glass");
            assert_eq!(case.findings[0].images.len(), 1, "from the second part");
            assert!(state.parts.iter().all(|part| part.raw.is_empty()));
        });
    }
}
