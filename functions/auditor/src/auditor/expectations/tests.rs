//! What became of what was expected. Everything here is synthetic.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use postern_core::case::{Case, CaseState, ClosedAs};
use postern_core::finding::{FindingSource, Severity};
use postern_core::memory::{Fact, Said};
use postern_core::ports::{Appraisal, Appraiser, RunningRevision, Runtime, RuntimeState};

use super::*;
use crate::auditor::Believed;
use crate::testing::{self, MemoryStore, catalogue};

const TARGET: &str = "cloud-run:acme-shop/europe-west1/checkout";
const IMAGE: &str = "europe-west1-docker.pkg.dev/acme-shop/apps/checkout@sha256:9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d";
const OTHER: &str = "europe-west1-docker.pkg.dev/acme-shop/apps/checkout@sha256:1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e";
const NEVER_ATTESTED: &str = "postern.break-glass.never-attested";
const NOT_VERIFIED: &str = "postern.break-glass.not-verified";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A gate that says what it was told to; none of it: it is down.
#[derive(Default)]
struct FakeGate(Mutex<Option<Verdict>>);

#[async_trait]
impl Appraiser for FakeGate {
    async fn appraise(&self, _: &Target, images: &[String]) -> Result<Appraisal, Unavailable> {
        let verdict = *self.0.lock().unwrap();
        let verdict = verdict.ok_or_else(|| Unavailable::new("fake gate", "is down"))?;
        let appraised = |image: &String| AppraisedImage {
            image: image.clone(),
            verdict,
            reasons: Vec::new(),
            evidence: Vec::new(),
        };
        Ok(Appraisal {
            images: images.iter().map(appraised).collect(),
        })
    }
}

struct FakeRuntime(Result<RuntimeState, Unavailable>);

#[async_trait]
impl Runtime for FakeRuntime {
    async fn state(&self, _: &Target) -> Result<RuntimeState, Unavailable> {
        self.0.clone()
    }
}

fn runs(images: &[(&str, &str, u8)]) -> Result<RuntimeState, Unavailable> {
    let revisions = images.iter().map(|(name, image, percent)| RunningRevision {
        name: (*name).to_owned(),
        images: vec![(*image).to_owned()],
        traffic_percent: *percent,
        ..RunningRevision::default()
    });
    Ok(RuntimeState {
        revisions: revisions.collect(),
        latest: None,
    })
}

/// An image of break-glass that should conform by six o'clock.
struct Scene {
    store: Arc<MemoryStore>,
    gate: Arc<FakeGate>,
    runtime: Option<Result<RuntimeState, Unavailable>>,
}

impl Scene {
    fn new(verdict: Option<Verdict>) -> Self {
        let catalogue = catalogue();
        let source = FindingSource {
            kind: "gcp.audit".to_owned(),
            id: "synthetic".to_owned(),
            log: None,
        };
        let detection = catalogue.own(Own::NeverAttested);
        let finding = Finding {
            target: Some(TARGET.to_owned()),
            revision: Some("checkout-old".to_owned()),
            images: vec![IMAGE.to_owned()],
            ..blank(detection, "log|used", time("2026-03-02T06:00:00Z"), source)
        };
        let expectation = Expectation {
            id: "conformance|synthetic".to_owned(),
            due_at: time("2026-03-03T06:00:00Z"),
            untold_since: None,
            what: Expected::Conformance {
                target: TARGET.to_owned(),
                images: vec![IMAGE.to_owned()],
            },
            event_key: "log|used".to_owned(),
            finding,
        };
        let store = Arc::new(MemoryStore::default());
        store.with(|state| {
            let id = expectation.id.clone();
            state.expectations.insert(id, expectation);
        });
        Self {
            store,
            gate: Arc::new(FakeGate(Mutex::new(verdict))),
            runtime: None,
        }
    }

    fn with_case(self, change: impl FnOnce(&mut Case)) -> Self {
        let mut case = testing::case(CaseState::Closed);
        change(&mut case);
        self.store.with(|state| {
            state.cases.insert(case.id.clone(), case);
        });
        self
    }

    fn running(self, runtime: Result<RuntimeState, Unavailable>) -> Self {
        Self {
            runtime: Some(runtime),
            ..self
        }
    }

    /// What a tick at that time finds.
    async fn at(&self, now: &str) -> Vec<String> {
        let now = time(now);
        let known: Vec<_> = self.findings().into_iter().map(|f| f.id).collect();
        let auditor = Auditor::new(self.store.clone(), catalogue(), Believed::default())
            .with_appraiser(self.gate.clone())
            .with_clock(move || now);
        let auditor = match &self.runtime {
            Some(runtime) => auditor.with_runtime(Arc::new(FakeRuntime(runtime.clone()))),
            None => auditor,
        };
        let found = auditor.look_out(now).await.unwrap();
        let new = self
            .findings()
            .into_iter()
            .filter(|f| !known.contains(&f.id));
        let new: Vec<_> = new.map(|finding| finding.detection).collect();
        assert_eq!(new.len(), found);
        new
    }

    fn findings(&self) -> Vec<Finding> {
        self.store.with(|state| {
            let cases = state.cases.values();
            cases.flat_map(|case| case.findings.clone()).collect()
        })
    }

    fn due_at(&self) -> Option<Timestamp> {
        let first = |state: &mut testing::State| state.expectations.values().next().cloned();
        self.store.with(first).map(|expectation| expectation.due_at)
    }
}

#[tokio::test]
async fn what_does_not_conform_in_time_is_told_once() {
    let scene = Scene::new(Some(Verdict::NonConformant));
    assert_eq!(scene.at("2026-03-03T05:59:00Z").await, [""; 0]);
    assert_eq!(scene.at("2026-03-03T06:00:00Z").await, [NEVER_ATTESTED]);
    assert_eq!(scene.at("2026-03-03T08:00:00Z").await, [""; 0]);
    let scene = Scene::new(Some(Verdict::Conformant));
    assert_eq!(scene.at("2026-03-03T06:00:00Z").await, [""; 0]);
    assert_eq!(scene.due_at(), None);
}

#[tokio::test]
async fn under_an_exception_it_is_told_when_that_ends() {
    let end = "2026-03-10T00:00:00Z";
    for verdict in [Some(Verdict::NonConformant), None] {
        let scene = Scene::new(verdict).with_case(|case| {
            case.closed_as = Some(ClosedAs::Exception);
            case.exception_until = Some(time(end));
        });
        assert_eq!(scene.at("2026-03-03T06:00:00Z").await, [""; 0]);
        assert_eq!(scene.due_at(), Some(time(end)), "it is put off until then");
        *scene.gate.0.lock().unwrap() = Some(Verdict::NonConformant);
        assert_eq!(scene.at(end).await[..1], [NEVER_ATTESTED]);
    }
}

#[tokio::test]
async fn an_exception_for_another_image_or_before_another_use_excuses_nothing() {
    let excepted = |case: &mut Case| {
        case.closed_as = Some(ClosedAs::Exception);
        case.exception_until = Some(time("2026-03-10T00:00:00Z"));
    };
    let another_image = Scene::new(Some(Verdict::NonConformant)).with_case(|case| {
        excepted(case);
        case.findings[0].images = vec![OTHER.to_owned()];
    });
    let used_again = Scene::new(Some(Verdict::NonConformant))
        .with_case(excepted)
        .with_case(|case| {
            case.id = "01LATER".to_owned();
            case.state = CaseState::Open;
            case.closed_as = None;
        });
    for scene in [another_image, used_again] {
        let found = scene.at("2026-03-03T06:00:00Z").await;
        assert_eq!(found, [NEVER_ATTESTED]);
    }
}

#[tokio::test]
async fn what_was_replaced_needs_no_attestation() {
    let replaced = |case: &mut Case| case.closed_as = Some(ClosedAs::Replaced);
    for verdict in [Some(Verdict::NonConformant), None] {
        let scene = Scene::new(verdict).with_case(replaced);
        assert_eq!(scene.at("2026-03-03T06:00:00Z").await, [""; 0]);
        assert_eq!(scene.due_at(), None);
    }
}

#[tokio::test]
async fn what_runs_says_whether_it_was_replaced() {
    for (runtime, expected) in [
        (
            runs(&[("checkout-old", IMAGE, 0), ("checkout-new", OTHER, 100)]),
            [""; 0].as_slice(),
        ),
        (runs(&[("checkout-old", IMAGE, 1)]), &[NEVER_ATTESTED]),
        (runs(&[("another-name", IMAGE, 1)]), &[NEVER_ATTESTED]),
        (
            runs(&[("another-name", "by/its:tag", 1)]),
            &[NEVER_ATTESTED],
        ),
        (
            Err(Unavailable::permanent("fake", "no such target")),
            &[NEVER_ATTESTED],
        ),
    ] {
        let scene = Scene::new(Some(Verdict::NonConformant)).running(runtime.clone());
        let found = scene.at("2026-03-03T06:00:00Z").await;
        assert_eq!(found, expected, "{runtime:?}");
        assert_eq!(scene.due_at(), None);
    }
}

#[tokio::test]
async fn what_nobody_can_tell_for_a_day_is_told_as_that_and_once() {
    let scene = Scene::new(None);
    for now in [
        "2026-03-03T06:00:00Z",
        "2026-03-03T07:00:00Z",
        "2026-03-04T05:59:00Z",
    ] {
        assert_eq!(scene.at(now).await, [""; 0], "{now}");
    }
    assert_eq!(scene.at("2026-03-04T07:00:00Z").await, [NOT_VERIFIED]);
    assert_eq!(scene.at("2026-03-05T12:00:00Z").await, [""; 0]);
    assert_eq!(scene.due_at(), None);
    let finding = scene.findings().remove(0);
    assert_eq!(finding.severity, Severity::Medium);
    insta::assert_snapshot!(finding.summary, @"Nobody could tell whether europe-west1-docker.pkg.dev/acme-shop/apps/checkout@sha256:9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9…, which someone unknown deployed to cloud-run:acme-shop/europe-west1/checkout by break-glass, was attested: fake gate: is down");
}

#[tokio::test]
async fn an_outage_that_ends_is_forgotten() {
    let scene = Scene::new(None);
    assert_eq!(scene.at("2026-03-03T06:00:00Z").await, [""; 0]);
    assert_eq!(scene.due_at(), Some(time("2026-03-03T07:00:00Z")));
    *scene.gate.0.lock().unwrap() = Some(Verdict::NonConformant);
    assert_eq!(scene.at("2026-03-03T07:00:00Z").await, [NEVER_ATTESTED]);
}

/// The gate says what is missing; only whether it still runs is open.
#[tokio::test]
async fn while_it_cannot_be_read_what_runs_it_is_waited_for_a_day() {
    let outage = Err(Unavailable::new("fake platform", "is down"));
    let scene = Scene::new(Some(Verdict::NonConformant)).running(outage);
    assert_eq!(scene.at("2026-03-03T06:00:00Z").await, [""; 0]);
    assert_eq!(scene.at("2026-03-04T06:00:00Z").await, [NEVER_ATTESTED]);
}

#[tokio::test]
async fn a_signature_is_settled_by_its_attestation_or_found() {
    let at = time("2026-03-03T05:00:00Z");
    for (said, stored, expected) in [(true, false, 0), (false, true, 0), (false, false, 1)] {
        let scene = Scene::new(None);
        scene.store.with(|state| {
            for expectation in state.expectations.values_mut() {
                expectation.what = Expected::Attestation {
                    payload: "00".to_owned(),
                };
            }
            if said {
                state.past.add([Fact {
                    key: attested_key("00"),
                    source: "log|attestation".to_owned(),
                    at,
                    said: Said::default(),
                }]);
            }
            if stored {
                state.past.attested.push("00".to_owned());
            }
        });
        assert_eq!(scene.at("2026-03-03T06:00:00Z").await.len(), expected);
        assert_eq!(scene.due_at(), None, "it is settled");
    }
}
