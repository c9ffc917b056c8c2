//! Where alerts are sent.

mod file;
mod stdout;
mod webhook;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use postern_core::change::Notification;
use postern_host::config::{self, OutputKind, SecretReference};

pub use self::webhook::WebhookError;

/// One place that alerts are sent to.
#[async_trait]
pub trait Output: Send + Sync {
    /// Sends one alert; `Ok` only when the receiver has confirmed it. `now` is the time of the attempt.
    async fn send(&self, alert: &Notification, now: Timestamp) -> Result<(), Refusal>;
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
pub enum OutputError {
    /// A webhook that must not or cannot be called.
    #[error("output {name:?}: {error}")]
    Webhook {
        /// The output.
        name: String,
        /// Why.
        error: WebhookError,
    },
    /// The secret could not be had.
    #[error("output {name:?}: {error}")]
    Secret {
        /// The output.
        name: String,
        /// Why.
        error: String,
    },
}

/// Sets an output up. `secret` resolves references.
///
/// # Errors
/// If it is configured in a way that cannot or must not work.
pub fn output(
    config: &config::Output,
    secret: &dyn Fn(&SecretReference) -> Result<String, String>,
) -> Result<Box<dyn Output>, OutputError> {
    let name = || config.name.clone();
    Ok(match &config.kind {
        OutputKind::Webhook {
            url,
            secret: reference,
            allow_private,
        } => {
            let secret = reference.as_ref().map(secret).transpose();
            let secret = secret.map_err(|error| OutputError::Secret {
                name: name(),
                error,
            })?;
            let webhook = webhook::Webhook::new(url, secret.as_deref(), *allow_private);
            Box::new(webhook.map_err(|error| OutputError::Webhook {
                name: name(),
                error,
            })?)
        }
        OutputKind::File { path } => Box::new(file::File::new(path)),
        OutputKind::Stdout => Box::new(stdout::Stdout),
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
