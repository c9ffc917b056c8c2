//! What an operator sees of the outbox.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use postern_core::ports::{Outbox, Queue, Unavailable};

use crate::breaker::Circuit;
use crate::sink::Sink;

/// The gauges, and the names that they were ever set for: a gauge keeps what it was last set to.
#[derive(Default)]
pub(crate) struct Gauges {
    names: Mutex<BTreeSet<String>>,
}

impl Gauges {
    /// Sets the gauges: over all, of every output, and of every name that alerts still wait for, or
    /// waited for, although no output has it any more.
    pub(crate) async fn measure(
        &self,
        outbox: &dyn Outbox,
        sinks: &[Sink],
        now: Timestamp,
    ) -> Result<(), Unavailable> {
        let oldest = outbox.oldest_undelivered().await?;
        let queues = outbox.queues().await?;
        metrics::gauge!("postern_alerts_oldest_undelivered_seconds").set(age(oldest, now));
        for queue in self.with_empty(queues, sinks) {
            let output = queue.output;
            let age = age(queue.oldest, now);
            metrics::gauge!("postern_output_oldest_undelivered_seconds", "output" => output.clone())
                .set(age);
            metrics::gauge!("postern_output_pending", "output" => output.clone())
                .set(count(queue.pending));
            metrics::gauge!("postern_output_dead", "output" => output).set(count(queue.dead));
        }
        for sink in sinks {
            metrics::gauge!("postern_output_circuit", "output" => sink.name.clone())
                .set(circuit(sink, now));
        }
        Ok(())
    }

    /// Where nothing waits, the queue is empty.
    fn with_empty(
        &self,
        queues: Vec<Queue>,
        sinks: &[Sink],
    ) -> impl Iterator<Item = Queue> + use<> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.extend(sinks.iter().map(|sink| sink.name.clone()));
        names.extend(queues.iter().map(|queue| queue.output.clone()));
        let empty = |output: &String| Queue {
            output: output.clone(),
            pending: 0,
            dead: 0,
            oldest: None,
        };
        let all = names.iter().map(empty).chain(queues);
        let by_name: BTreeMap<_, _> = all.map(|queue| (queue.output.clone(), queue)).collect();
        by_name.into_values()
    }
}

/// 0 where alerts are taken, 1 where one is tried, 2 where they wait, 3 where no more are wanted.
fn circuit(sink: &Sink, now: Timestamp) -> f64 {
    match (sink.is_off(), sink.circuit(now)) {
        (true, _) => 3.0,
        (false, Circuit::Open) => 2.0,
        (false, Circuit::HalfOpen) => 1.0,
        (false, Circuit::Closed) => 0.0,
    }
}

/// In seconds; 0 where there is none.
fn age(at: Option<Timestamp>, now: Timestamp) -> f64 {
    at.map_or(0.0, |at| now.duration_since(at).as_secs_f64().max(0.0))
}

fn count(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
