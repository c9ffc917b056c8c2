//! Batches of Amazon SQS as Lambda hands them over.

#![no_main]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use postern_core::ports::Unavailable;
use postern_host::queue::consume;
use postern_host::{deadline, queue};
use serde_json::Value;

/// The host's own source: the parser is private to it.
#[allow(dead_code, reason = "only the parser and what it answers are wanted")]
#[path = "../../../functions/host/src/lambda/batch.rs"]
mod batch;

fuzz_target!(|event: &[u8]| {
    let Ok(batch) = serde_json::from_slice::<batch::Batch>(event) else {
        return;
    };
    // Fields that nobody reads may hold what is no text at all.
    let Ok(event) = serde_json::from_slice::<Value>(event) else {
        return;
    };
    let records = event["Records"].as_array().map_or(0, Vec::len);
    let taken = Arc::new(Mutex::new(0));
    let count = Arc::clone(&taken);
    // A message is not taken if it is of an odd length.
    let take = consume(move |body| {
        let odd = body.len() % 2 == 1;
        *count.lock().unwrap() += usize::from(!odd);
        std::future::ready(match odd {
            true => Err(Unavailable::new("synthetic", "is down")),
            false => Ok(()),
        })
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let deadline = deadline::Deadline::after(Duration::from_secs(60));
    let failures = runtime
        .unwrap()
        .block_on(batch::take_in(batch, deadline, Some(&take)));
    let failures = serde_json::to_value(failures).unwrap();
    let failed = failures["batchItemFailures"].as_array().unwrap();
    assert!(
        failed
            .iter()
            .all(|failure| failure["itemIdentifier"].is_string())
    );
    // Each is done, or named as one that is not.
    assert_eq!(failed.len() + *taken.lock().unwrap(), records);
});
