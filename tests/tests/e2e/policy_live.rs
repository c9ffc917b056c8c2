//! `postern policy diff` and `apply` against a policy that is enforced, for which the trust function of
//! another process stands.

use std::process::Output;

use serde_json::{Value, json};

use crate::google_api::{pointed, put, serve_trust};
use crate::support::{Process, World, http};

const PATH: &str = "/v1/projects/demo-project/policy";

struct Scene {
    world: World,
    trust: Process,
}

impl Scene {
    fn new() -> Self {
        let world = World::new();
        let trust = serve_trust(&world, &json!({}));
        Self { world, trust }
    }

    /// Lets a policy with this rule, and these fields besides, hold.
    fn holds(&self, mode: &str, further: &Value) {
        let answer = put(&self.trust, PATH, &policy(mode, further));
        assert_eq!(answer.status, 200, "{:?}", answer.json());
    }

    fn live(&self) -> Value {
        http::get(self.trust.address(), PATH).json()
    }

    fn file(&self, mode: &str, further: &Value) {
        self.world
            .write("wanted.json", policy(mode, further).to_string());
    }

    /// `postern policy WORDS`; exit code, stdout, stderr.
    fn postern(&self, words: &[&str]) -> (Option<i32>, String, String) {
        let mut command = self.world.postern(&["policy"]);
        let url = format!("http://{}", self.trust.address());
        said(postern_tests::output(pointed(command.args(words), &url)))
    }
}

fn said(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn policy(mode: &str, further: &Value) -> Value {
    let mut policy = json!({
        "name": "projects/demo-project/policy",
        "defaultAdmissionRule": {
            "evaluationMode": mode, "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
        },
    });
    for (key, value) in further.as_object().unwrap() {
        policy[key] = value.clone();
    }
    policy
}

#[test]
fn every_kind_of_rule_is_compared_with_the_one_that_holds() {
    let scene = Scene::new();
    let deny = json!({"evaluationMode": "ALWAYS_DENY",
        "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG"});
    let dry = json!({"evaluationMode": "ALWAYS_DENY", "enforcementMode": "DRYRUN_AUDIT_LOG_ONLY"});
    for (field, key) in [
        ("clusterAdmissionRules", "us-central1-a.prod"),
        ("kubernetesNamespaceAdmissionRules", "shop"),
        ("kubernetesServiceAccountAdmissionRules", "shop:web"),
        (
            "istioServiceIdentityAdmissionRules",
            "spiffe://demo-project.svc.id.goog/ns/shop/sa/web",
        ),
    ] {
        let rules = |rule: &Value| json!({field: {key: rule}});
        scene.holds("ALWAYS_DENY", &rules(&deny));
        scene.file("ALWAYS_DENY", &rules(&deny));
        let (exit, out, err) = scene.postern(&["diff", "wanted.json"]);
        assert_eq!(exit, Some(0), "{out}{err}");
        scene.file("ALWAYS_DENY", &rules(&dry));
        let (exit, out, err) = scene.postern(&["diff", "wanted.json", "--format", "json"]);
        assert_eq!(exit, Some(1), "{out}{err}");
        let diff: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(diff["weaker"], true);
        assert_eq!(diff["changes"][0]["place"], format!("{field}.{key}"));
    }
}

#[test]
fn a_policy_is_applied_and_only_what_is_meant_is_weakened() {
    let scene = Scene::new();
    scene.file("ALWAYS_DENY", &json!({}));
    let (exit, out, _) = scene.postern(&["diff", "wanted.json"]);
    assert_eq!(exit, Some(1));
    assert!(out.contains("no policy was ever set"), "{out}");
    let (exit, _, err) = scene.postern(&["apply", "wanted.json", "--dry-run"]);
    assert_eq!(exit, Some(0), "{err}");
    assert_eq!(scene.live()["updateTime"], Value::Null);
    let (exit, _, err) = scene.postern(&["apply", "wanted.json"]);
    assert_eq!(exit, Some(0), "{err}");
    let set = scene.live();
    assert_eq!(set["defaultAdmissionRule"]["evaluationMode"], "ALWAYS_DENY");
    let (exit, _, err) = scene.postern(&["apply", "wanted.json"]);
    assert_eq!(exit, Some(0), "{err}");
    assert!(err.contains("nothing was written"), "{err}");
    assert_eq!(scene.live()["etag"], set["etag"]);

    scene.file("ALWAYS_ALLOW", &json!({}));
    let (exit, out, err) = scene.postern(&["apply", "wanted.json"]);
    assert_eq!(exit, Some(1), "{err}");
    assert!(
        out.contains("WEAKER") && err.contains("--allow-weaker"),
        "{out}{err}"
    );
    assert_eq!(scene.live(), set);
    let (exit, _, err) = scene.postern(&["apply", "wanted.json", "--allow-weaker"]);
    assert_eq!(exit, Some(0), "{err}");
    assert_ne!(scene.live()["etag"], set["etag"]);
}

#[test]
fn what_somebody_else_changed_is_not_undone() {
    let scene = Scene::new();
    scene.holds("ALWAYS_DENY", &json!({}));
    let exported = scene.live();
    scene.holds(
        "ALWAYS_DENY",
        &json!({"description": "changed by somebody else"}),
    );
    let etag = json!({"etag": exported["etag"], "description": "mine"});
    scene.file("ALWAYS_DENY", &etag);
    let (exit, _, err) = scene.postern(&["apply", "wanted.json"]);
    assert_eq!(exit, Some(1), "{err}");
    assert!(
        err.contains("was changed by somebody else") && err.contains("try:"),
        "{err}"
    );
    assert_eq!(scene.live()["description"], "changed by somebody else");
}

#[test]
fn mistakes_and_outages_are_not_written() {
    let scene = Scene::new();
    scene
        .world
        .write("wanted.json", r#"{"name": "projects/demo-project/policy"}"#);
    let (exit, _, err) = scene.postern(&["apply", "wanted.json"]);
    assert_eq!(exit, Some(1), "{err}");
    scene.file("ALWAYS_DENY", &json!({}));
    let other = ["apply", "wanted.json", "--project", "another"];
    let (exit, _, err) = scene.postern(&other);
    assert_eq!(exit, Some(2), "{err}");
    let required = json!({"defaultAdmissionRule": {
        "evaluationMode": "REQUIRE_ATTESTATION",
        "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
        "requireAttestationsBy": ["projects/demo-project/attestors/missing"],
    }});
    scene.file("ALWAYS_DENY", &required);
    let (exit, _, err) = scene.postern(&["apply", "wanted.json"]);
    assert_eq!(exit, Some(2), "{err}");
    assert!(err.contains("does not exist"), "{err}");
    assert_eq!(scene.live()["updateTime"], Value::Null);

    let mut command = scene.world.postern(&["policy", "diff", "wanted.json"]);
    let nowhere = pointed(&mut command, "http://127.0.0.1:9");
    let (exit, _, err) = said(postern_tests::output(nowhere));
    assert_eq!(exit, Some(3), "{err}");
}
