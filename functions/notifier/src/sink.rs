//! One output as the notifier sees it: whether it takes anything, and what became of an attempt.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use postern_core::change::Lane;
use postern_core::ports::{Attempted, DueDelivery};

use crate::backoff;
use crate::breaker::{Breaker, Circuit};
use crate::output::{Output, Refusal, Retry};

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

    /// Sends one alert.
    pub(crate) async fn attempt(&self, due: &DueDelivery, now: Timestamp) -> Attempted {
        let sent = self.output.send(&due.notification, now).await;
        let outcome = match sent {
            Ok(_) => {
                self.answered();
                Attempted::Delivered
            }
            Err(refusal) => self.refused(due, refusal, now),
        };
        let word = match &outcome {
            Attempted::Delivered => "delivered",
            Attempted::Again { .. } => "again",
            Attempted::Dead { .. } => "dead",
        };
        metrics::counter!("postern_alerts_total", "output" => self.name.clone(), "outcome" => word)
            .increment(1);
        outcome
    }

    fn refused(&self, due: &DueDelivery, refusal: Refusal, now: Timestamp) -> Attempted {
        let Refusal { retry, error } = refusal;
        let attempts = due.attempts.saturating_add(1);
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
        let alert = &due.notification.id;
        match delay.and_then(|delay| now.checked_add(delay).ok()) {
            Some(at) => {
                tracing::warn!(output = self.name, alert, attempts, error, %at, "an alert was not taken");
                Attempted::Again { at, error }
            }
            None => {
                tracing::error!(
                    output = self.name,
                    alert,
                    attempts,
                    error,
                    "an alert is given up"
                );
                Attempted::Dead { error }
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
