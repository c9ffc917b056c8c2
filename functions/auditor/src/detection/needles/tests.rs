use serde_json::Value;

use super::*;
use crate::detection::condition::compile_all;
use crate::parse::{Form, event};
use crate::testing::catalogue;

fn needles(conditions: &str) -> Vec<String> {
    let conditions = serde_saphyr::from_str(conditions).unwrap();
    let needles = Needles::of(&compile_all(conditions).unwrap());
    needles.0.into_iter().map(|n| n.expression).collect()
}

#[rstest::rstest]
#[case("[{field: request.a.bcd, present: true}]", &[r#"bcd""#])]
#[case("[{field: request.updateMask, present: true}]", &[r#"update(?:M|_[Mm])ask""#])]
#[case("[{field: request.update_mask, present: true}]", &[r#"update(?:M|_[Mm])ask""#])]
#[case("[{field: request.v2, present: true}]", &[r#"v_?2""#])]
#[case("[{field: 'labels[\"x/y.z\"]', present: true}]", &[r#"x/y\.z""#])]
#[case("[{field: 'request[\"run-*-b\"]', present: true}]", &[r"run\-"])]
#[case("[{field: [request.one, response.two], present: true}]", &[r#"one"|two""#])]
#[case("[{field: request.kind, equals: [allUsers, domain:x]}]", &[r#"allUsers"|domain:x""#, r#"kind""#])]
#[case("[{field: request.kind, startsWith: principal}]", &[r#"principal"#, r#"kind""#])]
#[case("[{field: request.kind, endsWith: .example}]", &[r#"\.example""#, r#"kind""#])]
#[case("[{field: text, contains: [break glass, dry-run]}]", &[r"(?i:break)|(?i:dry\-run)"])]
// What could be a number, a word of JSON, or several values.
#[case("[{field: request.kind, equals: 'true'}]", &[r#"kind""#])]
#[case("[{field: request.kind, equals: '[\"allUsers\"]'}]", &[r#"kind""#])]
#[case("[{field: request.kind, contains: allUsers}]", &[r#"kind""#])]
// One of several is enough, and all of them are needed to know.
#[case("[{any: [{field: request.one, present: true}, {field: request.two, present: true}]}]", &[r#"one"|two""#])]
#[case("[{any: [{field: request.one, present: true}, {configured: ci}]}]", &[])]
#[case("[{all: [{field: request.one, present: true}, {field: request.two, present: true}]}]", &[r#"one""#, r#"two""#])]
// What is not there cannot be looked for, nor can what is put together from several places.
#[case("[{field: request.one, present: false}]", &[])]
#[case("[{not: {field: request.one, present: true}}]", &[])]
#[case("[{field: resourceLabels.arn, contains: break glass}]", &[])]
#[case("[{field: [justification, request.one], present: true}]", &[])]
#[case("[{field: resourceLabels.arn, present: true}]", &[])]
fn conditions_say_what_has_to_be_there(#[case] conditions: &str, #[case] expected: &[&str]) {
    assert_eq!(needles(conditions), expected);
}

#[rstest::rstest]
#[case(r#"{"break":1}"#, false)]
#[case(r#"{"bre\u0061k":1}"#, true)]
#[case(r#"{"a\/b":1}"#, true)]
#[case(r#"{"a":"\"\\\n"}"#, false)]
#[case(r#"{"a":"polİcy"}"#, true)]
fn escapes_of_what_needs_none_may_hide_something(#[case] text: &str, #[case] expected: bool) {
    assert_eq!(may_hide(text.as_bytes()), expected);
}

/// In every spelling of its members' names, every sample that fires has the needles in its bytes.
#[test]
fn no_sample_that_fires_is_let_go_by_its_bytes() {
    let catalogue = catalogue();
    let mut fired = 0;
    for detection in catalogue.iter().filter(|d| d.own().is_none()) {
        for (sample, bytes) in detection.samples.bytes().unwrap() {
            let catalogue = catalogue.clone().trusting(&sample.trust);
            for respelled in [str::to_owned, camel_case, snake_case, mixed_case] {
                let Ok(value) = serde_json::from_slice::<Value>(&bytes) else {
                    continue;
                };
                let bytes = below_the_payload(value, respelled).to_string().into_bytes();
                let Ok(event) = event(&bytes, Form::of(&bytes)) else {
                    continue;
                };
                let found = crate::classify::classify(&catalogue, &event);
                if found.iter().any(|f| f.finding.detection == detection.id) {
                    fired += 1;
                    let seen = detection.may_fire_on(&bytes) || may_hide(&bytes);
                    assert!(seen, "{}: {}", detection.id, sample.name);
                }
            }
        }
    }
    assert!(fired > 1500, "only {fired}");
}

/// Spells the names of what is asked and answered; around it names have one spelling.
fn below_the_payload(mut entry: Value, respelled: fn(&str) -> String) -> Value {
    for place in [
        "/protoPayload/request",
        "/protoPayload/response",
        "/protoPayload/metadata",
        "/protoPayload/serviceData",
        "/requestParameters",
        "/responseElements",
    ] {
        if let Some(value) = entry.pointer_mut(place) {
            *value = renamed(value.take(), respelled);
        }
    }
    entry
}

fn renamed(value: Value, respelled: fn(&str) -> String) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (respelled(&name), renamed(value, respelled)))
            .collect(),
        Value::Array(elements) => elements
            .into_iter()
            .map(|element| renamed(element, respelled))
            .collect(),
        value => value,
    }
}

fn camel_case(name: &str) -> String {
    super::super::path::camel(name).collect()
}

fn snake_case(name: &str) -> String {
    if name.contains(['.', '/', '-']) {
        return name.to_owned();
    }
    let letter = |(place, letter): (usize, char)| match letter {
        'A'..='Z' if place > 0 => format!("_{}", letter.to_ascii_lowercase()),
        letter => letter.to_string(),
    };
    name.char_indices().map(letter).collect()
}

/// `binary_Authorization`: what only somebody who wants to hide writes.
fn mixed_case(name: &str) -> String {
    if name.contains(['.', '/', '-']) {
        return name.to_owned();
    }
    let letter = |(place, letter): (usize, char)| match letter {
        'A'..='Z' | '0'..='9' if place > 0 => format!("_{letter}"),
        letter => letter.to_string(),
    };
    name.char_indices().map(letter).collect()
}
