//! Secrets that a manager of secrets keeps: AWS Secrets Manager in the person of moto, and a stand-in
//! for Google's.

use std::process::Output;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postern_tests::{Server, have, moto};
use serde_json::json;

use crate::audit::signature;
use crate::support::{Reply, StandIn, World, http};

/// What `audit::signature` expects.
fn secret() -> String {
    format!("whsec_{}", STANDARD.encode([7; 32]))
}

/// Makes a secret, as any client makes it.
fn keep(moto: &Server, name: &str, secret: &str) {
    let headers = [
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", "secretsmanager.CreateSecret"),
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=synthetic/20260102/eu-west-1/secretsmanager/aws4_request, \
             SignedHeaders=host, Signature=synthetic",
        ),
    ];
    let body = json!({"Name": name, "SecretString": secret, "ClientRequestToken": "0".repeat(32)});
    let body = body.to_string();
    let answer = http::send(moto.address(), "POST", "/", &headers, body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.json());
}

/// A folder whose configuration has one webhook with this secret.
fn world(receiver: &StandIn, secret: &str) -> World {
    let world = World::new();
    let hook = json!({
        "name": "hook", "type": "webhook", "url": format!("{}/alerts", receiver.url()),
        "allowPrivate": true, "secret": secret,
    });
    let config = json!({"store": "sqlite:postern.db", "outputs": [hook]});
    world.write("postern.yaml", config.to_string());
    world
}

fn tried(world: &World, variables: &[(&str, &str)]) -> Output {
    let mut command = world.postern(&["notify", "test", "hook", "--config", "postern.yaml"]);
    command
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "synthetic")
        .env("AWS_SECRET_ACCESS_KEY", "synthetic")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command.envs(variables.iter().copied());
    postern_tests::output(&mut command)
}

fn said(output: &Output) -> String {
    let said = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8(said).unwrap()
}

fn signs(world: &World, receiver: &StandIn, output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", said(output));
    let hook = receiver.seen().into_iter().next().unwrap();
    let expected = signature(world, &hook);
    assert_eq!(hook.headers.get("webhook-signature"), Some(&expected[..]));
    assert!(!said(output).contains(&secret()));
}

#[test]
fn a_webhook_is_signed_by_a_secret_of_aws() {
    if !have(&["moto_server", "openssl"]) {
        return;
    }
    let (moto, receiver) = (moto(), StandIn::start(|_| Reply::status(204)));
    keep(&moto, "shop/hook", &secret());
    let known = world(&receiver, "awssm://shop/hook");
    let endpoint = [("AWS_ENDPOINT_URL", moto.url())];
    let [(name, url)] = &endpoint;
    let output = tried(&known, &[(name, url)]);
    signs(&known, &receiver, &output);
    // One that is not there is a mistake, with the place that it stands in.
    let output = tried(&world(&receiver, "awssm://shop/other"), &[(name, url)]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    let told = said(&output);
    for part in [
        "outputs[0].secret",
        "awssm://shop/other",
        "there is no secret",
    ] {
        assert!(told.contains(part), "{told}");
    }
    // One that cannot be asked for is an outage.
    drop(moto);
    let output = tried(&known, &[(name, url)]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(
        said(&output).contains("awssm://shop/hook"),
        "{}",
        said(&output)
    );
}

#[test]
fn a_webhook_is_signed_by_a_secret_of_google() {
    if !have(&["openssl"]) {
        return;
    }
    let google = StandIn::start(|request| match request.target.as_str() {
        "/v1/projects/demo-mart/secrets/hook/versions/latest:access" => {
            Reply::json(&json!({"payload": {"data": STANDARD.encode(secret())}}))
        }
        _ => Reply::status(404),
    });
    let receiver = StandIn::start(|_| Reply::status(204));
    let world = world(&receiver, "gcpsm://projects/demo-mart/secrets/hook");
    let url = google.url();
    let output = tried(
        &world,
        &[("CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER", &url)],
    );
    signs(&world, &receiver, &output);
}
