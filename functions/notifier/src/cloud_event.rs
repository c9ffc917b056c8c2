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

/// The JSON of an alert, on one line. The id is the notification's, the subject the case's.
pub(crate) fn json(alert: &Notification) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&CloudEvent {
        specversion: "1.0",
        id: &alert.id,
        source: "/postern/auditor",
        r#type: if alert.case.revision == 1 {
            "dev.postern.case.opened"
        } else {
            "dev.postern.case.changed"
        },
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
