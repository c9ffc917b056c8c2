//! `gate.observe`: targets at which the gate does not stand in the way yet.

use crate::world::{NAME, Port, Shared, caller, codes, digest, recorded, revocation};
use http::StatusCode;
use postern_core::decision::EnforcementMode;
use postern_core::revocation::Revoked;
use postern_gate::{Forwarded, GateOptions, Observed};
use postern_host::auth::Identity;
use postern_host::config::Right;
use rstest::rstest;
use serde_json::{Value, json};

const DECISIONS: &str = "/v1/decisions?enforce=true";

fn observing(pattern: &str) -> GateOptions {
    GateOptions {
        observe: Observed::new(&[pattern.to_owned()]),
        ..GateOptions::default()
    }
}

fn to(target: &str) -> Value {
    json!({"images": [format!("{NAME}:v1")], "target": target})
}

async fn ask(world: &Shared, body: Value) -> (StatusCode, Value) {
    let options = observing("cloud-run:demo-project/*");
    world
        .ask_as(options, Identity::local(), DECISIONS, body)
        .await
}

#[tokio::test]
async fn what_the_policy_denies_is_let_through_and_recorded_as_denied() {
    let world = Shared::new();
    let (status, decision) = ask(&world, to("cloud-run:demo-project/us-central1/web")).await;
    assert_eq!(status, StatusCode::OK, "{decision}");
    assert_eq!(decision["allowed"], true);
    assert_eq!(decision["verdict"], "NON_CONFORMANT");
    assert_eq!(decision["enforcement"], "DRYRUN_AUDIT_LOG_ONLY");
    assert_eq!(codes(&decision), ["NO_ATTESTATION"]);
    insta::assert_snapshot!(decision["warnings"][0].as_str().unwrap(), @"cloud-run:demo-project/us-central1/web is only observed (gate.observe); enforced, this would be denied");
    world.see(|world| {
        let kept = recorded(&world.entries[0]);
        assert_eq!(kept.enforcement, EnforcementMode::DryRun);
    });
}

#[tokio::test]
async fn every_other_target_is_enforced() {
    for target in [
        "cloud-run:demo-other/us-central1/web",
        "cloud-run",
        "cloud-run-job:demo-project/l/j",
    ] {
        let (status, decision) = ask(&Shared::new(), to(target)).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{target}");
        assert_eq!(decision["warnings"], Value::Null);
    }
}

#[tokio::test]
async fn what_conforms_says_nothing_of_it() {
    let world = Shared::new();
    world.attest(digest());
    let (_, decision) = ask(&world, to("cloud-run:demo-project/us-central1/web")).await;
    assert_eq!(decision["verdict"], "CONFORMANT");
    assert_eq!(decision["warnings"], Value::Null);
}

#[rstest]
#[case::policy(|w: &Shared| { w.change(|w| w.trust = Port::Dead); })]
#[case::evidence(|w: &Shared| { w.change(|w| w.source = Port::Dead); })]
#[case::registry(|w: &Shared| { w.change(|w| w.registry = Port::Dead); })]
#[tokio::test(start_paused = true)]
async fn an_outage_stops_nothing_there(#[case] outage: fn(&Shared)) {
    let world = Shared::new();
    outage(&world);
    let (status, decision) = ask(&world, to("cloud-run:demo-project/us-central1/web")).await;
    assert_eq!(status, StatusCode::OK, "{decision}");
    assert_eq!(decision["verdict"], "UNDETERMINED");
    let warning = decision["warnings"][0].as_str().unwrap();
    assert!(warning.ends_with("this could not be decided"), "{warning}");
}

#[rstest]
#[case::revoked(|w: &Shared| { w.change(|w| w.revocations.push(revocation(Revoked::Digest(digest())))); }, "REVOKED")]
#[case::list_is_down(|w: &Shared| { w.change(|w| w.revocation_list = Port::Dead); }, "EVIDENCE_UNAVAILABLE")]
#[case::may_be_revoked(|w: &Shared| { w.change(|w| {
    w.registry = Port::Dead;
    w.revocations.push(revocation(Revoked::Digest(postern_core::image::Digest::of(b"another"))));
}); }, "EVIDENCE_UNAVAILABLE")]
#[tokio::test(start_paused = true)]
async fn what_is_revoked_or_may_be_is_stopped_there_too(
    #[case] change: fn(&Shared),
    #[case] code: &str,
) {
    let world = Shared::new();
    change(&world);
    let (status, decision) = ask(&world, to("cloud-run:demo-project/us-central1/web")).await;
    assert_ne!(status, StatusCode::OK, "{decision}");
    assert_eq!(codes(&decision), [code]);
    let warning = decision["warnings"][0].as_str().unwrap();
    assert!(warning.contains("denied all the same"), "{warning}");
}

#[tokio::test]
async fn the_emergency_door_is_as_loud_as_anywhere() {
    let mut body = to("cloud-run:demo-project/us-central1/web");
    body["breakGlass"] = json!("INC-9");
    let (_, decision) = ask(&Shared::new(), body.clone()).await;
    assert_eq!(decision["breakGlass"]["justification"], "INC-9");

    // Without the right to it nothing is opened: what is observed passes by being observed.
    let options = observing("cloud-run:demo-project/*");
    let world = Shared::new();
    let (status, decision) = world
        .ask_as(options, caller(&[Right::Decide]), DECISIONS, body)
        .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(decision["breakGlass"], Value::Null);
    assert_eq!(decision["warnings"].as_array().unwrap().len(), 2);
}

fn pod(namespace: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "namespace": namespace},
        "spec": {"containers": [{"name": "c", "image": format!("{NAME}@{}", digest())}]}})
}

#[tokio::test]
async fn a_list_that_spans_targets_is_enforced_where_one_of_them_is() {
    let ask = |other: &str| {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [pod("new"), pod(other)]});
        let body = json!({"manifest": list, "target": "gke:us-central1-a.prod/new"});
        async move {
            let options = observing("gke:us-central1-a.prod/new*");
            let world = Shared::new();
            let asked = world.ask_as(options, Identity::local(), DECISIONS, body);
            asked.await.0
        }
    };
    assert_eq!(ask("newer").await, StatusCode::OK);
    assert_eq!(ask("old").await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn admission_lets_it_through_with_a_warning() {
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u1", "operation": "CREATE", "namespace": "new", "object": pod("new")}});
    let options = observing("gke:us-central1-a.prod/new*");
    let path = "/v1/admission?cluster=us-central1-a.prod&project=demo-project";
    let world = Shared::new();
    let (_, answer) = world.ask_as(options, Identity::local(), path, review).await;
    assert_eq!(answer["response"]["allowed"], true, "{answer}");
    let warnings = answer["response"]["warnings"].to_string();
    assert!(warnings.contains("only observed"), "{warnings}");
}

#[tokio::test]
async fn what_is_forwarded_is_observed_as_well_code_outside_of_images_included() {
    use postern_core::ports::{DeploymentGate as _, ProposedDeployment};

    let manifest = json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service",
        "metadata": {"name": "web", "namespace": "demo-project",
            "annotations": {"run.googleapis.com/sources": "{\"web\": \"gs://synthetic/x.zip\"}"}},
        "spec": {"template": {"spec": {"containers": [{"image": format!("{NAME}:v1")}]}}}});
    let proposed = ProposedDeployment {
        manifest,
        target: "cloud-run:demo-project/us-central1/web".parse().unwrap(),
        dry_run: false,
    };
    for (pattern, allowed) in [
        ("cloud-run:demo-project/*", true),
        ("cloud-run:demo-other/*", false),
    ] {
        let world = Shared::new();
        let forwarded = Forwarded(world.gate(observing(pattern)));
        let decision = forwarded.decide(&proposed).await.unwrap();
        assert_eq!(decision.allowed, allowed, "{pattern}");
        assert_eq!(decision.reasons.len(), 1);
        let dry_run = decision.enforcement == EnforcementMode::DryRun;
        assert_eq!(dry_run, allowed);
    }
}

#[tokio::test]
async fn a_tag_on_gke_that_may_be_revoked_is_stopped_there_too() {
    let body = json!({"images": [format!("{NAME}:v1")], "target": "gke:us-central1-a.prod/new"});
    for (registry, allowed) in [(Port::Works, true), (Port::Dead, false)] {
        let world = Shared::new();
        let another = Revoked::Digest(postern_core::image::Digest::of(b"another"));
        world.change(|world| {
            world.registry = registry;
            world.revocations.push(revocation(another));
        });
        let options = observing("gke:us-central1-a.prod/new*");
        let asked = world.ask_as(options, Identity::local(), DECISIONS, body.clone());
        let (_, decision) = asked.await;
        assert_eq!(decision["allowed"], allowed, "{decision}");
    }
}
