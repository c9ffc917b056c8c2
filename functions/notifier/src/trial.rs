//! One alert that is about nothing, to find out whether an output takes alerts.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use postern_core::case::Case;
use postern_core::change::Notification;
use postern_core::decision::ApiVersion;
use postern_core::finding::{Actor, Category, Finding, FindingKind, FindingSource, Severity};
use postern_core::ports::Buses;
use postern_host::config;
use postern_host::environment::Environment;
use tokio::time::Instant;

use crate::notifier::set_up;
use crate::output::{OutputError, Receipt, Retry};

/// What the alert says of itself, wherever it is shown.
const SUMMARY: &str = "TEST: Postern was asked to try this output out; nothing happened.";

/// What an output did with the alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The alert's id.
    pub alert: String,
    /// The attempt's end.
    pub outcome: TrialOutcome,
    /// How long the attempt took.
    pub took: Duration,
}

/// How the attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrialOutcome {
    /// The receiver confirmed it, in these words.
    Delivered(Receipt),
    /// An alert would be tried again, not before the receiver asked for.
    Again {
        /// What happened.
        error: String,
        /// How long the receiver asked to be left alone.
        asked: Option<SignedDuration>,
    },
    /// An alert would be given up.
    GiveUp {
        /// What happened.
        error: String,
    },
    /// The receiver wants no more alerts at all: the output would be switched off.
    Off {
        /// What happened.
        error: String,
    },
}

/// Sends one alert that is labelled as a test to an output: once, past routes and outbox, and nothing
/// is recorded.
///
/// # Errors
/// If the output is configured in a way that cannot or must not work.
pub async fn trial(
    output: &config::Output,
    environment: &dyn Environment,
    buses: &Buses,
    now: Timestamp,
) -> Result<Trial, OutputError> {
    let alert = alert(&output.name, now);
    let output = set_up(output, environment, buses)?;
    let start = Instant::now();
    let sent = output.send(&alert, now).await;
    let took = start.elapsed();
    let outcome = match sent {
        Ok(receipt) => TrialOutcome::Delivered(receipt),
        Err(refusal) => {
            let error = refusal.error;
            match refusal.retry {
                Retry::Again(asked) => TrialOutcome::Again { error, asked },
                Retry::Dead => TrialOutcome::GiveUp { error },
                Retry::Off => TrialOutcome::Off { error },
            }
        }
    };
    Ok(Trial {
        alert: alert.id,
        outcome,
        took,
    })
}

/// The alert of a case that is in no store: of the lowest severity, and in a category that wakes nobody.
fn alert(output: &str, now: Timestamp) -> Notification {
    let id = format!("test-{}", now.as_microsecond());
    let case = Case {
        findings: vec![finding(&id, output, now)],
        finding_count: 1,
        ..Case::new(id, Category::DryRun, Severity::Info, now)
    };
    Notification::of(&case, now)
}

fn finding(case: &str, output: &str, now: Timestamp) -> Finding {
    Finding {
        api_version: ApiVersion::V1,
        kind: FindingKind::Finding,
        id: format!("{case}-finding"),
        detection: "postern.notify.test".to_owned(),
        severity: Severity::Info,
        category: Category::DryRun,
        at: now,
        actor: Actor::default(),
        target: None,
        revision: None,
        images: Vec::new(),
        justification: None,
        bypassed: None,
        bypassed_verdict: None,
        attack: Vec::new(),
        decision_id: None,
        case_id: Some(case.to_owned()),
        last_conformant_revision: None,
        rollback: None,
        source: FindingSource {
            kind: "postern.test".to_owned(),
            id: output.to_owned(),
            log: None,
        },
        summary: SUMMARY.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::post;

    use super::*;

    fn now() -> Timestamp {
        "2026-03-03T06:00:00Z".parse().unwrap()
    }

    async fn tried(fields: serde_json::Value) -> Trial {
        let output = serde_json::from_value(fields).unwrap();
        let environment = BTreeMap::<String, String>::new();
        trial(&output, &environment, &Buses::new(), now())
            .await
            .unwrap()
    }

    async fn answered(status: u16) -> TrialOutcome {
        let status = StatusCode::from_u16(status).unwrap();
        let answer = move || std::future::ready((status, [("retry-after", "90")], "synthetic"));
        let router = Router::new().route("/", post(answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let output = serde_json::json!({
            "name": "hook", "type": "webhook", "url": url, "allowPrivate": true
        });
        tried(output).await.outcome
    }

    #[tokio::test]
    async fn the_answer_is_told_by_what_would_become_of_an_alert() {
        let delivered = TrialOutcome::Delivered(Receipt::new("HTTP 204"));
        assert_eq!(answered(204).await, delivered);
        let again = TrialOutcome::Again {
            error: "answered 503 Service Unavailable: synthetic".to_owned(),
            asked: Some(SignedDuration::from_secs(90)),
        };
        assert_eq!(answered(503).await, again);
        let error = "answered 400 Bad Request: synthetic".to_owned();
        assert_eq!(answered(400).await, TrialOutcome::GiveUp { error });
        let error = "answered 410 Gone: synthetic".to_owned();
        assert_eq!(answered(410).await, TrialOutcome::Off { error });
    }

    #[tokio::test]
    async fn the_alert_says_that_it_is_a_test() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.ndjson");
        let output = serde_json::json!({"name": "record", "type": "file", "path": path});
        let trial = tried(output).await;
        assert_eq!(
            trial.outcome,
            TrialOutcome::Delivered(Receipt::new("written"))
        );
        let text = std::fs::read_to_string(path).unwrap();
        let event: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(event["id"], trial.alert);
        assert_eq!(event["id"], "test-1772517600000000-1");
        assert_eq!(event["data"]["severity"], "INFO");
        assert_eq!(event["data"]["findings"][0]["summary"], SUMMARY);
        assert_eq!(
            event["data"]["findings"][0]["detection"],
            "postern.notify.test"
        );
    }
}
