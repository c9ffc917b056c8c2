//! Reads a log back at its source, finds what was never delivered, and takes it in.
//!
//! What is missing goes the way of a delivery, so that its findings and cases are the same ones. That it
//! was missing is a finding of its own, written first: should we end in between, it is not lost. A log
//! that cannot be read is never a log in which nothing happened: a report says how far it is complete.

mod filter;
mod gap;
pub mod plan;
mod schedule;

use std::sync::Arc;

use jiff::Timestamp;
use postern_core::ports::{LogQuery, LogReader, Unavailable};
use serde::Serialize;

use self::gap::Missing;
use self::plan::{Plan, Span};
use crate::auditor::{AtSource, Auditor, Received};
use crate::parse::Form;

pub use self::filter::filter;
pub use self::gap::{Gap, Hour};
pub use self::schedule::{Reconciled, Schedule};

/// Pages of one window that are read at most: a million entries in a day.
const PAGES: usize = 1000;
/// What is missing is held back up to so many bytes before it is written.
const HELD: usize = 32 * 1024 * 1024;

/// What is to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Whose logs: `projects/P`, `folders/N`, `organizations/N`, `billingAccounts/N`.
    pub resource: String,
    /// Which entries, in the language of the source.
    pub filter: String,
    /// When.
    pub plan: Plan,
    /// What is older is taken in, and is no gap.
    pub watched_from: Timestamp,
    /// Only look: nothing is written.
    pub dry_run: bool,
}

/// What came of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whose logs.
    pub resource: String,
    /// From when on.
    pub since: Timestamp,
    /// Up to when, exclusively.
    pub until: Timestamp,
    /// Everything before this was compared, and what was missing is written. Earlier than `until`: the
    /// rest is not known.
    pub complete_through: Timestamp,
    /// Entries at the source.
    pub entries: u64,
    /// Those that never arrived.
    pub missing: u64,
    /// Those that are older than deliveries, and are no gap.
    pub backfilled: u64,
    /// Those that arrived saying something else.
    pub differing: u64,
    /// Those of projects that nobody expects entries of. They are left alone.
    pub unexpected: u64,
    /// Those that cannot be read.
    pub unreadable: u64,
    /// What was found in the entries that were taken in.
    pub findings: u64,
    /// Where entries are missing.
    pub gaps: Vec<Gap>,
    /// What is left out of what was asked for, and why.
    pub notes: Vec<String>,
    #[serde(skip)]
    tally: Missing,
}

/// A report, and why it ends before its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What is known.
    pub report: Report,
    /// Why no more is.
    pub failure: Option<Unavailable>,
}

/// Compares logs with what was delivered.
#[derive(Clone)]
pub struct Reconciler {
    auditor: Arc<Auditor>,
    reader: Arc<dyn LogReader>,
}

/// What is missing and not yet written.
#[derive(Default)]
struct Held {
    missing: Missing,
    entries: Vec<Vec<u8>>,
    bytes: usize,
    /// Everything before is in here, or known.
    through: Option<Timestamp>,
}

impl Reconciler {
    /// Compares what this reader reads with what this auditor knows.
    pub fn new(auditor: Arc<Auditor>, reader: Arc<dyn LogReader>) -> Self {
        Self { auditor, reader }
    }

    /// Compares, and takes in what is missing. `progress` is told of every page.
    pub async fn run(
        &self,
        request: &Request,
        progress: &mut (dyn FnMut(&Report) + Send),
    ) -> Outcome {
        let mut report = Report::empty(request);
        let mut failure = None;
        for window in request.plan.span.windows() {
            if let Err(error) = self.window(request, window, &mut report, progress).await {
                failure = Some(error);
                break;
            }
            report.complete_through = window.until;
        }
        report.gaps = report.tally.gaps();
        Outcome { report, failure }
    }

    async fn window(
        &self,
        request: &Request,
        window: Span,
        report: &mut Report,
        progress: &mut (dyn FnMut(&Report) + Send),
    ) -> Result<(), Unavailable> {
        let mut held = Held::default();
        let listed = self
            .list(request, window, &mut held, report, progress)
            .await;
        // What was found is kept, whatever became of the rest.
        let written = self.write(request, &mut held, report).await;
        listed.and(written)
    }

    async fn list(
        &self,
        request: &Request,
        window: Span,
        held: &mut Held,
        report: &mut Report,
        progress: &mut (dyn FnMut(&Report) + Send),
    ) -> Result<(), Unavailable> {
        let mut query = LogQuery {
            resource: request.resource.clone(),
            filter: request.filter.clone(),
            since: window.since,
            until: window.until,
            page: None,
        };
        for _ in 0..PAGES {
            let page = self.reader.entries(&query).await?;
            for entry in page.entries {
                self.compare(request, entry, held, report).await?;
            }
            if held.bytes > HELD {
                self.write(request, held, report).await?;
            }
            progress(report);
            match page.next {
                None => return Ok(()),
                next if next == query.page => {
                    let message = "its pages do not end: one names itself as the next";
                    return Err(Unavailable::new(&request.resource, message));
                }
                next => query.page = next,
            }
        }
        Err(Unavailable::limit(
            &request.resource,
            format!(
                "from {} to {} there are more than the {PAGES} pages that are read; narrow it \
                 with --filter, or ask for less time at once",
                window.since, window.until
            ),
        ))
    }

    async fn compare(
        &self,
        request: &Request,
        entry: Vec<u8>,
        held: &mut Held,
        report: &mut Report,
    ) -> Result<(), Unavailable> {
        let standing = self.auditor.look_up(&entry).await?;
        report.entries += 1;
        match standing {
            AtSource::Known { at } => held.reach(at),
            AtSource::Unexpected => report.unexpected += 1,
            AtSource::Differs { at } => {
                report.differing += 1;
                held.reach(at);
                held.hold(entry);
            }
            AtSource::Unreadable => {
                report.unreadable += 1;
                held.hold(entry);
            }
            AtSource::Missing { log, at } => {
                if at < request.watched_from {
                    report.backfilled += 1;
                } else {
                    report.missing += 1;
                    report.tally.add(&log, at);
                    held.missing.add(&log, at);
                }
                held.reach(at);
                held.hold(entry);
            }
        }
        Ok(())
    }

    /// Writes what is held: the gaps first. Taking an entry in twice changes nothing.
    async fn write(
        &self,
        request: &Request,
        held: &mut Held,
        report: &mut Report,
    ) -> Result<(), Unavailable> {
        let held = std::mem::take(held);
        if !request.dry_run {
            for gap in held.missing.gaps() {
                self.auditor.record_gap(&request.resource, &gap).await?;
            }
            let route = format!("reconcile:{}", request.resource);
            for entry in &held.entries {
                let received = self.auditor.receive(entry, &route, Form::LogEntry).await?;
                if let Received::Recorded(findings) = received {
                    report.findings += u64::try_from(findings).unwrap_or(u64::MAX);
                }
            }
        }
        if let Some(through) = held.through {
            report.complete_through = report.complete_through.max(through);
        }
        Ok(())
    }
}

impl Held {
    fn reach(&mut self, at: Timestamp) {
        self.through = self.through.max(Some(at));
    }

    fn hold(&mut self, entry: Vec<u8>) {
        self.bytes += entry.len();
        self.entries.push(entry);
    }
}

impl Report {
    fn empty(request: &Request) -> Self {
        let Span { since, until } = request.plan.span;
        Self {
            resource: request.resource.clone(),
            since,
            until,
            complete_through: since,
            entries: 0,
            missing: 0,
            backfilled: 0,
            differing: 0,
            unexpected: 0,
            unreadable: 0,
            findings: 0,
            gaps: Vec::new(),
            notes: request.plan.notes.clone(),
            tally: Missing::default(),
        }
    }
}

#[cfg(test)]
mod tests;
