//! What the end-to-end tests share: the real tools and servers that they run against, and the
//! binaries as they are shipped.
//!
//! `tests/run` installs the tools, builds the binaries and counts what was skipped; running one test
//! by hand needs `cargo build --workspace --all-features --bins` first.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what goes wrong in a helper fails the test that called it"
)]

pub mod document;
mod image;
pub mod openssl;
mod postern;
mod postgres;
mod server;
mod tools;

pub use image::{Layout, write_layout};
pub use postern::{binary, postern};
pub use postgres::Postgres;
pub use server::{
    Server, Stream, docker_registry, fake_gcs, moto, pubsub_emulator, pubsub_emulator_at,
    referrers_registry, registry_v3, smtp_receiver,
};
pub use tools::{have, output, run};
