//! An alert as a CloudEvent (CloudEvents 1.0, JSON format).

use jiff::Timestamp;
use postern_core::case::Case;
use postern_core::change::Notification;
use serde::Serialize;

/// The content type of a structured CloudEvent.
pub(crate) const CONTENT_TYPE: &str = "application/cloudevents+json";

/// The envelope; `data` is the case with its findings.
#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'static str,
    r#type: &'static str,
    subject: &'a str,
    time: Timestamp,
    datacontenttype: &'static str,
    data: &'a Case,
}

/// Whose events these are.
const SOURCE: &str = "/postern/auditor";

/// What the event tells, by its type.
fn type_of(case: &Case) -> &'static str {
    match case.revision {
        1 => "dev.postern.case.opened",
        _ => "dev.postern.case.changed",
    }
}

/// The envelope as attributes of a message, so that brokers filter without reading the body.
pub(crate) fn attributes(alert: &Notification) -> [(&'static str, String); 6] {
    [
        ("ce-specversion", "1.0".to_owned()),
        ("ce-id", alert.id.clone()),
        ("ce-source", SOURCE.to_owned()),
        ("ce-type", type_of(&alert.case).to_owned()),
        ("ce-subject", alert.case.id.clone()),
        ("ce-time", alert.at.to_string()),
    ]
}

/// The JSON of an alert, on one line. The id is the notification's, the subject the case's.
pub(crate) fn json(alert: &Notification) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&CloudEvent {
        specversion: "1.0",
        id: &alert.id,
        source: SOURCE,
        r#type: type_of(&alert.case),
        subject: &alert.case.id,
        time: alert.at,
        datacontenttype: "application/json",
        data: &alert.case,
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::alert;

    #[test]
    fn an_alert_is_a_structured_cloud_event() {
        let event: serde_json::Value =
            serde_json::from_slice(&super::json(&alert("01CASE", 1)).unwrap()).unwrap();
        insta::assert_json_snapshot!(event, @r#"
    {
      "data": {
        "actors": [
          "night-duty@example.com"
        ],
        "apiVersion": "postern/v1",
        "category": "BREAK_GLASS",
        "channel": null,
        "closedAs": null,
        "drill": null,
        "dueAt": null,
        "exceptionUntil": null,
        "findingCount": 0,
        "findings": [],
        "history": [],
        "id": "01CASE",
        "justification": null,
        "kind": "Case",
        "lastConformantRevision": null,
        "openedAt": "2026-03-03T05:00:10Z",
        "owner": null,
        "revision": 1,
        "rollback": null,
        "severity": "HIGH",
        "state": "OPEN",
        "target": "cloud-run:acme-shop/europe-west1/checkout",
        "ticket": null
      },
      "datacontenttype": "application/json",
      "id": "01CASE-1",
      "source": "/postern/auditor",
      "specversion": "1.0",
      "subject": "01CASE",
      "time": "2026-03-03T05:00:10Z",
      "type": "dev.postern.case.opened"
    }
    "#);
    }
}
