//! Entries that their log has split: parts are kept as they come, and joined once all are there.

use postern_core::ports::{self, Unavailable};

use super::{Auditor, Received};
use crate::parse::split::{Part, join};
use crate::parse::{Form, Unreadable};

impl Auditor {
    /// Keeps a part; with the last one, takes the entry in.
    pub(super) async fn receive_part(
        &self,
        part: &Part,
        raw: &[u8],
        route: &str,
        form: Form,
    ) -> Result<Received, Unavailable> {
        let (Ok(index), Ok(total), true) = (
            u32::try_from(part.index),
            u32::try_from(part.total),
            part.is_sound(),
        ) else {
            let reason = Unreadable::Split {
                uid: postern_host::problem::quoted(&part.uid),
                reason: "there is no place for one",
            };
            return self.quarantine(raw, route, &reason).await;
        };
        let uid = part.group();
        let kept = ports::Part {
            uid: uid.clone(),
            index,
            total,
            received_at: (self.clock)(),
            raw: raw.to_vec(),
        };
        let parts = self.store.keep_part(kept).await?;
        if parts.len() < part.total {
            return Ok(Received::Kept);
        }
        if parts.iter().all(|part| part.raw.is_empty()) {
            return Ok(Received::Known);
        }
        let parts: Vec<_> = parts.into_iter().map(|part| part.raw).collect();
        let received = match join(&parts) {
            // What was joined is no part any more.
            Ok(entry) => Box::pin(self.receive(&entry, route, form)).await?,
            Err(reason) => self.quarantine(&parts.concat(), route, &reason).await?,
        };
        self.store.forget_parts(&uid).await?;
        Ok(received)
    }
}
