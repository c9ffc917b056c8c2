//! Mail, handed in by SMTP (RFC 5321): over TLS from the start, or after STARTTLS.

mod lines;
mod server;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use lettre::message::Mailbox;
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use postern_core::change::Notification;
use postern_host::config;
use postern_host::problem::quoted;
use tokio::net::TcpStream;
use tokio::time::timeout;

use self::lines::Lines;
use self::server::{Security, Server};
use super::{Output, OutputMistake, Receipt, Refusal, Resolve};
use crate::body::mail::mail;

/// The whole exchange takes at most this long. Eight of them are less than a batch is claimed for.
const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// So long a server may take to say good-bye.
const FAREWELL: Duration = Duration::from_secs(2);

/// A server that takes mail, and whose it is.
pub(super) struct Email {
    server: Server,
    tls: TlsParameters,
    credentials: Option<Credentials>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

/// What is wrong with an output of mail.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmailError {
    /// No server.
    #[error(
        "{0:?} is no mail server; write smtps://HOST[:PORT], or smtp://HOST[:PORT] with STARTTLS"
    )]
    Server(String),
    /// No address.
    #[error("{0:?} is no mail address; write security@example.com, or Name <security@example.com>")]
    Address(String),
    /// TLS could not be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

impl Email {
    pub(super) fn new(config: &config::Mail, secret: Resolve<'_>) -> Result<Self, OutputMistake> {
        let server = Server::parse(&config.server)?;
        let tls = TlsParameters::new(server.host.clone());
        let tls = tls.map_err(|error| EmailError::Tls(told(&error)))?;
        let credentials = match &config.login {
            Some((username, password)) => {
                let password = secret(password)?.trim_end_matches(['\r', '\n']).to_owned();
                Some(Credentials::new(username.clone(), password))
            }
            None => None,
        };
        let to = config.to.iter().map(|text| address(text));
        Ok(Self {
            tls,
            server,
            credentials,
            from: address(&config.from)?,
            to: to.collect::<Result<_, _>>()?,
        })
    }

    /// The connection comes back with the receipt, for a farewell.
    async fn hand_in(&self, mail: &[u8]) -> Result<(AsyncSmtpConnection, Receipt), Refusal> {
        let mut connection = self.connect().await?;
        let sender = Mail::new(Some(self.from.email.clone()), Vec::new());
        let named = connection.command(sender).await;
        named.map_err(|error| self.not_for(&error))?;
        let refused = self.name_recipients(&mut connection).await?;
        let given = async {
            connection.command(Data).await?;
            connection.message(mail).await
        };
        let answer = given.await.map_err(|error| self.not_this(&error))?;
        let answer = quoted(answer.first_line().unwrap_or_default());
        let receipt = match refused {
            0 => Receipt::new(format_args!("SMTP 250 {answer}")),
            _ => Receipt::new(format_args!(
                "SMTP 250 {answer} (not for {refused} of {} recipients)",
                self.to.len()
            )),
        };
        Ok((connection, receipt))
    }

    /// Until somebody is there who takes mail of us. Whatever goes wrong on the way is an outage, or a
    /// mistake of a person, and no fault of the mail.
    async fn connect(&self) -> Result<AsyncSmtpConnection, Refusal> {
        let name = ClientId::default();
        let server = (self.server.host.as_str(), self.server.port);
        let connection = match self.server.security {
            Security::Tls => {
                let (limit, tls) = (Some(CONNECT_TIMEOUT), Some(self.tls.clone()));
                AsyncSmtpConnection::connect_tokio1(server, limit, &name, tls, None).await
            }
            Security::StartTls | Security::Loopback => {
                let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(server)).await;
                let stream = stream.map_err(|_| Refusal::again("no connection in time"))?;
                let lines = Box::new(Lines::of(stream.map_err(Refusal::again)?));
                AsyncSmtpConnection::connect_with_transport(lines, &name).await
            }
        };
        let mut connection = connection.map_err(|error| self.outage(&error))?;
        if self.wants_starttls(&connection)? {
            let encrypted = connection.starttls(self.tls.clone(), &name).await;
            encrypted.map_err(|error| self.outage(&error))?;
        }
        if let Some(credentials) = &self.credentials {
            let known = connection.auth(DEFAULT_MECHANISMS, credentials).await;
            known.map_err(|error| self.outage(&error))?;
        }
        Ok(connection)
    }

    fn wants_starttls(&self, connection: &AsyncSmtpConnection) -> Result<bool, Refusal> {
        match (self.server.security, connection.can_starttls()) {
            (Security::StartTls, true) => Ok(true),
            (Security::StartTls, false) => Err(self.refused(
                "it offers no STARTTLS, and neither mail nor password goes over plain TCP: use smtps://",
            )),
            // A relay on this machine seldom has a certificate. A password is not shown to it in plain
            // text all the same where that can be helped.
            (Security::Loopback, offered) => Ok(offered && self.credentials.is_some()),
            (Security::Tls, _) => Ok(false),
        }
    }

    /// How many recipients are refused for good. The others get the mail; if there are none, nobody does.
    async fn name_recipients(
        &self,
        connection: &mut AsyncSmtpConnection,
    ) -> Result<usize, Refusal> {
        let mut refused = 0;
        for recipient in &self.to {
            let named = Rcpt::new(recipient.email.clone(), Vec::new());
            let Err(error) = connection.command(named).await else {
                continue;
            };
            refused += 1;
            if !error.is_permanent() || refused == self.to.len() {
                return Err(self.not_for(&error));
            }
            let (error, server) = (told(&error), &self.server.host);
            tracing::error!(server, %recipient, error, "a recipient of alerts is refused");
        }
        Ok(refused)
    }

    /// A refusal of sender or recipients. Who may not send is let to by somebody; the rest of what is
    /// refused for good stays so.
    fn not_for(&self, error: &smtp::Error) -> Refusal {
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
    fn not_this(&self, error: &smtp::Error) -> Refusal {
        match error.is_permanent() {
            true => Refusal::dead(told(error)),
            false => Refusal::again(told(error)),
        }
    }

    /// No connection, or none that mail goes over.
    fn outage(&self, error: &smtp::Error) -> Refusal {
        match error.is_permanent() || error.is_client() || error.is_tls() {
            true => self.refused(&told(error)),
            false => Refusal::again(told(error)),
        }
    }

    /// What takes a person. The alert waits for them.
    fn refused(&self, error: &str) -> Refusal {
        let server = &self.server.host;
        tracing::error!(
            server,
            error,
            "mail is not taken until somebody puts it right"
        );
        Refusal::again(error)
    }
}

#[async_trait]
impl Output for Email {
    async fn send(&self, alert: &Notification, _: Timestamp) -> Result<Receipt, Refusal> {
        let mail = mail(alert, &self.from, &self.to).map_err(Refusal::dead)?;
        let sent = timeout(TIMEOUT, self.hand_in(&mail)).await;
        let sent = sent.unwrap_or_else(|_| Err(Refusal::again("no answer in time")));
        let (mut connection, receipt) = sent?;
        // Taken is taken, whatever becomes of the farewell: it must not be sent again for that.
        let _ = timeout(FAREWELL, connection.quit()).await;
        Ok(receipt)
    }
}

/// ASCII only: others need a server that knows SMTPUTF8.
fn address(text: &str) -> Result<Mailbox, EmailError> {
    let address = text.parse::<Mailbox>();
    let address = address.ok().filter(|address| {
        let email: &str = address.email.as_ref();
        email.is_ascii() && !email.contains(char::is_control)
    });
    address.ok_or_else(|| EmailError::Address(quoted(text)))
}

/// What happened, and why.
fn told(error: &smtp::Error) -> String {
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

#[cfg(test)]
mod tests;
