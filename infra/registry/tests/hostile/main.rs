//! Registries that fail, lie, or try to lead the client astray, in the person of a stand-in.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod answers;
mod credentials;
mod listings;
mod stand_in;
