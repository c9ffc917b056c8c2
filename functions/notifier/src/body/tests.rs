use serde_json::Value;

use super::*;
use crate::testing::sample::{hostile, hostile_texts, texts_in};

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
            let kept = texts_in(&read)
                .into_iter()
                .filter(|(_, found)| *found == text)
                .count();
            assert!(kept >= 5, "{format:?} {kept}");
        }
    }
}
