use postern_core::case::{CaseAction, CaseState};
use postern_core::finding::Severity;
use serde_json::{Value, json};

use super::*;
use crate::testing::sample::{acknowledged, closed, hostile, hostile_texts, opened};

const KEY: &str = "0123456789abcdef0123456789ABCDEF";

fn paged(alert: &Notification) -> Value {
    pagerduty::event(&pagerduty::RoutingKey::parse(KEY).unwrap(), alert)
}

/// Every text in a value, with the key that it stands under.
fn texts<'a>(value: &'a Value, key: &'a str, into: &mut Vec<(&'a str, &'a str)>) {
    match value {
        Value::String(text) => into.push((key, text)),
        Value::Array(items) => items.iter().for_each(|item| texts(item, key, into)),
        Value::Object(members) => members
            .iter()
            .for_each(|(key, item)| texts(item, key, into)),
        _ => {}
    }
}

fn all(value: &Value) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    texts(value, "", &mut found);
    found
}

#[test]
fn slack_gets_blocks() {
    insta::assert_json_snapshot!(slack::message(&opened()), @r#"
    {
      "blocks": [
        {
          "text": {
            "emoji": false,
            "text": "HIGH: BREAK GLASS",
            "type": "plain_text"
          },
          "type": "header"
        },
        {
          "text": {
            "emoji": false,
            "text": "night-duty@example.com deployed checkout past the policy",
            "type": "plain_text"
          },
          "type": "section"
        },
        {
          "fields": [
            {
              "text": "*Target*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "cloud-run:acme-shop/europe-west1/checkout",
              "type": "plain_text"
            },
            {
              "text": "*Images*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "europe-docker.pkg.dev/acme-shop/web/checkout@sha256:11",
              "type": "plain_text"
            },
            {
              "text": "*Who*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "night-duty@example.com",
              "type": "plain_text"
            },
            {
              "text": "*Reason given*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "INC-77 &lt;payments&gt; are down",
              "type": "plain_text"
            },
            {
              "text": "*Without it*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "would have been denied",
              "type": "plain_text"
            }
          ],
          "type": "section"
        },
        {
          "fields": [
            {
              "text": "*Owner*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "team-checkout",
              "type": "plain_text"
            },
            {
              "text": "*Due*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "2026-03-03T09:00:10Z",
              "type": "plain_text"
            },
            {
              "text": "*Back by*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "gcloud run services update-traffic checkout",
              "type": "plain_text"
            },
            {
              "text": "*Detection*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "gcp.cloud-run.break-glass",
              "type": "plain_text"
            },
            {
              "text": "*Opened*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "2026-03-03T05:00:10Z",
              "type": "plain_text"
            }
          ],
          "type": "section"
        },
        {
          "fields": [
            {
              "text": "*Case*",
              "type": "mrkdwn",
              "verbatim": true
            },
            {
              "emoji": false,
              "text": "01CASE (revision 1)",
              "type": "plain_text"
            }
          ],
          "type": "section"
        }
      ],
      "mrkdwn": false,
      "text": "HIGH: BREAK GLASS cloud-run:acme-shop/europe-west1/checkout",
      "unfurl_links": false,
      "unfurl_media": false
    }
    "#);
}

#[test]
fn teams_gets_a_card() {
    insta::assert_json_snapshot!(teams::message(&opened()), @r#"
    {
      "attachments": [
        {
          "content": {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "body": [
              {
                "color": "attention",
                "size": "Large",
                "text": "HIGH: BREAK GLASS",
                "type": "TextBlock",
                "weight": "Bolder",
                "wrap": true
              },
              {
                "text": "night-duty@example.com deployed checkout past the policy",
                "type": "TextBlock",
                "wrap": true
              },
              {
                "facts": [
                  {
                    "title": "Target",
                    "value": "cloud-run:acme-shop/europe-west1/checkout"
                  },
                  {
                    "title": "Images",
                    "value": "europe-docker.pkg.dev/acme-shop/web/checkout@sha256:11"
                  },
                  {
                    "title": "Who",
                    "value": "night-duty@example.com"
                  },
                  {
                    "title": "Reason given",
                    "value": "INC-77 \\<payments\\> are down"
                  },
                  {
                    "title": "Without it",
                    "value": "would have been denied"
                  },
                  {
                    "title": "Owner",
                    "value": "team-checkout"
                  },
                  {
                    "title": "Due",
                    "value": "2026-03-03T09:00:10Z"
                  },
                  {
                    "title": "Back by",
                    "value": "gcloud run services update-traffic checkout"
                  },
                  {
                    "title": "Detection",
                    "value": "gcp.cloud-run.break-glass"
                  },
                  {
                    "title": "Opened",
                    "value": "2026-03-03T05:00:10Z"
                  },
                  {
                    "title": "Case",
                    "value": "01CASE \\(revision 1\\)"
                  }
                ],
                "type": "FactSet"
              }
            ],
            "msteams": {
              "width": "Full"
            },
            "type": "AdaptiveCard",
            "version": "1.4"
          },
          "contentType": "application/vnd.microsoft.card.adaptive",
          "contentUrl": null
        }
      ],
      "type": "message"
    }
    "#);
}

#[test]
fn google_chat_gets_a_card_in_the_thread_of_its_case() {
    insta::assert_json_snapshot!(google_chat::message(&opened()), @r#"
    {
      "cardsV2": [
        {
          "card": {
            "header": {
              "subtitle": "cloud-run:acme-shop/europe-west1/checkout",
              "title": "HIGH: BREAK GLASS"
            },
            "sections": [
              {
                "widgets": [
                  {
                    "textParagraph": {
                      "text": "night-duty@example.com deployed checkout past the policy"
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "cloud-run:acme-shop/europe-west1/checkout",
                      "topLabel": "Target",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "europe-docker.pkg.dev/acme-shop/web/checkout@sha256:11",
                      "topLabel": "Images",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "night-duty@example.com",
                      "topLabel": "Who",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "INC-77 &lt;payments&gt; are down",
                      "topLabel": "Reason given",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "would have been denied",
                      "topLabel": "Without it",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "team-checkout",
                      "topLabel": "Owner",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "2026-03-03T09:00:10Z",
                      "topLabel": "Due",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "gcloud run services update-traffic checkout",
                      "topLabel": "Back by",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "gcp.cloud-run.break-glass",
                      "topLabel": "Detection",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "2026-03-03T05:00:10Z",
                      "topLabel": "Opened",
                      "wrapText": true
                    }
                  },
                  {
                    "decoratedText": {
                      "text": "01CASE (revision 1)",
                      "topLabel": "Case",
                      "wrapText": true
                    }
                  }
                ]
              }
            ]
          },
          "cardId": "01CASE-1"
        }
      ],
      "fallbackText": "HIGH: BREAK GLASS cloud-run:acme-shop/europe-west1/checkout",
      "thread": {
        "threadKey": "01CASE"
      }
    }
    "#);
    assert_eq!(
        google_chat::message(&closed())["thread"],
        google_chat::message(&opened())["thread"]
    );
}

#[test]
fn pagerduty_gets_one_incident_per_case() {
    insta::assert_json_snapshot!(paged(&opened()), @r#"
    {
      "client": "Postern",
      "dedup_key": "01CASE",
      "event_action": "trigger",
      "payload": {
        "class": "BREAK_GLASS",
        "component": "binary-authorization",
        "custom_details": {
          "Back by": "gcloud run services update-traffic checkout",
          "Case": "01CASE (revision 1)",
          "Detection": "gcp.cloud-run.break-glass",
          "Due": "2026-03-03T09:00:10Z",
          "Images": "europe-docker.pkg.dev/acme-shop/web/checkout@sha256:11",
          "Opened": "2026-03-03T05:00:10Z",
          "Owner": "team-checkout",
          "Reason given": "INC-77 <payments> are down",
          "Target": "cloud-run:acme-shop/europe-west1/checkout",
          "Who": "night-duty@example.com",
          "Without it": "would have been denied"
        },
        "severity": "error",
        "source": "cloud-run:acme-shop/europe-west1/checkout",
        "summary": "HIGH: BREAK GLASS: night-duty@example.com deployed checkout past the policy",
        "timestamp": "2026-03-03T05:00:10Z"
      },
      "routing_key": "0123456789abcdef0123456789ABCDEF"
    }
    "#);
    insta::assert_json_snapshot!(paged(&acknowledged()), @r#"
    {
      "dedup_key": "01CASE",
      "event_action": "acknowledge",
      "routing_key": "0123456789abcdef0123456789ABCDEF"
    }
    "#);
    insta::assert_json_snapshot!(paged(&closed()), @r#"
    {
      "dedup_key": "01CASE",
      "event_action": "resolve",
      "routing_key": "0123456789abcdef0123456789ABCDEF"
    }
    "#);
}

#[test]
fn what_happens_after_somebody_took_a_case_pages_again() {
    let mut alert = acknowledged();
    for action in [
        CaseAction::FindingAdded,
        CaseAction::Escalated,
        CaseAction::Reopened,
    ] {
        alert.case.history.last_mut().unwrap().action = action;
        assert_eq!(paged(&alert)["event_action"], "trigger", "{action:?}");
    }
}

#[test]
fn severities_are_pagerdutys() {
    let mut alert = opened();
    let words = Severity::ALL.map(|severity| {
        alert.case.severity = severity;
        paged(&alert)["payload"]["severity"]
            .as_str()
            .unwrap()
            .to_owned()
    });
    assert_eq!(words, ["info", "info", "warning", "error", "critical"]);
}

#[test]
fn a_key_that_is_none_is_not_shown() {
    for text in ["", "hunter2", "0123456789abcdef0123456789abcde!"] {
        let error = pagerduty::RoutingKey::parse(text).err().unwrap();
        assert!(!error.to_string().contains("hunter2"));
    }
}

#[test]
fn alertmanager_gets_an_alert_that_stands() {
    insta::assert_json_snapshot!(alertmanager::alerts(&opened()), @r#"
    [
      {
        "annotations": {
          "back_by": "gcloud run services update-traffic checkout",
          "case": "01CASE (revision 1)",
          "description": "night-duty@example.com deployed checkout past the policy",
          "detection": "gcp.cloud-run.break-glass",
          "due": "2026-03-03T09:00:10Z",
          "images": "europe-docker.pkg.dev/acme-shop/web/checkout@sha256:11",
          "opened": "2026-03-03T05:00:10Z",
          "owner": "team-checkout",
          "reason_given": "INC-77 <payments> are down",
          "summary": "HIGH: BREAK GLASS",
          "target": "cloud-run:acme-shop/europe-west1/checkout",
          "who": "night-duty@example.com",
          "without_it": "would have been denied"
        },
        "endsAt": "2026-04-02T05:00:10Z",
        "labels": {
          "alertname": "PosternCase",
          "case": "01CASE",
          "category": "BREAK_GLASS",
          "severity": "high",
          "target": "cloud-run:acme-shop/europe-west1/checkout"
        },
        "startsAt": "2026-03-03T05:00:10Z"
      }
    ]
    "#);
}

#[test]
fn with_the_case_every_alert_that_may_stand_ends() {
    let alerts = alertmanager::alerts(&closed());
    let ends: Vec<_> = alerts.as_array().unwrap().iter().collect();
    assert_eq!(ends.len(), Severity::ALL.len());
    assert!(
        ends.iter()
            .all(|alert| alert["endsAt"] == json!(closed().at))
    );
}

#[test]
fn an_alert_that_gets_worse_ends_as_what_it_was() {
    let mut alert = opened();
    alert.case.severity = Severity::Critical;
    let alerts = alertmanager::alerts(&alert);
    let stands: Vec<_> = alerts
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["labels"]["severity"].as_str().unwrap(),
                one["endsAt"] == json!(alert.at),
            )
        })
        .collect();
    assert_eq!(stands, [("critical", false), ("high", true)]);
}

#[test]
fn ecs_gets_a_document() {
    let mut document = ecs::document(&opened());
    document["postern"]["case"] = json!("[the case]");
    insta::assert_json_snapshot!(document, @r#"
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
    assert_eq!(ecs::document(&closed())["event"]["end"], json!(closed().at));
}

#[test]
fn every_form_for_machines_is_one_line_and_keeps_every_text() {
    for format in [
        BodyFormat::CloudEvents,
        BodyFormat::Native,
        BodyFormat::Ocsf,
        BodyFormat::Ecs,
    ] {
        // One that is long is enough: these forms cut nothing.
        for text in hostile_texts().into_iter().take(6) {
            let alert = hostile(&text);
            let bytes = written(format, &alert).unwrap();
            assert!(!bytes.contains(&b'\n'), "{format:?}");
            let read: Value = serde_json::from_slice(&bytes).unwrap();
            let kept = all(&read)
                .into_iter()
                .filter(|(_, found)| *found == text)
                .count();
            assert!(kept >= 5, "{format:?} {kept}");
        }
    }
}

#[test]
fn no_text_gets_markup_or_mentions_into_slack() {
    for text in hostile_texts() {
        let message = slack::message(&hostile(&text));
        let blocks = message["blocks"].as_array().unwrap();
        assert!(blocks.len() <= 50);
        for block in blocks {
            let limit = if block["type"] == "header" { 150 } else { 3000 };
            assert!(block["text"]["text"].as_str().unwrap_or("").chars().count() <= limit);
            let fields = block["fields"].as_array().map_or(&[][..], Vec::as_slice);
            assert!(fields.len() <= 10);
            for field in fields {
                let text = field["text"].as_str().unwrap();
                assert!((1..=2000).contains(&text.chars().count()));
                // Only our own words may have a markup.
                assert!(field["type"] == "plain_text" || text.len() < 30);
            }
        }
        for (key, text) in all(&message) {
            assert!(!text.contains(['<', '>', '\n', '\u{202e}']), "{key}");
        }
    }
}

#[test]
fn no_text_gets_markup_into_teams_or_breaks_its_limit() {
    for text in hostile_texts() {
        let message = teams::message(&hostile(&text));
        assert!(message.to_string().len() <= 28 * 1024);
        for (key, text) in all(&message) {
            let mut escaped = false;
            for char in text.chars() {
                assert!(escaped || !"*_[]<>`#".contains(char), "{key}: {text}");
                assert!(!char.is_control());
                escaped = char == '\\' && !escaped;
            }
        }
    }
}

#[test]
fn no_text_gets_markup_into_google_chat_or_breaks_its_limit() {
    for text in hostile_texts() {
        let message = google_chat::message(&hostile(&text));
        assert!(message.to_string().len() <= 32_000);
        assert!(message.get("text").is_none(), "mentions are made there");
        let widgets = message["cardsV2"][0]["card"]["sections"][0]["widgets"]
            .as_array()
            .unwrap();
        assert!(widgets.len() <= 100);
        for (key, text) in all(&message) {
            assert!(!text.contains(['<', '>', '\n', '\u{202e}']), "{key}");
        }
    }
}

#[test]
fn no_text_breaks_the_limits_of_pagerduty_or_changes_the_key() {
    for text in hostile_texts() {
        let mut alert = hostile(&text);
        alert.case.history.clear();
        let event = paged(&alert);
        assert!(event.to_string().len() <= 512 * 1024);
        assert_eq!(event["routing_key"], KEY);
        let summary = event["payload"]["summary"].as_str().unwrap();
        assert!(summary.chars().count() <= 1024);
        assert!(summary.starts_with("HIGH: BREAK GLASS"));
        assert!(event["dedup_key"].as_str().unwrap().len() <= 255);
    }
}

#[test]
fn no_text_changes_the_labels_of_alertmanager_but_the_target() {
    for text in hostile_texts() {
        let alert = hostile(&text);
        assert_eq!(alert.case.state, CaseState::Open);
        let alerts = alertmanager::alerts(&alert);
        let mut labels = alerts[0]["labels"].as_object().unwrap().clone();
        labels.remove("target");
        let expected = json!({
            "alertname": "PosternCase", "case": "01CASE", "category": "BREAK_GLASS", "severity": "high"
        });
        assert_eq!(Value::from(labels), expected);
        for (key, text) in all(&alerts) {
            assert!(
                text.chars().count() <= 2000 && !text.contains('\n'),
                "{key}"
            );
        }
    }
}
