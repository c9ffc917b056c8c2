//! An alert to SNS from Google Cloud: no key of AWS is stored, and a role is taken on with the token that
//! the metadata server gives. moto is AWS, and stand-ins of the tests are the metadata server and the way
//! to AWS.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postern_tests::{have, moto};
use serde_json::json;

use super::aws::{call, queue, received};
use super::{break_glass, case_in, serve_as, until};
use crate::support::{Reply, Seen, StandIn, World, http};

const ROLE: &str = "arn:aws:iam::123456789012:role/alerts";
const AUDIENCE: &str = "sts.amazonaws.com/postern";

/// A token as the metadata server makes them, but for what it says and who signed it.
fn token() -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let claims = json!({"aud": AUDIENCE, "sub": "synthetic", "exp": 4_102_444_800_u64});
    [
        part(r#"{"alg":"RS256"}"#),
        part(&claims.to_string()),
        part("synthetic"),
    ]
    .join(".")
}

/// Stands in for the metadata server's endpoint for identities.
fn metadata_server() -> StandIn {
    StandIn::start(|request| {
        assert_eq!(request.headers.get("metadata-flavor"), Some("Google"));
        let asked = "/computeMetadata/v1/instance/service-accounts/default/identity\
                     ?audience=sts.amazonaws.com%2Fpostern&format=full";
        assert_eq!(request.target, asked);
        let flavor = ("metadata-flavor".to_owned(), "Google".to_owned());
        Reply::Http(200, vec![flavor], token().into_bytes())
    })
}

/// The way to moto, on which what STS answered is kept.
fn way(moto: String) -> (StandIn, Arc<Mutex<Vec<String>>>) {
    let given = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&given);
    let way = StandIn::start(move |request| {
        let header = |name| request.headers.get(name).map(|value| (name, value));
        let headers = [
            "content-type",
            "authorization",
            "x-amz-date",
            "x-amz-target",
        ];
        let headers: Vec<_> = headers.into_iter().filter_map(header).collect();
        let answer = http::send(
            &moto,
            &request.method,
            &request.target,
            &headers,
            &request.body,
        );
        let body = String::from_utf8(answer.body).unwrap();
        if let Some((_, rest)) = body.split_once("<AccessKeyId>") {
            let key = rest.split('<').next().unwrap();
            log.lock().unwrap().push(key.to_owned());
        }
        Reply::typed(answer.status, "text/xml", body)
    });
    (way, given)
}

fn body(request: &Seen) -> String {
    String::from_utf8(request.body.clone()).unwrap()
}

#[test]
fn a_topic_of_aws_has_the_alert_of_a_service_account_of_google() {
    if !have(&["moto_server"]) {
        return;
    }
    let (world, moto) = (World::new(), moto());
    let queue = queue(&moto, "topic");
    let topic = "arn:aws:sns:eu-west-1:123456789012:alerts";
    let create = "Action=CreateTopic&Version=2010-03-31&Name=alerts";
    call(&moto, "sns", "", create);
    let subscribe = format!(
        "Action=Subscribe&Version=2010-03-31&Protocol=sqs&TopicArn={topic}\
         &Endpoint=arn:aws:sqs:eu-west-1:123456789012:topic\
         &Attributes.entry.1.key=RawMessageDelivery&Attributes.entry.1.value=true"
    );
    call(&moto, "sns", "", &subscribe);

    let (way, given) = way(moto.address().to_owned());
    let metadata = metadata_server();
    let configured = json!({
        "outputs": [{"name": "topic", "type": "sns", "topic": topic}],
        "aws": {"webIdentity": {
            "roleArn": ROLE, "audience": AUDIENCE, "sessionName": "alerts", "region": "eu-west-1",
        }},
    });
    let environment = [
        ("AWS_ENDPOINT_URL", &*way.url()),
        ("GCE_METADATA_HOST", metadata.address()),
        // Nobody looks for these.
        ("AWS_ACCESS_KEY_ID", "AKIASTORED"),
        ("AWS_SECRET_ACCESS_KEY", "synthetic"),
    ];
    let server = serve_as(&world, configured, &environment);
    let case = break_glass(&server, "INC-7");
    let message = until("the alert", || received(&moto, &queue));
    assert_eq!(case_in(message["Body"].as_str().unwrap())["id"], case["id"]);

    let seen = way.seen();
    let taken = body(&seen[0]);
    assert!(
        taken.contains("Action=AssumeRoleWithWebIdentity"),
        "{taken}"
    );
    assert!(taken.contains("RoleSessionName=alerts"), "{taken}");
    assert!(
        taken.contains(&format!("WebIdentityToken={}", token())),
        "{taken}"
    );
    assert_eq!(seen[0].headers.get("authorization"), None);
    let given = given.lock().unwrap().clone();
    assert_eq!(given.len(), 1, "the role is kept");
    let published: Vec<_> = seen
        .iter()
        .filter(|r| body(r).contains("Action=Publish"))
        .collect();
    assert!(!published.is_empty());
    for request in published {
        let signed = request.headers.get("authorization").unwrap();
        assert!(
            signed.contains(&format!("Credential={}/", given[0])),
            "{signed}"
        );
    }
}

#[test]
fn a_malformed_role_is_told_at_the_start() {
    let world = World::new();
    let configured = json!({"aws": {"webIdentity": {"roleArn": "alerts", "audience": "a"}}});
    world.write("postern.yaml", configured.to_string());
    let words = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--config",
        "postern.yaml",
    ];
    let output = postern_tests::output(&mut world.postern(&words));
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("aws.webIdentity.roleArn: a role is written as"),
        "{said}"
    );
}
