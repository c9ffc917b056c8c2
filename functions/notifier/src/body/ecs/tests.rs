use super::*;
use crate::testing::sample::{closed, opened};

#[test]
fn ecs_gets_a_document() {
    let mut sent = document(&opened());
    sent["postern"]["case"] = json!("[the case]");
    insta::assert_json_snapshot!(sent, @r#"
    {
      "@timestamp": "2026-03-03T05:00:10Z",
      "cloud": {
        "project": {
          "id": "acme-shop"
        },
        "provider": "gcp"
      },
      "container": {
        "image": {
          "name": "europe-docker.pkg.dev/acme-shop/web/checkout@sha256:11"
        }
      },
      "ecs": {
        "version": "8.17.0"
      },
      "event": {
        "action": "break-glass",
        "category": [
          "configuration",
          "intrusion_detection"
        ],
        "created": "2026-03-03T05:00:10Z",
        "dataset": "postern.case",
        "id": "01CASE-1",
        "kind": "alert",
        "module": "postern",
        "provider": "gcp.audit",
        "severity": 73,
        "start": "2026-03-03T05:00:03.5Z",
        "type": [
          "info"
        ]
      },
      "log": {
        "level": "high"
      },
      "message": "night-duty@example.com deployed checkout past the policy",
      "observer": {
        "product": "Postern",
        "type": "admission",
        "vendor": "Postern"
      },
      "postern": {
        "case": "[the case]"
      },
      "related": {
        "ip": [
          "198.51.100.7"
        ],
        "user": [
          "night-duty@example.com"
        ]
      },
      "rule": {
        "category": "BREAK_GLASS",
        "id": "gcp.cloud-run.break-glass",
        "name": "gcp.cloud-run.break-glass",
        "ruleset": "postern"
      },
      "source": {
        "address": "198.51.100.7",
        "ip": "198.51.100.7"
      },
      "tags": [
        "break_glass"
      ],
      "threat": {
        "framework": "MITRE ATT&CK",
        "technique": {
          "id": [
            "T1610"
          ],
          "subtechnique": {
            "id": [
              "T1078.004"
            ]
          }
        }
      },
      "user": {
        "name": "night-duty@example.com"
      }
    }
    "#);
    assert_eq!(document(&closed())["event"]["end"], json!(closed().at));
}
