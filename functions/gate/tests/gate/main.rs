//! The gate through its real router.

mod admission;
mod decisions;
mod world;
