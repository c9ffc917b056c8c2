//! Registries that fail, in the person of a stand-in: never a verdict, and never an allow.

use postern_tests::have;
use rstest::rstest;
use serde_json::json;

use crate::support::{Reply, StandIn, World};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

#[rstest]
#[case::too_many_requests(Reply::status(429))]
#[case::an_internal_error(Reply::status(500))]
#[case::a_bad_gateway(Reply::status(502))]
#[case::no_service(Reply::status(503))]
#[case::unauthorized(Reply::status(401))]
#[case::forbidden(Reply::status(403))]
#[case::a_teapot(Reply::status(418))]
#[case::half_an_answer(Reply::Truncated(MANIFEST.to_owned(), manifest()))]
#[case::endless(Reply::Endless(MANIFEST.to_owned(), vec![b' '; 65536]))]
#[case::silent(Reply::Hang)]
#[case::a_login_page(Reply::typed(200, "text/html", "<html>Please log in</html>"))]
fn a_tag_that_cannot_be_resolved_is_undetermined(#[case] reply: Reply) {
    let world = World::new();
    world.trust(&crate::support::attestor(&[]));
    world.attested(&json!([]));
    let registry = StandIn::start(move |_| reply.clone());
    let tag = format!("{}/demo/app:v1", registry.address());
    let checked = world.check(&tag, &[]);
    assert_eq!(checked.exit, Some(3), "{checked:#?}");
    assert_eq!(checked.decision["verdict"], "UNDETERMINED");
    assert_eq!(checked.decision["retryable"], true);
    assert!(!registry.seen().is_empty());
}

#[rstest]
#[case::too_many_requests(Reply::status(429))]
#[case::an_internal_error(Reply::status(500))]
#[case::forbidden(Reply::status(403))]
#[case::half_an_answer(Reply::Truncated(INDEX.to_owned(), listing()))]
#[case::endless(Reply::Endless(INDEX.to_owned(), vec![b' '; 65536]))]
#[case::silent(Reply::Hang)]
fn attestations_that_cannot_be_listed_are_not_absent(#[case] reply: Reply) {
    if !have(&["openssl"]) {
        return;
    }
    let (world, _) = World::with_key();
    let registry = StandIn::start(move |request| match request.target.as_str() {
        "/v2/demo/app/manifests/v1" => Reply::typed(200, MANIFEST, manifest()),
        _ => reply.clone(),
    });
    let tag = format!("{}/demo/app:v1", registry.address());
    let checked = world.check(&tag, &["--attestations", "registry"]);
    assert_eq!(checked.exit, Some(3), "{checked:#?}");
    assert_eq!(checked.decision["verdict"], "UNDETERMINED");
    let codes = checked.codes();
    assert!(!codes.contains(&"NO_ATTESTATION"), "{codes:?}");
}

#[test]
fn nobody_at_the_port_is_undetermined() {
    let world = World::new();
    world.trust(&crate::support::attestor(&[]));
    world.attested(&json!([]));
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let tag = format!("{}/demo/app:v1", port.local_addr().unwrap());
    drop(port);
    world
        .check(&tag, &[])
        .is_undetermined("EVIDENCE_UNAVAILABLE");
}

#[test]
fn a_registry_that_says_404_has_no_such_image() {
    let world = World::new();
    world.trust(&crate::support::attestor(&[]));
    world.attested(&json!([]));
    let registry = StandIn::start(|_| {
        let body = json!({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "unknown"}]});
        Reply::typed(404, "application/json", body.to_string())
    });
    let tag = format!("{}/demo/app:v1", registry.address());
    world.check(&tag, &[]).is_denied("IMAGE_NOT_FOUND");
}

fn manifest() -> Vec<u8> {
    let config = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
    });
    manifest.to_string().into_bytes()
}

fn listing() -> Vec<u8> {
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []})
        .to_string()
        .into_bytes()
}
