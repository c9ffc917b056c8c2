//! Runs one function anywhere: HTTP on Cloud Run, AWS Lambda, or embedded.

pub mod config;
