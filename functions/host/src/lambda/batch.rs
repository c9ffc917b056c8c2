//! Batches of Amazon SQS: each message for itself, and an answer that names those which failed (AWS
//! Lambda developer guide, "Handling errors for an SQS event source in Lambda").
//!
//! The event source mapping must have `ReportBatchItemFailures`: without it Lambda deletes the whole
//! batch, whatever is answered.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::deadline::Deadline;
use crate::queue::Consume;

/// What Lambda hands over of a queue.
#[derive(Debug, Deserialize)]
pub(super) struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    message_id: String,
    body: String,
    /// Other sources send records, too.
    #[serde(rename = "eventSource")]
    _source: Source,
    #[serde(rename = "eventSourceARN")]
    queue: String,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Debug, Deserialize)]
enum Source {
    #[serde(rename = "aws:sqs")]
    Sqs,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    #[serde(default)]
    message_group_id: Option<String>,
}

/// The answer: what is not done, and comes again.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Failures {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

impl Record {
    /// What must stay in order: a group of a FIFO queue.
    fn group(&self) -> Option<String> {
        let group = self.attributes.message_group_id.clone();
        group.filter(|_| self.queue.ends_with(".fifo"))
    }
}

/// Takes the messages in one after the other. After one that failed, those of its group are not even
/// tried; neither is any for which there is no time left.
pub(super) async fn take_in(batch: Batch, deadline: Deadline, take: Option<&Consume>) -> Failures {
    let mut failures = Failures::default();
    let mut held_up = BTreeSet::new();
    for record in batch.records {
        let group = record.group();
        let waits = group.as_ref().is_some_and(|group| held_up.contains(group));
        if !waits && done(&record, deadline, take).await {
            continue;
        }
        held_up.extend(group);
        failures.batch_item_failures.push(Failure {
            item_identifier: record.message_id,
        });
    }
    failures
}

async fn done(record: &Record, deadline: Deadline, take: Option<&Consume>) -> bool {
    let Some(take) = take else {
        tracing::error!(
            "this function takes nothing from a queue: remove the event source mapping"
        );
        return false;
    };
    let id = &record.message_id;
    let left = deadline.remaining();
    if left.is_zero() {
        tracing::warn!(id, "there was no time for a message; it comes again");
        return false;
    }
    match tokio::time::timeout(left, take(record.body.clone())).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::error!(%error, id, "a message could not be taken in; it comes again");
            false
        }
        Err(_) => {
            tracing::error!(id, "a message took too long; it comes again");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use postern_core::ports::Unavailable;
    use serde_json::{Value, json};

    use super::*;
    use crate::queue::consume;

    /// Messages of one queue, by id, group and body.
    fn batch(queue: &str, messages: &[(&str, &str, &str)]) -> Batch {
        let record = |(id, group, body): &(&str, &str, &str)| {
            json!({
                "messageId": id, "receiptHandle": "synthetic", "body": body,
                "attributes": {"ApproximateReceiveCount": "1", "MessageGroupId": group},
                "messageAttributes": {}, "md5OfBody": "synthetic", "eventSource": "aws:sqs",
                "eventSourceARN": format!("arn:aws:sqs:eu-west-1:111122223333:{queue}"),
                "awsRegion": "eu-west-1",
            })
        };
        let records: Vec<_> = messages.iter().map(record).collect();
        serde_json::from_value(json!({"Records": records})).unwrap()
    }

    /// Fails for `bad`; never ends for `slow`. What was tried, and what is answered.
    async fn taken(batch: Batch, deadline: Deadline) -> (Vec<String>, Value) {
        let tried = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&tried);
        let take = consume(move |body: String| {
            log.lock().unwrap().push(body.clone());
            async move {
                match body.as_str() {
                    "bad" => Err(Unavailable::new("the store", "synthetic outage")),
                    "slow" => std::future::pending().await,
                    _ => Ok(()),
                }
            }
        });
        let failures = take_in(batch, deadline, Some(&take)).await;
        let tried = tried.lock().unwrap().clone();
        (tried, serde_json::to_value(failures).unwrap())
    }

    fn in_a_minute() -> Deadline {
        Deadline::after(Duration::from_secs(60))
    }

    const MESSAGES: [(&str, &str, &str); 4] = [
        ("1", "a", "good"),
        ("2", "a", "bad"),
        ("3", "b", "other"),
        ("4", "a", "late"),
    ];

    #[tokio::test]
    async fn only_what_failed_comes_again() {
        let (tried, answer) = taken(batch("audit", &MESSAGES), in_a_minute()).await;
        assert_eq!(tried, ["good", "bad", "other", "late"]);
        assert_eq!(
            answer,
            json!({"batchItemFailures": [{"itemIdentifier": "2"}]})
        );
    }

    #[tokio::test]
    async fn a_group_of_a_fifo_queue_stays_in_order() {
        let (tried, answer) = taken(batch("audit.fifo", &MESSAGES), in_a_minute()).await;
        assert_eq!(tried, ["good", "bad", "other"]);
        assert_eq!(
            answer,
            json!({"batchItemFailures": [{"itemIdentifier": "2"}, {"itemIdentifier": "4"}]})
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_there_is_no_time_for_comes_again() {
        let messages = [("1", "a", "good"), ("2", "b", "slow"), ("3", "c", "late")];
        let (tried, answer) = taken(batch("audit", &messages), in_a_minute()).await;
        assert_eq!(tried, ["good", "slow"]);
        assert_eq!(
            answer,
            json!({"batchItemFailures": [{"itemIdentifier": "2"}, {"itemIdentifier": "3"}]})
        );
    }

    #[tokio::test]
    async fn a_function_that_takes_nothing_loses_nothing() {
        let failures = take_in(batch("q", &MESSAGES[..1]), in_a_minute(), None).await;
        assert_eq!(failures.batch_item_failures.len(), 1);
    }

    #[test]
    fn other_sources_are_no_queue() {
        let stream = json!({"Records": [{"messageId": "1", "body": "", "eventSource": "aws:kinesis",
            "eventSourceARN": "arn:aws:kinesis:eu-west-1:111122223333:stream/s"}]});
        assert!(serde_json::from_value::<Batch>(stream).is_err());
    }
}
