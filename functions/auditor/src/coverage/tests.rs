mod folders;
mod live;

use super::*;
use crate::detection::Catalogue;
use serde_json::json;

/// Detections that stand for all kinds of logs.
fn detections() -> Vec<Detection> {
    let detection = |(id, category, entry): (&str, &str, Value)| {
        let log = entry["logName"].as_str();
        let log = log.and_then(|name| name.rsplit("%2F").next());
        let service = [&entry["protoPayload"]["serviceName"], &entry["eventSource"]];
        let service = service.into_iter().find_map(Value::as_str);
        let yaml = json!({
            "id": id, "title": id, "severity": "HIGH", "category": category, "attack": [],
            "why": "-", "whatToDo": "-", "falsePositives": [], "summary": "-",
            "match": {"log": log.unwrap_or("cloudtrail"), "service": service},
            "samples": [{"name": "one", "fires": true, "entry": entry}],
        });
        Detection::parse(&yaml.to_string()).unwrap()
    };
    entries().into_iter().map(detection).collect()
}

fn entries() -> Vec<(&'static str, &'static str, Value)> {
    let shop = "projects/acme-shop";
    let mut dry_run = entry(
        shop,
        "system_event",
        "run.googleapis.com",
        "/Services.ReplaceService",
    );
    dry_run["resource"]["type"] = json!("cloud_run_revision");
    let mut denied = dry_run.clone();
    dry_run["protoPayload"]["status"] =
        json!({"message": "with message: (dry run) not authorized"});
    denied["protoPayload"]["status"] = json!({"message": "with message: not authorized by policy"});
    let mut job = denied.clone();
    job["resource"]["type"] = json!("cloud_run_job");
    let mut pod = entry(shop, "activity", "k8s.io", "io.k8s.core.v1.pods.create");
    pod["resource"]["type"] = json!("k8s_cluster");
    vec![
        ("gcp.test.dry-run", "DRY_RUN", dry_run),
        ("gcp.test.denied", "DENIED", denied),
        ("gcp.test.job", "DENIED", job),
        ("gcp.test.pod", "BREAK_GLASS", pod),
        (
            "gcp.test.sign",
            "TRUST_CHAIN",
            entry(
                shop,
                "data_access",
                "cloudkms.googleapis.com",
                "AsymmetricSign",
            ),
        ),
        (
            "gcp.test.policy",
            "POLICY_WEAKENED",
            entry(
                shop,
                "activity",
                "binaryauthorization.googleapis.com",
                "UpdatePolicy",
            ),
        ),
        (
            "gcp.test.org",
            "POLICY_WEAKENED",
            entry(
                "organizations/1",
                "activity",
                "orgpolicy.googleapis.com",
                "UpdatePolicy",
            ),
        ),
        (
            "aws.test.code",
            "BYPASS",
            record(
                "lambda.amazonaws.com",
                "UpdateFunctionCode20150331v2",
                false,
            ),
        ),
        (
            "aws.test.sign",
            "TRUST_CHAIN",
            record("kms.amazonaws.com", "Sign", true),
        ),
        (
            "aws.test.role",
            "CREDENTIAL",
            record("iam.amazonaws.com", "PutRolePolicy", false),
        ),
    ]
}

/// Synthetic.
fn entry(owner: &str, log: &str, service: &str, method: &str) -> Value {
    json!({
        "insertId": "c-1", "timestamp": "2026-04-05T00:00:00Z",
        "logName": format!("{owner}/logs/cloudaudit.googleapis.com%2F{log}"),
        "resource": {"type": "audited_resource", "labels": {}},
        "protoPayload": {"@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": service, "methodName": method,
            "authenticationInfo": {"principalEmail": "dev@example.org"}},
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

fn judged(detections: &[Detection], plans: &[&str], known: &Known) -> Report {
    let mut plan = Plan::default();
    for text in plans {
        plan.extend(Plan::parse(text.as_bytes()).unwrap());
    }
    judge(detections, &plan, known).unwrap()
}

fn report(plans: &[&str], known: &Known) -> String {
    told(judged(&detections(), plans, known))
}

fn told(report: Report) -> String {
    let mut text = String::new();
    for coverage in report.detections {
        text += &format!("{:?} {}\n", coverage.state, coverage.detection);
        for gap in &coverage.gaps {
            text += &format!("  {:?}: {}\n", gap.state, gap.why);
        }
    }
    text
}

/// What is said of one detection.
fn of(id: &str, plan: &str, known: &Known) -> String {
    let text = report(&[plan], known);
    let after = text.lines().skip_while(|line| !line.ends_with(id));
    let first = after.clone().take(1);
    let gaps = after.skip(1).take_while(|line| line.starts_with(' '));
    first
        .chain(gaps)
        .map(str::trim)
        .collect::<Vec<_>>()
        .join("\n")
}

const GOOGLE_COVERED: &str = include_str!("../../tests/coverage/google-covered.json");
const GOOGLE_HOLES: &str = include_str!("../../tests/coverage/google-holes.json");
const AWS_COVERED: &str = include_str!("../../tests/coverage/aws-covered.json");
const AWS_HOLES: &str = include_str!("../../tests/coverage/aws-holes.json");

/// The place of a resource's values in a plan.
fn changed(text: &str, address: &str, name: &str, value: Value) -> String {
    let mut plan: Value = serde_json::from_str(text).unwrap();
    let resources = plan["planned_values"]["root_module"]["resources"]
        .as_array_mut()
        .unwrap();
    let mut found = resources.iter_mut().filter(|r| r["address"] == address);
    found.next().unwrap()["values"][name] = value;
    plan.to_string()
}

#[test]
fn where_everything_is_on_everything_is_covered() {
    let embedded = Catalogue::embedded().unwrap();
    let embedded: Vec<_> = embedded.iter().cloned().collect();
    for detections in [detections(), embedded] {
        let report = judged(
            &detections,
            &[GOOGLE_COVERED, AWS_COVERED],
            &Known::default(),
        );
        let open: Vec<_> = report
            .detections
            .iter()
            .filter(|d| d.state != State::Covered)
            .collect();
        assert!(open.is_empty(), "{open:#?}");
        assert!(report.not_judged.is_empty());
        assert!(report.detections.len() >= 10);
    }
}

#[test]
fn each_hole_in_google_cloud_is_named() {
    insta::assert_snapshot!(report(&[GOOGLE_HOLES], &Known::default()), @r#"
    Blind gcp.test.dry-run
      Blind: google_cloud_run_v2_service.web does not ask Binary Authorization, and no organization policy (run.allowedBinaryAuthorizationPolicies) makes it
      Blind: the exclusion "quiet-dry-runs" of google_logging_project_sink.audit drops it
    Blind gcp.test.denied
      Blind: google_cloud_run_v2_service.web does not ask Binary Authorization, and no organization policy (run.allowedBinaryAuthorizationPolicies) makes it
    Blind gcp.test.job
      Blind: the filter of google_logging_project_sink.audit drops it
    Blind gcp.test.pod
      Blind: google_container_cluster.mart does not ask Binary Authorization (its evaluation mode is DISABLED)
    Blind gcp.test.sign
      Blind: project demo-mart does not log DATA_READ of cloudkms.googleapis.com
    Blind gcp.test.policy
      Blind: the filter of google_logging_project_sink.audit drops it
    Blind gcp.test.org
      Blind: no sink of the organization stands in the plan
    "#);
}

#[test]
fn each_hole_in_aws_is_named() {
    insta::assert_snapshot!(report(&[AWS_HOLES], &Known::default()), @r#"
    Blind aws.test.code
      Blind: aws_cloudwatch_event_rule.code has no target
    Blind aws.test.sign
      Blind: aws_cloudtrail.writes does not record reads of kms.amazonaws.com
      Blind: aws_cloudwatch_event_rule.code gets no calls that only read, and Sign counts as one
    Blind aws.test.role
      Blind: aws_cloudwatch_event_rule.roles is disabled
    "#);
}

#[test]
fn a_cloud_that_is_not_in_the_plan_is_not_judged() {
    let report = judged(&detections(), &[AWS_COVERED], &Known::default());
    assert_eq!(report.worst(), Some(State::Covered));
    assert_eq!(report.not_judged.len(), 7);
    let nothing = judged(&detections(), &[], &Known::default());
    assert_eq!(nothing.worst(), None);
}

#[test]
fn one_change_blinds_or_leaves_in_doubt() {
    let sink = "google_logging_organization_sink.audit";
    let none = Known::default();
    for (address, name, value, id, expected) in [
        (
            sink,
            "disabled",
            json!(true),
            "gcp.test.policy",
            "Blind gcp.test.policy\nBlind: google_logging_organization_sink.audit is disabled",
        ),
        (
            sink,
            "include_children",
            json!(false),
            "gcp.test.policy",
            "Blind gcp.test.policy\nBlind: project demo-mart has no sink",
        ),
        (
            sink,
            "destination",
            json!("bigquery.googleapis.com/projects/demo-mart/datasets/x"),
            "gcp.test.policy",
            "Blind gcp.test.policy\nBlind: google_logging_organization_sink.audit leads to \"bigquery.googleapis.com/projects/demo-mart/datasets/x\", which is no topic",
        ),
        (
            sink,
            "filter",
            json!("sample(insertId, 0.5)"),
            "gcp.test.policy",
            "CannotTell gcp.test.policy\nCannotTell: google_logging_organization_sink.audit: the function sample(…) is not evaluated",
        ),
        (
            sink,
            "filter",
            json!("logName:("),
            "gcp.test.policy",
            "CannotTell gcp.test.policy\nCannotTell: google_logging_organization_sink.audit: the filter is not understood: a value is missing",
        ),
        (
            sink,
            "exclusions",
            json!([{"name": "robots", "filter": "protoPayload.authenticationInfo.principalEmail=\"ci@example.org\""}]),
            "gcp.test.policy",
            "CannotTell gcp.test.policy\nCannotTell: google_logging_organization_sink.audit, exclusion \"robots\": the filter decides by protoPayload.authenticationInfo.principalEmail, which is made up in a sample",
        ),
        (
            "google_project_iam_audit_config.all",
            "audit_log_config",
            json!([{"log_type": "DATA_READ", "exempted_members": ["user:eve@example.com"]}]),
            "gcp.test.sign",
            "Blind gcp.test.sign\nBlind: google_project_iam_audit_config.all leaves calls by user:eve@example.com out of DATA_READ of cloudkms.googleapis.com",
        ),
        (
            "google_pubsub_subscription.audit",
            "filter",
            json!("attributes.x = \"y\""),
            "gcp.test.policy",
            "CannotTell gcp.test.policy\nCannotTell: google_logging_organization_sink.audit: every subscription of projects/demo-mart/topics/postern-audit has a filter of its own",
        ),
    ] {
        let plan = changed(GOOGLE_COVERED, address, name, value);
        assert_eq!(of(id, &plan, &none), expected, "{address} {name}");
    }
}

#[test]
fn our_topic_may_be_named() {
    let other = Known {
        topics: ["projects/demo-mart/topics/other".to_owned()].into(),
        ..Known::default()
    };
    assert_eq!(
        of("gcp.test.policy", GOOGLE_COVERED, &other),
        "Blind gcp.test.policy\nBlind: google_logging_organization_sink.audit leads to projects/demo-mart/topics/postern-audit, which is not ours"
    );
    let more = Known {
        projects: ["acme-shop".to_owned()].into(),
        ..Known::default()
    };
    assert_eq!(
        of("gcp.test.policy", GOOGLE_HOLES, &more)
            .lines()
            .last()
            .unwrap(),
        "Blind: the filter of google_logging_project_sink.audit drops it"
    );
}

#[test]
fn an_organization_policy_stands_for_the_setting() {
    let mut plan: Value = serde_json::from_str(GOOGLE_HOLES).unwrap();
    let resources = plan["planned_values"]["root_module"]["resources"]
        .as_array_mut()
        .unwrap();
    resources.push(json!({"address": "google_org_policy_policy.gate", "mode": "managed",
        "type": "google_org_policy_policy", "values": {
            "name": "organizations/1/policies/run.allowedBinaryAuthorizationPolicies",
            "spec": [{"rules": [{"values": [{"allowed_values": ["default"]}], "condition": []}]}]}}));
    let forced = plan.to_string();
    assert_eq!(
        of("gcp.test.denied", &forced, &Known::default()),
        "Covered gcp.test.denied"
    );
    let rules = json!([{"rules": []}]);
    let empty = changed(&forced, "google_org_policy_policy.gate", "spec", rules);
    assert!(of("gcp.test.denied", &empty, &Known::default()).starts_with("Blind"));
}

#[test]
fn aws_is_judged_by_trails_rules_and_targets() {
    let none = Known::default();
    let (trail, rule) = ("aws_cloudtrail.all", "aws_cloudwatch_event_rule.calls");
    let selector = |fields: Value| json!([{"name": null, "field_selector": fields}]);
    for (address, name, value, id, expected) in [
        (
            trail,
            "enable_logging",
            json!(false),
            "aws.test.code",
            "Blind: aws_cloudtrail.all is switched off",
        ),
        (
            trail,
            "is_multi_region_trail",
            json!(false),
            "aws.test.code",
            "Blind: aws_cloudtrail.all records one region only",
        ),
        (
            trail,
            "include_global_service_events",
            json!(false),
            "aws.test.role",
            "Blind: aws_cloudtrail.all leaves global services out",
        ),
        (
            trail,
            "event_selector",
            json!([{"read_write_type": "WriteOnly", "include_management_events": true}]),
            "aws.test.sign",
            "Blind: aws_cloudtrail.all does not record reads of kms.amazonaws.com",
        ),
        (
            trail,
            "advanced_event_selector",
            selector(
                json!([{"field": "eventCategory", "equals": ["Management"]}, {"field": "eventSource", "not_equals": ["kms.amazonaws.com"]}]),
            ),
            "aws.test.sign",
            "Blind: aws_cloudtrail.all does not record reads of kms.amazonaws.com",
        ),
        (
            trail,
            "advanced_event_selector",
            selector(
                json!([{"field": "userIdentity.arn", "not_equals": ["arn:aws:iam::111122223333:role/ci"]}]),
            ),
            "aws.test.code",
            "CannotTell: aws_cloudtrail.all: a selector by \"userIdentity.arn\" is not evaluated",
        ),
        (
            rule,
            "state",
            json!("DISABLED"),
            "aws.test.code",
            "Blind: aws_cloudwatch_event_rule.calls is disabled",
        ),
        (
            rule,
            "state",
            json!("ENABLED"),
            "aws.test.sign",
            "Blind: aws_cloudwatch_event_rule.calls gets no calls that only read, and Sign counts as one",
        ),
        (
            rule,
            "event_bus_name",
            json!("partners"),
            "aws.test.code",
            "Blind: aws_cloudwatch_event_rule.calls listens on a bus that CloudTrail does not write to",
        ),
        (
            rule,
            "event_pattern",
            json!("{\"detail\":{\"eventName\":[\"Sign\"]}}"),
            "aws.test.code",
            "Blind: no rule of EventBridge asks for UpdateFunctionCode20150331v2 of lambda.amazonaws.com",
        ),
        (
            "aws_cloudwatch_event_target.queue",
            "rule",
            json!("another"),
            "aws.test.code",
            "Blind: aws_cloudwatch_event_rule.calls has no target",
        ),
    ] {
        let plan = changed(AWS_COVERED, address, name, value);
        assert_eq!(
            of(id, &plan, &none).lines().last().unwrap(),
            expected,
            "{address} {name}"
        );
    }
}
