//! What the tests of this crate share.

pub(crate) mod sample;

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use jiff::Timestamp;
use postern_core::case::Case;
use postern_core::change::{Lane, Notification};
use postern_core::finding::{Category, Severity};
use postern_core::ports::{Attempted, Choose, DueDelivery, Outbox, Queue, Unavailable};

/// An alert about a synthetic case.
pub(crate) fn alert(case: &str, revision: u64) -> Notification {
    let at: Timestamp = "2026-03-03T05:00:10Z".parse().unwrap();
    let case = Case {
        revision,
        target: Some("cloud-run:acme-shop/europe-west1/checkout".to_owned()),
        actors: vec!["night-duty@example.com".to_owned()],
        ..Case::new(case, Category::BreakGlass, Severity::High, at)
    };
    Notification::of(&case, at)
}

/// As [`alert`], about a denial: nothing urgent.
pub(crate) fn denial(case: &str) -> Notification {
    let mut alert = alert(case, 1);
    alert.case.category = Category::Denied;
    alert
}

/// An outbox in memory.
#[derive(Default)]
pub(crate) struct MemoryOutbox {
    pub(crate) state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) unrouted: Vec<Notification>,
    pub(crate) deliveries: BTreeMap<(String, String), Row>,
    pub(crate) outage: bool,
}

pub(crate) struct Row {
    alert: Notification,
    due: Timestamp,
    pub(crate) attempts: u32,
    pub(crate) last: Option<Attempted>,
}

impl MemoryOutbox {
    pub(crate) fn of(alerts: Vec<Notification>) -> Self {
        Self {
            state: Mutex::new(State {
                unrouted: alerts,
                ..State::default()
            }),
        }
    }

    /// What became of an alert at an output, and after how many attempts.
    pub(crate) fn outcome(&self, alert: &str, output: &str) -> (u32, Option<Attempted>) {
        let state = self.state.lock().unwrap();
        let row = &state.deliveries[&(output.to_owned(), alert.to_owned())];
        (row.attempts, row.last.clone())
    }

    fn up(&self) -> Result<std::sync::MutexGuard<'_, State>, Unavailable> {
        let state = self.state.lock().unwrap();
        if state.outage {
            Err(Unavailable::new("store", "is down"))
        } else {
            Ok(state)
        }
    }
}

fn ended(row: &Row) -> bool {
    matches!(
        row.last,
        Some(Attempted::Delivered | Attempted::Dead { .. })
    )
}

#[async_trait]
impl Outbox for MemoryOutbox {
    async fn route(
        &self,
        outputs: &(dyn for<'a> Fn(&'a Notification) -> Vec<String> + Send + Sync),
    ) -> Result<(), Unavailable> {
        let mut state = self.up()?;
        for alert in std::mem::take(&mut state.unrouted) {
            for output in outputs(&alert) {
                let row = Row {
                    alert: alert.clone(),
                    due: alert.at,
                    attempts: 0,
                    last: None,
                };
                state.deliveries.insert((output, alert.id.clone()), row);
            }
        }
        Ok(())
    }

    async fn claim_chosen(
        &self,
        output: &str,
        lane: Lane,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
        choose: Choose<'_>,
    ) -> Result<Vec<DueDelivery>, Unavailable> {
        let mut state = self.up()?;
        let rows = state.deliveries.iter();
        let due = rows
            .filter(|((o, _), row)| o == output && row.alert.lane() == lane)
            .filter(|(_, row)| row.due <= now && !ended(row))
            .map(|(_, row)| DueDelivery {
                notification: row.alert.clone(),
                output: output.to_owned(),
                attempts: row.attempts,
                due: row.due,
            });
        let mut due: Vec<_> = due.collect();
        due.sort_by_key(|delivery| delivery.due);
        due.truncate(limit as usize);
        let claimed = choose(due);
        for delivery in &claimed {
            let key = (output.to_owned(), delivery.notification.id.clone());
            state.deliveries.get_mut(&key).unwrap().due = until;
        }
        Ok(claimed)
    }

    async fn attempted(
        &self,
        notifications: &[&str],
        output: &str,
        outcome: Attempted,
        _: Timestamp,
    ) -> Result<(), Unavailable> {
        let mut state = self.up()?;
        for notification in notifications {
            let key = (output.to_owned(), (*notification).to_owned());
            let row = state.deliveries.get_mut(&key).unwrap();
            row.attempts += 1;
            if let Attempted::Again { at, .. } = &outcome {
                row.due = *at;
            }
            row.last = Some(outcome.clone());
        }
        Ok(())
    }

    async fn oldest_undelivered(&self) -> Result<Option<Timestamp>, Unavailable> {
        let state = self.up()?;
        let open = state.deliveries.values().filter(|row| !ended(row));
        Ok(open.map(|row| row.alert.at).min())
    }

    async fn queues(&self) -> Result<Vec<Queue>, Unavailable> {
        let state = self.up()?;
        let mut queues: BTreeMap<&str, Queue> = BTreeMap::new();
        for ((output, _), row) in &state.deliveries {
            let queue = queues.entry(output).or_insert(Queue {
                output: output.clone(),
                pending: 0,
                dead: 0,
                oldest: None,
            });
            match &row.last {
                Some(Attempted::Delivered) => {}
                Some(Attempted::Dead { .. }) => queue.dead += 1,
                _ => {
                    queue.pending += 1;
                    let oldest = queue.oldest.map_or(row.alert.at, |at| at.min(row.alert.at));
                    queue.oldest = Some(oldest);
                }
            }
        }
        Ok(queues.into_values().collect())
    }
}
