//! What was acknowledged is never lost: `postern serve` is killed, its disk is full, and its power fails,
//! while events arrive and receivers misbehave. A model knows what was acknowledged, and is compared with
//! what was recorded and delivered.
//!
//! Everything is drawn from a seed, which is printed; `POSTERN_SEED` draws the same again. How many kills
//! are made says `POSTERN_KILLS`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what goes wrong in a helper fails the test that called it"
)]
#![expect(
    clippy::print_stdout,
    reason = "a campaign prints its seed and its figures"
)]

mod campaign;
mod client;
mod conclusion;
mod disk;
mod events;
mod full;
mod instance;
mod judgement;
mod kills;
mod model;
mod power;
mod receivers;
mod record;
mod scene;
mod senders;
mod traced;
