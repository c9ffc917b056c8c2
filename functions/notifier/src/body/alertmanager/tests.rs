use super::*;
use crate::testing::sample::{closed, hostile, hostile_texts, opened, texts_in};

#[test]
fn alertmanager_gets_an_alert_that_stands() {
    insta::assert_json_snapshot!(alerts(&opened()), @r#"
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
    let sent = alerts(&closed());
    let ends: Vec<_> = sent.as_array().unwrap().iter().collect();
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
    let sent = alerts(&alert);
    let stands: Vec<_> = sent
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
fn no_text_changes_the_labels_of_alertmanager_but_the_target() {
    for text in hostile_texts() {
        let alert = hostile(&text);
        assert_eq!(alert.case.state, CaseState::Open);
        let sent = alerts(&alert);
        let mut labels = sent[0]["labels"].as_object().unwrap().clone();
        labels.remove("target");
        let expected = json!({
            "alertname": "PosternCase", "case": "01CASE", "category": "BREAK_GLASS", "severity": "high"
        });
        assert_eq!(Value::from(labels), expected);
        for (key, text) in texts_in(&sent) {
            assert!(
                text.chars().count() <= 2000 && !text.contains('\n'),
                "{key}"
            );
        }
    }
}
