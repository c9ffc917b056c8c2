use super::*;
use crate::testing::sample::{acknowledged, closed, hostile, hostile_texts, opened};

const KEY: &str = "0123456789abcdef0123456789ABCDEF";

fn paged(alert: &Notification) -> Value {
    event(&RoutingKey::parse(KEY).unwrap(), alert)
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
        let error = RoutingKey::parse(text).err().unwrap();
        assert!(!error.to_string().contains("hunter2"));
    }
}

#[test]
fn no_text_breaks_the_limits_of_pagerduty_or_changes_the_key() {
    for text in hostile_texts() {
        let mut alert = hostile(&text);
        alert.case.history.clear();
        let sent = paged(&alert);
        assert!(sent.to_string().len() <= 512 * 1024);
        assert_eq!(sent["routing_key"], KEY);
        let summary = sent["payload"]["summary"].as_str().unwrap();
        assert!(summary.chars().count() <= 1024);
        assert!(summary.starts_with("HIGH: BREAK GLASS"));
        assert!(sent["dedup_key"].as_str().unwrap().len() <= 255);
    }
}
