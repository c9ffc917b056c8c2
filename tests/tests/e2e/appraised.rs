//! A case on an auditor that is a process of its own, which asks a gate in another one.

use postern_tests::have;
use serde_json::{Value, json};

use crate::support::oidc::{AUDIENCE, Issuer};
use crate::support::{ATTESTOR, DIGEST, Process, World, http, ours};

/// Starts one function with a configuration of its own, on this address.
fn start(world: &World, binary: &str, config: &str, listen: &str) -> Process {
    Process::serve(
        ours(binary)
            .current_dir(world.folder())
            .env("POSTERN_CONFIG", config)
            .env("POSTERN__LISTEN", listen),
    )
}

/// A step of the only case, by whoever the token says.
fn step(auditor: &Process, token: &str, verb: &str) -> http::Answer {
    let case = case(auditor, token);
    let path = format!("/v1/cases/{}:{verb}", case["id"].as_str().unwrap());
    let revision = format!("\"{}\"", case["revision"]);
    let bearer = format!("Bearer {token}");
    let headers = [
        ("content-type", "application/json"),
        ("if-match", &*revision),
        ("authorization", &*bearer),
    ];
    let body = json!({"comment": "INC-7 synthetic: the pipeline was down, it is attested now"});
    let body = body.to_string();
    http::send(auditor.address(), "POST", &path, &headers, body.as_bytes())
}

/// The only case, or null.
fn case(auditor: &Process, token: &str) -> Value {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", &*bearer)];
    let all = http::send(auditor.address(), "GET", "/v1/cases", &headers, b"").json();
    assert!(all["cases"].as_array().unwrap().len() < 2, "{all}");
    all["cases"][0].clone()
}

#[test]
fn a_gate_in_another_process_says_whether_a_case_may_be_closed() {
    if !have(&["openssl"]) {
        return;
    }
    let (world, key) = World::with_key();
    let issuer = Issuer::start(world.folder());
    let token =
        |name: &str| issuer.token_with(&format!("{name}@example.com"), &json!({"sub": name}));
    let caller = |name: &str, may: &str| {
        json!({"issuer": issuer.name(), "audience": AUDIENCE,
            "claims": {"email": format!("{name}@example.com")}, "may": [may, "decide", "respond", "view"]})
    };
    let mut config = json!({
        "store": "sqlite:postern.db", "policy": "policy.json", "attestors": "attestors.json",
        "attestations": ["store"],
        "auth": {
            "gate": [caller("oncall", "breakGlass"), caller("auditor", "decide")],
            "cases": [caller("oncall", "view"), caller("dana", "respond"), caller("lead", "approve")],
        },
        "attestor": {"signers": [{
            "attestor": ATTESTOR, "key": format!("file:{}", key.private.display()),
            "callers": ["local"], "repositories": ["synthetic.example/**"],
        }]},
    });
    world.write("postern.yaml", config.to_string());
    world.write("token", token("auditor"));
    let gate = start(&world, "postern-gate", "postern.yaml", "127.0.0.1:0");
    let image = format!("synthetic.example/app@{DIGEST}");
    let asked = json!({"target": "lambda:eu-west-1/orders", "images": [image]});
    let appraise = |token: Option<&str>, asked: &Value| {
        http::post(gate.address(), "/v1/appraise", token, asked)
    };

    // It says what it thinks, to those that may ask, and that is no decision of anybody's.
    assert_eq!(appraise(None, &asked).status, 401);
    let ours = token("auditor");
    let said = appraise(Some(&ours), &asked);
    assert_eq!(said.status, 200, "{}", said.json());
    assert_eq!(said.json()["images"][0]["verdict"], "NON_CONFORMANT");
    let none = json!({"target": "lambda:eu-west-1/orders", "images": []});
    assert_eq!(appraise(Some(&ours), &none).status, 400);

    config["audit"] = json!({
        "gate": {"url": format!("http://{}", gate.address()), "token": "file:token"}});
    world.write("auditor.yaml", config.to_string());
    let auditor = start(&world, "postern-auditor", "auditor.yaml", "127.0.0.1:0");
    let (oncall, dana, lead) = (token("oncall"), token("dana"), token("lead"));
    assert_eq!(case(&auditor, &lead), Value::Null);

    let mut deploy = asked.clone();
    deploy["breakGlass"] = json!("INC-7 synthetic");
    let opened = http::post(gate.address(), "/v1/decisions", Some(&oncall), &deploy);
    assert_eq!(opened.status, 200, "{}", opened.json());
    for (verb, token) in [("acknowledge", &dana), ("justify", &oncall)] {
        let taken = step(&auditor, token, verb);
        assert_eq!(taken.status, 200, "{verb}: {}", taken.json());
    }
    let unattested = step(&auditor, &lead, "close");
    assert_eq!(unattested.status, 409, "{}", unattested.json());

    let attestor = start(&world, "postern-attestor", "postern.yaml", "127.0.0.1:0");
    let sign = json!({"image": image, "attestor": ATTESTOR});
    let signed = http::post(attestor.address(), "/v1/attestations", None, &sign);
    assert_eq!(signed.status, 201, "{}", signed.json());
    let address = gate.address().to_owned();
    drop(gate);
    let down = step(&auditor, &lead, "close");
    assert_eq!(down.status, 503, "{}", down.json());
    assert!(down.json().to_string().contains("the gate at 127.0.0.1"));
    assert_eq!(case(&auditor, &lead)["state"], "JUSTIFIED");

    let _gate = start(&world, "postern-gate", "postern.yaml", &address);
    let closed = step(&auditor, &lead, "close");
    assert_eq!(closed.status, 200, "{}", closed.json());
    assert_eq!(closed.json()["state"], "CLOSED");
}
