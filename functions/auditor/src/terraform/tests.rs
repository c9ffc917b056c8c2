use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// A plan of one resource. Synthetic.
fn plan(kind: &str, actions: &[&str], before: Value, after: Value, unknown: Value) -> Value {
    json!({
        "format_version": "1.2",
        "planned_values": {"root_module": {}},
        "resource_changes": [{
            "address": format!("module.shop[\"a\"].{kind}.this"),
            "mode": "managed",
            "type": kind,
            "change": {"actions": actions, "before": before, "after": after, "after_unknown": unknown},
        }],
    })
}

fn created(kind: &str, after: Value) -> Value {
    plan(kind, &["create"], Value::Null, after, json!({}))
}

/// `CODE` of what is certain, `CODE?` of what is not.
fn codes(plan: &Value) -> Vec<String> {
    let report = scan(plan.to_string().as_bytes()).unwrap();
    let code = |finding: &Finding| match finding.level {
        Level::CannotTell => format!("{}?", finding.code),
        _ => finding.code.to_string(),
    };
    report.findings.iter().map(code).collect()
}

const ENFORCED: &str = "ENFORCED_BLOCK_AND_AUDIT_LOG";
const POLICY: &str = "google_binary_authorization_policy";

fn rule(attestors: &[&str]) -> Value {
    json!({"evaluation_mode": "REQUIRE_ATTESTATION", "enforcement_mode": ENFORCED,
        "require_attestations_by": attestors})
}

fn policy(attestors: &[&str]) -> Value {
    json!({"project": "acme-shop", "deletion_policy": "ABANDON", "default_admission_rule": [rule(attestors)]})
}

fn clustered(cluster: Value) -> Value {
    let mut policy = policy(&["ci"]);
    policy["cluster_admission_rules"] = json!([cluster]);
    policy
}

#[test]
fn a_sound_policy_is_no_finding() {
    assert!(codes(&created(POLICY, policy(&["ci", "scan"]))).is_empty());
    let denies = json!({"default_admission_rule": [{"evaluation_mode": "ALWAYS_DENY", "enforcement_mode": ENFORCED}]});
    assert!(codes(&created(POLICY, denies)).is_empty());
}

#[test]
fn rules_that_allow_or_only_log_are_found_wherever_they_stand() {
    let open = json!({"evaluation_mode": "ALWAYS_ALLOW", "enforcement_mode": ENFORCED});
    let log =
        json!({"evaluation_mode": "ALWAYS_DENY", "enforcement_mode": "DRYRUN_AUDIT_LOG_ONLY"});
    let default = |rule: &Value| json!({"default_admission_rule": [rule]});
    assert_eq!(codes(&created(POLICY, default(&open))), ["ALLOW_ALL"]);
    assert_eq!(codes(&created(POLICY, default(&log))), ["DRY_RUN"]);
    for (cluster, code) in [(open, "ALLOW_ALL"), (log, "DRY_RUN")] {
        let mut cluster = cluster;
        cluster["cluster"] = "us-central1-a.prod".into();
        let plan = created(POLICY, clustered(cluster));
        assert_eq!(codes(&plan), [code]);
        let report = scan(plan.to_string().as_bytes()).unwrap();
        assert!(
            report.findings[0]
                .message
                .contains("cluster us-central1-a.prod")
        );
        assert_eq!(
            report.findings[0].address,
            format!("module.shop[\"a\"].{POLICY}.this")
        );
    }
}

#[test]
fn a_mode_that_is_not_known_yet_is_not_taken_for_a_good_one() {
    let after = json!({"default_admission_rule": [{"enforcement_mode": ENFORCED}]});
    let unknown = json!({"default_admission_rule": [{"evaluation_mode": true}]});
    let plan = plan(POLICY, &["create"], Value::Null, after, unknown);
    assert_eq!(codes(&plan), ["ALLOW_ALL?"]);
}

#[test]
fn a_policy_that_goes_without_being_abandoned_is_a_reset() {
    for actions in [
        &["delete"][..],
        &["delete", "create"],
        &["create", "delete"],
    ] {
        let after = match actions.len() {
            1 => Value::Null,
            _ => policy(&["ci"]),
        };
        let mut before = policy(&["ci"]);
        let of = |before: &Value| {
            codes(&plan(
                POLICY,
                actions,
                before.clone(),
                after.clone(),
                json!({}),
            ))
        };
        assert!(of(&before).is_empty(), "{actions:?}");
        before["deletion_policy"] = "DELETE".into();
        assert_eq!(of(&before), ["POLICY_RESET"], "{actions:?}");
        before["deletion_policy"] = Value::Null;
        assert_eq!(of(&before), ["POLICY_RESET"], "{actions:?}");
    }
    let forgotten = plan(POLICY, &["forget"], json!({}), Value::Null, json!({}));
    assert!(codes(&forgotten).is_empty());
}

#[test]
fn attestors_that_change_in_place_are_the_providers_mistake() {
    let change = |actions: &[&str], before: &[&str], after: &[&str]| {
        codes(&plan(
            POLICY,
            actions,
            policy(before),
            policy(after),
            json!({}),
        ))
    };
    let both = ["ATTESTOR_DROPPED", "POLICY_UPDATE_LOSES_ATTESTORS"];
    assert_eq!(change(&["update"], &["ci"], &["ci", "scan"]), both[1..]);
    assert_eq!(change(&["update"], &["ci", "scan"], &["ci"]), both);
    assert_eq!(change(&["update"], &["ci"], &["scan"]), both);
    assert_eq!(
        change(&["delete", "create"], &["ci", "scan"], &["ci"]),
        both[..1]
    );
    assert!(change(&["delete", "create"], &["ci"], &["ci", "scan"]).is_empty());
    // A short name is the one of the policy's project.
    let full = "projects/acme-shop/attestors/ci";
    assert!(change(&["update"], &["ci"], &[full]).is_empty());
    let elsewhere = "projects/elsewhere/attestors/ci";
    assert_eq!(change(&["update"], &[full], &[elsewhere]), both);
    assert_eq!(
        change(&["create"], &[], &[full, elsewhere]),
        ["ATTESTORS_LOOK_ALIKE"]
    );
}

#[test]
fn a_rule_of_a_cluster_that_goes_drops_its_attestors() {
    let mut cluster = rule(&["scan"]);
    cluster["cluster"] = "us-central1-a.prod".into();
    let mut deny = json!({"evaluation_mode": "ALWAYS_DENY", "enforcement_mode": ENFORCED});
    deny["cluster"] = "us-central1-a.prod".into();
    let replaced = |after: Value| {
        let actions = ["delete", "create"];
        codes(&plan(
            POLICY,
            &actions,
            clustered(cluster.clone()),
            after,
            json!({}),
        ))
    };
    assert_eq!(replaced(policy(&["ci"])), ["ATTESTOR_DROPPED"]);
    assert!(replaced(clustered(deny)).is_empty());
}

#[test]
fn attestors_that_are_not_known_yet_cannot_be_compared() {
    let mut after = policy(&[]);
    after["default_admission_rule"][0]["require_attestations_by"] = Value::Null;
    let unknown = json!({"default_admission_rule": [{"require_attestations_by": true}]});
    let plan = plan(POLICY, &["update"], policy(&["ci"]), after, unknown);
    assert_eq!(codes(&plan), ["ATTESTOR_DROPPED?"]);
}

#[test]
fn an_imported_policy_may_have_rules_that_nobody_sees() {
    let mut plan = plan(
        POLICY,
        &["no-op"],
        policy(&["ci"]),
        policy(&["ci"]),
        json!({}),
    );
    plan["resource_changes"][0]["change"]["importing"] = json!({"id": "projects/acme-shop"});
    assert_eq!(codes(&plan), ["POLICY_IMPORTED"]);
}

#[test]
fn what_the_chain_rests_on_is_not_destroyed() {
    let gone = |kind: &str, before: &Value| {
        codes(&plan(
            kind,
            &["delete"],
            before.clone(),
            Value::Null,
            json!({}),
        ))
    };
    let signing = json!({"purpose": "ASYMMETRIC_SIGN"});
    for (kind, before, code) in [
        (
            "google_binary_authorization_attestor",
            json!({}),
            "ATTESTOR_DESTROYED",
        ),
        (
            "google_container_analysis_note",
            json!({}),
            "NOTE_DESTROYED",
        ),
        ("google_kms_crypto_key", signing.clone(), "KEY_DESTROYED"),
        (
            "google_kms_crypto_key_version",
            json!({"algorithm": "EC_SIGN_P256_SHA256"}),
            "KEY_DESTROYED",
        ),
        ("google_kms_crypto_key_version", json!({}), "KEY_DESTROYED"),
        (
            "aws_kms_key",
            json!({"key_usage": "SIGN_VERIFY"}),
            "KEY_DESTROYED",
        ),
    ] {
        assert_eq!(gone(kind, &before), [code], "{kind}");
        let mut abandoned = before.clone();
        abandoned["deletion_policy"] = "ABANDON".into();
        assert!(gone(kind, &abandoned).is_empty(), "{kind}");
    }
    for (kind, before) in [
        (
            "google_kms_crypto_key",
            json!({"purpose": "ENCRYPT_DECRYPT"}),
        ),
        ("google_kms_crypto_key", json!({})),
        (
            "google_kms_crypto_key_version",
            json!({"algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION"}),
        ),
        ("aws_kms_key", json!({"key_usage": "ENCRYPT_DECRYPT"})),
        ("google_pubsub_topic", json!({})),
    ] {
        assert!(gone(kind, &before).is_empty(), "{kind}");
    }
    let replaced = plan(
        "google_kms_crypto_key",
        &["delete", "create"],
        signing.clone(),
        json!({"purpose": "ASYMMETRIC_SIGN", "deletion_policy": "PREVENT"}),
        json!({}),
    );
    assert_eq!(codes(&replaced), ["KEY_DESTROYED"]);
    assert_eq!(
        codes(&created("google_kms_crypto_key", signing)),
        ["KEY_UNPROTECTED"]
    );
}

const RUNS: [&str; 3] = [
    "google_cloud_run_v2_service",
    "google_cloud_run_v2_job",
    "google_cloud_run_v2_worker_pool",
];

fn digest() -> String {
    format!(
        "us-docker.pkg.dev/demo-mart/web/app@sha256:{}",
        "0".repeat(64)
    )
}

fn container(kind: &str, image: &str) -> Value {
    let containers = json!([{"containers": [{"image": image}]}]);
    match kind {
        "google_cloud_run_v2_job" => json!([{"template": containers}]),
        _ => containers,
    }
}

#[test]
fn what_runs_on_cloud_run_asks_and_runs_what_was_checked() {
    for kind in RUNS {
        let asks = json!({"binary_authorization": [{"use_default": true}], "template": container(kind, &digest())});
        assert!(codes(&created(kind, asks.clone())).is_empty(), "{kind}");

        let mut other = asks.clone();
        other["binary_authorization"] =
            json!([{"policy": "projects/demo-mart/platforms/cloudRun/policies/p"}]);
        assert!(codes(&created(kind, other)).is_empty(), "{kind}");

        for none in [
            json!([]),
            Value::Null,
            json!([{"use_default": false}]),
            json!([{}]),
        ] {
            let mut silent = asks.clone();
            silent["binary_authorization"] = none;
            assert_eq!(
                codes(&created(kind, silent)),
                ["NO_BINARY_AUTHORIZATION"],
                "{kind}"
            );
        }

        let mut broken = asks.clone();
        broken["binary_authorization"][0]["breakglass_justification"] = "s3cret INC-1".into();
        let plan = created(kind, broken);
        assert_eq!(codes(&plan), ["BREAK_GLASS_IN_CODE"], "{kind}");
        let told = serde_json::to_string(&scan(plan.to_string().as_bytes()).unwrap()).unwrap();
        assert!(!told.contains("s3cret"), "{told}");

        let mut annotated = asks.clone();
        annotated["annotations"] =
            json!({"run.googleapis.com/binary-authorization-breakglass": "INC-1"});
        assert_eq!(
            codes(&created(kind, annotated)),
            ["BREAK_GLASS_IN_CODE"],
            "{kind}"
        );

        let mut tagged = asks.clone();
        tagged["template"] = container(kind, "us-docker.pkg.dev/demo-mart/web/app:v1");
        assert_eq!(codes(&created(kind, tagged)), ["IMAGE_BY_TAG"], "{kind}");

        let mut later = asks.clone();
        later["template"] = container(kind, "");
        let unknown = match kind {
            "google_cloud_run_v2_job" => {
                json!({"template": [{"template": [{"containers": true}]}]})
            }
            _ => json!({"template": [{"containers": [{"image": true}]}]}),
        };
        let containers = later.pointer_mut("/template/0/containers/0/image");
        containers.map(Value::take);
        let later = plan_of_unknown(kind, later, unknown);
        assert_eq!(codes(&later), ["IMAGE_BY_TAG?"], "{kind}");

        // Break-glass may be among its annotations.
        let mut template = asks;
        template["template"] = Value::Null;
        let template = plan_of_unknown(kind, template, json!({"template": true}));
        assert_eq!(
            codes(&template),
            ["BREAK_GLASS_IN_CODE?", "IMAGE_BY_TAG?"],
            "{kind}"
        );
    }
}

fn plan_of_unknown(kind: &str, after: Value, unknown: Value) -> Value {
    plan(kind, &["create"], Value::Null, after, unknown)
}

#[test]
fn the_first_api_of_cloud_run_asks_by_annotation() {
    let kind = "google_cloud_run_service";
    let service = |annotations: Value, image: &str| {
        json!({"metadata": [{"annotations": annotations}],
            "template": [{"spec": [{"containers": [{"image": image}]}]}]})
    };
    let asks = "run.googleapis.com/binary-authorization";
    let glass = "run.googleapis.com/binary-authorization-breakglass";
    assert!(codes(&created(kind, service(json!({asks: "default"}), &digest()))).is_empty());
    assert_eq!(
        codes(&created(
            kind,
            service(json!({asks: "default", glass: "INC-1"}), &digest())
        )),
        ["BREAK_GLASS_IN_CODE"]
    );
    assert_eq!(
        codes(&created(kind, service(json!({}), "web:v1"))),
        ["NO_BINARY_AUTHORIZATION", "IMAGE_BY_TAG"]
    );
    let later = plan_of_unknown(
        kind,
        service(json!({}), &digest()),
        json!({"metadata": [{"annotations": {asks: true, glass: true}}]}),
    );
    assert_eq!(
        codes(&later),
        ["NO_BINARY_AUTHORIZATION?", "BREAK_GLASS_IN_CODE?"]
    );
}

#[test]
fn images_on_aws_are_named_by_digest() {
    let lambda = |after: Value| codes(&created("aws_lambda_function", after));
    assert_eq!(
        lambda(
            json!({"package_type": "Image", "image_uri": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/web:v1"})
        ),
        ["IMAGE_BY_TAG"]
    );
    assert!(lambda(json!({"package_type": "Image", "image_uri": digest()})).is_empty());
    assert!(lambda(json!({"package_type": "Zip", "filename": "bootstrap.zip"})).is_empty());
    let task = |text: &str| {
        codes(&created(
            "aws_ecs_task_definition",
            json!({"container_definitions": text}),
        ))
    };
    assert!(task(&json!([{"image": digest()}]).to_string()).is_empty());
    assert_eq!(
        task(&json!([{"image": digest()}, {"image": "nginx"}]).to_string()),
        ["IMAGE_BY_TAG"]
    );
    let later = plan_of_unknown(
        "aws_ecs_task_definition",
        json!({}),
        json!({"container_definitions": true}),
    );
    assert_eq!(codes(&later), ["IMAGE_BY_TAG?"]);
}

#[test]
fn a_state_is_judged_as_it_is() {
    let state = json!({
        "format_version": "1.0",
        "values": {"root_module": {"child_modules": [{"child_modules": [{"resources": [{
            "address": "module.a.module.b.google_binary_authorization_policy.this[\"acme-shop\"]",
            "mode": "managed", "type": POLICY,
            "values": {"default_admission_rule": [{"evaluation_mode": "ALWAYS_ALLOW", "enforcement_mode": ENFORCED}]},
        }, {"address": "data.x.y", "mode": "data", "type": POLICY, "values": {}}]}]}]}},
    });
    assert_eq!(codes(&state), ["ALLOW_ALL"]);
}

#[test]
fn what_is_accepted_is_left_out() {
    let plan = created(
        "google_cloud_run_v2_service",
        json!({"template": container("", "web:v1")}),
    );
    let mut report = scan(plan.to_string().as_bytes()).unwrap();
    assert_eq!(
        (report.findings.len(), report.worst()),
        (2, Some(Level::Error))
    );
    report.except(&[Code::ImageByTag, Code::NoBinaryAuthorization]);
    assert_eq!((report.findings.len(), report.worst()), (0, None));
}

#[test]
fn codes_are_read_as_they_are_written() {
    for code in Code::ALL {
        assert_eq!(code.to_string().parse(), Ok(code));
        assert!(!code.title().is_empty());
    }
    let error = "ALLOW".parse::<Code>().unwrap_err().to_string();
    assert!(error.contains("ALLOW_ALL, DRY_RUN"), "{error}");
}

#[test]
fn sarif_names_the_resource_and_the_file() {
    let plan = created(
        POLICY,
        json!({"default_admission_rule": [{"evaluation_mode": "ALWAYS_ALLOW", "enforcement_mode": ENFORCED}]}),
    );
    let sarif = sarif(&scan(plan.to_string().as_bytes()).unwrap(), "plan.json");
    let run = &sarif["runs"][0];
    assert_eq!(
        run["tool"]["driver"]["rules"].as_array().unwrap().len(),
        Code::ALL.len()
    );
    let result = &run["results"][0];
    assert_eq!(
        (&result["ruleId"], &result["level"]),
        (&json!("ALLOW_ALL"), &json!("error"))
    );
    assert_eq!(
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        "plan.json"
    );
    assert_eq!(
        result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"],
        format!("module.shop[\"a\"].{POLICY}.this")
    );
}

/// JSON that may stand anywhere in a plan.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(Value::from("ALWAYS_ALLOW")),
    ];
    let names = prop::sample::select(vec![
        "default_admission_rule",
        "cluster_admission_rules",
        "cluster",
        "evaluation_mode",
        "enforcement_mode",
        "require_attestations_by",
        "binary_authorization",
        "template",
        "containers",
        "image",
        "metadata",
        "annotations",
        "purpose",
        "deletion_policy",
        "container_definitions",
        "image_uri",
        "spec",
        "public_keys",
        "attestation_authority_note",
        "pkix_public_key",
        "project",
        "name",
    ]);
    leaf.prop_recursive(5, 48, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names.clone(), inner, 0..5)
                .prop_map(|map| map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn no_plan_makes_it_panic(
        kind in prop::sample::select(vec![POLICY, "google_binary_authorization_attestor", RUNS[0], RUNS[1],
            "google_cloud_run_service", "google_kms_crypto_key", "aws_lambda_function", "aws_ecs_task_definition"]),
        actions in anything(), before in anything(), after in anything(), unknown in anything(),
    ) {
        let mut plan = plan(kind, &[], before, after.clone(), unknown);
        plan["resource_changes"][0]["change"]["actions"] = actions;
        plan["planned_values"]["root_module"] = json!({"resources": [
            {"address": "x", "mode": "managed", "type": kind, "values": after}]});
        let bytes = plan.to_string();
        prop_assert!(scan(bytes.as_bytes()).is_ok());
        prop_assert!(configured::Configured::parse(bytes.as_bytes()).is_ok());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = scan(&bytes);
        let _ = configured::Configured::parse(&bytes);
        let _ = run_task::asked(&bytes);
    }
}
