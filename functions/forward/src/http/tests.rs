//! Calls as clients make them.

mod jobs;
mod plain;
mod services;
mod traffic;
