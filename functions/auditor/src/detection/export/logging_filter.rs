//! The filter of a Cloud Logging sink (Logging query language).

use std::collections::{BTreeMap, BTreeSet};

use postern_core::event::Stream;

use super::{ExportError, Spine, log_id, matchers};
use crate::detection::Catalogue;
use crate::detection::matcher::EntryMatcher;

/// The longest filter of a sink, in characters (Cloud Logging's quotas).
const LIMIT: usize = 20_000;

/// Google's logs that detections read.
const LOGS: [Stream; 5] = [
    Stream::Activity,
    Stream::SystemEvent,
    Stream::DataAccess,
    Stream::PolicyDenied,
    Stream::ContinuousValidation,
];

/// One filter that lets every entry through on which a detection can fire, whatever is ours.
///
/// # Errors
/// If it would be longer than Cloud Logging takes.
pub fn logging_filter(catalogue: &Catalogue) -> Result<String, ExportError> {
    let logs = LOGS.iter().filter_map(|stream| of_log(catalogue, *stream));
    let filter = logs.collect::<Vec<_>>().join("\nOR ");
    match filter.chars().count() {
        length if length > LIMIT => Err(ExportError::TooLong {
            what: "the filter".to_owned(),
            length,
            limit: LIMIT,
        }),
        _ => Ok(filter),
    }
}

/// Methods by what stands beside them; `None`: any method.
type Clauses = BTreeMap<(Spine, bool), Option<BTreeSet<String>>>;

fn of_log(catalogue: &Catalogue, stream: Stream) -> Option<String> {
    let id = log_id(stream)?;
    let mut clauses = Clauses::new();
    for matcher in matchers(catalogue).filter(|m| m.streams.contains(&stream)) {
        add(&mut clauses, matcher);
    }
    if clauses.is_empty() {
        return None;
    }
    let written: Vec<_> = clauses
        .iter()
        .map(|(key, methods)| clause(key, methods))
        .collect();
    // Without a condition at all it is the whole log.
    if written.iter().any(String::is_empty) {
        return Some(format!("log_id(\"{id}\")"));
    }
    Some(format!(
        "(log_id(\"{id}\") AND (\n  {}\n))",
        written.join("\n  OR ")
    ))
}

fn add(clauses: &mut Clauses, matcher: &EntryMatcher) {
    let keyed = matcher.conditions.iter().any(|c| c.needs_key());
    let methods = clauses
        .entry((Spine::of(matcher), keyed))
        .or_insert_with(|| Some(BTreeSet::new()));
    match methods {
        Some(known) if !matcher.methods.is_empty() => known.extend(matcher.methods.iter().cloned()),
        _ => *methods = None,
    }
}

/// What all has to hold; empty if nothing.
fn clause((spine, keyed): &(Spine, bool), methods: &Option<BTreeSet<String>>) -> String {
    let mut all = Vec::new();
    if !spine.services.is_empty() {
        all.push(format!("protoPayload.serviceName={}", any(&spine.services)));
    }
    if !spine.resources.is_empty() {
        all.push(format!("resource.type={}", any(&spine.resources)));
    }
    if *keyed {
        all.push("protoPayload.authenticationInfo.serviceAccountKeyName:*".to_owned());
    }
    if let Some(methods) = methods {
        all.push(format!(
            "protoPayload.methodName:{}",
            any(&shortest(methods))
        ));
    }
    match all.len() {
        0 | 1 => all.concat(),
        _ => format!("({})", all.join(" AND ")),
    }
}

/// Without those that another one is a part of: `:` looks for a part.
fn shortest(methods: &BTreeSet<String>) -> BTreeSet<String> {
    let longer = |method: &&String| {
        !methods
            .iter()
            .any(|other| other != *method && method.contains(other.as_str()))
    };
    methods.iter().filter(longer).cloned().collect()
}

fn any(texts: &BTreeSet<String>) -> String {
    let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
    match texts.as_slice() {
        [one] => one.clone(),
        _ => format!("({})", texts.join(" OR ")),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests;
