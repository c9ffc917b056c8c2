//! Reports over findings and cases.

pub mod break_glass;
pub mod dry_run;
mod once;
pub mod period;
