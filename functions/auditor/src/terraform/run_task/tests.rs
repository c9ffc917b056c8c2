use super::*;
use crate::terraform::scan;

/// Synthetic, in the shape of a request after a plan.
fn request(stage: &str) -> Value {
    json!({
        "payload_version": 1,
        "stage": stage,
        "access_token": "synthetic-token",
        "capabilities": {"outcomes": true},
        "is_speculative": false,
        "organization_name": "demo-mart",
        "plan_json_api_url": "https://app.terraform.io/api/v2/plans/plan-0000000000000001/json-output",
        "run_id": "run-0000000000000001",
        "task_result_callback_url": "https://app.terraform.io/api/v2/task-results/00000000-0000-4000-8000-000000000001/callback",
        "task_result_enforcement_level": "mandatory",
        "workspace_name": "shop",
    })
}

fn read(request: &Value) -> Result<Asked, NotAsked> {
    asked(request.to_string().as_bytes())
}

/// RFC 4231, test case 2.
#[test]
fn signatures_are_hmac_of_sha_512_in_hex() {
    let signature = "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737";
    let body = b"what do ya want for nothing?";
    assert!(is_signed(b"Jefe", body, signature));
    assert!(is_signed(b"Jefe", body, &signature.to_uppercase()));
    assert!(!is_signed(b"jefe", body, signature));
    assert!(!is_signed(
        b"Jefe",
        b"what do ya want for nothing",
        signature
    ));
    assert!(!is_signed(b"Jefe", body, &signature[..64]));
    assert!(!is_signed(b"Jefe", body, ""));
    assert!(!is_signed(b"Jefe", body, "no hex"));
}

#[test]
fn a_plan_is_asked_about_after_it_was_made() {
    for stage in ["post_plan", "pre_apply"] {
        let Ok(Asked::Plan(task)) = read(&request(stage)) else {
            panic!("{stage}")
        };
        assert!(task.plan.ends_with("/json-output") && task.callback.ends_with("/callback"));
        assert_eq!(
            (task.token.as_str(), task.run.as_str()),
            ("synthetic-token", "run-0000000000000001")
        );
    }
}

#[test]
fn a_task_that_is_tried_out_asks_nothing() {
    let mut trial = request("test");
    trial["access_token"] = TRIAL.into();
    trial["task_result_callback_url"] = Value::Null;
    assert!(matches!(read(&trial), Ok(Asked::Nothing)));
    trial["stage"] = "post_plan".into();
    assert!(matches!(read(&trial), Ok(Asked::Nothing)));
}

#[test]
fn a_stage_without_a_plan_fails_and_says_which_has_one() {
    let mut early = request("pre_plan");
    early["plan_json_api_url"] = Value::Null;
    let Ok(Asked::OtherStage(_, said)) = read(&early) else {
        panic!("pre_plan")
    };
    assert_eq!(said["data"]["attributes"]["status"], "failed");
    let message = said["data"]["attributes"]["message"].as_str().unwrap();
    assert!(message.contains("post_plan"), "{message}");
}

#[test]
fn what_is_no_request_is_refused() {
    let without = |field: &str| {
        let mut request = request("post_plan");
        request.as_object_mut().unwrap().remove(field);
        read(&request).err().unwrap().to_string()
    };
    for field in [
        "stage",
        "access_token",
        "task_result_callback_url",
        "plan_json_api_url",
    ] {
        let error = without(field);
        assert!(
            error.contains(field) && !error.contains("synthetic-token"),
            "{error}"
        );
    }
    let mut later = request("post_plan");
    later["payload_version"] = 2.into();
    assert_eq!(read(&later).err(), Some(NotAsked::Version(2)));
    assert!(asked(b"[]").is_err());
}

fn report(evaluation: &str, enforcement: &str, name: &str) -> Report {
    let rule = json!({"evaluation_mode": evaluation, "enforcement_mode": enforcement});
    let plan = json!({
        "format_version": "1.2", "planned_values": {},
        "resource_changes": [{
            "address": format!("google_binary_authorization_policy.this[\"{name}\"]"),
            "mode": "managed", "type": "google_binary_authorization_policy",
            "change": {"actions": ["create"], "before": null, "after": {"default_admission_rule": [rule]},
                "after_unknown": {}},
        }],
    });
    scan(plan.to_string().as_bytes()).unwrap()
}

#[test]
fn the_verdict_fails_by_errors_and_by_what_cannot_be_told() {
    let enforced = "ENFORCED_BLOCK_AND_AUDIT_LOG";
    let status = |report: &Report| verdict(report)["data"]["attributes"]["status"].clone();
    assert_eq!(status(&report("ALWAYS_DENY", enforced, "a")), "passed");
    assert_eq!(
        status(&report("ALWAYS_DENY", "DRYRUN_AUDIT_LOG_ONLY", "a")),
        "passed"
    );
    assert_eq!(status(&report("ALWAYS_ALLOW", enforced, "a")), "failed");
    assert_eq!(status(&report("", enforced, "a")), "failed");
}

#[test]
fn findings_are_outcomes_in_which_nothing_of_the_plan_is_markup() {
    let report = report(
        "ALWAYS_ALLOW",
        "DRYRUN_AUDIT_LOG_ONLY",
        "`[x](https://example.com)`",
    );
    insta::assert_json_snapshot!(verdict(&report), @r#"
    {
      "data": {
        "attributes": {
          "message": "1 error(s), 1 warning(s), 0 cannot be told",
          "status": "failed"
        },
        "relationships": {
          "outcomes": {
            "data": [
              {
                "attributes": {
                  "body": "`google_binary_authorization_policy.this[\"'[x](https://example.com)'\"]`\n\nthe default rule lets everything through\n\nask for attestations (REQUIRE_ATTESTATION), and exempt single images instead",
                  "description": "google_binary_authorization_policy.this[\"`[x](https://example.com)`\"]: A rule of a policy lets everything through",
                  "outcome-id": "ALLOW_ALL-1",
                  "tags": {
                    "Status": [
                      {
                        "label": "Failed",
                        "level": "error"
                      }
                    ]
                  }
                },
                "type": "task-result-outcomes"
              },
              {
                "attributes": {
                  "body": "`google_binary_authorization_policy.this[\"'[x](https://example.com)'\"]`\n\nthe default rule is a dry run: violations are logged and deployed\n\nonce `postern report dry-run` shows none that should pass, set ENFORCED_BLOCK_AND_AUDIT_LOG",
                  "description": "google_binary_authorization_policy.this[\"`[x](https://example.com)`\"]: A rule of a policy is a dry run",
                  "outcome-id": "DRY_RUN-2",
                  "tags": {
                    "Status": [
                      {
                        "label": "Warning",
                        "level": "warning"
                      }
                    ]
                  }
                },
                "type": "task-result-outcomes"
              }
            ]
          }
        },
        "type": "task-results"
      }
    }
    "#);
}

#[test]
fn a_flood_of_findings_stays_a_document() {
    let one = report("ALWAYS_ALLOW", "DRYRUN_AUDIT_LOG_ONLY", "a").findings;
    let report = Report {
        findings: one.iter().cycle().take(5000).cloned().collect(),
    };
    let verdict = verdict(&report);
    assert!(verdict.to_string().len() < 1_000_000);
    let outcomes = verdict["data"]["relationships"]["outcomes"]["data"]
        .as_array()
        .unwrap();
    assert_eq!(outcomes.len(), MAX_OUTCOMES);
    // The gravest are shown, and all are counted.
    assert!(
        outcomes
            .iter()
            .all(|outcome| outcome["attributes"]["tags"]["Status"][0]["level"] == "error")
    );
    let message = verdict["data"]["attributes"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("2500 error(s), 2500 warning(s)"),
        "{message}"
    );
}
