//! The life of a case: from open to closed, and what time alone does to it. Pure.
//!
//! Nobody ends their own case: who is in the actor chain of its findings may say why, and no more.

mod actor;
mod change;
mod drill;
mod due;
mod evidence;
mod justification;
mod refusal;
mod rules;
mod stats;
mod walk;

pub use self::actor::Actor;
pub(crate) use self::actor::is_machine;
pub(crate) use self::change::{after_step, after_time};
pub use self::drill::{DrillRequest, declare};
pub(crate) use self::drill::{drill_of, still_of};
pub use self::due::{Overdue, due};
pub use self::evidence::Verified;
pub(crate) use self::evidence::{attested, images, replaced, successors};
pub(crate) use self::justification::hash_of;
pub use self::refusal::{Kind, Refusal};
pub use self::rules::{Rules, RulesError};
pub use self::stats::{Group, Stats, stats};
pub use self::walk::{Known, Step, needs_verification, walk};

/// The kind of source of what the program finds out about a case, such as that it is overdue.
pub(crate) const ABOUT_CASES: &str = "postern.case";
/// Who is named where the program itself acts.
pub(crate) const PROGRAM: &str = "postern";
