//! Services that are written.

use std::sync::Arc;

use postern_core::ports::InTheNameOf;
use postern_host::config::{DeployAs, ForwardedBreakGlass};
use serde_json::{Value, json};

use crate::ForwardOptions;
use crate::testing::{Ask, DIGEST, World, image};

const SERVICES: &str = "/apis/serving.knative.dev/v1/namespaces/demo-mart/services";
const V2: &str = "/v2/projects/demo-mart/locations/us-central1/services";
const BREAK_GLASS: &str = "run.googleapis.com/binary-authorization-breakglass";

pub(super) fn service(image: &str) -> Value {
    json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service",
        "metadata": {"name": "web", "namespace": "demo-mart", "annotations": {}},
        "spec": {"template": {"spec": {"containers": [{"image": image}]}}}})
}

#[tokio::test]
async fn what_is_allowed_goes_on_as_it_was_parsed_in_the_callers_name() {
    let world = Arc::new(World::default());
    let answer = world
        .ask(Ask::new("POST", SERVICES).json(&service(&image("good"))))
        .await;
    assert_eq!((answer.status, answer.body), (200, json!({"done": true})));
    let written = world.written().unwrap();
    assert_eq!(written.body, Some(service(&image("good"))));
    let InTheNameOf::Caller(token) = written.name else {
        panic!("not the caller's name")
    };
    assert_eq!(token.0, "Bearer of-the-caller");
    let proposed = world.proposed.lock().unwrap();
    assert_eq!(
        proposed[0].target.to_string(),
        "cloud-run:demo-mart/us-central1/web"
    );
    assert!(!proposed[0].dry_run);
}

#[tokio::test]
async fn a_denial_says_why_and_what_helps_in_googles_form() {
    let world = Arc::new(World::default());
    let answer = world
        .ask(Ask::new("POST", SERVICES).json(&service(&image("bad"))))
        .await;
    assert_eq!((answer.status, world.written()), (400, None));
    assert_eq!(answer.body["error"]["status"], "FAILED_PRECONDITION");
    assert_eq!(
        answer.body["error"]["details"][0]["reason"],
        "NO_ATTESTATION"
    );
    insta::assert_snapshot!(answer.message(), @"
    Postern denies the deployment to cloud-run:demo-mart/us-central1/web.
    us-docker.pkg.dev/demo-mart/apps/bad@sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881:
      NO_ATTESTATION: nobody attested it; to mend it: postern attest IMAGE
    Decision 01JQ0000000000000000000000.
    ");
}

#[tokio::test]
async fn nobody_is_asked_for_a_caller_who_may_not_write() {
    let world = Arc::new(World {
        lacking: vec!["run.services.create"],
        ..World::default()
    });
    let answer = world
        .ask(Ask::new("POST", SERVICES).json(&service(&image("good"))))
        .await;
    assert_eq!(answer.status, 403);
    insta::assert_snapshot!(answer.message(), @"Permission 'run.services.create' denied on resource 'projects/demo-mart' (or it may not exist).");
    assert_eq!(
        world.paths(),
        ["POST /v1/projects/demo-mart:testIamPermissions"]
    );
    assert!(world.proposed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn without_a_token_nobody_is_asked_at_all() {
    let world = Arc::new(World::default());
    let ask = Ask::anonymous("POST", SERVICES).json(&service(&image("good")));
    assert_eq!(world.ask(ask).await.status, 401);
    assert!(world.paths().is_empty());
}

#[tokio::test]
async fn a_tag_is_pinned_to_what_was_judged() {
    let world = Arc::new(World::default());
    let tagged = service("us-docker.pkg.dev/demo-mart/apps/good:v1");
    assert_eq!(
        world
            .ask(Ask::new("POST", SERVICES).json(&tagged))
            .await
            .status,
        200
    );
    let pinned = format!("us-docker.pkg.dev/demo-mart/apps/good@{DIGEST}");
    assert_eq!(
        world.body()["spec"]["template"]["spec"]["containers"][0]["image"],
        pinned
    );
}

#[tokio::test]
async fn a_client_that_compares_is_told_to_write_the_digest() {
    let world = Arc::new(World::default());
    let tagged = json!({"template": {"containers": [{"image": "us-docker.pkg.dev/demo-mart/apps/good:v1"}]}});
    let ask = Ask::anonymous("POST", &format!("{V2}?serviceId=web"))
        .header("authorization", "Bearer of-the-caller")
        .header("user-agent", "Terraform/1.11.4 (+https://www.terraform.io)")
        .json(&tagged);
    let answer = world.ask(ask).await;
    assert_eq!((answer.status, world.written()), (400, None));
    insta::assert_snapshot!(answer.message(), @"us-docker.pkg.dev/demo-mart/apps/good:v1 is named by tag, which may be another image in a second. It would be pinned, but your client would find a difference for ever: write us-docker.pkg.dev/demo-mart/apps/good@sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 in its place");
}

#[tokio::test]
async fn break_glass_goes_on_or_is_taken_off() {
    let mut v1 = service(&image("bad"));
    v1["metadata"]["annotations"][BREAK_GLASS] = json!("INC-1 hotfix");
    let v2 = json!({"template": {"containers": [{"image": image("bad")}]},
        "binaryAuthorization": {"useDefault": true, "breakglassJustification": "INC-1 hotfix"}});
    for (path, body) in [
        (SERVICES.to_owned(), v1),
        (format!("{V2}?serviceId=web"), v2),
    ] {
        let kept = Arc::new(World::default());
        assert_eq!(
            kept.ask(Ask::new("POST", &path).json(&body)).await.status,
            200
        );
        assert_eq!(kept.body(), body);
        let manifest = kept.proposed.lock().unwrap()[0].manifest.clone();
        let annotations = &manifest["items"][0]["metadata"]["annotations"];
        assert_eq!(annotations[BREAK_GLASS], "INC-1 hotfix");

        let stripped = Arc::new(World::default());
        let options = ForwardOptions {
            break_glass: ForwardedBreakGlass::Strip,
            ..ForwardOptions::default()
        };
        let ask = Ask::new("POST", &path).json(&body);
        assert_eq!(stripped.ask_with(options, ask).await.status, 200);
        assert!(!stripped.body().to_string().contains("INC-1"));
    }
}

#[tokio::test]
async fn code_past_the_image_reaches_the_gate() {
    let world = Arc::new(World::default());
    let mut v1 = service(&image("good"));
    v1["metadata"]["annotations"]["run.googleapis.com/sources"] = json!("{}");
    world.ask(Ask::new("POST", SERVICES).json(&v1)).await;
    let v2 = json!({"template": {"containers": [{"image": image("good"), "baseImageUri": "b"}]}});
    world
        .ask(Ask::new("POST", &format!("{V2}?serviceId=web")).json(&v2))
        .await;
    let proposed = world.proposed.lock().unwrap();
    let manifests: Vec<_> = proposed
        .iter()
        .map(|one| one.manifest.to_string())
        .collect();
    assert!(manifests[0].contains("run.googleapis.com/sources"));
    assert!(manifests[1].contains("baseImageUri"));
}

#[tokio::test]
async fn what_a_sandbox_is_made_of_is_judged() {
    let world = Arc::new(World::default());
    let v2 = json!({"template": {"containers": [{"image": image("good")}],
        "sandboxes": {"templates": [{"name": "s", "image": image("bad")}]}}});
    let ask = Ask::new("POST", &format!("{V2}?serviceId=web")).json(&v2);
    assert_eq!(world.ask(ask).await.status, 400);
    assert_eq!(world.judged(), [image("good"), image("bad")]);
}

#[tokio::test]
async fn where_only_the_gate_may_deploy_the_caller_must_be_let_to_act_as_it() {
    let options = || ForwardOptions {
        deploy_as: DeployAs::Gate,
        permission: Some("run.services.get".to_owned()),
        ..ForwardOptions::default()
    };
    let ask = || Ask::new("POST", SERVICES).json(&service(&image("good")));
    let world = Arc::new(World::default());
    assert_eq!(world.ask_with(options(), ask()).await.status, 200);
    assert_eq!(world.written().unwrap().name, InTheNameOf::Gate);
    for lacking in ["iam.serviceAccounts.actAs", "run.services.get"] {
        let world = Arc::new(World {
            lacking: vec![lacking],
            ..World::default()
        });
        assert_eq!(world.ask_with(options(), ask()).await.status, 403);
        assert_eq!(world.written(), None);
    }
}

#[tokio::test]
async fn an_outage_is_no_denial_and_nothing_is_written() {
    for down in ["gate", "google"] {
        let world = Arc::new(World {
            down: Some(down),
            ..World::default()
        });
        let answer = world
            .ask(Ask::new("POST", SERVICES).json(&service(&image("good"))))
            .await;
        assert_eq!((answer.status, world.written()), (503, None), "{down}");
        assert_eq!(answer.body["error"]["status"], "UNAVAILABLE");
    }
}

#[tokio::test]
async fn what_google_answers_is_answered() {
    let world = Arc::new(World {
        status: Some(409),
        ..World::default()
    });
    let answer = world
        .ask(Ask::new("POST", SERVICES).json(&service(&image("good"))))
        .await;
    assert_eq!(answer.status, 409);
}

#[tokio::test]
async fn a_trial_leaves_no_trace() {
    let world = Arc::new(World::default());
    let ask = Ask::new("POST", &format!("{SERVICES}?dryRun=all")).json(&service(&image("good")));
    assert_eq!(world.ask(ask).await.status, 200);
    assert!(world.proposed.lock().unwrap()[0].dry_run);
}
