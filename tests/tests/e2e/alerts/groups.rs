//! A flood of denials in a chat, as one message.

use serde_json::{Value, json};

use super::{break_glass, serve, until};
use crate::audit::{break_glass_entry, cases};
use crate::support::{ATTESTOR, IMAGE, Process, Reply, StandIn, World, http};

/// A service of Cloud Run was refused, as its log tells it.
fn denied(service: &str) -> Value {
    let mut entry = break_glass_entry(service);
    entry["resource"]["labels"]["service_name"] = service.into();
    entry["resource"]["labels"]["configuration_name"] = service.into();
    entry["severity"] = "ERROR".into();
    let payload = &mut entry["protoPayload"];
    payload["status"] = json!({"code": 9, "message": format!(
        "Ready condition status changed to False for Revision web-00003-xyz with message: Container \
         image '{IMAGE}' is not authorized by policy. Image {IMAGE} denied by attestor {ATTESTOR}: No \
         attestations found that were valid and signed by a key trusted by the attestor"
    )});
    let response = &mut payload["response"];
    response["metadata"]["labels"]["serving.knative.dev/service"] = service.into();
    response["metadata"]["annotations"] =
        json!({"serving.knative.dev/creator": "oncall@example.com"});
    response["status"]["conditions"] = json!([
        {"type": "Ready", "status": "False", "reason": "ContainerImageUnauthorized"},
    ]);
    entry
}

fn chat(receiver: &StandIn) -> Value {
    json!([{
        "name": "chat", "type": "slack", "url": "env:CHAT", "allowPrivate": true,
        "group": {"by": ["category", "project"], "wait": "1h", "most": 3},
    }, {
        "name": "hook", "type": "webhook", "url": format!("{}/hook", receiver.url()),
        "allowPrivate": true,
    }])
}

/// The titles of the messages that the chat got.
fn titles(receiver: &StandIn) -> Vec<String> {
    let seen = receiver.seen().into_iter();
    let chat = seen.filter(|seen| seen.target == "/chat");
    let title = |message: Value| {
        message["blocks"][0]["text"]["text"]
            .as_str()
            .map(str::to_owned)
    };
    chat.map(|seen| title(seen.json()).unwrap()).collect()
}

fn tick(server: &Process) {
    let answer = http::post(server.address(), "/v1/tick", None, &json!({}));
    assert_eq!(answer.status, 200, "{}", answer.json());
}

#[test]
fn denials_wait_for_each_other_over_a_restart_and_break_glass_waits_for_nobody() {
    let receiver = StandIn::start(|_| Reply::status(200));
    let world = World::new();
    let url = format!("{}/chat", receiver.url());
    let environment = [("CHAT", url.as_str())];
    let start = || serve(&world, chat(&receiver), &environment);
    let server = start();
    let two = json!([denied("till"), denied("shop")]);
    let answer = http::post(server.address(), "/v1/events", None, &two);
    assert_eq!(answer.status, 200, "{}", answer.json());
    break_glass(&server, "INC-7 hotfix");
    until("the break-glass", || {
        (titles(&receiver).len() == 1).then_some(())
    });
    tick(&server);
    assert_eq!(titles(&receiver), ["HIGH: BREAK GLASS"]);
    drop(server);

    let server = start();
    tick(&server);
    assert_eq!(titles(&receiver).len(), 1, "two are no full group");
    let one = json!([denied("mart")]);
    assert_eq!(
        http::post(server.address(), "/v1/events", None, &one).status,
        200
    );
    assert_eq!(cases(&server).len(), 4);
    until("the group", || {
        tick(&server);
        (titles(&receiver).len() > 1).then_some(())
    });
    let titles = titles(&receiver);
    assert_eq!(titles.len(), 2, "{titles:?}");
    assert!(titles[1].ends_with(": DENIED in 3 cases"), "{titles:?}");
}
