//! With a log in memory.

use std::sync::Mutex;

use async_trait::async_trait;
use jiff::SignedDuration;
use postern_core::finding::Category;
use postern_core::ports::{LogPage, Progress, ReconcileProgress};
use serde_json::{Value, json};

use super::plan::plan;
use super::*;
use crate::auditor::Believed;
use crate::testing::{MemoryStore, catalogue, entry, patched};

/// A log that gives pages of two, one of them empty, and fails where it is told to.
#[derive(Default)]
struct Log {
    entries: Vec<Value>,
    /// The page, from 0, that cannot be read.
    broken: Mutex<Option<usize>>,
    endless: bool,
    asked: Mutex<Vec<LogQuery>>,
}

#[async_trait]
impl LogReader for Log {
    async fn entries(&self, query: &LogQuery) -> Result<LogPage, Unavailable> {
        self.asked.lock().unwrap().push(query.clone());
        let page: usize = query.page.as_ref().map_or(0, |page| page.parse().unwrap());
        if *self.broken.lock().unwrap() == Some(page) {
            return Err(Unavailable::new("log", "is down"));
        }
        let at =
            |entry: &&Value| -> Timestamp { entry["timestamp"].as_str().unwrap().parse().unwrap() };
        let mut inside: Vec<_> = self
            .entries
            .iter()
            .filter(|e| at(e) >= query.since && at(e) < query.until)
            .collect();
        inside.sort_by_key(at);
        // The second page is empty, and is not the last.
        let pages: Vec<&[&Value]> = match inside.len() {
            0..=2 => vec![&inside],
            _ => [&inside[..2], &[]]
                .into_iter()
                .chain(inside[2..].chunks(2))
                .collect(),
        };
        let next = match page {
            _ if self.endless => Some("0".to_owned()),
            page if page + 1 < pages.len() => Some((page + 1).to_string()),
            _ => None,
        };
        let bytes = |entry: &&Value| entry.to_string().into_bytes();
        Ok(LogPage {
            entries: pages[page].iter().map(bytes).collect(),
            next,
        })
    }
}

#[derive(Default)]
struct Remembered(Mutex<Option<Progress>>);

#[async_trait]
impl ReconcileProgress for Remembered {
    async fn progress(&self, _: &str) -> Result<Option<Progress>, Unavailable> {
        Ok(*self.0.lock().unwrap())
    }

    async fn advance(&self, _: &str, progress: Progress) -> Result<(), Unavailable> {
        *self.0.lock().unwrap() = Some(progress);
        Ok(())
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Break-glass on Cloud Run at this time of a day, the same deployment each time.
fn happened(id: &str, time: &str) -> Value {
    let timestamp = format!("2026-03-03T{time}Z");
    let changes = [("/insertId", id.into()), ("/timestamp", timestamp.into())];
    patched(&entry("cloud-run-break-glass"), &changes)
}

fn five() -> Vec<Value> {
    vec![
        happened("a", "05:00:00"),
        happened("b", "05:10:00"),
        happened("c", "06:20:00"),
        happened("d", "09:00:00"),
        happened("e", "09:30:00"),
    ]
}

struct World {
    store: Arc<MemoryStore>,
    auditor: Arc<Auditor>,
    log: Arc<Log>,
}

impl World {
    fn of(log: Log) -> Self {
        let store = Arc::new(MemoryStore::default());
        let auditor = Auditor::new(store.clone(), catalogue(), Believed::default());
        Self {
            store,
            auditor: Arc::new(auditor),
            log: Arc::new(log),
        }
    }

    async fn deliver(&self, entries: &[Value]) {
        for entry in entries {
            let raw = entry.to_string();
            let received = self.auditor.receive(raw.as_bytes(), "test", Form::LogEntry);
            received.await.unwrap();
        }
    }

    fn reconciler(&self) -> Reconciler {
        Reconciler::new(self.auditor.clone(), self.log.clone())
    }

    async fn run(&self, request: &Request) -> Outcome {
        self.reconciler().run(request, &mut |_| {}).await
    }

    /// The findings about gaps, as sentences.
    fn gaps(&self) -> Vec<String> {
        self.store.with(|state| {
            let findings = state.cases.values().flat_map(|case| &case.findings);
            let gaps = findings.filter(|f| f.detection == "postern.audit.gap");
            gaps.map(|finding| finding.summary.clone()).collect()
        })
    }
}

fn request() -> Request {
    Request {
        resource: "projects/acme-shop".to_owned(),
        filter: filter(None),
        plan: plan(
            at("2026-03-03T00:00:00Z"),
            Some(at("2026-03-04T00:00:00Z")),
            at("2026-03-04T12:00:00Z"),
        ),
        watched_from: Timestamp::MIN,
        dry_run: false,
    }
}

fn log() -> Log {
    Log {
        entries: five(),
        ..Log::default()
    }
}

#[tokio::test]
async fn what_never_arrived_is_taken_in_and_each_gap_is_one_finding() {
    let world = World::of(log());
    world.deliver(&five()[3..4]).await;
    let outcome = world.run(&request()).await;
    assert_eq!(outcome.failure, None);
    let report = outcome.report;
    assert_eq!((report.entries, report.missing, report.findings), (5, 4, 4));
    assert_eq!(report.complete_through, report.until);
    insta::assert_snapshot!(world.gaps().join("\n"), @"
    The audit log of projects/acme-shop has a gap: 3 entries of projects/acme-shop/logs/cloudaudit.googleapis.com%2Fsystem_event from 2026-03-03T05:00:00Z to 2026-03-03T06:20:00Z never arrived
    The audit log of projects/acme-shop has a gap: 1 entry of projects/acme-shop/logs/cloudaudit.googleapis.com%2Fsystem_event from 2026-03-03T09:30:00Z to 2026-03-03T09:30:00Z never arrived
    ");
    let blinded = world.store.with(|state| {
        let cases = state.cases.values();
        cases
            .filter(|case| case.category == Category::AuditBlinded)
            .count()
    });
    assert_eq!(blinded, 1, "one log, one case");

    let again = world.run(&request()).await.report;
    assert_eq!((again.missing, again.gaps.len()), (0, 0));
    assert_eq!(world.gaps().len(), 2);
}

#[tokio::test]
async fn a_dry_run_reports_and_writes_nothing() {
    let world = World::of(log());
    let request = Request {
        dry_run: true,
        ..request()
    };
    let report = world.run(&request).await.report;
    assert_eq!((report.missing, report.gaps.len()), (5, 2));
    world
        .store
        .with(|state| assert!(state.seen.is_empty() && state.cases.is_empty()));
}

#[tokio::test]
async fn an_outage_in_the_middle_keeps_what_was_found_and_says_how_far() {
    let world = World::of(log());
    *world.log.broken.lock().unwrap() = Some(2);
    let outcome = world.run(&request()).await;
    assert_eq!(outcome.failure.unwrap().message, "is down");
    assert_eq!(outcome.report.complete_through, at("2026-03-03T05:10:00Z"));
    assert_eq!(outcome.report.missing, 2);
    assert_eq!(world.gaps().len(), 1);

    *world.log.broken.lock().unwrap() = Some(0);
    let outcome = world.run(&request()).await;
    assert!(outcome.failure.is_some());
    assert_eq!(outcome.report.complete_through, request().plan.span.since);
}

#[tokio::test]
async fn what_cannot_be_written_is_not_complete() {
    let world = World::of(log());
    world.store.with(|state| state.outage = true);
    let outcome = world.run(&request()).await;
    assert!(outcome.failure.is_some());
    assert_eq!(outcome.report.complete_through, request().plan.span.since);
}

#[tokio::test]
async fn pages_that_do_not_end_are_an_error() {
    let world = World::of(Log {
        endless: true,
        ..log()
    });
    let error = world.run(&request()).await.failure.unwrap();
    assert!(error.message.contains("do not end"), "{error}");
}

#[tokio::test]
async fn what_arrived_saying_something_else_is_found_out() {
    let world = World::of(log());
    let mut forged = five();
    forged[0] = patched(
        &forged[0],
        &[("/protoPayload/status/message", json!("all is well"))],
    );
    world.deliver(&forged).await;
    let report = world.run(&request()).await.report;
    assert_eq!((report.missing, report.differing), (0, 1));
    let critical = world.store.with(|state| {
        let mut findings = state.cases.values().flat_map(|case| &case.findings);
        findings.any(|finding| finding.detection == "postern.audit.reused-id")
    });
    assert!(critical);
}

#[tokio::test]
async fn strangers_projects_are_left_alone() {
    let store = Arc::new(MemoryStore::default());
    let believed = Believed {
        projects: vec!["demo-mart".to_owned()],
        ..Believed::default()
    };
    let auditor = Arc::new(Auditor::new(store.clone(), catalogue(), believed));
    let outcome = Reconciler::new(auditor, Arc::new(log()))
        .run(&request(), &mut |_| {})
        .await;
    assert_eq!((outcome.report.unexpected, outcome.report.missing), (5, 0));
    store.with(|state| assert!(state.quarantined.is_empty()));
}

#[tokio::test]
async fn the_schedule_fills_the_past_silently_and_judges_from_then_on() {
    let world = World::of(log());
    let progress = Arc::new(Remembered::default());
    let config = postern_host::config::Reconcile {
        resources: vec!["projects/acme-shop".to_owned()],
        every: None,
        history: Some(SignedDuration::from_hours(48)),
    };
    let schedule = Schedule::new(world.reconciler(), progress.clone(), &config);
    let now = at("2026-03-03T08:00:00Z");
    let mut compared = 0;
    loop {
        let step = schedule.step(now).await.unwrap();
        compared += step.compared;
        assert_eq!(step.missing, 0);
        if !step.worked {
            break;
        }
    }
    assert_eq!(compared, 3);
    assert_eq!(world.gaps().len(), 0);
    let reached = progress.0.lock().unwrap().unwrap();
    assert_eq!(reached.complete_through, at("2026-03-03T07:55:00Z"));
    assert_eq!(reached.watched_from, now);

    let later = at("2026-03-03T10:00:00Z");
    *world.log.broken.lock().unwrap() = Some(0);
    assert!(schedule.step(later).await.is_err());
    assert_eq!(progress.0.lock().unwrap().unwrap(), reached);
    *world.log.broken.lock().unwrap() = None;
    assert_eq!(schedule.step(later).await.unwrap().missing, 2);
    assert_eq!(world.gaps().len(), 1);
    assert!(!schedule.step(later).await.unwrap().worked);
}
