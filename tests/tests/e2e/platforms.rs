//! The gate's one binary where it is shipped to: as a Lambda function and as a Cloud Run service.

use std::process::Command;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use postern_tests::have;
use postern_tests::openssl::{Padding, sign};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::oidc::now;
use crate::support::{
    Attestation, DIGEST, Process, Reply, StandIn, World, http, occurrences, ours,
};

/// A folder in which one image is attested, and the gate's configuration.
fn world(others: &Value) -> World {
    let (world, key) = World::with_key();
    let payload = world.payload(&format!("synthetic.example/app@{DIGEST}"));
    let signature = sign(&key, "sha256", Padding::None, &payload);
    let attestation = Attestation::of(&payload).signed(&world.key_id(&key.public), &signature);
    world.attested(&occurrences(&[attestation]));
    let mut config = json!({
        "store": "sqlite:postern.db",
        "acceptEphemeralStore": true,
        "policy": "policy.json",
        "attestors": "attestors.json",
        "attestations": ["occurrences.json"],
        "auth": {"gate": "platform"},
    });
    for (key, value) in others.as_object().unwrap() {
        config[key] = value.clone();
    }
    world.write("postern.yaml", config.to_string());
    world
}

fn gate(world: &World) -> Command {
    let mut command = ours("postern-gate");
    command.current_dir(world.folder());
    command.env("POSTERN_CONFIG", "postern.yaml");
    command
}

fn signed() -> String {
    format!("synthetic.example/app@{DIGEST}")
}

fn unsigned() -> String {
    format!("synthetic.example/app@sha256:{}", "0".repeat(64))
}

/// The Lambda Runtime API (AWS Lambda developer guide, "Using the Lambda runtime API for custom
/// runtimes"), for one function.
pub(crate) struct Runtime {
    api: StandIn,
    events: Sender<Value>,
    answers: Receiver<Value>,
}

const INVOCATION: &str = "/2018-06-01/runtime/invocation/";

impl Runtime {
    pub(crate) fn start() -> Self {
        let (events, next) = channel::<Value>();
        let (answered, answers) = channel();
        let (next, answered) = (Mutex::new(next), Mutex::new(answered));
        let api = StandIn::start(move |request| {
            let Some(what) = request.target.strip_prefix(INVOCATION) else {
                return Reply::status(404);
            };
            if what != "next" {
                let _ = answered.lock().unwrap().send(json!({
                    "to": what, "body": serde_json::from_slice::<Value>(&request.body).unwrap(),
                }));
                return Reply::typed(202, "application/json", r#"{"status":"OK"}"#);
            }
            match next.lock().unwrap().recv() {
                Ok(event) => invocation(&event),
                Err(_) => Reply::Hang,
            }
        });
        Self {
            api,
            events,
            answers,
        }
    }

    /// The function, started as Lambda starts it.
    pub(crate) fn function(&self, command: &mut Command) -> Process {
        Process::spawn(
            command
                .env("AWS_LAMBDA_RUNTIME_API", self.api.address())
                .env("AWS_LAMBDA_FUNCTION_NAME", "gate")
                .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
                .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
                .env("AWS_REGION", "eu-west-1"),
        )
    }

    /// Hands over one event and waits for the answer to it.
    pub(crate) fn answer(&self, event: Value) -> Value {
        self.events.send(event).unwrap();
        let answer = self.answers.recv_timeout(http::PATIENCE).unwrap();
        assert_eq!(
            answer["to"], "8476a536-e9f4-11e8-9739-2dfe598c3fcd/response",
            "{answer}"
        );
        answer["body"].clone()
    }

    /// As [`Runtime::answer`], of an HTTP request: status and body.
    fn invoke(&self, event: Value) -> (u64, Value) {
        let answer = self.answer(event);
        let text = answer["body"].as_str().unwrap();
        let body = if answer["isBase64Encoded"] == true {
            STANDARD.decode(text).unwrap()
        } else {
            text.as_bytes().to_vec()
        };
        let status = answer["statusCode"].as_u64().unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }
}

fn invocation(event: &Value) -> Reply {
    let headers = [
        ("content-type", "application/json".to_owned()),
        (
            "lambda-runtime-aws-request-id",
            "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned(),
        ),
        (
            "lambda-runtime-deadline-ms",
            ((now() + 30) * 1000).to_string(),
        ),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-west-1:123456789012:function:gate".to_owned(),
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700".to_owned(),
        ),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value));
    Reply::Http(200, headers.into(), event.to_string().into_bytes())
}

/// An event of payload format 2.0: of a function URL, or of an HTTP API with this stage.
fn event(stage: &str, images: &[&str], authorizer: &Value) -> Value {
    let path = match stage {
        "$default" => "/v1/decisions".to_owned(),
        stage => format!("/{stage}/v1/decisions"),
    };
    let domain = "synthetic.lambda-url.eu-west-1.on.aws";
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "enforce=true",
        "headers": {"host": domain, "content-type": "application/json"},
        "queryStringParameters": {"enforce": "true"},
        "requestContext": {
            "accountId": "123456789012", "apiId": "synthetic", "domainName": domain,
            "domainPrefix": "synthetic", "requestId": "id", "routeKey": "$default", "stage": stage,
            "time": "02/Jan/2026:03:04:05 +0000", "timeEpoch": 1_767_323_045_000_u64,
            "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.8", "userAgent": "synthetic"},
            "authorizer": authorizer,
        },
        "body": STANDARD.encode(json!({"images": images}).to_string()), "isBase64Encoded": true,
    })
}

#[rstest]
#[case::function_url("$default")]
#[case::api_gateway("prod")]
fn lambda_events_are_decided(#[case] stage: &str) {
    if !have(&["openssl"]) {
        return;
    }
    let world = world(&json!({}));
    let runtime = Runtime::start();
    let _function = runtime.function(&mut gate(&world));
    let caller = json!({"iam": {
        "accessKey": "AKIAEXAMPLE", "accountId": "123456789012", "callerId": "synthetic",
        "userArn": "arn:aws:sts::123456789012:assumed-role/ci/session", "userId": "synthetic",
    }});
    let (status, decision) = runtime.invoke(event(stage, &[&signed()], &caller));
    assert_eq!(status, 200, "{decision}");
    assert_eq!(decision["verdict"], "CONFORMANT");
    let subject = "arn:aws:sts::123456789012:assumed-role/ci/session";
    assert_eq!(decision["caller"]["subject"], subject);
    let (status, decision) = runtime.invoke(event(stage, &[&unsigned()], &caller));
    assert_eq!(
        (status, &decision["verdict"]),
        (403, &json!("NON_CONFORMANT"))
    );
    let (status, problem) = runtime.invoke(event(stage, &[&signed()], &Value::Null));
    assert_eq!((status, &problem["code"]), (401, &json!("TOKEN_MISSING")));
}

#[test]
fn cloud_run_says_where_to_listen_and_when_to_end() {
    if !have(&["openssl"]) {
        return;
    }
    let world = world(&json!({"auth": {"gate": {"platform": [{
        "issuer": "https://accounts.google.com", "audience": "https://gate.example",
        "claims": {"email": "ci@demo-project.iam.gserviceaccount.com"}, "may": ["decide"],
    }]}}}));
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let number = port.local_addr().unwrap().port();
    drop(port);
    let mut gate = Process::serve(
        gate(&world)
            .env("K_SERVICE", "gate")
            .env("PORT", number.to_string()),
    );
    assert_eq!(gate.address(), format!("0.0.0.0:{number}"));
    let address = format!("127.0.0.1:{number}");
    assert_eq!(http::get(&address, "/health").status, 200);
    assert_eq!(http::get(&address, "/ready").status, 200);
    // What the platform has let in comes with the token, whose signature it has taken off.
    let token = |email: &str| {
        let claims = json!({
            "iss": "https://accounts.google.com", "aud": "https://gate.example", "sub": "1",
            "email": email, "email_verified": true, "iat": now(), "exp": now() + 600,
        });
        let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!(
            "{}.{}.SIGNATURE_REMOVED_BY_GOOGLE",
            encode(json!({"alg": "RS256"})),
            encode(claims)
        )
    };
    let ask = |token: Option<&str>, image: String| {
        http::post(
            &address,
            "/v1/decisions?enforce=true",
            token,
            &json!({"images": [image]}),
        )
    };
    let ci = token("ci@demo-project.iam.gserviceaccount.com");
    assert_eq!(ask(Some(&ci), signed()).status, 200);
    assert_eq!(ask(Some(&ci), unsigned()).status, 403);
    assert_eq!(
        ask(Some(&token("other@example.com")), signed()).code(),
        "TOKEN_CLAIM"
    );
    assert_eq!(ask(None, signed()).status, 401);
    gate.ask_to_end();
    assert_eq!(gate.ended().code(), Some(0), "{}", gate.said());
}

#[rstest]
#[case::sqlite_where_the_disk_is_lost("K_SERVICE", json!({"acceptEphemeralStore": false}), "acceptEphemeralStore")]
#[case::platform_where_none_stands_in_front("SYNTHETIC", json!({}), "platform")]
fn a_configuration_that_the_platform_makes_wrong_is_refused(
    #[case] variable: &str,
    #[case] others: Value,
    #[case] told: &str,
) {
    if !have(&["openssl"]) {
        return;
    }
    let world = world(&others);
    let output = postern_tests::output(gate(&world).env(variable, "gate"));
    assert_eq!(output.status.code(), Some(2));
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains(told), "{said}");
}
