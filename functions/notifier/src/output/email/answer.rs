//! What an answer of a mail server means (RFC 5321 §4.2.1): whether the mail is at fault, the server, or a person.

use lettre::transport::smtp::Error;
use postern_host::problem::quoted;

use super::server::Server;
use crate::output::Refusal;

impl Server {
    /// A refusal of a recipient. Who may not send to it is let to by somebody; the rest of what is refused
    /// for good stays so.
    pub(super) fn not_for(&self, error: &Error) -> Refusal {
        let forbidden = error.status().is_some_and(|code| {
            let code = code.to_string();
            // Authentication is required (RFC 4954 §6), or not enough.
            ["530", "534", "535", "538"].contains(&code.as_str())
        });
        // "Security or policy" (RFC 3463 §3.8): relaying is denied, for one.
        let text = told(error);
        if forbidden || (error.is_permanent() && text.contains("5.7.")) {
            return self.refused(&text);
        }
        self.not_this(error)
    }

    /// A refusal of the mail itself, which will be refused again.
    pub(super) fn not_this(&self, error: &Error) -> Refusal {
        match error.is_permanent() {
            true => Refusal::dead(told(error)),
            false => Refusal::again(told(error)),
        }
    }

    /// No connection, or none that mail of this sender goes over.
    pub(super) fn outage(&self, error: &Error) -> Refusal {
        match error.is_permanent() || error.is_client() || error.is_tls() {
            true => self.refused(&told(error)),
            false => Refusal::again(told(error)),
        }
    }

    /// What takes a person. The alert waits for them.
    pub(super) fn refused(&self, error: &str) -> Refusal {
        let server = &self.host;
        tracing::error!(
            server,
            error,
            "mail is not taken until somebody puts it right"
        );
        Refusal::again(error)
    }
}

/// What happened, and why.
pub(super) fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    quoted(&text)
}
