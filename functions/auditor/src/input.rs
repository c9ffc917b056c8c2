//! What entries come in: files with one per line, arrays, Pub/Sub envelopes, CloudEvents, events of
//! EventBridge, CloudTrail's `{"Records":[…]}`; and deliveries over HTTP in the same forms.

mod envelope;
mod lines;

use std::borrow::Cow;
use std::io::{self, BufRead};

use jiff::Timestamp;
use postern_core::event::AuditEvent;

use self::envelope::Opened;
pub(crate) use self::lines::read_line;
use crate::classify::{Observed, classify, unreadable};
use crate::detection::Catalogue;
use crate::parse::split::{self, Assembly, GivenUp, Taken};
use crate::parse::{Form, Head, LogEntry, Record, Unreadable, cloud_logging, cloud_trail};

/// Envelopes within envelopes are opened this often.
const DEPTH: usize = 4;

/// The most documents of one delivery.
pub const DELIVERY_LIMIT: usize = 10_000;

/// One document of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery<'a> {
    /// It as it came, for the quarantine.
    pub raw: Cow<'a, [u8]>,
    /// The entry in it with its form, for [`crate::parse::event`]; or why there is none.
    pub entry: Result<(Cow<'a, [u8]>, Form), Unreadable>,
}

/// Opens a delivered body: an event of EventBridge, `{"Records":[…]}`, a record, an entry, a
/// CloudEvent, a Pub/Sub envelope, or an array of those. What cannot be opened is a delivery, too.
/// `None` if there are more than [`DELIVERY_LIMIT`].
pub fn deliveries(body: &[u8]) -> Option<Vec<Delivery<'_>>> {
    envelope::open_all(body, DEPTH, DELIVERY_LIMIT)
}

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
/// are not even read to the end. Parts of a split entry are joined, wherever they stand.
///
/// An entry that cannot be read, or of which parts are missing at the end, is a finding, never an end.
/// `now` is the time of such findings.
///
/// # Errors
/// If the reader fails, or `each` does.
pub fn classify_reader(
    catalogue: &Catalogue,
    reader: &mut dyn BufRead,
    all: bool,
    now: Timestamp,
    each: &mut dyn FnMut(Classified) -> io::Result<()>,
) -> io::Result<()> {
    let mut entries = Entries {
        catalogue,
        all,
        now,
        each,
        parts: Assembly::new(),
        outcome: Ok(()),
    };
    lines::documents(reader, &mut |document| {
        entries.take(document, Form::LogEntry, DEPTH);
        entries.outcome.is_ok()
    })?;
    entries.finish()
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

impl Delivery<'_> {
    /// With bytes of its own.
    pub fn into_owned(self) -> Delivery<'static> {
        let owned = |bytes: Cow<'_, [u8]>| Cow::Owned(bytes.into_owned());
        Delivery {
            raw: owned(self.raw),
            entry: self.entry.map(|(bytes, form)| (owned(bytes), form)),
        }
    }
}

struct Entries<'a> {
    catalogue: &'a Catalogue,
    all: bool,
    now: Timestamp,
    each: &'a mut dyn FnMut(Classified) -> io::Result<()>,
    parts: Assembly,
    outcome: io::Result<()>,
}

impl Entries<'_> {
    fn take(&mut self, document: &[u8], form: Form, depth: usize) {
        // No document is both. Which one is tried first costs time and changes nothing.
        let tries: &[Form] = match (form, likely(document)) {
            (Form::LogEntryData, _) => &[Form::LogEntryData],
            (_, Form::CloudTrail) => &[Form::CloudTrail, Form::LogEntry],
            _ => &[Form::LogEntry, Form::CloudTrail],
        };
        if tries.iter().any(|form| self.is_itself(document, *form)) {
            return;
        }
        let opened = if depth == 0 {
            Err(envelope::too_deep())
        } else {
            envelope::open(document, form)
        };
        match opened {
            Ok(Opened::Itself(form)) => self.read(document, form),
            Ok(Opened::One(inside, form)) => self.take(&inside, form, depth - 1),
            Ok(Opened::Many(documents, form)) => {
                for document in documents {
                    self.take(document, form, depth - 1);
                }
            }
            Err(reason) => self.unreadable(document, &reason),
        }
    }

    /// Takes a document that is itself an entry or record of this form, if it is one.
    fn is_itself(&mut self, document: &[u8], form: Form) -> bool {
        if form == Form::CloudTrail {
            match cloud_trail::record(document) {
                Ok(record) if record.is_one() => self.record(document, &record),
                _ => return false,
            }
        } else {
            match cloud_logging::log_entry(document) {
                Ok(entry) if !entry.log_name.is_empty() => self.entry(document, &entry, form),
                _ => return false,
            }
        }
        true
    }

    fn read(&mut self, document: &[u8], form: Form) {
        let outcome = match form {
            Form::CloudTrail => {
                cloud_trail::record(document).map(|record| self.record(document, &record))
            }
            _ => cloud_logging::log_entry(document).map(|entry| self.entry(document, &entry, form)),
        };
        if let Err(reason) = outcome {
            self.unreadable(document, &reason);
        }
    }

    fn entry(&mut self, document: &[u8], entry: &LogEntry<'_>, form: Form) {
        let identity = match cloud_logging::identity(entry, form) {
            Ok(identity) => identity,
            Err(reason) => return self.unreadable(document, &reason),
        };
        let head = identity.head(entry);
        match split::part_of(entry) {
            // What its other parts hold is not known yet.
            Some(part) if self.all || self.catalogue.concerns(head) => {
                match self.parts.take(&part, document) {
                    Taken::Kept => {}
                    Taken::Complete(joined) => self.read(&joined, form),
                    Taken::GivenUp(given_up) => self.given_up(&given_up),
                }
            }
            None if self.wants(head, document) => {
                self.event(document, cloud_logging::typed(entry, &identity));
            }
            _ => {}
        }
    }

    fn record(&mut self, document: &[u8], record: &Record<'_>) {
        let identity = match cloud_trail::identity(record) {
            Ok(identity) => identity,
            Err(reason) => return self.unreadable(document, &reason),
        };
        if self.wants(identity.head(record), document) {
            self.event(document, cloud_trail::typed(record, &identity));
        }
    }

    /// Whether a whole entry or record is to be read to its end.
    fn wants(&self, head: Head<'_>, document: &[u8]) -> bool {
        self.all || self.catalogue.may_fire(head, document)
    }

    fn event(&mut self, document: &[u8], event: Result<AuditEvent, Unreadable>) {
        match event {
            Ok(event) => {
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

    fn given_up(&mut self, given_up: &GivenUp) {
        self.unreadable(&given_up.raw, &given_up.reason);
    }

    fn unreadable(&mut self, document: &[u8], reason: &Unreadable) {
        let observed = unreadable(self.catalogue, document, "file", reason, self.now);
        self.give(Classified {
            event: None,
            observed: vec![observed],
        });
    }

    /// The first failure to hand something on ends it.
    fn give(&mut self, classified: Classified) {
        if self.outcome.is_ok() {
            self.outcome = (self.each)(classified);
        }
    }

    fn finish(mut self) -> io::Result<()> {
        for given_up in self.parts.finish() {
            self.given_up(&given_up);
        }
        self.outcome
    }
}

/// The form that a document has, most likely, by the name of its first member.
fn likely(document: &[u8]) -> Form {
    let name = document.strip_prefix(b"{\"").unwrap_or_default();
    let name = name.split(|byte| *byte == b'"').next().unwrap_or_default();
    match name {
        b"eventVersion"
        | b"userIdentity"
        | b"eventTime"
        | b"eventSource"
        | b"eventName"
        | b"awsRegion"
        | b"additionalEventData"
        | b"errorCode"
        | b"eventCategory"
        | b"eventID" => Form::CloudTrail,
        _ => Form::LogEntry,
    }
}

#[cfg(test)]
mod tests;
