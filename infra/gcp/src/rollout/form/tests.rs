//! Synthetic resources.

use super::*;

const SERVICE: CloudRunKind = CloudRunKind::Service;

fn two_containers() -> Value {
    json!({"etag": "\"e1\"", "template": {"revision": "web-old", "containers": [
        {"name": "proxy", "image": "eu.example/proxy:v1"},
        {"name": "web", "image": "eu.example/web:v1", "ports": [{"containerPort": 8080}]},
    ]}})
}

#[test]
fn the_container_that_takes_requests_gets_the_image_where_none_is_named() {
    let after = with_image(SERVICE, &two_containers(), "eu.example/web:v2", None).unwrap();
    assert_eq!(
        images(SERVICE, &after),
        ["eu.example/proxy:v1", "eu.example/web:v2"]
    );
    let after = with_image(
        SERVICE,
        &two_containers(),
        "eu.example/proxy:v2",
        Some("proxy"),
    );
    let after = images(SERVICE, &after.unwrap());
    assert_eq!(after, ["eu.example/proxy:v2", "eu.example/web:v1"]);
}

#[test]
fn which_container_is_asked_for_where_it_is_not_clear() {
    let mut service = two_containers();
    service["template"]["containers"][1]["ports"] = json!([]);
    for wanted in [None, Some("other")] {
        let error = with_image(SERVICE, &service, "x", wanted).unwrap_err();
        let asked = "say with --container in which of its containers: proxy, web";
        assert_eq!(error, asked);
    }
    assert!(with_image(SERVICE, &json!({"template": {}}), "x", None).is_err());
}

#[test]
fn a_job_is_written_without_what_would_start_it() {
    let job = json!({"runExecutionToken": "t", "template": {"template": {"containers": [{"image": "a"}]}}});
    let after = with_image(CloudRunKind::Job, &job, "b", None).unwrap();
    assert_eq!(
        after,
        json!({"template": {"template": {"containers": [{"image": "b"}]}}})
    );
}

#[test]
fn what_was_not_judged_is_not_written() {
    let mut after = two_containers();
    let pins = [(
        "eu.example/web:v1".to_owned(),
        "eu.example/web@d".to_owned(),
    )]
    .into();
    let refused = pin(SERVICE, &mut after, &pins);
    assert_eq!(refused, Err("eu.example/proxy:v1".to_owned()));
}

#[test]
fn a_revision_has_a_name_of_its_own_and_shares_are_held() {
    let held = Share::all(SERVICE, &json!({"latestReadyRevision": "web-old"}));
    let (body, mask) = staged(
        SERVICE,
        &two_containers(),
        Some("web-new"),
        Some(&held),
        None,
    );
    assert_eq!(mask, "template,traffic");
    assert_eq!(revision(&body), Some("web-new"));
    assert_eq!(version(&body), "\"e1\"");
    assert_eq!(body["traffic"][0]["revision"], "web-old");
    let (body, mask) = staged(SERVICE, &two_containers(), None, None, None);
    assert_eq!((revision(&body), mask.as_str()), (None, "template"));
}

#[test]
fn the_platform_hears_why_its_check_is_passed_over_and_does_not_hear_it_again() {
    let mut service = two_containers();
    service["binaryAuthorization"] = json!({"useDefault": true});
    let (body, mask) = staged(SERVICE, &service, None, None, Some("INC-4"));
    assert_eq!(mask, "template,binaryAuthorization");
    let said = json!({"useDefault": true, "breakglassJustification": "INC-4"});
    assert_eq!(body["binaryAuthorization"], said);

    service["binaryAuthorization"] = said;
    let (body, mask) = staged(SERVICE, &service, None, None, None);
    assert_eq!(mask, "template,binaryAuthorization");
    assert_eq!(body["binaryAuthorization"], json!({"useDefault": true}));

    // Where the platform does not check, there is nothing to say.
    let (_, mask) = staged(SERVICE, &two_containers(), None, None, Some("INC-4"));
    assert_eq!(mask, "template");
}

#[test]
fn the_gate_sees_every_image_and_what_brings_code() {
    let at = CloudRunResource {
        project: "demo-mart".to_owned(),
        location: "us-west1".to_owned(),
        name: "web".to_owned(),
    };
    let mut service = two_containers();
    service["template"]["containers"][1]["baseImageUri"] = json!("eu.example/base");
    let manifest = manifest(SERVICE, &at, &service);
    let named = json!([{"name": "proxy", "image": "eu.example/proxy:v1"},
        {"name": "web", "image": "eu.example/web:v1"}]);
    assert_eq!(manifest["spec"]["template"]["spec"]["containers"], named);
    assert_eq!(manifest["v2"]["template"], service["template"]);
    let job = json!({"template": {"template": {"containers": [{"image": "a"}]}}});
    let of_job = super::manifest(CloudRunKind::Job, &at, &job);
    let place = "/spec/template/spec/template/spec/containers/0/image";
    assert_eq!(of_job.pointer(place), Some(&json!("a")));
}
