//! Files of entries: one per line, arrays, Pub/Sub envelopes, CloudEvents.

use std::borrow::Cow;
use std::io::{self, BufRead, Read as _};

use jiff::Timestamp;
use postern_core::event::{AuditEvent, Stream};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::classify::{Observed, classify, unreadable};
use crate::cloud_events;
use crate::detection::Catalogue;
use crate::parse::{self, Form, LogEntry, Unreadable};
use crate::push;

/// Envelopes within envelopes are opened this often.
const DEPTH: usize = 4;
/// The longest line that is read: a batch of entries.
const LINE_LIMIT: u64 = 64 * 1024 * 1024;
/// The longest text whose values are spread over several lines each.
const SPREAD_LIMIT: u64 = 1024 * 1024 * 1024;

/// One entry of a file, classified.
#[derive(Debug, Clone, PartialEq)]
pub struct Classified {
    /// The event; absent if it could not be read.
    pub event: Option<AuditEvent>,
    /// Its findings.
    pub observed: Vec<Observed>,
}

/// Classifies every entry that a reader gives, in order, line by line where each line is JSON of its
/// own. With `all` false, entries without findings are left out, and those that no detection concerns
/// are not even read to the end.
///
/// An entry that cannot be read is a finding, never an end. `now` is the time of such findings.
///
/// # Errors
/// If the reader fails, or `each` does.
pub fn classify_reader(
    catalogue: &Catalogue,
    mut reader: &mut dyn BufRead,
    all: bool,
    now: Timestamp,
    each: &mut dyn FnMut(Classified) -> io::Result<()>,
) -> io::Result<()> {
    let mut entries = Entries {
        catalogue,
        all,
        now,
        each,
        outcome: Ok(()),
    };
    let mut line = Vec::new();
    let mut first = true;
    while entries.outcome.is_ok() && read_line(reader, &mut line)? {
        let document = line.trim_ascii();
        if document.is_empty() {
            continue;
        }
        let spread = first && serde_json::from_slice::<&RawValue>(document).is_err();
        first = false;
        if spread {
            (&mut reader).take(SPREAD_LIMIT).read_to_end(&mut line)?;
            documents(&line)
                .into_iter()
                .for_each(|document| entries.document(document));
        } else {
            entries.document(document);
        }
    }
    entries.outcome
}

/// As [`classify_reader`], over a text.
pub fn classify_all(
    catalogue: &Catalogue,
    mut text: &[u8],
    all: bool,
    now: Timestamp,
    each: &mut dyn FnMut(Classified),
) {
    let each = &mut |classified| {
        each(classified);
        Ok(())
    };
    // Neither a slice nor `each` fails.
    let _ = classify_reader(catalogue, &mut text, all, now, each);
}

/// One line, with its end; of one that is too long only its beginning, which is then unreadable.
fn read_line(mut reader: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let read = (&mut reader).take(LINE_LIMIT).read_until(b'\n', line)?;
    if read as u64 == LINE_LIMIT && !line.ends_with(b"\n") {
        reader.skip_until(b'\n')?;
    }
    Ok(read > 0)
}

/// The values of a text that are spread over several lines each. Where they stop being JSON, the rest
/// is one unreadable value; where they never are, each line is.
fn documents(text: &[u8]) -> Vec<&[u8]> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>();
    let mut documents = Vec::new();
    loop {
        let start = values.byte_offset();
        match values.next() {
            Some(Ok(value)) => documents.push(value.get().as_bytes()),
            Some(Err(_)) if documents.is_empty() => {
                let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
                return lines.filter(|line| !line.is_empty()).collect();
            }
            Some(Err(_)) => {
                documents.push(text[start..].trim_ascii());
                return documents;
            }
            None => return documents,
        }
    }
}

struct Entries<'a> {
    catalogue: &'a Catalogue,
    all: bool,
    now: Timestamp,
    each: &'a mut dyn FnMut(Classified) -> io::Result<()>,
    outcome: io::Result<()>,
}

/// The members that tell the envelopes apart.
#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    specversion: Option<&'a RawValue>,
}

impl Entries<'_> {
    fn document(&mut self, document: &[u8]) {
        self.take(document, Form::LogEntry, DEPTH);
    }

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
            if self.all || self.concerns(identity.stream, &entry) {
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
                    self.give(Classified {
                        event: Some(event),
                        observed,
                    });
                }
            }
            Err(reason) => self.unreadable(document, &reason),
        }
    }

    fn concerns(&self, stream: Stream, entry: &LogEntry<'_>) -> bool {
        let (service, method) = (entry.service(), entry.method());
        self.catalogue
            .concerns(stream, service, method, entry.has_key())
    }

    fn unreadable(&mut self, document: &[u8], reason: &Unreadable) {
        let observed = vec![unreadable(
            self.catalogue,
            document,
            "file",
            reason,
            self.now,
        )];
        self.give(Classified {
            event: None,
            observed,
        });
    }

    /// The first failure to hand something on ends it.
    fn give(&mut self, classified: Classified) {
        if self.outcome.is_ok() {
            self.outcome = (self.each)(classified);
        }
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

    #[test]
    fn a_reader_that_fails_is_an_error_and_not_an_end() {
        struct Broken;
        impl io::Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("synthetic"))
            }
        }
        let mut reader = io::BufReader::new(Broken);
        let now = Timestamp::UNIX_EPOCH;
        let outcome = classify_reader(&catalogue(), &mut reader, true, now, &mut |_| Ok(()));
        assert!(outcome.is_err());
    }
}
