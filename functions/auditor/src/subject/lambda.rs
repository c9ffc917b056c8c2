//! AWS Lambda's records.
//!
//! An image is named in `requestParameters` where AWS records it there at all; its digest is
//! `codeSha256` of the answer, which is hexadecimal for an image and base64 for a ZIP file. A record
//! without either says nothing about what runs now.

use postern_core::event::AuditEvent;
use postern_core::target::Target;
use serde_json::Value;

use super::aws::{Arn, region};
use super::{Subject, images, text_at};

pub(super) fn subject(event: &AuditEvent) -> Subject {
    let method = event.short_method();
    let deploys = matches!(method, "CreateFunction" | "UpdateFunctionCode");
    let went_through = event.status_code == 0 && !is_dry_run(event);
    let images = images(event);
    let running = running(event, &images).filter(|_| deploys && went_through);
    Subject {
        target: target(event),
        revision: revision(event),
        deployed: running.into_iter().collect(),
        images,
        went_through: deploys.then_some(went_through),
        traffic_to: traffic_to(event),
        ..Subject::default()
    }
}

/// Whether nothing was to be changed.
fn is_dry_run(event: &AuditEvent) -> bool {
    let asked = event.request.as_ref().and_then(|r| r.get("dryRun"));
    match asked {
        Some(Value::Bool(yes)) => *yes,
        Some(Value::String(text)) => text == "true",
        _ => false,
    }
}

/// The function, however it is named: `NAME`, `NAME:QUALIFIER`, `ACCOUNT:function:NAME`, or an ARN.
fn target(event: &AuditEvent) -> Option<String> {
    let request = event.request.as_ref();
    let name = ["functionName", "resource"]
        .into_iter()
        .map(|member| text_at(request, &[member]))
        .find(|name| !name.is_empty())?;
    let arn = Arn::parse(name);
    if arn.as_ref().is_some_and(|arn| arn.service != "lambda") {
        return None;
    }
    let region = arn.as_ref().map_or(region(event), |arn| arn.region);
    let rest = arn.as_ref().map_or(name, |arn| arn.resource);
    let own = match rest.split_once("function:") {
        Some((_, rest)) => rest,
        // Code signing configurations and event source mappings are no functions.
        None if arn.is_some() => return None,
        None => rest,
    };
    let function = own.split(':').next().filter(|name| !name.is_empty())?;
    let target = format!("lambda:{region}/{function}");
    target.parse::<Target>().is_ok().then_some(target)
}

fn revision(event: &AuditEvent) -> Option<String> {
    let version = text_at(event.response.as_ref(), &["version"]);
    (!version.is_empty() && version.len() <= 253).then(|| version.to_owned())
}

fn images(event: &AuditEvent) -> Vec<String> {
    let (request, response) = (event.request.as_ref(), event.response.as_ref());
    let mut found = Vec::new();
    for image in [
        text_at(request, &["imageUri"]),
        text_at(request, &["code", "imageUri"]),
        text_at(response, &["code", "resolvedImageUri"]),
        text_at(response, &["code", "imageUri"]),
        text_at(response, &["imageUri"]),
    ] {
        images::add(&mut found, image);
    }
    found
}

/// The image that runs after a deployment, by its digest: the one that was asked for by digest, or
/// else the one that the answer tells.
fn running(event: &AuditEvent, images: &[String]) -> Option<String> {
    let response = event.response.as_ref();
    let named = images.iter().find(|image| images::has_digest(image));
    let hash = text_at(response, &["codeSha256"]);
    let told = || {
        let is_image = text_at(response, &["packageType"]) != "Zip";
        let name = images.first().map_or("", String::as_str);
        (is_image && images::is_hex(hash)).then(|| images::with_digest(name, hash))
    };
    named.cloned().or_else(told)
}

/// The versions that an alias points to.
fn traffic_to(event: &AuditEvent) -> Vec<String> {
    let points = matches!(event.short_method(), "CreateAlias" | "UpdateAlias");
    if !points || event.status_code != 0 {
        return Vec::new();
    }
    let request = event.request.as_ref();
    let mut versions = Vec::new();
    images::add(&mut versions, text_at(request, &["functionVersion"]));
    let weights = request.and_then(|r| r.pointer("/routingConfig/additionalVersionWeights"));
    for version in weights.and_then(Value::as_object).into_iter().flatten() {
        images::add(&mut versions, version.0);
    }
    versions
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::parse::{Form, event};

    const HEX: &str = "7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a";
    const REPOSITORY: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/checkout";

    /// A synthetic record.
    fn subject(method: &str, request: Value, response: Value, error: &str) -> Subject {
        let record = json!({
            "eventVersion": "1.11", "eventID": "e-1", "eventTime": "2026-03-03T03:10:00Z",
            "eventSource": "lambda.amazonaws.com", "eventName": method, "awsRegion": "eu-west-1",
            "recipientAccountId": "111122223333",
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/dana"},
            "requestParameters": request, "responseElements": response, "errorCode": error
        });
        Subject::of(&event(record.to_string().as_bytes(), Form::CloudTrail).unwrap())
    }

    #[rstest::rstest]
    #[case("checkout", Some("lambda:eu-west-1/checkout"))]
    #[case("checkout:live", Some("lambda:eu-west-1/checkout"))]
    #[case("111122223333:function:checkout", Some("lambda:eu-west-1/checkout"))]
    #[case(
        "arn:aws:lambda:us-east-1:111122223333:function:checkout:live",
        Some("lambda:us-east-1/checkout")
    )]
    #[case(
        "arn:aws:lambda:us-east-1:111122223333:code-signing-config:csc-1",
        None
    )]
    #[case("arn:aws:sqs:us-east-1:111122223333:function:x", None)]
    #[case("a/b", None)]
    #[case("", None)]
    fn functions_have_many_names(#[case] name: &str, #[case] expected: Option<&str>) {
        let found = subject("X", json!({"functionName": name}), json!(null), "");
        assert_eq!(found.target.as_deref(), expected);
        let tagged = json!({"resource": name, "tags": {"postern/break-glass": "INC-7"}});
        let found = subject("TagResource20170331v2", tagged, json!(null), "");
        assert_eq!(found.target.as_deref(), expected);
        assert_eq!(found.justification.as_deref(), Some("INC-7"));
    }

    #[test]
    fn a_deployed_image_has_the_digest_of_the_answer() {
        let tagged = format!("{REPOSITORY}:v7");
        let answer = json!({"codeSha256": HEX, "packageType": "Image", "version": "8"});
        let expected = [format!("{REPOSITORY}@sha256:{HEX}")];
        for (method, request) in [
            (
                "UpdateFunctionCode20150331v2",
                json!({"functionName": "c", "imageUri": tagged}),
            ),
            (
                "CreateFunction20150331",
                json!({"functionName": "c", "code": {"imageUri": tagged}}),
            ),
        ] {
            let found = subject(method, request, answer.clone(), "");
            assert_eq!(found.deployed, expected);
            assert_eq!(found.images, [tagged.as_str()]);
            assert_eq!(found.revision.as_deref(), Some("8"));
            assert_eq!(found.went_through, Some(true));
        }
    }

    #[rstest::rstest]
    #[case::no_name(json!({}), json!({"codeSha256": HEX}), "", &["sha256:7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a"])]
    #[case::no_digest(json!({"imageUri": "r/a:v1"}), json!({"codeSha256": "AAAA="}), "", &[])]
    #[case::no_answer(json!({"imageUri": "r/a:v1"}), json!(null), "", &[])]
    #[case::resolved(
        json!({"imageUri": "r/a:v1"}),
        json!({"code": {"resolvedImageUri": "r/a@sha256:7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a"}}), "",
        &["r/a@sha256:7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a"]
    )]
    #[case::zip(json!({}), json!({"codeSha256": HEX, "packageType": "Zip"}), "", &[])]
    #[case::dry_run(json!({"dryRun": true}), json!({"codeSha256": HEX}), "", &[])]
    #[case::failed(json!({}), json!({"codeSha256": HEX}), "AccessDenied", &[])]
    fn only_a_digest_says_what_runs(
        #[case] request: Value,
        #[case] response: Value,
        #[case] error: &str,
        #[case] expected: &[&str],
    ) {
        let found = subject("UpdateFunctionCode20150331v2", request, response, error);
        assert_eq!(found.deployed, expected);
    }

    #[test]
    fn other_calls_deploy_nothing() {
        let found = subject(
            "GetFunction20150331v2",
            json!({}),
            json!({"codeSha256": HEX}),
            "",
        );
        assert_eq!((found.deployed.len(), found.went_through), (0, None));
    }

    #[test]
    fn an_alias_moves_traffic_to_versions() {
        let request = json!({
            "functionName": "checkout", "name": "live", "functionVersion": "7",
            "routingConfig": {"additionalVersionWeights": {"8": 0.1}}
        });
        let moved =
            |method: &str, error| subject(method, request.clone(), json!(null), error).traffic_to;
        assert_eq!(moved("UpdateAlias20150331", ""), ["7", "8"]);
        assert_eq!(moved("CreateAlias20150331", ""), ["7", "8"]);
        assert!(moved("UpdateAlias20150331", "AccessDenied").is_empty());
        assert!(moved("GetAlias20150331", "").is_empty());
    }
}
