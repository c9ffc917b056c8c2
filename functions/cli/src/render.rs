//! Decisions for people.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use postern_core::decision::{Decision, EnforcementMode, ImageDecision};
use postern_core::reason::{Reason, Verdict};

/// A decision as text: the outcome, then every image with its rule, its reasons and what to do.
/// Colours are left out where the output is no terminal.
pub(crate) fn decision(decision: &Decision) -> String {
    let mut text = String::new();
    headline(&mut text, decision);
    for image in &decision.images {
        one_image(&mut text, image);
    }
    for reason in &decision.reasons {
        one_reason(&mut text, reason);
    }
    for warning in &decision.warnings {
        let _ = writeln!(text, "  note: {warning}");
    }
    text.trim_end().to_owned()
}

fn headline(text: &mut String, decision: &Decision) {
    let (word, color) = match (&decision.break_glass, decision.allowed, decision.verdict) {
        (Some(_), _, _) => ("ALLOWED by break-glass", AnsiColor::Yellow),
        (None, true, Verdict::Conformant) => ("ALLOWED", AnsiColor::Green),
        (None, true, _) if decision.enforcement == EnforcementMode::DryRun => {
            ("ALLOWED by dry run", AnsiColor::Yellow)
        }
        (None, true, _) => ("ALLOWED although undetermined", AnsiColor::Yellow),
        (None, false, Verdict::Undetermined) => ("UNDETERMINED", AnsiColor::Yellow),
        (None, false, _) => ("DENIED", AnsiColor::Red),
    };
    let style = color.on_default().bold();
    let _ = writeln!(text, "{style}{word}{style:#} on {}", decision.target);
    if let Some(used) = &decision.break_glass {
        let why = used.justification.as_deref().unwrap_or("no justification");
        let _ = writeln!(text, "  break-glass: {why} (overrode {})", used.overrode);
    }
}

fn one_image(text: &mut String, image: &ImageDecision) {
    let bold = Style::new().bold();
    let _ = writeln!(text, "  {bold}{}{bold:#}", image.image);
    if let Some(resolved) = &image.resolved
        && resolved.to_string() != image.image
    {
        let _ = writeln!(text, "    is {resolved}");
    }
    if let Some(rule) = &image.rule {
        let _ = writeln!(text, "    by {rule}");
    }
    for reason in &image.reasons {
        one_reason(text, reason);
    }
}

fn one_reason(text: &mut String, reason: &Reason) {
    let _ = writeln!(text, "    {}: {}", reason.code, reason.message);
    if let Some(remedy) = &reason.remedy {
        let _ = writeln!(text, "      try: {remedy}");
    }
}
