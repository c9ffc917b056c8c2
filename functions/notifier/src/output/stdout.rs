//! Alerts on standard output, one per line.

use std::io::Write as _;

use async_trait::async_trait;
use jiff::Timestamp;
use postern_core::change::Notification;
use postern_host::config::BodyFormat;

use super::{Output, Receipt, Refusal};
use crate::body;

/// Standard output.
pub(super) struct Stdout(pub(super) BodyFormat);

#[async_trait]
impl Output for Stdout {
    async fn send(&self, alert: &Notification, _: Timestamp) -> Result<Receipt, Refusal> {
        let mut line = body::written(self.0, alert).map_err(Refusal::dead)?;
        line.push(b'\n');
        let mut out = std::io::stdout().lock();
        out.write_all(&line)
            .and_then(|()| out.flush())
            .map_err(Refusal::again)?;
        Ok(Receipt::new("written"))
    }
}
