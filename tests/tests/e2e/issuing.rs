//! The attestor function: it signs for whom and what its configuration says, and the gate believes
//! it.

use postern_tests::have;
use serde_json::{Value, json};

use crate::support::oidc::{AUDIENCE, Issuer};
use crate::support::{ATTESTOR, IMAGE, Process, World, http};

const CI: &str = "ci@demo-project.iam.gserviceaccount.com";
const OTHER: &str = "other@demo-project.iam.gserviceaccount.com";

#[test]
fn it_signs_for_those_who_may_and_what_they_may() {
    if !have(&["openssl"]) {
        return;
    }
    let (world, key) = World::with_key();
    let issuer = Issuer::start(world.folder());
    let caller = |email: &str| {
        json!({"issuer": issuer.name(), "audience": AUDIENCE, "claims": {"email": email},
            "may": ["decide", "attest"]})
    };
    let callers = json!([caller(CI), caller(OTHER)]);
    let config = json!({
        "store": "sqlite:data/postern.db", "policy": "policy.json", "attestors": "attestors.json",
        "attestations": ["store"],
        "auth": {"gate": callers, "attestor": callers},
        "attestor": {"signers": [{
            "attestor": ATTESTOR, "key": format!("file:{}", key.private.display()),
            "callers": [CI], "repositories": ["us-central1-docker.pkg.dev/demo-project/repo/*"],
        }]},
    });
    std::fs::create_dir_all(world.path("data")).unwrap();
    world.write("postern.yaml", config.to_string());
    let words = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--config",
        "postern.yaml",
    ];
    let server = Process::serve(&mut world.postern(&words));
    let post = |path: &str, email: &str, body: Value| {
        http::post(server.address(), path, Some(&issuer.token(email)), &body)
    };
    let allowed = || {
        let answer = post("/v1/decisions?enforce=true", CI, json!({"images": [IMAGE]}));
        answer.status
    };
    let attest = |email: &str, image: &str| {
        post(
            "/v1/attestations",
            email,
            json!({"image": image, "attestor": ATTESTOR}),
        )
    };
    assert_eq!(allowed(), 403);
    assert_eq!(attest(OTHER, IMAGE).status, 403);
    let elsewhere = IMAGE.replace("/repo/", "/other/");
    assert_eq!(attest(CI, &elsewhere).status, 403);
    let by_tag = "us-central1-docker.pkg.dev/demo-project/repo/app:v1";
    assert_eq!(attest(CI, by_tag).status, 400);
    assert_eq!(allowed(), 403, "nothing was signed so far");

    let answer = attest(CI, IMAGE);
    assert_eq!(answer.status, 201, "{}", answer.json());
    let occurrence = answer.json();
    assert_eq!(occurrence["resourceUri"], IMAGE);
    assert_eq!(allowed(), 200);
    let again = attest(CI, IMAGE);
    assert_eq!(
        (again.status, again.code().as_str()),
        (409, "ALREADY_ATTESTED")
    );
    // What it signed is what anybody else verifies.
    world.attested(&json!([occurrence]));
    world.check(IMAGE, &[]).is_attested();
}
