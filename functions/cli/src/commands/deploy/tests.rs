//! Against a stand-in for a platform and one for a gate, both of the tests' own; everything is synthetic.

use std::sync::Mutex;

use async_trait::async_trait;
use postern_core::decision::Decision;
use postern_core::ports::{
    CameOut, DeploymentGate, GateRefusal, Judged, PlannedRollout, ProposedDeployment, RolloutError,
    RolloutPlatform, Staged, Unavailable,
};
use postern_core::target::Target;
use serde_json::{Value, json};

use super::judged::{differences, judged};
use super::place::Place;
use super::report::{Outcome, Report};
use super::walk::{Walk, Wanted};
use crate::outcome::{Exit, Failure};

const TAG: &str = "eu.example/web:v2";
const TARGET: &str = "cloud-run:demo-mart/us-west1/web";

fn pinned(fill: char) -> String {
    format!("eu.example/web@sha256:{}", fill.to_string().repeat(64))
}

/// A synthetic decision that lets [`TAG`] through as `2…2`.
fn decision(change: impl FnOnce(&mut Value)) -> Decision {
    let mut value = json!({
        "apiVersion": "postern/v1", "kind": "Decision", "id": "01J00000000000000ABCDEFGHJ",
        "decidedAt": "2026-01-02T03:04:05.678Z", "allowed": true, "verdict": "CONFORMANT",
        "enforcement": "ENFORCED_BLOCK_AND_AUDIT_LOG", "retryable": false, "breakGlass": null,
        "target": TARGET, "policy": null,
        "images": [{
            "image": TAG, "resolved": pinned('2'), "children": [], "target": TARGET,
            "verdict": "CONFORMANT", "enforcement": "ENFORCED_BLOCK_AND_AUDIT_LOG", "rule": null,
            "reasons": [], "evidence": [],
        }],
    });
    change(&mut value);
    serde_json::from_value(value).unwrap()
}

/// A gate that always says the same.
struct Says(Result<Decision, GateRefusal>);

#[async_trait]
impl DeploymentGate for Says {
    async fn decide(&self, _: &ProposedDeployment) -> Result<Decision, GateRefusal> {
        self.0.clone()
    }
}

/// A stand-in for a platform, on which one step may fail.
struct Platform {
    serving: Vec<(String, u32)>,
    comes_out: String,
    fails: Option<(&'static str, RolloutError)>,
    steps: Mutex<Vec<&'static str>>,
}

impl Platform {
    fn new() -> Self {
        Self {
            serving: vec![("web-1".to_owned(), 100)],
            comes_out: pinned('2'),
            fails: None,
            steps: Mutex::default(),
        }
    }

    fn step(&self, name: &'static str) -> Result<(), RolloutError> {
        self.steps.lock().unwrap().push(name);
        match &self.fails {
            Some((step, error)) if *step == name => Err(error.clone()),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl RolloutPlatform for Platform {
    async fn plan(
        &self,
        target: &Target,
        image: &str,
        _: Option<&str>,
    ) -> Result<PlannedRollout, RolloutError> {
        self.step("plan")?;
        Ok(PlannedRollout {
            target: target.clone(),
            images: vec![image.to_owned()],
            replaces: Some(pinned('1')),
            serving: self.serving.clone(),
            manifest: json!({"metadata": {"annotations": {}}}),
            before: (!self.serving.is_empty()).then(|| json!({})),
            after: json!({}),
        })
    }

    fn name(&self, _: &PlannedRollout, judged: &Judged) -> String {
        format!("web-{}", judged.suffix)
    }

    async fn stage(&self, _: &PlannedRollout, _: &Judged) -> Result<Staged, RolloutError> {
        self.step("stage").map(|()| Staged::default())
    }

    async fn came_out(
        &self,
        _: &PlannedRollout,
        _: &Judged,
        _: &Staged,
    ) -> Result<CameOut, RolloutError> {
        self.step("came out")?;
        Ok(CameOut {
            images: vec![self.comes_out.clone()],
            version: "e2".to_owned(),
        })
    }

    async fn discard(
        &self,
        _: &PlannedRollout,
        _: &Judged,
        _: &CameOut,
    ) -> Result<(), RolloutError> {
        self.step("discard")
    }

    async fn shift(&self, _: &PlannedRollout, _: &Judged, _: &CameOut) -> Result<(), RolloutError> {
        self.step("shift")
    }
}

struct Ended {
    report: Result<Report, Failure>,
    steps: Vec<&'static str>,
}

async fn walk(platform: Platform, says: Decision, traffic: bool) -> Ended {
    walk_to(platform, Ok(says), traffic, TARGET).await
}

async fn walk_to(
    platform: Platform,
    says: Result<Decision, GateRefusal>,
    traffic: bool,
    target: &str,
) -> Ended {
    let wanted = Wanted {
        image: TAG.to_owned(),
        target: target.parse().unwrap(),
        container: None,
        break_glass: None,
        traffic,
    };
    let walk = Walk {
        platform: &platform,
        gate: &Says(says),
        wanted: &wanted,
        place: &Place::default(),
        tell: &|_| {},
    };
    let report = walk.go().await;
    let steps = platform.steps.lock().unwrap().clone();
    Ended { report, steps }
}

#[tokio::test]
async fn every_step_in_its_order_and_the_way_back() {
    let ended = walk(Platform::new(), decision(|_| {}), true).await;
    assert_eq!(ended.steps, ["plan", "stage", "came out", "shift"]);
    let report = ended.report.unwrap();
    assert_eq!(
        (report.outcome, report.exit()),
        (Outcome::Deployed, Exit::Done)
    );
    assert_eq!(report.revision.as_deref(), Some("web-0abcdefghj"));
    let text = anstream::adapter::strip_str(&report.text()).to_string();
    let end = text.split_once("\n\n").unwrap().1;
    insta::assert_snapshot!(end, @r"
    web-0abcdefghj is what runs now
      eu.example/web@sha256:2222222222222222222222222222222222222222222222222222222222222222

    Go back
      gcloud run services update-traffic web --to-revisions=web-1=100 --region=us-west1 --project=demo-mart
    ");
}

#[tokio::test]
async fn what_is_denied_or_not_known_is_not_written() {
    for (verdict, exit) in [
        ("NON_CONFORMANT", Exit::No),
        ("UNDETERMINED", Exit::Undetermined),
    ] {
        let denied = decision(|it| {
            it["allowed"] = json!(false);
            it["verdict"] = json!(verdict);
        });
        let ended = walk(Platform::new(), denied, true).await;
        assert_eq!(ended.steps, ["plan"]);
        assert_eq!(ended.report.unwrap().exit(), exit);
    }
    let outage = GateRefusal::Unavailable(Unavailable::new("the gate", "no answer"));
    let ended = walk_to(Platform::new(), Err(outage), true, TARGET).await;
    assert_eq!(ended.steps, ["plan"]);
    assert_eq!(ended.report.unwrap_err().exit, Exit::Undetermined);
}

#[tokio::test]
async fn what_came_out_otherwise_is_taken_back_and_gets_no_traffic() {
    let platform = Platform {
        comes_out: pinned('3'),
        ..Platform::new()
    };
    let ended = walk(platform, decision(|_| {}), true).await;
    assert_eq!(ended.steps, ["plan", "stage", "came out", "discard"]);
    let report = ended.report.unwrap();
    assert_eq!(
        (report.outcome, report.exit()),
        (Outcome::Discarded, Exit::No)
    );
    let runs = format!("{} runs and was not judged", pinned('3'));
    let missing = format!("{} was judged and does not run", pinned('2'));
    assert_eq!(report.differences, [runs, missing]);
}

#[tokio::test]
async fn traffic_is_left_where_it_is_if_asked_and_if_there_is_any() {
    let ended = walk(Platform::new(), decision(|_| {}), false).await;
    assert_eq!(ended.steps, ["plan", "stage", "came out"]);
    let report = ended.report.unwrap();
    assert_eq!(
        (report.outcome, report.back.as_deref()),
        (Outcome::Staged, None)
    );
    insta::assert_snapshot!(report.forward.unwrap(), @"gcloud run services update-traffic web --to-revisions=web-0abcdefghj=100 --region=us-west1 --project=demo-mart");

    let fresh = || Platform {
        serving: Vec::new(),
        ..Platform::new()
    };
    let ended = walk(fresh(), decision(|_| {}), false).await;
    assert_eq!(ended.steps, ["plan"]);
    assert_eq!(ended.report.unwrap_err().exit, Exit::Mistake);
    let ended = walk(fresh(), decision(|_| {}), true).await;
    assert!(
        ended
            .report
            .unwrap()
            .text()
            .contains("its traffic was not held back")
    );
}

#[tokio::test]
async fn a_job_goes_back_to_its_image() {
    let target = "cloud-run-job:demo-mart/us-west1/web";
    let ended = walk_to(Platform::new(), Ok(decision(|_| {})), true, target).await;
    let back = ended.report.unwrap().back.unwrap();
    assert_eq!(
        back,
        format!(
            "gcloud run jobs update web --image={} --region=us-west1 --project=demo-mart",
            pinned('1')
        )
    );
}

#[tokio::test]
async fn whatever_fails_says_what_is_there() {
    let mut told = Vec::new();
    for step in ["plan", "stage", "came out", "shift"] {
        let platform = Platform {
            fails: Some((step, RolloutError::Failed(format!("{step} failed")))),
            ..Platform::new()
        };
        let failure = walk(platform, decision(|_| {}), true)
            .await
            .report
            .unwrap_err();
        assert_eq!(failure.exit, Exit::No);
        let remedy = failure.remedy.as_deref().unwrap_or("no remedy");
        told.push(format!("{}\n  {remedy}", failure.message));
    }
    let platform = Platform {
        comes_out: pinned('3'),
        fails: Some(("discard", Unavailable::new("Cloud Run", "no answer").into())),
        ..Platform::new()
    };
    let failure = walk(platform, decision(|_| {}), true)
        .await
        .report
        .unwrap_err();
    assert_eq!(failure.exit, Exit::Undetermined);
    told.push(format!(
        "{}\n  {}",
        failure.message,
        failure.remedy.unwrap()
    ));
    for step in ["stage", "shift"] {
        let platform = Platform {
            fails: Some((step, RolloutError::Changed(format!("{step} is refused")))),
            ..Platform::new()
        };
        let failure = walk(platform, decision(|_| {}), true)
            .await
            .report
            .unwrap_err();
        told.push(failure.message);
    }
    insta::assert_snapshot!(told.join("\n"), @r"
    plan failed; nothing was deployed
      no remedy
    stage failed; web-0abcdefghj may be there, or still come; it gets no traffic, and what served before serves
      postern inspect cloud-run:demo-mart/us-west1/web; then deploy again
    came out failed; web-0abcdefghj was written; it gets no traffic, and what served before serves
      postern inspect cloud-run:demo-mart/us-west1/web; then deploy again
    shift failed; traffic may have been shifted to web-0abcdefghj, which is as judged
      to go back: gcloud run services update-traffic web --to-revisions=web-1=100 --region=us-west1 --project=demo-mart
    Cloud Run: no answer; web-0abcdefghj is NOT what was judged, and may still be there
      postern inspect cloud-run:demo-mart/us-west1/web; and give it no traffic
    stage is refused; nothing was deployed
    shift is refused; web-0abcdefghj is there as it was judged, and traffic was not shifted
    ");
}

#[test]
fn only_what_was_judged_is_pinned() {
    let images = [TAG.to_owned()];
    let pins = judged(&images, &decision(|_| {})).unwrap();
    assert_eq!(pins.pins[TAG], pinned('2'));
    assert_eq!(pins.suffix, "0abcdefghj");
    assert_eq!(pins.break_glass, None);

    let of_another = judged(&["eu.example/other:v1".to_owned()], &decision(|_| {}));
    assert!(of_another.unwrap_err().contains("other images"));
    let unknown = decision(|it| it["images"][0]["resolved"] = json!(null));
    assert!(
        judged(&images, &unknown)
            .unwrap_err()
            .contains("could not be pinned")
    );
}

#[test]
fn an_index_may_come_out_as_one_of_its_manifests() {
    let child = format!("sha256:{}", "4".repeat(64));
    let index = decision(|it| it["images"][0]["children"] = json!([child]));
    let mirrored = format!("mirror.example/web@{child}");
    assert!(differences(&index, &[mirrored]).is_empty());
    // By tag it says nothing, and one more is one too many.
    assert_eq!(differences(&index, &[TAG.to_owned()]).len(), 2);
    assert_eq!(differences(&index, &[pinned('2'), pinned('2')]).len(), 1);
    assert_eq!(differences(&index, &[]).len(), 1);
}
