//! Drains the outbox, each lane of each output by itself.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use postern_core::change::{Lane, Notification};
use postern_core::ports::{Attempted, Buses, DueDelivery, Outbox, Unavailable};
use postern_host::config::{self, Config, SecretReference};
use postern_host::environment::Environment;
use postern_host::secret::{self, SecretError};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::gauges::Gauges;
use crate::group;
use crate::heartbeat::Heartbeat;
use crate::output::{Output, OutputError, ReceiverError};
use crate::route::{RouteError, Routes};
use crate::sink::Sink;

/// So long a batch is claimed for: longer than all of it takes to time out one after the other.
const LEASE: SignedDuration = SignedDuration::from_mins(5);
/// So long a tick begins new batches of one output; a batch that it has begun may take three times as long.
/// Then a request that waits for it is still in time.
const TURN: Duration = Duration::from_secs(5);

/// Why the notifier of a configuration cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetUpError {
    /// An output.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A route.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The heartbeat.
    #[error("heartbeat: {0}")]
    Heartbeat(#[from] HeartbeatError),
}

/// What is wrong with the heartbeat.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeartbeatError {
    /// A watch that must not or cannot be called.
    #[error(transparent)]
    Receiver(#[from] ReceiverError),
    /// Its URL could not be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// The notifier over its outbox and outputs.
pub struct Notifier {
    outbox: Arc<dyn Outbox>,
    routes: Routes,
    sinks: Vec<Sink>,
    heartbeat: Option<Heartbeat>,
    gauges: Gauges,
    wake: watch::Sender<()>,
}

/// What became of the attempts of one tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tally {
    /// Confirmed.
    pub delivered: usize,
    /// To be tried again.
    pub again: usize,
    /// Given up.
    pub dead: usize,
}

impl Notifier {
    /// A notifier over named outputs.
    pub fn new(
        outbox: Arc<dyn Outbox>,
        outputs: Vec<(String, Box<dyn Output>)>,
        routes: Routes,
    ) -> Self {
        let sink = |(name, output)| Sink::new(name, output);
        Self {
            outbox,
            routes,
            sinks: outputs.into_iter().map(sink).collect(),
            heartbeat: None,
            gauges: Gauges::default(),
            wake: watch::Sender::new(()),
        }
    }

    /// The notifier of a configuration: its `outputs`, those among them that are `buses` as they were
    /// connected, and its `routes`.
    ///
    /// # Errors
    /// At the first output or route that cannot or must not work.
    pub fn of_config(
        outbox: Arc<dyn Outbox>,
        config: &Config,
        environment: &dyn Environment,
        buses: &Buses,
    ) -> Result<Self, SetUpError> {
        let mut outputs = Vec::new();
        for output in &config.outputs {
            outputs.push((output.name.clone(), set_up(output, environment, buses)?));
        }
        let names = outputs.iter().map(|(name, _)| name.clone()).collect();
        let routes = Routes::new(config.routes.clone(), names)?.silenced(&config.silences);
        for silence in routes.ended(Timestamp::now()) {
            tracing::warn!(
                owner = silence.owner,
                reason = silence.reason,
                until = %silence.until,
                "a silence has ended: take it out of the configuration, or give it another end"
            );
        }
        let heartbeat = config.heartbeat.as_ref();
        let heartbeat = heartbeat.map(|config| heartbeat_of(config, environment));
        Ok(Self {
            heartbeat: heartbeat.transpose()?,
            ..Self::new(outbox, outputs, routes)
        })
    }

    /// Sends what is due, to all outputs at the same time, and returns when each of them has had its turn. Of
    /// very much it leaves some for the next tick: a request has an end.
    ///
    /// # Errors
    /// If the outbox could not be read or written. What was sent and not recorded is sent again.
    pub async fn tick(&self, now: Timestamp) -> Result<Tally, Unavailable> {
        self.route().await?;
        let drained = join_all(
            self.queues()
                .map(|(sink, lane)| self.drain(sink, lane, now, TURN)),
        )
        .await;
        let mut total = Tally::default();
        for tally in drained {
            total.add(tally?);
        }
        self.measure(now).await?;
        Ok(total)
    }

    /// Runs until `shutdown`: each lane of each output on its own, every `interval` and when woken, so
    /// that an output that is slow or dead holds up no other, and no flood what is urgent. An attempt that is under way then is made again later.
    pub async fn run(&self, interval: Duration, shutdown: impl Future<Output = ()> + Send) {
        let loops = join_all(
            self.queues()
                .map(|(sink, lane)| self.serve(sink, lane, interval)),
        );
        tokio::select! {
            () = shutdown => {}
            _ = loops => {}
            () = self.measure_always(interval) => {}
        }
    }

    /// Says that there may be something new to send.
    pub fn wake(&self) {
        self.wake.send_replace(());
    }

    fn queues(&self) -> impl Iterator<Item = (&Sink, Lane)> {
        let lanes = |sink| Lane::ALL.map(|lane| (sink, lane));
        self.sinks.iter().flat_map(lanes)
    }

    async fn serve(&self, sink: &Sink, lane: Lane, interval: Duration) {
        let mut woken = self.wake.subscribe();
        // What waits for others is in no hurry, and most new alerts do not end the waiting.
        let waits = sink.grouping(lane).is_some();
        loop {
            let now = Timestamp::now();
            let tried = match self.route().await {
                Ok(()) => self.drain(sink, lane, now, Duration::MAX).await,
                Err(error) => Err(error),
            };
            if let Err(error) = tried {
                tracing::error!(output = sink.name, %error, "the outbox could not be read or written");
            }
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                _ = woken.changed(), if !waits => {}
            }
        }
    }

    async fn measure_always(&self, interval: Duration) {
        loop {
            if let Err(error) = self.measure(Timestamp::now()).await {
                tracing::error!(%error, "the outbox could not be read");
            }
            tokio::time::sleep(interval.max(Duration::from_secs(1))).await;
        }
    }

    /// Says how things stand: to who reads the metrics, and to who waits for a heartbeat.
    async fn measure(&self, now: Timestamp) -> Result<(), Unavailable> {
        let outbox = self.outbox.as_ref();
        self.gauges.measure(outbox, &self.sinks, now).await?;
        match &self.heartbeat {
            Some(heartbeat) => heartbeat.beat(outbox, now).await,
            None => Ok(()),
        }
    }

    async fn route(&self) -> Result<(), Unavailable> {
        // Without outputs alerts wait for the day when there is one.
        if self.sinks.is_empty() {
            return Ok(());
        }
        self.outbox
            .route(&|alert: &Notification| self.routes.outputs(alert))
            .await
    }

    /// Sends batch after batch; after one with a failure, and when the turn is over, the rest waits for the
    /// next tick.
    async fn drain(
        &self,
        sink: &Sink,
        lane: Lane,
        now: Timestamp,
        turn: Duration,
    ) -> Result<Tally, Unavailable> {
        let start = Instant::now();
        let mut tally = Tally::default();
        loop {
            let mut parcels = self.claim(sink, lane, later(now, start)).await?;
            if parcels.is_empty() {
                break;
            }
            let (mut failed, mut split) = (false, false);
            while start.elapsed() < turn.saturating_mul(3)
                && let Some(parcel) = parcels.pop_front().filter(|_| !sink.is_off())
            {
                let Some(outcome) = sink.attempt(&parcel, later(now, start)).await else {
                    parcels.extend(parcel.into_iter().map(|due| vec![due]));
                    split = true;
                    continue;
                };
                failed |= outcome != Attempted::Delivered;
                if split && matches!(outcome, Attempted::Again { .. }) {
                    // The rest of the group comes again together, once it is claimed no more.
                    parcels.clear();
                }
                tally.count(&outcome, parcel.len());
                let at = later(now, start);
                let ids = parcel.iter().map(|due| due.notification.id.as_str());
                let ids: Vec<_> = ids.collect();
                self.outbox.attempted(&ids, &sink.name, outcome, at).await?;
            }
            if failed || start.elapsed() >= turn {
                break;
            }
        }
        Ok(tally)
    }

    /// What is sent next, each as a message of its own; nothing where nothing is due, or taken.
    async fn claim(
        &self,
        sink: &Sink,
        lane: Lane,
        now: Timestamp,
    ) -> Result<VecDeque<Vec<DueDelivery>>, Unavailable> {
        let room = sink.room(lane, now);
        if room == 0 {
            return Ok(VecDeque::new());
        }
        let until = now.checked_add(LEASE).unwrap_or(Timestamp::MAX);
        let Some(how) = sink.grouping(lane) else {
            let due = self
                .outbox
                .claim(&sink.name, lane, now, until, room)
                .await?;
            return Ok(due.into_iter().map(|due| vec![due]).collect());
        };
        let next = |due| group::next(due, how, now);
        let claimed = self
            .outbox
            .claim_chosen(&sink.name, lane, now, until, group::WINDOW, &next)
            .await?;
        Ok([claimed]
            .into_iter()
            .filter(|group| !group.is_empty())
            .collect())
    }
}

/// An output, with its secrets from where the configuration says they are.
pub(crate) fn set_up(
    output: &config::Output,
    environment: &dyn Environment,
    buses: &Buses,
) -> Result<Box<dyn Output>, OutputError> {
    let secret = |reference: &SecretReference| {
        let secret = secret::resolve(reference, environment);
        let secret = secret.map_err(|error| error.to_string())?;
        Ok(secret.expose_secret().to_owned())
    };
    crate::output::output(output, &secret, buses)
}

fn heartbeat_of(
    config: &config::Heartbeat,
    environment: &dyn Environment,
) -> Result<Heartbeat, HeartbeatError> {
    let url = secret::resolve(&config.url, environment)?;
    Ok(Heartbeat::new(config, url.expose_secret())?)
}

impl Tally {
    fn count(&mut self, outcome: &Attempted, alerts: usize) {
        match outcome {
            Attempted::Delivered => self.delivered += alerts,
            Attempted::Again { .. } => self.again += alerts,
            Attempted::Dead { .. } => self.dead += alerts,
        }
    }

    fn add(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.again += other.again;
        self.dead += other.dead;
    }
}

/// The time of the tick, and what has passed since.
fn later(now: Timestamp, start: Instant) -> Timestamp {
    SignedDuration::try_from(start.elapsed())
        .ok()
        .and_then(|passed| now.checked_add(passed).ok())
        .unwrap_or(now)
}

#[cfg(test)]
mod tests;
