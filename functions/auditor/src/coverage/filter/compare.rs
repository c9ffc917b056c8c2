//! One comparison, held against a sample entry.

use serde_json::Value;

use super::Operator;
use crate::coverage::answer::Answer;

/// The members of a `LogEntry` (Cloud Logging API v2).
const MEMBERS: [&str; 18] = [
    "logName",
    "resource",
    "timestamp",
    "receiveTimestamp",
    "severity",
    "insertId",
    "httpRequest",
    "labels",
    "operation",
    "trace",
    "spanId",
    "traceSampled",
    "sourceLocation",
    "split",
    "textPayload",
    "jsonPayload",
    "protoPayload",
    "metadata",
];

/// What a sample makes up: another value there would be as good.
const MADE_UP: [&[&str]; 11] = [
    &["timestamp"],
    &["receiveTimestamp"],
    &["insertId"],
    &["trace"],
    &["spanId"],
    &["operation"],
    &["resource", "labels"],
    &["protoPayload", "resourceName"],
    &["protoPayload", "authenticationInfo"],
    &["protoPayload", "requestMetadata"],
    &["protoPayload", "resourceLocation"],
];

/// Members that samples may leave out although real entries have them.
const LEFT_OUT: [&[&str]; 5] = [
    &["severity"],
    &["protoPayload", "status"],
    &["protoPayload", "authorizationInfo"],
    &["protoPayload", "numResponseItems"],
    &["protoPayload", "policyViolationInfo"],
];

const SEVERITIES: [&str; 9] = [
    "DEFAULT",
    "DEBUG",
    "INFO",
    "NOTICE",
    "WARNING",
    "ERROR",
    "CRITICAL",
    "ALERT",
    "EMERGENCY",
];

pub(super) fn compare(entry: &Value, path: &[String], operator: Operator, value: &str) -> Answer {
    let name = path.join(".");
    let first = path.first().map_or("", String::as_str);
    if !MEMBERS.iter().any(|member| same(member, first)) {
        return Answer::Unknown(format!("{name:?} is no field of a log entry"));
    }
    let mut found = Vec::new();
    lookup(entry, path, &mut found);
    found.retain(|value| !value.is_null());
    if found.is_empty() {
        return missing(path, &name, operator);
    }
    let answer = match operator {
        Operator::Has if value == "*" => Answer::Yes,
        Operator::Has => any(&found, |text| {
            text.to_lowercase().contains(&value.to_lowercase())
        }),
        Operator::Equal => any(&found, |text| text.to_lowercase() == value.to_lowercase()),
        Operator::NotEqual => !any(&found, |text| text.to_lowercase() == value.to_lowercase()),
        Operator::Matches => matches(&found, value),
        Operator::DoesNotMatch => !matches(&found, value),
        _ => ordered(&found, operator, value, first),
    };
    let negative = matches!(operator, Operator::NotEqual | Operator::DoesNotMatch);
    // That a made-up value is not the one that is compared with says nothing.
    match (answer, negative) {
        (Answer::No, false) | (Answer::Yes, true) if is_under(path, &MADE_UP) => decides_by(&name),
        (answer, _) => answer,
    }
}

/// Whether a text stands anywhere in an entry, in a value or in the name of a member.
pub(super) fn says(value: &Value, lower: &str) -> bool {
    match value {
        Value::String(text) => text.to_lowercase().contains(lower),
        Value::Array(elements) => elements.iter().any(|element| says(element, lower)),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.to_lowercase().contains(lower) || says(value, lower)),
        Value::Number(number) => number.to_string() == lower,
        Value::Bool(_) | Value::Null => false,
    }
}

/// `log_id("cloudaudit.googleapis.com/activity")`: the log, whoever it belongs to.
pub(super) fn log_id(entry: &Value, id: &str) -> Answer {
    let name = entry.get("logName").and_then(Value::as_str);
    let log = name.and_then(|name| name.split_once("/logs/"));
    let log = log.map(|(_, log)| log.replace("%2F", "/").replace("%2f", "/"));
    Answer::of(log.is_some_and(|log| log == id.replace("%2F", "/").replace("%2f", "/")))
}

fn missing(path: &[String], name: &str, operator: Operator) -> Answer {
    let uncertain = matches!(operator, Operator::NotEqual | Operator::DoesNotMatch);
    if is_under(path, &MADE_UP) || is_under(path, &LEFT_OUT) || uncertain {
        Answer::Unknown(format!("the sample has no {name}"))
    } else {
        Answer::No
    }
}

fn decides_by(name: &str) -> Answer {
    Answer::Unknown(format!(
        "the filter decides by {name}, which is made up in a sample"
    ))
}

fn is_under(path: &[String], places: &[&[&str]]) -> bool {
    // The project is put in its place before a sample is tried.
    let project =
        matches!(path, [a, b, c] if a == "resource" && b == "labels" && c == "project_id");
    !project
        && places.iter().any(|place| {
            place.len() <= path.len() && place.iter().zip(path).all(|(a, b)| same(a, b))
        })
}

/// Any element of an array will do.
fn lookup<'a>(value: &'a Value, path: &[String], found: &mut Vec<&'a Value>) {
    match (value, path) {
        (Value::Array(elements), _) => elements
            .iter()
            .for_each(|element| lookup(element, path, found)),
        (value, []) => found.push(value),
        (Value::Object(members), [first, rest @ ..]) => {
            let exact = members.get(first);
            let member = exact.or_else(|| {
                let mut members = members.iter();
                members.find(|(name, _)| same(name, first)).map(|(_, v)| v)
            });
            if let Some(member) = member {
                lookup(member, rest, found);
            }
        }
        _ => {}
    }
}

/// `logName` and `log_name` are one field.
fn same(a: &str, b: &str) -> bool {
    let plain = |text: &str| text.replace('_', "").to_lowercase();
    a == b || plain(a) == plain(b)
}

fn any(found: &[&Value], holds: impl Fn(&str) -> bool) -> Answer {
    let mut answer = Answer::No;
    for value in found {
        let one = match text(value) {
            Some(text) => Answer::of(holds(&text)),
            None => Answer::Unknown("a whole object is compared with a text".to_owned()),
        };
        answer = answer.or(one);
    }
    answer
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        _ => None,
    }
}

fn matches(found: &[&Value], pattern: &str) -> Answer {
    match regex::RegexBuilder::new(pattern)
        .size_limit(1 << 20)
        .build()
    {
        Ok(regex) => any(found, |text| regex.is_match(text)),
        Err(_) => Answer::Unknown(format!(
            "{pattern:?} is no regular expression that is known"
        )),
    }
}

fn ordered(found: &[&Value], operator: Operator, value: &str, first: &str) -> Answer {
    let rank = |text: &str| -> Option<f64> {
        if same(first, "severity") {
            let place = SEVERITIES
                .iter()
                .position(|s| s.eq_ignore_ascii_case(text))?;
            return Some(place as f64);
        }
        text.parse().ok()
    };
    let Some(limit) = rank(value) else {
        return Answer::Unknown(format!("an order with {value:?} is not evaluated"));
    };
    let ranks: Option<Vec<f64>> = found.iter().map(|v| rank(&text(v)?)).collect();
    match ranks {
        None => Answer::Unknown(format!("an order with {value:?} is not evaluated")),
        Some(ranks) => Answer::of(ranks.iter().any(|rank| match operator {
            Operator::Less => *rank < limit,
            Operator::LessOrEqual => *rank <= limit,
            Operator::Greater => *rank > limit,
            _ => *rank >= limit,
        })),
    }
}
