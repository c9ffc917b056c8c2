//! What a real entry looks like: the members that Google and AWS document, and no others.
//!
//! The parser ignores members that it does not know, and so it has to. A detection that is proven only
//! on entries that nobody ever writes would never fire; this is what tells.

mod cloud_trail;
mod log_entry;

use serde_json::Value;

/// What may stand somewhere.
#[derive(Debug)]
enum Shape {
    Anything,
    Text,
    Flag,
    /// A number, or one as text, as protobuf's JSON writes 64 bits.
    Number,
    List(&'static Shape),
    /// Any names, each with this.
    Map(&'static Shape),
    Object {
        required: &'static [Member],
        optional: &'static [Member],
    },
}

type Member = (&'static str, &'static Shape);

/// Whether this is an entry as Cloud Logging or CloudTrail writes it.
///
/// # Errors
/// With the first place (a JSON Pointer) where it is none, and why.
pub(super) fn check(entry: &Value) -> Result<(), String> {
    let shape = if entry.get("eventVersion").is_some() {
        &cloud_trail::RECORD
    } else {
        &log_entry::LOG_ENTRY
    };
    shape.check(entry, "")
}

impl Shape {
    fn check(&self, value: &Value, place: &str) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("{place}: {what}"));
        match (self, value) {
            (Self::Anything, _)
            | (Self::Text, Value::String(_))
            | (Self::Flag, Value::Bool(_))
            | (Self::Number, Value::Number(_)) => Ok(()),
            (Self::Number, Value::String(text)) if text.parse::<i64>().is_ok() => Ok(()),
            (Self::List(of), Value::Array(elements)) => elements
                .iter()
                .enumerate()
                .try_for_each(|(n, element)| of.check(element, &format!("{place}/{n}"))),
            (Self::Map(of), Value::Object(members)) => members
                .iter()
                .try_for_each(|(name, value)| of.check(value, &within(place, name))),
            (Self::Object { required, optional }, Value::Object(members)) => {
                let absent = required
                    .iter()
                    .find(|(name, _)| !members.contains_key(*name));
                if let Some((name, _)) = absent {
                    return wrong(&format!("every entry has {name}"));
                }
                members.iter().try_for_each(|(name, value)| {
                    let place = within(place, name);
                    let mut known = required.iter().chain(*optional);
                    match known.find(|(known, _)| known == name) {
                        Some((_, of)) => of.check(value, &place),
                        None => Err(format!("{place}: no entry has that")),
                    }
                })
            }
            _ => wrong(&format!("{value} cannot stand there")),
        }
    }
}

fn within(place: &str, name: &str) -> String {
    format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{entry, patched};

    #[test]
    fn what_a_log_writes_is_an_entry() {
        assert_eq!(check(&entry("gke-break-glass")), Ok(()));
        assert_eq!(check(&entry("cloud-run-break-glass")), Ok(()));
    }

    #[rstest::rstest]
    #[case("/data", json!({"protoPayload": {}}), "/data: no entry has that")]
    #[case("/protoPayload/principalEmail", json!("a"), "/protoPayload/principalEmail: no entry has that")]
    #[case("/protoPayload/status/code", json!("PERMISSION_DENIED"), "/protoPayload/status/code: \"PERMISSION_DENIED\" cannot stand there")]
    #[case("/resource", json!({"labels": {}}), "/resource: every entry has type")]
    #[case("/labels/x", json!(1), "/labels/x: 1 cannot stand there")]
    fn what_no_log_writes_is_told_by_its_place(
        #[case] pointer: &str,
        #[case] value: Value,
        #[case] expected: &str,
    ) {
        let entry = patched(&entry("gke-break-glass"), &[(pointer, value)]);
        assert_eq!(check(&entry), Err(expected.to_owned()));
    }

    #[test]
    fn a_record_of_cloudtrail_has_its_own_members() {
        let record = json!({
            "eventVersion": "1.11",
            "userIdentity": {"type": "Root", "accountId": "111122223333"},
            "eventTime": "2026-04-05T05:01:07Z", "eventSource": "kms.amazonaws.com",
            "eventName": "Sign", "awsRegion": "eu-central-1", "eventID": "synthetic",
            "requestParameters": null, "responseElements": null, "readOnly": true
        });
        assert_eq!(check(&record), Ok(()));
        let odd = patched(&record, &[("/detail", json!({}))]);
        assert_eq!(check(&odd), Err("/detail: no entry has that".to_owned()));
    }
}
