//! Events that come through a queue: EventBridge to Amazon SQS to AWS Lambda.

use postern_core::ports::Unavailable;

use crate::auditor::Auditor;
use crate::intake::take_in_body;

/// Takes in the events of one message, whose body is as that of `POST /v1/events`. What cannot be read
/// is kept, and does not come again.
///
/// # Errors
/// If the store could not be read or written: the message is to come again.
pub async fn take(auditor: &Auditor, body: &str) -> Result<(), Unavailable> {
    take_in_body(auditor, "sqs", body.as_bytes())
        .await
        .map(drop)
}
