//! Those who deliver entries at the same time, and the moment at which that goes wrong.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex};

use rand::Rng as _;
use rand::rngs::StdRng;

use crate::client;
use crate::model::{Job, Model, Outcome};

/// When a server is killed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    /// So many requests were sent.
    Sent(usize),
    /// So many requests were answered.
    Answered(usize),
    /// All were answered, and only alerts are under way.
    Idle,
    /// The same, and once more while it starts.
    Starting,
}

impl When {
    /// Some moment while so many requests are sent.
    pub(crate) fn drawn(rng: &mut StdRng, requests: usize) -> Self {
        let some = rng.random_range(1..=requests);
        match rng.random_range(0..20) {
            0..9 => Self::Sent(some),
            9..16 => Self::Answered(some),
            16..19 => Self::Idle,
            _ => Self::Starting,
        }
    }
}

/// So many send at the same time.
const SENDERS: usize = 3;

/// Senders, what they send, and to whom.
pub(crate) struct Senders<'a> {
    queue: Mutex<VecDeque<Job>>,
    model: &'a Mutex<Model>,
    addresses: Vec<String>,
    counts: Mutex<Counts>,
    changed: Condvar,
}

/// How far they are.
#[derive(Default)]
struct Counts {
    sent: usize,
    answered: usize,
    done: usize,
    stopped: bool,
}

impl<'a> Senders<'a> {
    /// Those who will send this to servers at these addresses, and tell the model.
    pub(crate) fn new(jobs: Vec<Job>, model: &'a Mutex<Model>, addresses: Vec<String>) -> Self {
        Self {
            queue: Mutex::new(jobs.into()),
            model,
            addresses,
            counts: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Sends until something was done at that moment, or at the end.
    pub(crate) fn send_until(&self, when: When, done: impl FnOnce()) {
        std::thread::scope(|scope| {
            for first in 0..SENDERS {
                scope.spawn(move || self.send(first));
            }
            self.wait(when);
            done();
            self.count(|counts| counts.stopped = true);
        });
    }

    fn send(&self, first: usize) {
        let _done = Done(self);
        for turn in first.. {
            let Some(job) = self.next() else {
                return;
            };
            self.count(|counts| counts.sent += 1);
            let address = &self.addresses[turn % self.addresses.len()];
            let answer = client::deliver(address, &job.request);
            let outcome = match answer.as_ref().map(|answer| answer.status) {
                Some(200 | 204) => Outcome::Acknowledged,
                Some(503) => Outcome::Refused,
                None => Outcome::Unanswered,
                Some(_) => panic!("{answer:?}"),
            };
            self.model.lock().unwrap().delivered(&job, outcome);
            self.count(|counts| counts.answered += 1);
        }
    }

    fn next(&self) -> Option<Job> {
        let stopped = self.counts.lock().unwrap().stopped;
        (!stopped).then(|| self.queue.lock().unwrap().pop_front())?
    }

    fn wait(&self, when: When) {
        let early = |counts: &mut Counts| {
            counts.done < SENDERS
                && match when {
                    When::Sent(some) => counts.sent < some,
                    When::Answered(some) => counts.answered < some,
                    When::Idle | When::Starting => true,
                }
        };
        let counts = self.counts.lock().unwrap();
        drop(self.changed.wait_while(counts, early).unwrap());
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().unwrap());
        self.changed.notify_all();
    }
}

/// Counts a sender as done, however it ends.
struct Done<'a>(&'a Senders<'a>);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.count(|counts| counts.done += 1);
    }
}
