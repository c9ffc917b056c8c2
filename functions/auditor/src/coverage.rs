//! Which detections are blind, and why.

mod answer;
pub mod filter;
mod pattern;
pub mod plan;
