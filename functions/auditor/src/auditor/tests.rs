use postern_core::finding::{Category, Severity};
use serde_json::{Value, json};

use postern_core::change::Notification;

use super::*;
use crate::testing::{MemoryStore, catalogue, entry, patched};

mod joining;
mod journalled;
mod parts;
mod rollouts;

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
