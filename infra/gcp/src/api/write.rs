//! Calls that write something, and what stood against them.

use postern_core::ports::Unavailable;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Api, Body, Call, Tried};

/// Why something was not written.
#[derive(Debug)]
pub(crate) enum Unwritten {
    /// There is such a thing already, says the API in these words.
    Exists(Unavailable),
    /// Somebody else wrote in the meantime.
    Stale(Unavailable),
    /// What was sent is wrong by itself.
    Invalid(Unavailable),
    /// It could not be written, or whether it was is not known.
    Outage(Unavailable),
}

impl Api {
    /// Writes something, and reads what it has become. Tried again like every call: where an answer was
    /// lost, the next one may be that it is there, or that somebody, which is this process, wrote.
    pub(crate) async fn write<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        body: &B,
    ) -> Result<T, Unwritten> {
        let body = serde_json::to_vec(body);
        let body = body.map_err(|error| Unwritten::Outage(self.failed(call, error)))?;
        let body = Body {
            kind: "application/json",
            bytes: &body,
        };
        match self.tried(call, Some(body)).await {
            Tried::Done(answer) => self.read(call, &answer).map_err(Unwritten::Outage),
            Tried::Exists(error) => Err(Unwritten::Exists(error)),
            Tried::Stale(error) => Err(Unwritten::Stale(error)),
            Tried::Invalid(error) => Err(Unwritten::Invalid(error)),
            tried => Err(Unwritten::Outage(self.not_done(call, tried))),
        }
    }
}
