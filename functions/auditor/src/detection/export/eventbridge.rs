//! Event patterns for Amazon EventBridge.

use std::collections::{BTreeMap, BTreeSet};

use postern_core::event::Stream;
use serde_json::{Map, Value, json};

use super::{ExportError, dates_its_methods, matchers};
use crate::detection::Catalogue;
use crate::detection::matcher::EntryMatcher;

/// The longest event pattern, in characters (EventBridge's quotas).
const LIMIT: usize = 4096;

/// How CloudTrail's records come: calls, what services do by themselves, and sign-ins.
const KINDS: [&str; 3] = [
    "AWS API Call via CloudTrail",
    "AWS Service Event via CloudTrail",
    "AWS Console Sign In via CloudTrail",
];

/// Patterns, for one rule each, that together let every record through on which a detection can fire,
/// whatever is ours.
///
/// # Errors
/// If what one service needs is longer than a pattern may be.
pub fn event_patterns(catalogue: &Catalogue) -> Result<Vec<Value>, ExportError> {
    let mut patterns: Vec<Vec<Value>> = Vec::new();
    for alternative in alternatives(catalogue) {
        let alone = pattern(std::slice::from_ref(&alternative));
        let length = length(&alone);
        if length > LIMIT {
            return Err(ExportError::TooLong {
                what: format!("the pattern {alternative}"),
                length,
                limit: LIMIT,
            });
        }
        match patterns.last_mut() {
            Some(last) if fits(last, &alternative) => last.push(alternative),
            _ => patterns.push(vec![alternative]),
        }
    }
    Ok(patterns.iter().map(|list| pattern(list)).collect())
}

/// What the detail of an event has to look like, one way or another.
fn alternatives(catalogue: &Catalogue) -> Vec<Value> {
    let mut methods: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut others = Vec::new();
    for matcher in matchers(catalogue).filter(|m| m.streams.contains(&Stream::CloudTrail)) {
        if matcher.services.is_empty() || matcher.methods.is_empty() {
            others.push(narrowed(matcher));
            continue;
        }
        for service in &matcher.services {
            let names = matcher.methods.iter().map(String::as_str);
            methods.entry(service).or_default().extend(names);
        }
    }
    let by_service = methods.iter().map(|(service, methods)| {
        json!({"eventSource": [service], "eventName": names(service, methods)})
    });
    let mut all: Vec<_> = by_service.collect();
    all.extend(others);
    all
}

fn names(service: &str, methods: &BTreeSet<&str>) -> Vec<Value> {
    let name = |method: &&str| match dates_its_methods(service) {
        true => json!({"prefix": method}),
        false => json!(method),
    };
    methods.iter().map(name).collect()
}

/// What a detection of any service, or of any method, says besides.
fn narrowed(matcher: &EntryMatcher) -> Value {
    let mut detail = Map::new();
    if !matcher.services.is_empty() {
        detail.insert("eventSource".to_owned(), json!(matcher.services));
    }
    if !matcher.methods.is_empty() {
        let name = |method| json!({"prefix": method});
        let names: Vec<_> = matcher.methods.iter().map(name).collect();
        detail.insert("eventName".to_owned(), json!(names));
    }
    if matcher.conditions.iter().any(|c| c.needs_key()) {
        // Long-term keys; those of sessions begin otherwise.
        let key = json!({"accessKeyId": [{"prefix": "AKIA"}]});
        detail.insert("userIdentity".to_owned(), key);
    }
    if matcher.conditions.iter().any(|c| c.excludes_reads()) {
        let writes = json!([false, {"exists": false}]);
        detail.insert("readOnly".to_owned(), writes);
    }
    for member in matcher.conditions.iter().filter_map(|c| c.requested_flag()) {
        let request = json!({member: [true, "true"]});
        detail.insert("requestParameters".to_owned(), request);
    }
    Value::Object(detail)
}

fn fits(list: &[Value], another: &Value) -> bool {
    let mut list = list.to_vec();
    list.push(another.clone());
    length(&pattern(&list)) <= LIMIT
}

fn length(pattern: &Value) -> usize {
    pattern.to_string().chars().count()
}

/// Nobody but AWS sends events whose source begins with `aws.`.
fn pattern(alternatives: &[Value]) -> Value {
    let mut pattern = json!({"source": [{"prefix": "aws."}], "detail-type": KINDS});
    match alternatives {
        [Value::Object(one)] if one.is_empty() => {}
        [one] => pattern["detail"] = one.clone(),
        several => pattern["detail"] = json!({"$or": several}),
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As much of the pattern language as is written here.
    fn matches(pattern: &Value, value: Option<&Value>) -> bool {
        match pattern {
            Value::Object(members) => members.iter().all(|(name, of)| match name.as_str() {
                "$or" => of.as_array().unwrap().iter().any(|one| matches(one, value)),
                name => matches(of, value.and_then(|v| v.get(name))),
            }),
            Value::Array(any) => any.iter().any(|one| match one {
                Value::Object(test) => match (test.get("prefix"), test.get("exists")) {
                    (Some(prefix), None) => value
                        .and_then(Value::as_str)
                        .is_some_and(|text| text.starts_with(prefix.as_str().unwrap())),
                    (None, Some(exists)) => exists.as_bool() == Some(value.is_some()),
                    _ => panic!("{one}"),
                },
                exact => value == Some(exact),
            }),
            _ => panic!("{pattern}"),
        }
    }

    fn event(record: &Value) -> Value {
        let kind = match record["eventType"].as_str() {
            Some("AwsServiceEvent") => KINDS[1],
            Some("AwsConsoleSignIn") => KINDS[2],
            _ => KINDS[0],
        };
        let service = record["eventSource"].as_str().unwrap();
        let service = service.split('.').next().unwrap();
        json!({"source": format!("aws.{service}"), "detail-type": kind, "detail": record})
    }

    #[test]
    fn they_let_through_whatever_a_detection_can_fire_on() {
        let catalogue = crate::testing::catalogue();
        let patterns = event_patterns(&catalogue).unwrap();
        assert!(patterns.iter().all(|p| length(p) <= LIMIT));
        let mut tried = 0;
        for detection in catalogue.iter().filter(|d| d.id.starts_with("aws.")) {
            for (sample, bytes) in detection.samples.bytes().unwrap() {
                let event = event(&serde_json::from_slice(&bytes).unwrap());
                let passes = patterns.iter().any(|p| matches(p, Some(&event)));
                assert!(passes || !sample.fires, "{} {}", detection.id, sample.name);
                tried += usize::from(sample.fires);
            }
        }
        assert!(tried > 200, "{tried}");
    }

    #[test]
    fn they_leave_out_what_no_detection_is_about() {
        let patterns = event_patterns(&crate::testing::catalogue()).unwrap();
        let record = json!({
            "eventSource": "ec2.amazonaws.com", "eventName": "DescribeInstances", "readOnly": true,
            "userIdentity": {"accessKeyId": "ASIAPOSTERNEXAMPLE01"}, "requestParameters": {}
        });
        let ordinary = event(&record);
        assert!(!patterns.iter().any(|p| matches(p, Some(&ordinary))));
        let mut forged = event(&record);
        forged["detail"]["eventSource"] = json!("lambda.amazonaws.com");
        forged["detail"]["eventName"] = json!("UpdateFunctionCode20150331v2");
        assert!(patterns.iter().any(|p| matches(p, Some(&forged))));
        forged["source"] = json!("com.example");
        assert!(!patterns.iter().any(|p| matches(p, Some(&forged))));
    }
}
