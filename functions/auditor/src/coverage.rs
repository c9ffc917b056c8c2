//! Which detections are blind, and why.

mod answer;
pub mod filter;
