//! Where audit entries are fetched from, for what nobody delivers.

use async_trait::async_trait;
use jiff::Timestamp;

use super::Unavailable;

/// A message of a subscription, lent for a while: it comes again unless it is acknowledged in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What this delivery of the message is acknowledged by.
    pub ack_id: String,
    /// What was published.
    pub data: Vec<u8>,
}

/// A queue of audit entries that is pulled from.
#[async_trait]
pub trait EventSubscription: Send + Sync {
    /// `projects/P/subscriptions/S`.
    fn name(&self) -> &str;

    /// At most `limit` messages. With `wait`, an empty queue is waited at for as long as its server
    /// likes; none is no error.
    async fn pull(&self, limit: u16, wait: bool) -> Result<Vec<Message>, Unavailable>;

    /// These were written, and need not come again.
    async fn acknowledge(&self, ack_ids: &[String]) -> Result<(), Unavailable>;

    /// These are being worked on for `seconds` more; 0 gives them back, to be delivered again now.
    async fn extend(&self, ack_ids: &[String], seconds: u16) -> Result<(), Unavailable>;
}

/// Which entries of a log to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQuery {
    /// Whose logs: `projects/P`, `folders/N`, `organizations/N`, `billingAccounts/N`.
    pub resource: String,
    /// A filter in the source's own language; the times are added to it.
    pub filter: String,
    /// The first moment that counts.
    pub since: Timestamp,
    /// The first moment that no longer counts.
    pub until: Timestamp,
    /// Where the page before said to go on.
    pub page: Option<String>,
}

/// A part of the answer, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogPage {
    /// The entries as the source wrote them. May be empty although there are more pages.
    pub entries: Vec<Vec<u8>>,
    /// Where to go on; `None`: that was all.
    pub next: Option<String>,
}

/// A log, read back at its source.
#[async_trait]
pub trait LogReader: Send + Sync {
    /// One page of the entries that match, ordered by their time. An empty last page says that there
    /// is nothing; that nothing could be read is an error.
    async fn entries(&self, query: &LogQuery) -> Result<LogPage, Unavailable>;
}

/// How far the log of one resource was compared with what was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Since when entries are expected to be delivered. What is older is taken in, and is no gap.
    pub watched_from: Timestamp,
    /// Everything before was compared.
    pub complete_through: Timestamp,
}

/// Remembers how far logs were compared.
#[async_trait]
pub trait ReconcileProgress: Send + Sync {
    /// How far this resource was; `None`: it never was.
    async fn progress(&self, resource: &str) -> Result<Option<Progress>, Unavailable>;

    /// Writes how far it is now. `watched_from` stays as it was written first, and nothing goes back.
    async fn advance(&self, resource: &str, progress: Progress) -> Result<(), Unavailable>;
}
