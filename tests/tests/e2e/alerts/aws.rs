//! SNS, SQS and EventBridge, in the person of moto.

use postern_tests::{Server, have, moto};
use serde_json::{Value, json};

use super::{break_glass, case_in, serve, until};
use crate::support::{World, http};

const ACCOUNT: &str = "123456789012";

/// One call of an API of AWS, as any client makes it.
pub(super) fn call(moto: &Server, service: &str, target: &str, body: &str) -> String {
    let scope = format!(
        "AWS4-HMAC-SHA256 Credential=synthetic/20260102/eu-west-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=synthetic"
    );
    let kind = match target {
        "" => "application/x-www-form-urlencoded",
        _ => "application/x-amz-json-1.1",
    };
    let host = format!("{service}.eu-west-1.amazonaws.com");
    let headers = [
        ("content-type", kind),
        ("x-amz-target", target),
        ("authorization", scope.as_str()),
        ("x-forwarded-host", host.as_str()),
    ];
    let headers = if target.is_empty() {
        [headers[0], headers[2], headers[3]].to_vec()
    } else {
        headers.to_vec()
    };
    let answer = http::send(moto.address(), "POST", "/", &headers, body.as_bytes());
    let text = String::from_utf8(answer.body).unwrap();
    assert_eq!(answer.status, 200, "{text}");
    text
}

fn sqs(moto: &Server, operation: &str, body: &Value) -> Value {
    let target = format!("AmazonSQS.{operation}");
    serde_json::from_str(&call(moto, "sqs", &target, &body.to_string())).unwrap_or_default()
}

/// A queue's URL.
pub(super) fn queue(moto: &Server, name: &str) -> String {
    let attributes = match name.ends_with(".fifo") {
        true => json!({"FifoQueue": "true"}),
        false => json!({}),
    };
    let made = sqs(
        moto,
        "CreateQueue",
        &json!({"QueueName": name, "Attributes": attributes}),
    );
    made["QueueUrl"].as_str().unwrap().to_owned()
}

pub(super) fn received(moto: &Server, url: &str) -> Option<Value> {
    let ask = json!({
        "QueueUrl": url, "MessageAttributeNames": ["All"], "AttributeNames": ["All"],
    });
    sqs(moto, "ReceiveMessage", &ask)["Messages"]
        .as_array()?
        .first()
        .cloned()
}

#[test]
fn every_bus_has_the_alert() {
    if !have(&["moto_server"]) {
        return;
    }
    let (world, moto) = (World::new(), moto());
    let names = ["plain", "alerts.fifo", "topic", "bus"];
    let [plain, fifo, topic, bus] = names.map(|name| queue(&moto, name));
    let arn = |service: &str, name: &str| format!("arn:aws:{service}:eu-west-1:{ACCOUNT}:{name}");
    call(
        &moto,
        "sns",
        "",
        "Action=CreateTopic&Version=2010-03-31&Name=alerts",
    );
    let subscribe = format!(
        "Action=Subscribe&Version=2010-03-31&Protocol=sqs&TopicArn={}&Endpoint={}\
         &Attributes.entry.1.key=RawMessageDelivery&Attributes.entry.1.value=true",
        arn("sns", "alerts"),
        arn("sqs", "topic")
    );
    call(&moto, "sns", "", &subscribe);
    let events = |operation: &str, body: Value| {
        call(
            &moto,
            "events",
            &format!("AWSEvents.{operation}"),
            &body.to_string(),
        )
    };
    events("CreateEventBus", json!({"Name": "security"}));
    let pattern = json!({"source": ["postern"]}).to_string();
    let rule = json!({"Name": "all", "EventBusName": "security", "EventPattern": pattern});
    events("PutRule", rule);
    let target = json!([{"Id": "1", "Arn": arn("sqs", "bus")}]);
    let targets = json!({"Rule": "all", "EventBusName": "security", "Targets": target});
    events("PutTargets", targets);

    let outputs = json!([
        {"name": "plain", "type": "sqs", "queue": plain},
        {"name": "fifo", "type": "sqs", "queue": fifo, "region": "eu-west-1"},
        {"name": "topic", "type": "sns", "topic": arn("sns", "alerts"), "body": "native"},
        {"name": "bus", "type": "eventbridge", "bus": "security", "body": "native"},
    ]);
    let environment = [
        ("AWS_ENDPOINT_URL", &*moto.url()),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "synthetic"),
        ("AWS_SECRET_ACCESS_KEY", "synthetic"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let server = serve(&world, outputs, &environment);
    let case = break_glass(&server, "INC-7 \u{4e16} <b>&");
    let id = case["id"].as_str().unwrap();
    let body = |url: &str| {
        let message = until("the alert", || received(&moto, url));
        (message["Body"].as_str().unwrap().to_owned(), message)
    };

    let (text, message) = body(&plain);
    assert_eq!(case_in(&text)["id"], id);
    let attributes = &message["MessageAttributes"];
    assert_eq!(attributes["caseId"]["StringValue"], id);
    assert_eq!(attributes["category"]["StringValue"], "BREAK_GLASS");
    let (text, message) = body(&fifo);
    assert_eq!(case_in(&text)["id"], id);
    assert_eq!(message["Attributes"]["MessageGroupId"], id);
    assert_eq!(
        message["Attributes"]["MessageDeduplicationId"],
        format!("{id}-1")
    );
    let (text, _) = body(&topic);
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told["id"], id);
    assert_eq!(told["findings"][0]["justification"], "INC-7 \u{4e16} <b>&");
    let (text, _) = body(&bus);
    let event: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(event["source"], "postern");
    assert_eq!(event["detail-type"], "Postern Case Opened");
    assert_eq!(event["detail"]["id"], id);

    let mut command = world.postern(&["notify", "test", "plain", "--config", "postern.yaml"]);
    let tried = postern_tests::run(command.envs(environment));
    let tried = String::from_utf8(tried).unwrap();
    assert!(tried.contains(": message id "), "{tried}");
}
