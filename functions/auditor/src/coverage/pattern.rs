//! EventBridge's event patterns, held against a sample event.
//!
//! Source: Amazon EventBridge user guide, "Event patterns". Numeric ranges and address blocks are not
//! evaluated.

use serde_json::Value;

use super::answer::Answer;

/// Patterns within each other.
const DEPTH: usize = 64;

/// What a sample makes up: another value there would be as good.
const MADE_UP: [&str; 11] = [
    "account",
    "region",
    "time",
    "id",
    "resources",
    "detail.userIdentity",
    "detail.sourceIPAddress",
    "detail.userAgent",
    "detail.awsRegion",
    "detail.recipientAccountId",
    "detail.requestParameters",
];

/// Whether an event has this pattern.
pub(super) fn matches(pattern: &Value, event: &Value) -> Answer {
    all(pattern, event, "", DEPTH)
}

fn all(pattern: &Value, event: &Value, path: &str, depth: usize) -> Answer {
    let Some(depth) = depth.checked_sub(1) else {
        return Answer::Unknown("the pattern is nested too deeply".to_owned());
    };
    let Some(members) = pattern.as_object() else {
        return Answer::Unknown("the pattern is no object".to_owned());
    };
    members.iter().fold(Answer::Yes, |answer, (name, pattern)| {
        answer.and(member(name, pattern, event, path, depth))
    })
}

fn member(name: &str, pattern: &Value, event: &Value, path: &str, depth: usize) -> Answer {
    if name == "$or" {
        let alternatives = pattern.as_array().map_or(&[][..], Vec::as_slice);
        return alternatives.iter().fold(Answer::No, |answer, pattern| {
            answer.or(all(pattern, event, path, depth))
        });
    }
    let path = match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    let found = event.get(name);
    match (pattern, found) {
        (Value::Object(_), Some(Value::Array(elements))) => elements
            .iter()
            .fold(Answer::No, |any, e| any.or(all(pattern, e, &path, depth))),
        (Value::Object(_), found) => all(pattern, found.unwrap_or(&Value::Null), &path, depth),
        (Value::Array(matchers), found) => {
            let values: Vec<&Value> = match found {
                None => Vec::new(),
                Some(Value::Array(elements)) => elements.iter().collect(),
                Some(value) => vec![value],
            };
            one_of(matchers, &values, &path)
        }
        _ => Answer::Unknown(format!("the pattern of {path} is no list")),
    }
}

fn one_of(matchers: &[Value], values: &[&Value], path: &str) -> Answer {
    let made_up = MADE_UP.iter().any(|place| {
        path.strip_prefix(place)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    });
    matchers.iter().fold(Answer::No, |any, matcher| {
        let negative = matcher.get("anything-but").is_some();
        let answer = match (one(matcher, values), negative) {
            // That a made-up value is not the one that is asked for says nothing.
            (Answer::No, false) | (Answer::Yes, true) if made_up => Answer::Unknown(format!(
                "the pattern decides by {path}, which is made up in a sample"
            )),
            (answer, _) => answer,
        };
        any.or(answer)
    })
}

fn one(matcher: &Value, values: &[&Value]) -> Answer {
    let Some((word, argument)) = matcher.as_object().and_then(|m| m.iter().next()) else {
        return Answer::of(values.contains(&matcher));
    };
    let texts = || values.iter().filter_map(|value| value.as_str());
    let given = argument.as_str();
    match (word.as_str(), given) {
        ("exists", _) => Answer::of(argument.as_bool() == Some(!values.is_empty())),
        ("prefix", Some(prefix)) => Answer::of(texts().any(|t| t.starts_with(prefix))),
        ("suffix", Some(suffix)) => Answer::of(texts().any(|t| t.ends_with(suffix))),
        ("equals-ignore-case", Some(text)) => {
            Answer::of(texts().any(|t| t.to_lowercase() == text.to_lowercase()))
        }
        ("wildcard", Some(pattern)) => Answer::of(texts().any(|t| wildcard(pattern, t))),
        ("anything-but", _) => anything_but(argument, values),
        _ => Answer::Unknown(format!("{word:?} in a pattern is not evaluated")),
    }
}

/// A field that is not there is nothing, and so not anything but something.
fn anything_but(argument: &Value, values: &[&Value]) -> Answer {
    let excluded = |value: &&Value| match argument {
        Value::Object(_) => one(argument, &[value]),
        Value::Array(list) => Answer::of(list.contains(value)),
        other => Answer::of(other == *value),
    };
    values
        .iter()
        .fold(Answer::No, |any, value| any.or(!excluded(value)))
}

/// `*` is any run of characters.
fn wildcard(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case(json!({"source": ["aws.lambda"]}), "yes")]
    #[case(json!({"source": ["aws.ecs", {"prefix": "aws.lam"}]}), "yes")]
    #[case(json!({"detail": {"eventName": [{"prefix": "UpdateFunctionCode"}]}}), "yes")]
    #[case(json!({"detail": {"eventName": [{"wildcard": "Update*Code*v2"}]}}), "yes")]
    #[case(json!({"detail": {"eventName": [{"wildcard": "Update*Code"}]}}), "no")]
    #[case(json!({"detail": {"eventName": ["UpdateFunctionCode"]}}), "no")]
    #[case(json!({"detail": {"eventName": [{"anything-but": ["Invoke"]}]}}), "yes")]
    #[case(json!({"detail": {"eventName": [{"anything-but": {"prefix": "Update"}}]}}), "no")]
    #[case(json!({"detail": {"errorCode": [{"exists": false}]}}), "yes")]
    #[case(json!({"detail": {"errorCode": ["AccessDenied"]}}), "no")]
    #[case(json!({"$or": [{"source": ["aws.x"]}, {"source": ["aws.lambda"]}]}), "yes")]
    #[case(json!({"detail": {"tags": [{"equals-ignore-case": "B"}]}}), "yes")]
    #[case(json!({"detail": {"userIdentity": {"arn": ["arn:x"]}}}), "unknown")]
    #[case(json!({"detail": {"userIdentity": {"arn": [{"anything-but": "arn:x"}]}}}), "unknown")]
    #[case(json!({"detail": {"size": [{"numeric": [">", 1]}]}}), "unknown")]
    #[case(json!({"source": "aws.lambda"}), "unknown")]
    fn a_pattern_answers(#[case] pattern: Value, #[case] expected: &str) {
        let event = json!({"source": "aws.lambda", "detail": {
            "eventName": "UpdateFunctionCode20150331v2", "size": 2, "tags": ["a", "b"],
            "userIdentity": {"arn": "arn:aws:iam::111122223333:user/dev"}}});
        let answer = match matches(&pattern, &event) {
            Answer::Yes => "yes",
            Answer::No => "no",
            Answer::Unknown(_) => "unknown",
        };
        assert_eq!(answer, expected, "{pattern}");
    }
}
