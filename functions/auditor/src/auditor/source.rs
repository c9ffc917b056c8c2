//! What is read back at the source: is it known? And what its absence means.

use jiff::Timestamp;
use postern_core::finding::FindingSource;
use postern_core::image::Digest;
use postern_core::ports::Unavailable;

use super::{Auditor, Received, seen};
use crate::classify::{Observed, blank, rendered};
use crate::correlation::Clues;
use crate::decide::Intake;
use crate::detection::Own;
use crate::parse::{self, Form, Unreadable};
use crate::reconcile::Gap;

/// How an entry at the source stands to what was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AtSource {
    /// It never arrived.
    Missing {
        /// The log it stands in.
        log: String,
        /// When it happened.
        at: Timestamp,
    },
    /// It arrived.
    Known {
        /// When it happened.
        at: Timestamp,
    },
    /// One of its key arrived, and said something else.
    Differs {
        /// When it happened.
        at: Timestamp,
    },
    /// Nobody expects entries of its project, so that nobody has to deliver them.
    Unexpected,
    /// It cannot be read.
    Unreadable,
}

impl Auditor {
    /// Looks an entry up, and changes nothing.
    pub(crate) async fn look_up(&self, raw: &[u8]) -> Result<AtSource, Unavailable> {
        let event = parse::event(raw, Form::LogEntry).and_then(|event| self.expected(event));
        let event = match event {
            Ok(event) => event,
            Err(Unreadable::UnexpectedProject(_)) => return Ok(AtSource::Unexpected),
            Err(_) => return Ok(AtSource::Unreadable),
        };
        let at = event.at;
        Ok(match self.store.snapshot(&event.key(), &[]).await?.seen {
            None => AtSource::Missing { log: event.log, at },
            Some(content) if content == event.content() => AtSource::Known { at },
            Some(_) => AtSource::Differs { at },
        })
    }

    /// Makes a finding of a gap. One that begins with the same entry of the same log is known.
    pub(crate) async fn record_gap(
        &self,
        resource: &str,
        gap: &Gap,
    ) -> Result<Received, Unavailable> {
        let raw = serde_json::to_vec(gap).map_err(|error| Unavailable::new("gap", error))?;
        let key = format!("postern.audit.gap|{resource}|{}|{}", gap.log, gap.first);
        let detection = self.catalogue.own(Own::Gap);
        let source = FindingSource {
            kind: "postern.audit".to_owned(),
            id: gap.first.to_string(),
            log: Some(gap.log.clone()),
        };
        let mut finding = blank(detection, &key, gap.first, source);
        finding.target = Some(resource.to_owned());
        finding.summary = rendered(&detection.summary, &finding, &gap.to_string());
        let seen = seen(key.clone(), Digest::of(&raw), &raw, (self.clock)());
        let observed = Observed {
            finding,
            event_key: key,
            // As long as its case is open, every further gap of a log joins it.
            operation: Some(format!("gap|{}", gap.log)),
        };
        let intake = Intake::of_own(seen, vec![observed]);
        self.taken(&intake, &Clues::default()).await
    }
}
