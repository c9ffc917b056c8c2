//! What runs after an entry of Cloud Run, and what gets traffic.

use postern_core::event::{AuditEvent, Stream};
use serde_json::Value;

use super::conditions;
use crate::subject::{images, list_at, text_at};

/// The images that now run, by their digests: of a revision that is ready, or an execution that has
/// started. Only the platform's own entries say so.
pub(super) fn deployed(event: &AuditEvent, went_through: Option<bool>) -> Vec<String> {
    let response = event.response.as_ref();
    let runs = match kind(response) {
        "Revision" => went_through == Some(true),
        "Execution" => conditions(event).any(started),
        _ => false,
    };
    if event.stream != Stream::SystemEvent || !runs {
        return Vec::new();
    }
    let mut named = images::images_in(response);
    let pinned = !named.is_empty() && named.iter().all(|image| images::has_digest(image));
    if !pinned {
        let statuses = list_at(response, &["status", "containerStatuses"]);
        let resolved = statuses.map(|status| text_at(Some(status), &["imageDigest"]));
        let whole = text_at(response, &["status", "imageDigest"]);
        for image in resolved.chain([whole]) {
            images::add(&mut named, image);
        }
    }
    named.retain(|image| images::has_digest(image));
    named
}

/// `Revision` of `…google.cloud.run.v1.Revision`.
fn kind(response: Option<&Value>) -> &str {
    match text_at(response, &["kind"]) {
        "" => text_at(response, &["@type"])
            .rsplit('.')
            .next()
            .unwrap_or_default(),
        kind => kind,
    }
}

fn started(condition: &Value) -> bool {
    let of = |member| text_at(Some(condition), &[member]);
    matches!(of("type"), "Started" | "Completed") && of("status") == "True"
}

/// The revisions that traffic or a tag was moved to by name (v1 `spec.traffic`, v2 `traffic`), as far
/// as the call was not refused.
pub(super) fn traffic_to(event: &AuditEvent) -> Vec<String> {
    let mut revisions = Vec::new();
    if event.stream != Stream::Activity || event.status_code != 0 {
        return revisions;
    }
    let request = event.request.as_ref();
    let v1 = list_at(request, &["service", "spec", "traffic"]);
    let v2 = list_at(request, &["service", "traffic"]);
    for target in v1.chain(v2).filter(|target| reaches(target)) {
        let names = ["revisionName", "revision_name", "revision"];
        let name = names
            .into_iter()
            .map(|member| text_at(Some(target), &[member]))
            .find(|name| !name.is_empty());
        let name = name.and_then(|name| name.rsplit('/').next());
        images::add(&mut revisions, name.unwrap_or_default());
    }
    revisions
}

/// Whether anybody gets there: by a share of the traffic, or by the tag's own address.
fn reaches(target: &Value) -> bool {
    let share = target.get("percent").is_some_and(|percent| match percent {
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => text != "0",
        _ => false,
    });
    share || !text_at(Some(target), &["tag"]).is_empty()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::subject::Subject;
    use crate::testing::{entry, patched, read};

    const DIGEST: &str =
        "r/a@sha256:7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a";

    #[test]
    fn a_ready_revision_runs_its_images() {
        let revision = entry("cloud-run-break-glass");
        let ready = Subject::of(&read(&revision));
        assert_eq!(ready.deployed, ready.images);
        assert_eq!(ready.deployed.len(), 1);
        let tagged = patched(
            &revision,
            &[
                (
                    "/protoPayload/response/spec/containers/0/image",
                    json!("r/a:v1"),
                ),
                (
                    "/protoPayload/response/status/containerStatuses",
                    json!([{"imageDigest": DIGEST}]),
                ),
                ("/protoPayload/response/status/imageDigest", json!(DIGEST)),
            ],
        );
        assert_eq!(Subject::of(&read(&tagged)).deployed, [DIGEST]);
        for change in [
            (
                "/protoPayload/response/status/conditions/0/status",
                json!("False"),
            ),
            ("/protoPayload/response/kind", json!("Service")),
            (
                "/protoPayload/response/spec/containers/0/image",
                json!("r/a:v1"),
            ),
            (
                "/logName",
                json!("projects/acme-shop/logs/cloudaudit.googleapis.com%2Factivity"),
            ),
        ] {
            let subject = Subject::of(&read(&patched(&revision, &[change])));
            assert!(subject.deployed.is_empty(), "{subject:?}");
        }
    }

    #[test]
    fn a_started_execution_runs_its_images() {
        let blocked = entry("cloud-run-job-blocked");
        assert!(Subject::of(&read(&blocked)).deployed.is_empty());
        let spec = json!({"template": {"spec": {"containers": [{"image": DIGEST}]}}});
        let started = patched(
            &blocked,
            &[
                ("/protoPayload/response/spec", spec),
                (
                    "/protoPayload/response/status/conditions",
                    json!([{"type": "Started", "status": "True"}]),
                ),
            ],
        );
        assert_eq!(Subject::of(&read(&started)).deployed, [DIGEST]);
    }

    #[rstest::rstest]
    #[case::v1("cloud-run-request-v1", "/protoPayload/request/service/spec/traffic", json!([
        {"revisionName": "web-1", "percent": 90}, {"revisionName": "web-2", "tag": "next"},
        {"revisionName": "web-3", "percent": 0}, {"latestRevision": true, "percent": 10}
    ]))]
    #[case::v2("cloud-run-request-v2", "/protoPayload/request/service/traffic", json!([
        {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "web-1", "percent": 90},
        {"revision": "projects/acme-shop/locations/l/services/web/revisions/web-2", "tag": "next"},
        {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 10}
    ]))]
    fn traffic_is_moved_by_name(
        #[case] name: &str,
        #[case] pointer: &str,
        #[case] traffic: serde_json::Value,
    ) {
        let call = patched(&entry(name), &[(pointer, traffic)]);
        assert_eq!(Subject::of(&read(&call)).traffic_to, ["web-1", "web-2"]);
        let refused = patched(&call, &[("/protoPayload/status", json!({"code": 7}))]);
        assert!(Subject::of(&read(&refused)).traffic_to.is_empty());
    }

    #[rstest::rstest]
    #[case(
        "projects/acme-shop/locations/l/jobs/nightly",
        Some("cloud-run-job:acme-shop/l/nightly")
    )]
    #[case(
        "projects/acme-shop/locations/l/workerPools/queue",
        Some("cloud-run-worker-pool:acme-shop/l/queue")
    )]
    #[case(
        "projects/acme-shop/locations/l/services/web/revisions/web-1",
        Some("cloud-run:acme-shop/l/web")
    )]
    #[case("projects/acme-shop/locations/l", None)]
    fn a_resource_of_no_special_kind_is_known_by_its_name(
        #[case] resource: &str,
        #[case] expected: Option<&str>,
    ) {
        let call = patched(
            &entry("cloud-run-request-v2"),
            &[
                (
                    "/resource",
                    json!({"type": "audited_resource", "labels": {"service": "run.googleapis.com"}}),
                ),
                ("/protoPayload/resourceName", json!(resource)),
            ],
        );
        assert_eq!(Subject::of(&read(&call)).target.as_deref(), expected);
    }
}
