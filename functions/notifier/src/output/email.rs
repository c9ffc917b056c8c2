//! Mail, handed in by SMTP (RFC 5321): over TLS from the start, or after STARTTLS.

mod answer;
mod lines;
mod server;
mod told;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use lettre::Address;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use postern_core::change::Notification;
use postern_host::config::{self, Grouping};
use postern_host::problem::quoted;
use tokio::net::TcpStream;
use tokio::time::timeout;

use self::answer::told;
use self::lines::Lines;
use self::server::{Security, Server};
use self::told::Told;
use super::{Output, OutputMistake, Receipt, Refusal, Resolve, Retry};
use crate::body::mail::{mail, mail_of_group};
use crate::group::AlertGroup;

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
    grouping: Option<Grouping>,
    told: Mutex<Told>,
}

/// What the server said to the recipients.
#[derive(Default)]
struct Named {
    /// These get the mail now.
    taken: Vec<Address>,
    /// Somebody is to get it later, for this reason.
    later: Option<Refusal>,
    /// So many are never to get it; and the last of the reasons.
    never: usize,
    last: Option<Refusal>,
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
    pub(super) fn new(
        config: &config::Mail,
        grouping: Option<Grouping>,
        secret: Resolve<'_>,
    ) -> Result<Self, OutputMistake> {
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
            grouping,
            told: Mutex::default(),
        })
    }

    /// Sends a mail under an id: who has it of an earlier attempt does not get it again.
    async fn deliver(&self, id: &str, mail: &[u8]) -> Result<Receipt, Refusal> {
        let sent = timeout(TIMEOUT, self.hand_in(id, mail)).await;
        let sent = sent.unwrap_or_else(|_| Err(Refusal::again("no answer in time")));
        if !matches!(&sent, Err(refusal) if refusal.retry != Retry::Dead) {
            self.told().forget(id);
        }
        let (mut connection, receipt) = sent?;
        // Taken is taken, whatever becomes of the farewell: it must not be sent again for that.
        let _ = timeout(FAREWELL, connection.quit()).await;
        Ok(receipt)
    }

    /// The connection comes back with the receipt, for a farewell.
    async fn hand_in(
        &self,
        alert: &str,
        mail: &[u8],
    ) -> Result<(AsyncSmtpConnection, Receipt), Refusal> {
        let mut connection = self.connect().await?;
        let sender = Mail::new(Some(self.from.email.clone()), Vec::new());
        // The sender is the same for every alert: who is refused as one is put right by somebody.
        let named = connection.command(sender).await;
        named.map_err(|error| self.server.outage(&error))?;
        let told = self.told().of(alert);
        let missing = self.to.iter().map(|to| &to.email);
        let missing = missing.filter(|to| !told.contains(&to.to_string()));
        let named = self.name_recipients(&mut connection, missing).await?;
        let answer = if named.taken.is_empty() {
            match named.later.clone().or(named.last) {
                // The others have it from an earlier attempt.
                Some(refusal) if told.is_empty() || refusal.retry != Retry::Dead => {
                    return Err(refusal);
                }
                _ => "taken before".to_owned(),
            }
        } else {
            self.give(&mut connection, mail).await?
        };
        if let Some(refusal) = named.later {
            // With the next attempt those get it who do not have it, and nobody gets it twice.
            self.told().add(alert, &named.taken);
            return Err(refusal);
        }
        let receipt = match named.never {
            0 => Receipt::new(format_args!("SMTP 250 {answer}")),
            never => Receipt::new(format_args!(
                "SMTP 250 {answer} (not for {never} of {} recipients)",
                self.to.len()
            )),
        };
        Ok((connection, receipt))
    }

    /// Once the server has the mail, tells what it said.
    async fn give(
        &self,
        connection: &mut AsyncSmtpConnection,
        mail: &[u8],
    ) -> Result<String, Refusal> {
        let given = async {
            connection.command(Data).await?;
            connection.message(mail).await
        };
        let answer = given.await.map_err(|error| self.server.not_this(&error))?;
        Ok(quoted(answer.first_line().unwrap_or_default()))
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
        let mut connection = connection.map_err(|error| self.server.outage(&error))?;
        if self.wants_starttls(&connection)? {
            let encrypted = connection.starttls(self.tls.clone(), &name).await;
            encrypted.map_err(|error| self.server.outage(&error))?;
        }
        if let Some(credentials) = &self.credentials {
            let known = connection.auth(DEFAULT_MECHANISMS, credentials).await;
            known.map_err(|error| self.server.outage(&error))?;
        }
        Ok(connection)
    }

    fn wants_starttls(&self, connection: &AsyncSmtpConnection) -> Result<bool, Refusal> {
        match (self.server.security, connection.can_starttls()) {
            (Security::StartTls, true) => Ok(true),
            (Security::StartTls, false) => Err(self.server.refused(
                "it offers no STARTTLS, and neither mail nor password goes over plain TCP: use smtps://",
            )),
            // A relay on this machine seldom has a certificate. A password is not shown to it in plain
            // text all the same where that can be helped.
            (Security::Loopback, offered) => Ok(offered && self.credentials.is_some()),
            (Security::Tls, _) => Ok(false),
        }
    }

    /// Names recipients. One that is refused, for now or for good, keeps the mail from no other.
    async fn name_recipients(
        &self,
        connection: &mut AsyncSmtpConnection,
        recipients: impl Iterator<Item = &Address>,
    ) -> Result<Named, Refusal> {
        let mut named = Named::default();
        for recipient in recipients {
            let rcpt = Rcpt::new(recipient.clone(), Vec::new());
            let Err(error) = connection.command(rcpt).await else {
                named.taken.push(recipient.clone());
                continue;
            };
            let refusal = self.server.not_for(&error);
            if error.status().is_none() {
                // No answer to this recipient, but the end of the conversation.
                return Err(refusal);
            }
            let (error_text, server) = (&refusal.error, &self.server.host);
            tracing::error!(server, %recipient, error = error_text, "a recipient of alerts is refused");
            if error.is_permanent() {
                named.never += 1;
                named.last = Some(refusal);
            } else {
                named.later = Some(refusal);
            }
        }
        Ok(named)
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Output for Email {
    async fn send(&self, alert: &Notification, _: Timestamp) -> Result<Receipt, Refusal> {
        let mail = mail(alert, &self.from, &self.to).map_err(Refusal::dead)?;
        self.deliver(&alert.id, &mail).await
    }

    fn grouping(&self) -> Option<&Grouping> {
        self.grouping.as_ref()
    }

    async fn send_group(&self, group: &AlertGroup, _: Timestamp) -> Result<Receipt, Refusal> {
        let mail = mail_of_group(group, &self.from, &self.to).map_err(Refusal::dead)?;
        self.deliver(&group.id, &mail).await
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

#[cfg(test)]
mod tests;
