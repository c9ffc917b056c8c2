use serde_json::Value;

use super::*;
use crate::case::{Case, CaseState, ClosedAs};
use crate::change::Notification;
use crate::finding::Severity;

/// A synthetic finding.
fn sample() -> Finding {
    serde_json::from_value(json!({
        "apiVersion": "postern/v1", "kind": "Finding", "id": "5f1d",
        "detection": "gcp.cloud-run.break-glass", "severity": "HIGH", "category": "BREAK_GLASS",
        "at": "2026-03-03T05:00:03.500Z",
        "actor": {"principal": "night-duty@example.com", "via": ["deployer@demo-mart.iam.gserviceaccount.com"],
                  "keyName": null, "ip": "198.51.100.7"},
        "target": "cloud-run:demo-mart/europe-west1/checkout", "revision": "checkout-00007-abc",
        "images": ["europe-docker.pkg.dev/demo-mart/shop/checkout@sha256:11"],
        "justification": "INC-77 payments are down", "bypassed": true, "bypassedVerdict": null,
        "attack": ["T1610", "T1078.004"], "decisionId": null, "caseId": null,
        "lastConformantRevision": null, "rollback": null,
        "source": {"kind": "gcp.audit", "id": "abc123", "log": "projects/demo-mart/logs/x"},
        "summary": "checkout was deployed past the policy",
    }))
    .unwrap()
}

fn case(revision: u64, state: &str) -> Notification {
    let case: Case = serde_json::from_value(json!({
        "apiVersion": "postern/v1", "kind": "Case", "id": "01CASE", "revision": revision, "state": state,
        "category": "BREAK_GLASS", "severity": "HIGH", "owner": "team-checkout",
        "openedAt": "2026-03-03T05:00:10Z", "dueAt": null,
        "target": "cloud-run:demo-mart/europe-west1/checkout", "actors": ["night-duty@example.com"],
        "justification": null, "exceptionUntil": null, "findings": [sample()], "findingCount": 1,
        "history": [],
    }))
    .unwrap();
    Notification::of(&case, "2026-03-03T06:00:00Z".parse().unwrap())
}

fn without_version(mut event: Value) -> Value {
    event["metadata"]["product"]["version"] = json!("[version]");
    event
}

/// What the schema asks of every event of the class.
fn assert_conforms(event: &Value) {
    for key in [
        "activity_id",
        "category_uid",
        "class_uid",
        "severity_id",
        "time",
        "type_uid",
    ] {
        assert!(event[key].is_i64(), "{key}");
    }
    assert_eq!(
        event["type_uid"],
        200_400 + event["activity_id"].as_i64().unwrap()
    );
    assert!(event["metadata"]["version"].is_string());
    assert!(event["metadata"]["product"]["vendor_name"].is_string());
    assert!(event["finding_info"]["uid"].is_string());
    let profiles = event["metadata"]["profiles"].as_array().unwrap();
    assert_eq!(
        profiles.contains(&json!("cloud")),
        event["cloud"]["provider"].is_string()
    );
    assert!(!event.to_string().contains("null"));
}

#[test]
fn a_finding_is_a_detection_finding() {
    let event = finding(&sample());
    assert_conforms(&event);
    insta::assert_json_snapshot!(without_version(event), @r#"
    {
      "activity_id": 1,
      "activity_name": "Create",
      "category_name": "Findings",
      "category_uid": 2,
      "class_name": "Detection Finding",
      "class_uid": 2004,
      "cloud": {
        "account": {
          "type": "GCP Project",
          "type_id": 11,
          "uid": "demo-mart"
        },
        "provider": "GCP"
      },
      "comment": "INC-77 payments are down",
      "evidences": [
        {
          "actor": {
            "user": {
              "name": "night-duty@example.com",
              "uid": "night-duty@example.com"
            }
          },
          "data": {
            "at": "2026-03-03T05:00:03.5Z",
            "bypassed": true,
            "category": "BREAK_GLASS",
            "justification": "INC-77 payments are down",
            "revision": "checkout-00007-abc",
            "severity": "HIGH",
            "source": {
              "id": "abc123",
              "kind": "gcp.audit",
              "log": "projects/demo-mart/logs/x"
            },
            "summary": "checkout was deployed past the policy",
            "via": [
              "deployer@demo-mart.iam.gserviceaccount.com"
            ]
          },
          "name": "gcp.cloud-run.break-glass",
          "src_endpoint": {
            "ip": "198.51.100.7"
          },
          "uid": "5f1d"
        }
      ],
      "finding_info": {
        "analytic": {
          "name": "gcp.cloud-run.break-glass",
          "type": "Rule",
          "type_id": 1,
          "uid": "gcp.cloud-run.break-glass"
        },
        "attacks": [
          {
            "sub_technique": {
              "uid": "T1078.004"
            },
            "technique": {
              "uid": "T1078"
            }
          },
          {
            "technique": {
              "uid": "T1610"
            }
          }
        ],
        "created_time": 1772514003500,
        "data_sources": [
          "gcp.audit"
        ],
        "title": "checkout was deployed past the policy",
        "types": [
          "BREAK_GLASS"
        ],
        "uid": "5f1d"
      },
      "is_alert": true,
      "message": "checkout was deployed past the policy",
      "metadata": {
        "product": {
          "name": "Postern",
          "vendor_name": "Postern",
          "version": "[version]"
        },
        "profiles": [
          "cloud",
          "incident"
        ],
        "uid": "5f1d",
        "version": "1.5.0"
      },
      "resources": [
        {
          "name": "cloud-run:demo-mart/europe-west1/checkout",
          "type": "cloud-run",
          "uid": "cloud-run:demo-mart/europe-west1/checkout"
        },
        {
          "name": "europe-docker.pkg.dev/demo-mart/shop/checkout@sha256:11",
          "type": "container-image",
          "uid": "europe-docker.pkg.dev/demo-mart/shop/checkout@sha256:11"
        }
      ],
      "severity": "High",
      "severity_id": 4,
      "status": "New",
      "status_id": 1,
      "time": 1772514003500,
      "type_name": "Detection Finding: Create",
      "type_uid": 200401
    }
    "#);
}

#[test]
fn a_case_is_one_finding_from_its_creation_to_its_close() {
    let opened = alert(&case(1, "OPEN"));
    let taken = alert(&case(2, "ACKNOWLEDGED"));
    let mut closed = case(3, "CLOSED");
    closed.case.closed_as = Some(ClosedAs::Attested);
    closed.case.ticket = Some("INC-77".to_owned());
    let closed = alert(&closed);
    for (event, activity, status) in [(&opened, 1, 1), (&taken, 2, 2), (&closed, 3, 4)] {
        assert_conforms(event);
        assert_eq!(event["finding_info"]["uid"], "01CASE");
        assert_eq!(
            (&event["activity_id"], &event["status_id"]),
            (&json!(activity), &json!(status))
        );
    }
    assert_eq!(opened["is_alert"], true);
    assert_eq!(closed["is_alert"], false);
    insta::assert_json_snapshot!(without_version(closed), @r#"
    {
      "activity_id": 3,
      "activity_name": "Close",
      "assignee_group": {
        "name": "team-checkout"
      },
      "category_name": "Findings",
      "category_uid": 2,
      "class_name": "Detection Finding",
      "class_uid": 2004,
      "cloud": {
        "account": {
          "type": "GCP Project",
          "type_id": 11,
          "uid": "demo-mart"
        },
        "provider": "GCP"
      },
      "end_time": 1772514003500,
      "evidences": [
        {
          "actor": {
            "user": {
              "name": "night-duty@example.com",
              "uid": "night-duty@example.com"
            }
          },
          "data": {
            "at": "2026-03-03T05:00:03.5Z",
            "bypassed": true,
            "category": "BREAK_GLASS",
            "justification": "INC-77 payments are down",
            "revision": "checkout-00007-abc",
            "severity": "HIGH",
            "source": {
              "id": "abc123",
              "kind": "gcp.audit",
              "log": "projects/demo-mart/logs/x"
            },
            "summary": "checkout was deployed past the policy",
            "via": [
              "deployer@demo-mart.iam.gserviceaccount.com"
            ]
          },
          "name": "gcp.cloud-run.break-glass",
          "src_endpoint": {
            "ip": "198.51.100.7"
          },
          "uid": "5f1d"
        }
      ],
      "finding_info": {
        "analytic": {
          "name": "gcp.cloud-run.break-glass",
          "type": "Rule",
          "type_id": 1,
          "uid": "gcp.cloud-run.break-glass"
        },
        "attacks": [
          {
            "sub_technique": {
              "uid": "T1078.004"
            },
            "technique": {
              "uid": "T1078"
            }
          },
          {
            "technique": {
              "uid": "T1610"
            }
          }
        ],
        "created_time": 1772514010000,
        "first_seen_time": 1772514003500,
        "last_seen_time": 1772514003500,
        "modified_time": 1772517600000,
        "related_events_count": 1,
        "title": "checkout was deployed past the policy",
        "types": [
          "BREAK_GLASS"
        ],
        "uid": "01CASE"
      },
      "is_alert": false,
      "message": "checkout was deployed past the policy",
      "metadata": {
        "product": {
          "name": "Postern",
          "vendor_name": "Postern",
          "version": "[version]"
        },
        "profiles": [
          "cloud",
          "incident"
        ],
        "uid": "01CASE-3",
        "version": "1.5.0"
      },
      "resources": [
        {
          "name": "cloud-run:demo-mart/europe-west1/checkout",
          "type": "cloud-run",
          "uid": "cloud-run:demo-mart/europe-west1/checkout"
        },
        {
          "name": "europe-docker.pkg.dev/demo-mart/shop/checkout@sha256:11",
          "type": "container-image",
          "uid": "europe-docker.pkg.dev/demo-mart/shop/checkout@sha256:11"
        }
      ],
      "severity": "High",
      "severity_id": 4,
      "start_time": 1772514003500,
      "status": "Resolved",
      "status_detail": "ATTESTED",
      "status_id": 4,
      "tickets": [
        {
          "uid": "INC-77"
        }
      ],
      "time": 1772514010000,
      "type_name": "Detection Finding: Close",
      "type_uid": 200403,
      "unmapped": {
        "actors": [
          "night-duty@example.com"
        ],
        "revision": 3,
        "state": "CLOSED"
      }
    }
    "#);
}

#[test]
fn severities_keep_their_order() {
    let all = [
        Severity::Info,
        Severity::Low,
        Severity::Medium,
        Severity::High,
        Severity::Critical,
    ];
    assert_eq!(all.map(|one| parts::severity(one).0), [1, 2, 3, 4, 5]);
}

#[test]
fn a_case_without_anything_is_one_as_well() {
    let mut bare = case(1, "OPEN");
    (bare.case.findings, bare.case.target, bare.case.owner) = (Vec::new(), None, None);
    bare.case.state = CaseState::Open;
    assert_conforms(&alert(&bare));
}

#[test]
fn hostile_text_stays_the_text_that_it_is() {
    let hostile = format!("<!channel> \"}}],\n\u{202e}{}", "A".repeat(1 << 20));
    let mut one = sample();
    one.justification = Some(hostile.clone());
    let line = finding(&one).to_string();
    assert!(!line.contains('\n'));
    let read: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(read["comment"], hostile.as_str());
    assert_eq!(read["severity_id"], 4);
}
