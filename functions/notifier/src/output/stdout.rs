//! Alerts on standard output, one CloudEvent per line.

use std::io::Write as _;

use async_trait::async_trait;
use jiff::Timestamp;
use postern_core::change::Notification;

use super::{Output, Refusal};
use crate::cloud_event;

/// Standard output.
pub(super) struct Stdout;

#[async_trait]
impl Output for Stdout {
    async fn send(&self, alert: &Notification, _: Timestamp) -> Result<(), Refusal> {
        let mut line = cloud_event::json(alert).map_err(Refusal::dead)?;
        line.push(b'\n');
        let mut out = std::io::stdout().lock();
        out.write_all(&line)
            .and_then(|()| out.flush())
            .map_err(Refusal::again)
    }
}
