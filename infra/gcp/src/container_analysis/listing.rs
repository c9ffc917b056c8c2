//! A page of occurrences. One that cannot be read does not count, and keeps no other from counting.

use postern_core::image::shortened;
use postern_core::occurrence::Occurrence;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The largest occurrence that is read, in bytes.
const MOST_BYTES: usize = 1024 * 1024;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listing {
    #[serde(default)]
    occurrences: Vec<Box<RawValue>>,
    #[serde(default)]
    next_page_token: String,
}

impl Listing {
    /// How many are listed, whatever they are.
    pub(super) fn len(&self) -> usize {
        self.occurrences.len()
    }

    /// How long they are together.
    pub(super) fn bytes(&self) -> usize {
        self.occurrences.iter().map(|one| one.get().len()).sum()
    }

    /// What names the next page; empty if there is none.
    pub(super) fn next(&self) -> &str {
        &self.next_page_token
    }

    /// Those that can be read.
    pub(super) fn attestations(self) -> impl Iterator<Item = Occurrence> {
        self.occurrences.into_iter().filter_map(|one| {
            if one.get().len() > MOST_BYTES {
                tracing::debug!(bytes = one.get().len(), "passed over an occurrence");
                return None;
            }
            serde_json::from_str(one.get())
                .inspect_err(|error| {
                    let error = shortened(&error.to_string());
                    tracing::debug!(error, "passed over an occurrence");
                })
                .ok()
        })
    }
}
