//! One output as the notifier sees it: whether it takes anything, and what became of an attempt.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use postern_core::change::Lane;
use postern_core::ports::{Attempted, DueDelivery};
use postern_host::config::Grouping;

use crate::backoff;
use crate::breaker::{Breaker, Circuit};
use crate::group::AlertGroup;
use crate::output::{Output, Receipt, Refusal, Retry};

/// So many deliveries are claimed at once.
const BATCH: u32 = 8;

/// An output, by the name that routes call it.
pub(crate) struct Sink {
    pub(crate) name: String,
    output: Box<dyn Output>,
    /// It said that it wants no more; that lasts until the next start.
    off: AtomicBool,
    breaker: Mutex<Breaker>,
}

impl Sink {
    pub(crate) fn new(name: String, output: Box<dyn Output>) -> Self {
        Self {
            name,
            output,
            off: AtomicBool::new(false),
            breaker: Mutex::default(),
        }
    }

    /// Whether it wants no more alerts.
    pub(crate) fn is_off(&self) -> bool {
        self.off.load(Ordering::Relaxed)
    }

    /// How alerts of a lane are told together, if they are. What is urgent never is.
    pub(crate) fn grouping(&self, lane: Lane) -> Option<&Grouping> {
        match lane {
            Lane::Urgent => None,
            Lane::Normal => self.output.grouping(),
        }
    }

    /// How many alerts of a lane may be tried now. What is urgent is tried whether or not the output
    /// took anything before, and finds out first that it is back.
    pub(crate) fn room(&self, lane: Lane, now: Timestamp) -> u32 {
        match (self.is_off(), lane, self.circuit(now)) {
            (true, ..) | (false, Lane::Normal, Circuit::Open) => 0,
            (false, Lane::Normal, Circuit::HalfOpen) => 1,
            (false, Lane::Urgent, _) | (false, Lane::Normal, Circuit::Closed) => BATCH,
        }
    }

    /// The state of its breaker.
    pub(crate) fn circuit(&self, now: Timestamp) -> Circuit {
        self.breaker
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .circuit(now)
    }

    /// Sends what goes out as one message: one alert, or a group. `None` if it is several and they are
    /// refused for good: as the fault may be one alert's, each is to be tried by itself.
    pub(crate) async fn attempt(
        &self,
        parcel: &[DueDelivery],
        now: Timestamp,
    ) -> Option<Attempted> {
        let (name, sent) = self.send(parcel, now).await;
        let outcome = match sent {
            Ok(_) => {
                self.answered();
                Attempted::Delivered
            }
            Err(refusal) => {
                let attempts = parcel.iter().map(|due| due.attempts).max();
                let last = attempts.unwrap_or_default().saturating_add(1);
                let alone = parcel.len() < 2;
                self.refused(&name, last, alone, refusal, now)?
            }
        };
        let word = match &outcome {
            Attempted::Delivered => "delivered",
            Attempted::Again { .. } => "again",
            Attempted::Dead { .. } => "dead",
        };
        let count = u64::try_from(parcel.len()).unwrap_or(u64::MAX);
        metrics::counter!("postern_alerts_total", "output" => self.name.clone(), "outcome" => word)
            .increment(count);
        Some(outcome)
    }

    /// The id under which it is sent, and what came of it.
    async fn send(
        &self,
        parcel: &[DueDelivery],
        now: Timestamp,
    ) -> (String, Result<Receipt, Refusal>) {
        match (parcel, self.output.grouping()) {
            ([alone], _) => {
                let alert = &alone.notification;
                (alert.id.clone(), self.output.send(alert, now).await)
            }
            (_, grouping) => {
                let alerts = parcel.iter().map(|due| due.notification.clone());
                let by = grouping.map_or(&[][..], |grouping| &grouping.by);
                let group = AlertGroup::of(alerts.collect(), by);
                let sent = self.output.send_group(&group, now).await;
                (group.id, sent)
            }
        }
    }

    fn refused(
        &self,
        alert: &str,
        attempts: u32,
        alone: bool,
        refusal: Refusal,
        now: Timestamp,
    ) -> Option<Attempted> {
        let Refusal { retry, error } = refusal;
        let delay = match retry {
            Retry::Again(asked) => {
                self.failed(now);
                backoff::delay(attempts, asked, rand::random())
            }
            Retry::Dead => {
                self.answered();
                None
            }
            Retry::Off => {
                self.off.store(true, Ordering::Relaxed);
                tracing::error!(
                    output = self.name,
                    error,
                    "the output wants no more alerts and is switched off until the next start"
                );
                None
            }
        };
        match (delay.and_then(|delay| now.checked_add(delay).ok()), retry) {
            (Some(at), _) => {
                tracing::warn!(output = self.name, alert, attempts, error, %at, "an alert was not taken");
                Some(Attempted::Again { at, error })
            }
            (None, Retry::Dead | Retry::Off) if !alone => {
                tracing::warn!(
                    output = self.name,
                    alert,
                    error,
                    "a group of alerts is refused, and each is tried by itself"
                );
                None
            }
            (None, _) => {
                tracing::error!(
                    output = self.name,
                    alert,
                    attempts,
                    error,
                    "an alert is given up"
                );
                Some(Attempted::Dead { error })
            }
        }
    }

    fn answered(&self) {
        self.breaker
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .answered();
    }

    fn failed(&self, now: Timestamp) {
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        let before = breaker.circuit(now);
        breaker.failed(now);
        if before != Circuit::Open && breaker.circuit(now) == Circuit::Open {
            tracing::error!(
                output = self.name,
                "the output takes nothing; all but urgent alerts wait"
            );
        }
    }
}
