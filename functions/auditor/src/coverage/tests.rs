use super::*;
use serde_json::json;

/// The embedded detections, and two that stand for those that need other logs.
fn catalogue() -> Catalogue {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/detections");
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .map(|path| {
            let id = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (id, std::fs::read_to_string(path).unwrap())
        })
        .filter(|(id, _)| {
            ["postern.", "gcp.cloud-run.", "gcp.gke."]
                .iter()
                .any(|start| id.starts_with(start))
        })
        .collect();
    for (id, log, service, entry) in [
        (
            "gcp.test.sign",
            "data_access",
            "cloudkms.googleapis.com",
            entry(
                "projects/acme-shop",
                "data_access",
                "cloudkms.googleapis.com",
                "AsymmetricSign",
            ),
        ),
        (
            "gcp.test.org",
            "activity",
            "orgpolicy.googleapis.com",
            entry(
                "organizations/1",
                "activity",
                "orgpolicy.googleapis.com",
                "UpdatePolicy",
            ),
        ),
        (
            "aws.test.code",
            "cloudtrail",
            "lambda.amazonaws.com",
            record(
                "lambda.amazonaws.com",
                "UpdateFunctionCode20150331v2",
                false,
            ),
        ),
        (
            "aws.test.sign",
            "cloudtrail",
            "kms.amazonaws.com",
            record("kms.amazonaws.com", "Sign", true),
        ),
    ] {
        let detection = json!({
            "id": id, "title": id, "severity": "HIGH", "category": "TRUST_CHAIN", "attack": [],
            "why": "-", "whatToDo": "-", "falsePositives": [], "summary": "-",
            "match": {"log": log, "service": service},
            "samples": [{"name": "one", "fires": true, "entry": entry}],
        });
        files.push((id.to_owned(), detection.to_string()));
    }
    Catalogue::compile(files.iter().map(|(id, yaml)| (id.as_str(), yaml.as_str()))).unwrap()
}

/// Synthetic.
fn entry(owner: &str, log: &str, service: &str, method: &str) -> Value {
    json!({
        "insertId": "c-1", "timestamp": "2026-04-05T00:00:00Z",
        "logName": format!("{owner}/logs/cloudaudit.googleapis.com%2F{log}"),
        "resource": {"type": "audited_resource", "labels": {}},
        "protoPayload": {"@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": service, "methodName": method},
    })
}

/// Synthetic.
fn record(source: &str, name: &str, reads: bool) -> Value {
    json!({
        "eventVersion": "1.11", "eventTime": "2026-04-05T00:00:00Z", "eventSource": source,
        "eventName": name, "awsRegion": "eu-west-1", "readOnly": reads, "eventType": "AwsApiCall",
        "managementEvent": true, "eventCategory": "Management", "recipientAccountId": "111122223333",
    })
}

fn report(plans: &[&str], known: &Known) -> String {
    let mut plan = Plan::default();
    for text in plans {
        plan.extend(Plan::parse(text.as_bytes()).unwrap());
    }
    let report = judge(&catalogue(), &plan, known).unwrap();
    let mut text = String::new();
    for coverage in &report.detections {
        text += &format!("{:?} {}\n", coverage.state, coverage.detection);
        for gap in &coverage.gaps {
            text += &format!(
                "  {:?}: {} ({} samples)\n",
                gap.state,
                gap.why,
                gap.samples.len()
            );
        }
    }
    text
}

const COVERED: &str = include_str!("../../tests/coverage/google-covered.json");
const HOLES: &str = include_str!("../../tests/coverage/google-holes.json");

fn changed(text: &str, pointer: &str, value: Value) -> String {
    let mut plan: Value = serde_json::from_str(text).unwrap();
    *plan.pointer_mut(pointer).unwrap() = value;
    plan.to_string()
}

#[test]
fn where_everything_is_on_everything_is_covered() {
    let text = report(&[COVERED], &Known::default());
    assert!(
        text.lines().all(|line| line.starts_with("Covered ")),
        "{text}"
    );
    assert!(text.lines().count() > 10, "{text}");
}

#[test]
fn each_hole_is_named() {
    insta::assert_snapshot!(report(&[HOLES], &Known::default()), @"");
}
