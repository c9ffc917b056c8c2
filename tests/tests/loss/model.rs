//! What was sent and what was acknowledged.

use std::collections::BTreeSet;

use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};

use crate::events::{self, Event, Request};

/// Every event there was, and what is known of it.
#[derive(Default)]
pub(crate) struct Model {
    events: Vec<Event>,
    /// Events by their places.
    acknowledged: BTreeSet<usize>,
    sent: BTreeSet<usize>,
    /// Sent, not acknowledged, and never sent again.
    forsaken: BTreeSet<usize>,
    numbers: usize,
    pub(crate) figures: Figures,
}

/// What is printed in the end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    /// Deliveries of an event, whether answered or not.
    pub(crate) deliveries: usize,
    /// Deliveries of an event that had been sent before.
    pub(crate) repeated: usize,
    /// Requests that were refused with 503.
    pub(crate) refused: usize,
    /// Requests without an answer.
    pub(crate) unanswered: usize,
}

/// A request, and the places of the events that it delivers.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) request: Request,
    pub(crate) events: Vec<usize>,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Answered with 2xx.
    Acknowledged,
    /// Answered with 503.
    Refused,
    /// Not answered.
    Unanswered,
}

impl Model {
    /// What is delivered next: new events, most of those that were not acknowledged, some that were; in
    /// any order, in all forms.
    pub(crate) fn draw(&mut self, rng: &mut StdRng, new: usize) -> Vec<Job> {
        let mut due = Vec::new();
        for place in self.open() {
            match rng.random_bool(0.1) && self.sent.contains(&place) {
                true => drop(self.forsaken.insert(place)),
                false => due.push(place),
            }
        }
        let fresh = self.events.len();
        while self.events.len() < fresh + new {
            self.events.extend(events::drawn(rng, self.numbers));
            self.numbers += 1;
        }
        due.extend(fresh..self.events.len());
        let acknowledged: Vec<_> = self.acknowledged.iter().copied().collect();
        due.extend(acknowledged.choose_multiple(rng, new / 3));
        for place in due.clone() {
            if rng.random_bool(0.2) {
                due.push(place);
            }
        }
        due.shuffle(rng);
        self.jobs(rng, &due)
    }

    /// What is left to deliver once nothing goes wrong any more.
    pub(crate) fn rest(&mut self, rng: &mut StdRng) -> Vec<Job> {
        let open = self.open();
        self.jobs(rng, &open)
    }

    /// Takes note of what became of a request.
    pub(crate) fn delivered(&mut self, job: &Job, outcome: Outcome) {
        for place in &job.events {
            self.figures.deliveries += 1;
            self.figures.repeated += usize::from(!self.sent.insert(*place));
        }
        match outcome {
            Outcome::Acknowledged => self.acknowledged.extend(&job.events),
            Outcome::Refused => self.figures.refused += 1,
            Outcome::Unanswered => self.figures.unanswered += 1,
        }
    }

    /// Whether everything that a request delivers was acknowledged before.
    pub(crate) fn knows(&self, job: &Job) -> bool {
        let known = |place: &usize| self.acknowledged.contains(place);
        job.events.iter().all(known)
    }

    /// Events that were acknowledged.
    pub(crate) fn acknowledged(&self) -> impl Iterator<Item = &Event> {
        self.acknowledged.iter().map(|place| &self.events[*place])
    }

    /// Events that were sent, acknowledged or not.
    pub(crate) fn sent(&self) -> impl Iterator<Item = &Event> {
        self.sent.iter().map(|place| &self.events[*place])
    }

    fn open(&self) -> Vec<usize> {
        let done =
            |place: &usize| self.acknowledged.contains(place) || self.forsaken.contains(place);
        (0..self.events.len())
            .filter(|place| !done(place))
            .collect()
    }

    fn jobs(&self, rng: &mut StdRng, mut due: &[usize]) -> Vec<Job> {
        let mut jobs = Vec::new();
        while let Some(first) = due.first() {
            let many = rng.random_range(2..=5).min(due.len());
            let (count, request) = match rng.random_range(0..5) {
                0..3 => (1, events::push(&self.events[*first])),
                3 => (1, events::cloud_event(&self.events[*first])),
                _ => (many, events::batch(&self.cloned(&due[..many]))),
            };
            let (events, rest) = due.split_at(count);
            jobs.push(Job {
                request,
                events: events.to_vec(),
            });
            due = rest;
        }
        jobs
    }

    fn cloned(&self, places: &[usize]) -> Vec<Event> {
        let event = |place: &usize| self.events[*place].clone();
        places.iter().map(event).collect()
    }
}
