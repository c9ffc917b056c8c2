//! Files of entries: one per line, arrays, Pub/Sub envelopes, CloudEvents.

use std::borrow::Cow;

use jiff::Timestamp;
use postern_core::event::AuditEvent;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::classify::{Observed, classify, unreadable};
use crate::cloud_events;
use crate::detection::Catalogue;
use crate::parse::{self, Form, LogEntry, Unreadable};
use crate::push;

/// Envelopes within envelopes are opened this often.
const DEPTH: usize = 4;

/// One entry of a file, classified.
#[derive(Debug, Clone, PartialEq)]
pub struct Classified {
    /// The event; absent if it could not be read.
    pub event: Option<AuditEvent>,
    /// Its findings.
    pub observed: Vec<Observed>,
}

/// Classifies every entry of a text, in order. With `all` false, entries without findings are left
/// out, and those that no detection concerns are not even read to the end.
///
/// An entry that cannot be read is a finding, never an end. `now` is the time of such findings.
pub fn classify_all(
    catalogue: &Catalogue,
    text: &[u8],
    all: bool,
    now: Timestamp,
    each: &mut dyn FnMut(Classified),
) {
    let mut reader = Reader {
        catalogue,
        all,
        now,
        each,
    };
    for document in documents(text) {
        reader.take(document, Form::LogEntry, DEPTH);
    }
}

/// A line each; or the whole text, where its first line is no JSON by itself.
fn documents(text: &[u8]) -> Vec<&[u8]> {
    let lines = || {
        text.split(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii)
            .filter(|l| !l.is_empty())
    };
    let by_line = lines().next().is_none_or(|first| {
        serde_json::from_slice::<&RawValue>(first).is_ok() || lines().nth(1).is_none()
    });
    if by_line {
        return lines().collect();
    }
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>();
    let mut documents = Vec::new();
    loop {
        let start = values.byte_offset();
        match values.next() {
            Some(Ok(value)) => documents.push(value.get().as_bytes()),
            Some(Err(_)) if documents.is_empty() => return lines().collect(),
            Some(Err(_)) => {
                documents.push(text[start..].trim_ascii());
                return documents;
            }
            None => return documents,
        }
    }
}

struct Reader<'a> {
    catalogue: &'a Catalogue,
    all: bool,
    now: Timestamp,
    each: &'a mut dyn FnMut(Classified),
}

/// The members that tell the envelopes apart.
#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    specversion: Option<&'a RawValue>,
}

impl Reader<'_> {
    fn take(&mut self, document: &[u8], form: Form, depth: usize) {
        if depth == 0 {
            return self.unreadable(
                document,
                &Unreadable::Envelope("envelopes within envelopes".to_owned()),
            );
        }
        if document.first() == Some(&b'[') {
            return match serde_json::from_slice::<Vec<&RawValue>>(document) {
                Ok(elements) => elements
                    .iter()
                    .for_each(|element| self.take(element.get().as_bytes(), form, depth - 1)),
                Err(e) => self.unreadable(document, &Unreadable::NotAnEntry(e.to_string())),
            };
        }
        match parse::log_entry(document) {
            Ok(entry) if entry.log_name.0.is_empty() => self.envelope(document, form, depth),
            Ok(entry) => self.entry(document, entry, form),
            Err(reason) => self.unreadable(document, &reason),
        }
    }

    fn envelope(&mut self, document: &[u8], form: Form, depth: usize) {
        let opened = match serde_json::from_slice::<Shape<'_>>(document) {
            Ok(Shape {
                specversion: Some(_),
                ..
            }) => cloud_events::structured(document).entry,
            Ok(Shape {
                message: Some(_), ..
            }) => match push::unwrapped(document) {
                Some(data) => data.map(|data| (Cow::Owned(data), form)),
                None => Err(Unreadable::Missing("logName")),
            },
            _ => Err(Unreadable::Missing("logName")),
        };
        match opened {
            Ok((entry, form)) => self.take(&entry, form, depth - 1),
            Err(reason) => self.unreadable(document, &reason),
        }
    }

    fn entry(&mut self, document: &[u8], entry: LogEntry<'_>, form: Form) {
        let result = parse::identity(&entry, form).and_then(|identity| {
            if self.all || self.catalogue.concerns(identity.stream, entry.service()) {
                parse::typed(entry, form).map(Some)
            } else {
                Ok(None)
            }
        });
        match result {
            Ok(None) => {}
            Ok(Some(event)) => {
                let observed = classify(self.catalogue, &event);
                if self.all || !observed.is_empty() {
                    (self.each)(Classified {
                        event: Some(event),
                        observed,
                    });
                }
            }
            Err(reason) => self.unreadable(document, &reason),
        }
    }

    fn unreadable(&mut self, document: &[u8], reason: &Unreadable) {
        let observed = vec![unreadable(
            self.catalogue,
            document,
            "file",
            reason,
            self.now,
        )];
        (self.each)(Classified {
            event: None,
            observed,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{catalogue, entry};
    use postern_core::bytes::Base64;

    fn detections(text: &str, all: bool) -> Vec<String> {
        let mut found = Vec::new();
        let now = "2026-03-03T10:00:00Z".parse().unwrap();
        classify_all(&catalogue(), text.as_bytes(), all, now, &mut |classified| {
            let names = classified
                .observed
                .iter()
                .map(|o| o.finding.detection.clone());
            found.push(names.collect::<Vec<_>>().join(","));
        });
        found
    }

    #[test]
    fn every_form_of_input_gives_the_same_findings() {
        let entry = entry("cloud-run-break-glass").to_string();
        let pretty = serde_json::to_string_pretty(
            &serde_json::from_str::<serde_json::Value>(&entry).unwrap(),
        )
        .unwrap();
        let data = Base64::encode(entry.as_bytes());
        let event = format!(
            r#"{{"specversion":"1.0","type":"google.cloud.audit.log.v1.written","data":{entry}}}"#
        );
        let message = format!(r#"{{"message":{{"data":"{data}"}},"subscription":"s"}}"#);
        for (text, times) in [
            (format!("{entry}\n\n{entry}\r\n"), 2),
            (format!("[{entry},{entry}]"), 2),
            (pretty.clone(), 1),
            (format!("{pretty}\n{pretty}"), 2),
            (format!("[\n{pretty},\n{pretty}\n]"), 2),
            (message, 1),
            (event.clone(), 1),
            (format!("[{event}]"), 1),
        ] {
            assert_eq!(
                detections(&text, false),
                vec!["gcp.cloud-run.break-glass"; times],
                "{text}"
            );
        }
    }

    #[test]
    fn a_broken_line_is_a_finding_and_the_rest_is_read() {
        let entry = entry("cloud-run-break-glass").to_string();
        let found = detections(&format!("{entry}\n{{\"logName\n{entry}"), false);
        assert_eq!(
            found,
            [
                "gcp.cloud-run.break-glass",
                "postern.audit.unreadable-entry",
                "gcp.cloud-run.break-glass"
            ]
        );
        assert_eq!(
            detections("not json", false),
            ["postern.audit.unreadable-entry"]
        );
        assert!(detections("", false).is_empty());
    }

    #[test]
    fn entries_without_findings_are_shown_on_request() {
        let mut entry = entry("cloud-run-break-glass");
        entry["logName"] = "projects/acme-shop/logs/stdout".into();
        let text = entry.to_string();
        assert!(detections(&text, false).is_empty());
        assert_eq!(detections(&text, true), [""]);
    }
}
