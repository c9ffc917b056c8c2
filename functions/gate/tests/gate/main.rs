//! The gate through its real router.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot set up its world fails"
)]

mod admission;
mod appraise;
mod decisions;
mod observe;
mod world;
