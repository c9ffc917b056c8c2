//! Decisions as figures.

use postern_core::decision::Decision;
use postern_core::reason::Verdict;

/// Counts a decision, by platform, verdict and outcome.
pub(crate) fn count(decision: &Decision) {
    metrics::counter!(
        "postern_decisions_total",
        "platform" => decision.target.platform(),
        "verdict" => match decision.verdict {
            Verdict::Conformant => "conformant",
            Verdict::NonConformant => "non_conformant",
            Verdict::Undetermined => "undetermined",
        },
        "outcome" => match (&decision.break_glass, decision.allowed) {
            (Some(_), _) => "break_glass",
            (None, true) => "allowed",
            (None, false) => "denied",
        },
    )
    .increment(1);
}
