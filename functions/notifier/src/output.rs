//! Where alerts are sent.

mod bus;
mod channel;
mod cloud_events;
mod email;
mod file;
pub(crate) mod http;
mod receipt;
mod stdout;
mod webhook;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use postern_core::change::Notification;
use postern_core::ports::Buses;
use postern_host::config::{self, Endpoint, Grouping, Hook, OutputKind, SecretReference};

use self::bus::Bus;
use self::channel::Channel;
use self::cloud_events::CloudEvents;
use self::email::Email;
pub use self::email::EmailError;
use self::file::File;
use self::http::Receiver;
pub use self::http::ReceiverError;
pub use self::receipt::Receipt;
use self::stdout::Stdout;
use self::webhook::Webhook;
use crate::body::pagerduty::RoutingKey;
pub use crate::body::pagerduty::RoutingKeyError;
use crate::body::{alertmanager, google_chat, pagerduty, slack, teams};
use crate::group::AlertGroup;
use crate::signature::Secret;
pub use crate::signature::SecretError;

/// One place that alerts are sent to.
#[async_trait]
pub trait Output: Send + Sync {
    /// Sends one alert; `Ok` only when the receiver has confirmed it. `now` is the time of the attempt.
    async fn send(&self, alert: &Notification, now: Timestamp) -> Result<Receipt, Refusal>;

    /// How alerts of several cases are told in one message; `None` where each is told by itself.
    fn grouping(&self) -> Option<&Grouping> {
        None
    }

    /// Sends a group of alerts as one message, where there is a [`grouping`](Self::grouping).
    async fn send_group(&self, group: &AlertGroup, _: Timestamp) -> Result<Receipt, Refusal> {
        Err(Refusal::again(format!(
            "this output is told of each alert by itself, and not of {}",
            group.id
        )))
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Whether another attempt may help.
    pub retry: Retry,
    /// What happened.
    pub error: String,
}

/// What is done after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Try again, not before the receiver asked for.
    Again(Option<SignedDuration>),
    /// This alert will never be taken.
    Dead,
    /// The receiver wants no more alerts at all.
    Off,
}

/// Why an output cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("output {name:?}: {reason}")]
pub struct OutputError {
    /// The output.
    pub name: String,
    /// Why.
    pub reason: OutputMistake,
}

/// What is wrong with an output.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputMistake {
    /// A receiver that must not or cannot be called.
    #[error(transparent)]
    Receiver(#[from] ReceiverError),
    /// A webhook's secret is none.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// PagerDuty's key is none.
    #[error(transparent)]
    RoutingKey(#[from] RoutingKeyError),
    /// Mail that cannot be handed in.
    #[error(transparent)]
    Email(#[from] EmailError),
    /// A topic, queue or bus that nobody connected.
    #[error("outputs of type `{0}` are not connected in this build")]
    NotConnected(&'static str),
    /// The secret could not be had.
    #[error("{0}")]
    Unreadable(String),
}

/// Sets an output up. `secret` resolves references; `buses` has those that are topics, queues or buses.
///
/// # Errors
/// If it is configured in a way that cannot or must not work.
pub fn output(
    config: &config::Output,
    secret: &dyn Fn(&SecretReference) -> Result<String, String>,
    buses: &Buses,
) -> Result<Box<dyn Output>, OutputError> {
    let secret = |reference: &SecretReference| secret(reference).map_err(OutputMistake::Unreadable);
    let made = match Bus::of_config(config, buses) {
        Some(made) => made,
        None => of_kind(&config.kind, config.group.clone(), &secret),
    };
    made.map_err(|reason| OutputError {
        name: config.name.clone(),
        reason,
    })
}

/// Resolves a reference.
type Resolve<'a> = &'a dyn Fn(&SecretReference) -> Result<String, OutputMistake>;

fn of_kind(
    kind: &OutputKind,
    group: Option<Grouping>,
    secret: Resolve<'_>,
) -> Result<Box<dyn Output>, OutputMistake> {
    Ok(match kind {
        OutputKind::Webhook {
            url,
            secret: reference,
            allow_private,
            body,
        } => {
            let receiver = Receiver::new(url, *allow_private)?;
            let key = match reference {
                Some(reference) => Some(Secret::parse(&secret(reference)?)?),
                None => None,
            };
            Box::new(Webhook::new(receiver, key, *body))
        }
        OutputKind::File { path, body } => Box::new(File::new(path, *body)),
        OutputKind::Stdout { body } => Box::new(Stdout(*body)),
        OutputKind::Slack(to) => Box::new(
            Channel::new(hook(to, secret)?, slack::message).grouped(group, slack::message_of_group),
        ),
        OutputKind::Teams(to) => Box::new(
            Channel::new(hook(to, secret)?, teams::message).grouped(group, teams::message_of_group),
        ),
        OutputKind::GoogleChat(to) => {
            let receiver = hook(to, secret)?.at(google_chat::threaded);
            let chat = Channel::new(receiver, google_chat::message);
            Box::new(chat.grouped(group, google_chat::message_of_group))
        }
        OutputKind::PagerDuty {
            routing_key,
            url,
            allow_private,
        } => {
            let key = RoutingKey::parse(&secret(routing_key)?)?;
            let receiver = Receiver::new(url, *allow_private)?;
            Box::new(Channel::new(receiver, move |alert| {
                pagerduty::event(&key, alert)
            }))
        }
        OutputKind::Alertmanager(to) => {
            let receiver = endpoint(to, secret)?.at(alertmanager::alerts_of);
            Box::new(Channel::new(receiver, alertmanager::alerts))
        }
        OutputKind::CloudEvents(to) => Box::new(CloudEvents::new(endpoint(to, secret)?)),
        OutputKind::Email(mail) => Box::new(Email::new(mail, group, secret)?),
        OutputKind::Sns { .. } => return Err(OutputMistake::NotConnected("sns")),
        OutputKind::Sqs { .. } => return Err(OutputMistake::NotConnected("sqs")),
        OutputKind::EventBridge { .. } => return Err(OutputMistake::NotConnected("eventbridge")),
        OutputKind::PubSub { .. } => return Err(OutputMistake::NotConnected("pubsub")),
    })
}

fn hook(to: &Hook, secret: Resolve<'_>) -> Result<Receiver, OutputMistake> {
    Ok(Receiver::secret(&secret(&to.url)?, to.allow_private)?)
}

fn endpoint(to: &Endpoint, secret: Resolve<'_>) -> Result<Receiver, OutputMistake> {
    let receiver = Receiver::new(&to.url, to.allow_private)?;
    Ok(match &to.token {
        Some(reference) => receiver.with_token(&secret(reference)?)?,
        None => receiver,
    })
}

impl Refusal {
    fn again(error: impl ToString) -> Self {
        Self {
            retry: Retry::Again(None),
            error: error.to_string(),
        }
    }

    fn dead(error: impl ToString) -> Self {
        Self {
            retry: Retry::Dead,
            error: error.to_string(),
        }
    }
}
