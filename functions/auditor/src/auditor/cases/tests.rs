use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::SignedDuration;
use postern_core::case::{CaseState, ClosedAs};
use postern_core::decision::Caller;
use postern_core::entry::Signing;
use postern_core::finding::Severity;
use postern_core::ports::{
    Appraisal, AppraisedEvidence, AppraisedImage, Appraiser, RunningRevision, Runtime, RuntimeState,
};
use postern_core::reason::Verdict;
use postern_core::target::Target;
use postern_host::config::Right::{Approve, Respond};

use super::*;
use crate::auditor::Believed;
use crate::parse::Form;
use crate::testing::{self, MemoryStore, catalogue, entry, patched, person};

const OTHER: &str = "europe-west1-docker.pkg.dev/acme-shop/apps/checkout@sha256:1111111111111111111111111111111111111111111111111111111111111111";

/// A gate that says what it was told to.
#[derive(Default)]
struct FakeAppraiser(Mutex<Option<Vec<AppraisedImage>>>);

#[async_trait]
impl Appraiser for FakeAppraiser {
    async fn appraise(&self, _: &Target, _: &[String]) -> Result<Appraisal, Unavailable> {
        let images = self.0.lock().unwrap().clone();
        let images = images.ok_or_else(|| Unavailable::new("fake gate", "is down"))?;
        Ok(Appraisal { images })
    }
}

/// A platform that runs what it was told to.
struct FakeRuntime(Result<RuntimeState, Unavailable>);

#[async_trait]
impl Runtime for FakeRuntime {
    async fn state(&self, _: &Target) -> Result<RuntimeState, Unavailable> {
        self.0.clone()
    }
}

struct Scene {
    auditor: Auditor,
    store: Arc<MemoryStore>,
    gate: Arc<FakeAppraiser>,
}

fn now() -> Timestamp {
    "2026-03-03T09:00:00Z".parse().unwrap()
}

fn scene(case: Case, runs: Result<RuntimeState, Unavailable>) -> Scene {
    let store = Arc::new(MemoryStore::default());
    store.with(|state| state.cases.insert(case.id.clone(), case));
    let gate = Arc::new(FakeAppraiser::default());
    let auditor = Auditor::new(store.clone(), catalogue(), Believed::default())
        .with_clock(now)
        .with_appraiser(gate.clone())
        .with_runtime(Arc::new(FakeRuntime(runs)));
    Scene {
        auditor,
        store,
        gate,
    }
}

fn runs_old() -> Result<RuntimeState, Unavailable> {
    Ok(RuntimeState {
        revisions: vec![RunningRevision {
            name: "checkout-00007-fug".to_owned(),
            traffic_percent: 100,
            ..RunningRevision::default()
        }],
        latest: None,
    })
}

fn runs_new() -> Result<RuntimeState, Unavailable> {
    Ok(RuntimeState {
        revisions: vec![RunningRevision {
            name: "checkout-8".to_owned(),
            images: vec![OTHER.to_owned()],
            traffic_percent: 100,
            ..RunningRevision::default()
        }],
        latest: Some("checkout-8".to_owned()),
    })
}

fn conformant(image: &str, occurrence: Option<&str>) -> AppraisedImage {
    AppraisedImage {
        reasons: Vec::new(),
        image: image.to_owned(),
        verdict: Verdict::Conformant,
        evidence: vec![AppraisedEvidence {
            attestor: "projects/acme-shop/attestors/release".to_owned(),
            key_id: "key-1".to_owned(),
            occurrence: occurrence.map(str::to_owned),
            signer: None,
        }],
    }
}

fn close() -> Step {
    Step {
        action: CaseAction::Closed,
        comment: Some("looked at it".to_owned()),
        ticket: None,
        exception_until: None,
    }
}

fn justified() -> Case {
    testing::case(CaseState::Justified)
}

fn image() -> String {
    justified().findings[0].images[0].clone()
}

impl Scene {
    fn gate_says(&self, images: Vec<AppraisedImage>) {
        *self.gate.0.lock().unwrap() = Some(images);
    }

    fn signed_by(&self, email: &str) {
        let signing = Signing {
            attestor: "projects/acme-shop/attestors/release".parse().unwrap(),
            image: image().parse().unwrap(),
            key_id: "key-1".to_owned(),
            caller: Some(Caller {
                issuer: "https://accounts.google.com".to_owned(),
                subject: "7".to_owned(),
                email: Some(email.to_owned()),
            }),
            occurrence: Some("projects/acme-shop/occurrences/1".to_owned()),
        };
        self.store.with(|state| state.signings.push(signing));
    }

    async fn close(&self) -> Result<Case, NotTaken> {
        let approver = person("approver@example.com", &[Respond, Approve]);
        self.auditor.walk("01CASE", 3, &close(), &approver).await
    }
}

#[tokio::test]
async fn a_step_writes_the_case_its_entry_and_its_alert() {
    let scene = scene(justified(), runs_old());
    scene.gate_says(vec![conformant(
        &image(),
        Some("projects/acme-shop/occurrences/1"),
    )]);
    scene.signed_by("ci@acme-shop.iam.gserviceaccount.com");
    let closed = scene.close().await.unwrap();
    assert_eq!(closed.closed_as, Some(ClosedAs::Attested));
    scene.store.with(|state| {
        assert_eq!(state.cases["01CASE"], closed);
        assert_eq!(state.outbox[0].id, "01CASE-4");
        assert!(matches!(&state.entries[..], [Entry { record: Record::CaseStep(step), .. }] if step.revision == 4));
    });
}

#[tokio::test]
async fn who_deployed_cannot_attest_their_way_out() {
    let scene = scene(justified(), runs_old());
    scene.gate_says(vec![conformant(
        &image(),
        Some("projects/acme-shop/occurrences/1"),
    )]);
    scene.signed_by("Night-Duty@example.com");
    let Err(NotTaken::Refused(refusal)) = scene.close().await else {
        panic!("it was closed")
    };
    assert_eq!(refusal.code(), "NOT_ATTESTED_OR_REPLACED");
    assert!(
        refusal.to_string().contains("somebody of the actor chain"),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_replacement_is_read_where_it_runs() {
    let scene = scene(justified(), runs_new());
    scene.gate_says(vec![conformant(OTHER, None)]);
    assert_eq!(
        scene.close().await.unwrap().closed_as,
        Some(ClosedAs::Replaced)
    );
}

#[tokio::test]
async fn an_outage_leaves_the_case_as_it_is() {
    for runs in [
        runs_new(),
        Err(Unavailable::new("fake platform", "is down")),
    ] {
        let scene = scene(justified(), runs);
        let outage = scene.close().await.unwrap_err();
        assert!(matches!(outage, NotTaken::Unavailable(_)), "{outage}");
        scene
            .store
            .with(|state| assert_eq!(state.cases["01CASE"], justified()));
    }
    // The image is not attested, and whether it was replaced is not known.
    let scene = scene(
        justified(),
        Err(Unavailable::new("fake platform", "is down")),
    );
    scene.gate_says(Vec::new());
    assert!(matches!(scene.close().await, Err(NotTaken::Unavailable(_))));
}

#[tokio::test]
async fn without_a_gate_only_an_exception_closes() {
    let mut scene = scene(justified(), runs_old());
    scene.auditor.appraiser = None;
    let Err(NotTaken::Refused(refusal)) = scene.close().await else {
        panic!("it was closed")
    };
    assert_eq!(refusal.code(), "NOT_ATTESTED_OR_REPLACED");
    let step = Step {
        exception_until: Some(now() + SignedDuration::from_hours(24)),
        ..close()
    };
    let approver = person("approver@example.com", &[Approve]);
    let closed = scene
        .auditor
        .walk("01CASE", 3, &step, &approver)
        .await
        .unwrap();
    assert_eq!(closed.closed_as, Some(ClosedAs::Exception));
}

#[tokio::test]
async fn a_text_justifies_one_case() {
    let scene = scene(testing::case(CaseState::Acknowledged), runs_old());
    let other = Case {
        id: "02CASE".to_owned(),
        ..testing::case(CaseState::Acknowledged)
    };
    scene
        .store
        .with(|state| state.cases.insert(other.id.clone(), other));
    let step = |comment: &str| Step {
        action: CaseAction::Justified,
        comment: Some(comment.to_owned()),
        ..close()
    };
    let dana = person("dana@example.com", &[Respond]);
    let walk = async |id, step| scene.auditor.walk(id, 2, &step, &dana).await;
    walk("01CASE", step("payments were down")).await.unwrap();
    let refusal = walk("02CASE", step(" Payments  were DOWN"))
        .await
        .unwrap_err();
    let expected = Refusal::JustificationRepeated {
        case: "01CASE".to_owned(),
    };
    assert_eq!(refusal, NotTaken::Refused(expected));
}

#[tokio::test]
async fn an_old_revision_is_not_walked() {
    let scene = scene(justified(), runs_old());
    let approver = person("approver@example.com", &[Approve]);
    let old = scene.auditor.walk("01CASE", 2, &close(), &approver).await;
    assert_eq!(old, Err(NotTaken::MovedOn(3)));
    let none = scene.auditor.walk("none", 1, &close(), &approver).await;
    assert_eq!(none, Err(NotTaken::NoSuchCase));
}

#[tokio::test]
async fn a_tick_is_loud_once() {
    let scene = scene(testing::case(CaseState::Open), runs_old());
    let due = "2026-03-04T05:00:10Z".parse().unwrap();
    let ticked = scene.auditor.tick(due).await.unwrap();
    assert_eq!((ticked.escalated, ticked.reopened), (1, 0));
    assert_eq!(scene.auditor.tick(due).await, Ok(Ticked::default()));
    scene.store.with(|state| {
        let case = &state.cases["01CASE"];
        assert_eq!((case.severity, case.revision), (Severity::High, 2));
        assert_eq!(case.findings[1].detection, "postern.case.overdue");
        assert_eq!(case.findings[1].category, Category::BreakGlass);
        assert_eq!(state.outbox.len(), 1);
        assert_eq!(state.outbox[0].case.severity, Severity::Critical);
        assert_eq!(
            case.findings[1].summary,
            "The next step of case 01CASE on cloud-run:acme-shop/europe-west1/checkout was not taken \
             in time: due at 2026-03-04T05:00:10Z"
        );
    });
}

#[tokio::test]
async fn an_exception_that_ended_is_a_finding() {
    let closed = Case {
        closed_as: Some(ClosedAs::Exception),
        exception_until: Some(now()),
        ..testing::case(CaseState::Closed)
    };
    let scene = scene(closed, runs_old());
    assert_eq!(scene.auditor.tick(now()).await.unwrap().reopened, 1);
    scene.store.with(|state| {
        let case = &state.cases["01CASE"];
        assert_eq!(case.state, CaseState::Open);
        assert_eq!(case.findings[1].detection, "postern.case.exception-lapsed");
        assert_eq!(state.outbox[0].case.severity, Severity::High);
    });
}

#[tokio::test]
async fn a_drill_that_was_declared_beforehand_marks_its_case() {
    for (declared_at, is_drill) in [
        ("2026-03-03T04:59:00Z", true),
        ("2026-03-03T05:10:00Z", false),
    ] {
        let store = Arc::new(MemoryStore::default());
        let clock: Timestamp = declared_at.parse().unwrap();
        let auditor =
            Auditor::new(store.clone(), catalogue(), Believed::default()).with_clock(move || clock);
        let request = DrillRequest {
            target: "cloud-run:acme-shop/europe-west1/checkout".to_owned(),
            from: "2026-03-03T05:00:00Z".parse().unwrap(),
            until: "2026-03-03T06:00:00Z".parse().unwrap(),
            reason: "quarterly drill".to_owned(),
        };
        let actor = person("approver@example.com", &[Approve]);
        let drill = auditor.declare_drill(&request, &actor).await.unwrap();
        let raw = entry("cloud-run-break-glass").to_string();
        auditor
            .receive(raw.as_bytes(), "test", Form::LogEntry)
            .await
            .unwrap();
        store.with(|state| {
            let case = state.cases.values().next().unwrap();
            assert_eq!(case.drill, is_drill.then_some(drill.id));
            assert_eq!(case.severity, Severity::High);
        });
    }
}

/// What nobody has seen yet does not hide in what somebody has looked at.
#[tokio::test]
async fn a_new_image_opens_a_case_of_its_own() {
    let (request, used) = (
        entry("cloud-run-request-v1"),
        entry("cloud-run-break-glass"),
    );
    let service = entry("cloud-run-break-glass-service");
    for (state, cases) in [(CaseState::Open, 1), (CaseState::Acknowledged, 2)] {
        let store = Arc::new(MemoryStore::default());
        let auditor = Auditor::new(store.clone(), catalogue(), Believed::default()).with_clock(now);
        let receive = async |entry: &serde_json::Value| {
            let raw = entry.to_string();
            auditor
                .receive(raw.as_bytes(), "test", Form::LogEntry)
                .await
                .unwrap()
        };
        receive(&request).await;
        store.with(|known| known.cases.values_mut().for_each(|case| case.state = state));
        receive(&used).await;
        store.with(|known| assert_eq!(known.cases.len(), cases, "{state:?}"));
        receive(&service).await;
        let other = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
        let text = used
            .to_string()
            .replace("checkout-00007-fug", "checkout-00008-abc");
        let text = text.replace(&image().split_once('@').unwrap().1.to_owned(), other);
        let next = serde_json::from_str(&text).unwrap();
        receive(&patched(&next, &[("/insertId", "next".into())])).await;
        store.with(|known| assert_eq!(known.cases.len(), cases + 1, "{state:?}"));
    }
}
