//! Which findings are one case, and what is told.

use postern_core::case::CaseState;

use super::*;
use crate::classify::classify;
use crate::correlation::is_news;
use crate::testing::patched;

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

/// The same revision of a service that was deleted and made again. Synthetic.
fn reused(changes: &[(&str, Value)]) -> Value {
    let mut all = vec![("/insertId", "run-bg-reused".into())];
    all.extend(changes.iter().cloned());
    patched(&entry("cloud-run-break-glass"), &all)
}

const CONTAINER: &str = "/protoPayload/response/spec/containers/0/image";
const OTHER_DIGEST: &str = "europe-west1-docker.pkg.dev/acme-shop/apps/checkout@sha256:1111111111111111111111111111111111111111111111111111111111111111";

#[rstest::rstest]
#[case::other_image(reused(&[(CONTAINER, OTHER_DIGEST.into())]), 2)]
#[case::other_image_by_tag(reused(&[(CONTAINER, "r.example/miner:v1".into())]), 2)]
#[case::soon_by_another(reused(&[
    ("/timestamp", "2026-03-03T05:59:00Z".into()),
    ("/protoPayload/response/metadata/annotations/serving.knative.dev~1creator", "dana@example.com".into()),
]), 1)]
#[case::later_by_another(reused(&[
    ("/timestamp", "2026-03-03T06:01:00Z".into()),
    ("/protoPayload/response/metadata/annotations/serving.knative.dev~1creator", "dana@example.com".into()),
]), 2)]
#[case::later_and_nothing_new(reused(&[("/timestamp", "2026-03-03T06:01:00Z".into())]), 1)]
#[tokio::test]
async fn a_revision_whose_name_is_used_again(#[case] again: Value, #[case] cases: usize) {
    let (auditor, store) = auditor(Believed::default());
    receive(&auditor, &entry("cloud-run-break-glass")).await;
    receive(&auditor, &again).await;
    store.with(|state| assert_eq!(state.cases.len(), cases));
}

/// What the program says of a case is no event: as loud as it is, it hides none.
#[tokio::test]
async fn after_an_escalation_a_use_is_told() {
    let (auditor, store) = auditor(Believed::default());
    receive(&auditor, &entry("cloud-run-break-glass")).await;
    let due = "2026-03-04T05:00:10Z".parse().unwrap();
    assert_eq!(auditor.tick(due).await.unwrap().escalated, 1);
    store.with(|state| assert_eq!(state.outbox.len(), 2));
    let again = reused(&[("/timestamp", "2026-03-04T05:30:00Z".into())]);
    receive(&auditor, &again).await;
    store.with(|state| assert_eq!((state.cases.len(), state.outbox.len()), (1, 3)));
}

#[test]
fn what_is_worse_than_all_that_happened_is_told_however_loud_the_case_is() {
    let mut case = crate::testing::case(CaseState::Open);
    let worse = Finding {
        severity: Severity::Critical,
        ..case.findings[0].clone()
    };
    // As it is after nobody took the next step in time.
    case.severity = Severity::Critical;
    let mut overdue = worse.clone();
    overdue.source.kind = "postern.case".to_owned();
    case.add_finding(overdue);
    assert!(is_news(&case, &worse));
    case.add_finding(worse.clone());
    assert!(!is_news(&case, &worse));
}
