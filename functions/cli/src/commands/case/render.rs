//! Cases for people. Whatever somebody else wrote is made harmless for the terminal.

use std::fmt::Write as _;

use postern_auditor::case::{Group, Stats};
use postern_core::case::Case;
use postern_core::finding::Finding;
use serde::Serialize;

use crate::escape::terminal;

/// Findings that are shown of what is acted on.
const FINDINGS_SHOWN: usize = 5;

/// A case on one line.
pub(super) fn head(case: &Case) -> String {
    let words = [
        terminal(&case.id),
        word(&case.state),
        word(&case.category),
        word(&case.severity),
        case.opened_at.to_string(),
        case.target.as_deref().map_or("-".to_owned(), terminal),
        case.owner.as_deref().map_or("-".to_owned(), terminal),
        format!("revision {}", case.revision),
    ];
    words.join("  ")
}

/// What somebody acts on who did not say what they have looked at.
pub(super) fn acted_on(case: &Case) -> String {
    let mut text = format!(
        "acting on revision {} of the case as it stands; --revision N acts on what you have looked at only\n  {}\n",
        case.revision,
        head(case)
    );
    for finding in case.findings.iter().take(FINDINGS_SHOWN) {
        let _ = writeln!(text, "    {}", terminal(&finding.summary));
    }
    let shown = u64::try_from(case.findings.len().min(FINDINGS_SHOWN)).unwrap_or(u64::MAX);
    let more = case.findings_in_all().saturating_sub(shown);
    if more > 0 {
        let _ = writeln!(
            text,
            "    and {more} more: postern case show {}",
            terminal(&case.id)
        );
    }
    text
}

/// All of a case.
pub(super) fn case(case: &Case) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "{name:<14} {value}");
        }
    };
    let foreign = |value: &Option<String>| value.as_deref().map(terminal);
    line(
        "case",
        Some(format!(
            "{}, revision {}",
            terminal(&case.id),
            case.revision
        )),
    );
    let state = [
        word(&case.state),
        word(&case.category),
        word(&case.severity),
    ];
    line("state", Some(state.join("  ")));
    line("closed as", case.closed_as.map(|how| word(&how)));
    line(
        "exception",
        case.exception_until.map(|until| format!("until {until}")),
    );
    line("target", foreign(&case.target));
    line("owner", foreign(&case.owner));
    line("channel", foreign(&case.channel));
    line("opened", Some(case.opened_at.to_string()));
    line("due", case.due_at.map(|due| due.to_string()));
    let actors: Vec<_> = case.actors.iter().map(|actor| terminal(actor)).collect();
    line("actors", (!actors.is_empty()).then(|| actors.join(", ")));
    line("drill", foreign(&case.drill));
    line("justification", foreign(&case.justification));
    line("ticket", foreign(&case.ticket));
    line("last good", foreign(&case.last_conformant_revision));
    line("roll back", foreign(&case.rollback));
    let (kept, all) = (case.findings.len(), case.findings_in_all());
    let _ = match u64::try_from(kept) == Ok(all) {
        true => writeln!(text, "findings"),
        false => writeln!(text, "findings: {kept} of {all}, the first and the newest"),
    };
    for one in &case.findings {
        text.push_str(&finding(one));
    }
    text.push_str("history\n");
    for step in &case.history {
        let comment = step
            .comment
            .as_deref()
            .map_or(String::new(), |c| format!("  {}", terminal(c)));
        let _ = writeln!(
            text,
            "  {}  {}  {}{comment}",
            step.at,
            word(&step.action),
            terminal(&step.by)
        );
    }
    text
}

fn finding(finding: &Finding) -> String {
    let mut text = format!(
        "  {}  {}  {}\n    {}\n",
        finding.at,
        word(&finding.severity),
        terminal(&finding.detection),
        terminal(&finding.summary)
    );
    let images = finding
        .images
        .iter()
        .map(|image| ("image", terminal(image)));
    let revision = finding
        .revision
        .iter()
        .map(|name| ("revision", terminal(name)));
    for (name, value) in revision.chain(images) {
        let _ = writeln!(text, "    {name}  {value}");
    }
    text
}

/// Uses of break-glass as a table.
pub(super) fn stats(stats: &Stats) -> String {
    let mut text = String::new();
    let width = [&stats.people, &stats.services, &stats.images]
        .into_iter()
        .flatten();
    let width = width
        .map(|group| terminal(&group.name).chars().count())
        .max();
    let width = width.unwrap_or_default().max(9);
    let _ = writeln!(
        text,
        "{:<width$}  {:>5}  {:>6}  {:>12}  {:>15}  {:>14}",
        "", "uses", "drills", "acknowledged", "median to ack.", "without ticket"
    );
    row(&mut text, "all", &stats.total, width);
    for (title, groups) in [
        ("people", &stats.people),
        ("services", &stats.services),
        ("images", &stats.images),
    ] {
        if !groups.is_empty() {
            let _ = writeln!(text, "{title}");
        }
        for group in groups {
            row(&mut text, &terminal(&group.name), group, width);
        }
    }
    if !stats.repeat_offenders.is_empty() {
        let names: Vec<_> = stats
            .repeat_offenders
            .iter()
            .map(|name| terminal(name))
            .collect();
        let _ = writeln!(text, "more than once, drills aside: {}", names.join(", "));
    }
    if stats.truncated {
        text.push_str("there are more cases than were counted; ask for less with --since\n");
    }
    text
}

fn row(text: &mut String, name: &str, group: &Group, width: usize) {
    let median = group.median_seconds_to_acknowledge;
    let median = median
        .and_then(|seconds| u64::try_from(seconds).ok())
        .map_or("-".to_owned(), |seconds| {
            humantime::format_duration(std::time::Duration::from_secs(seconds)).to_string()
        });
    let _ = writeln!(
        text,
        "{name:<width$}  {:>5}  {:>6}  {:>12}  {median:>15}  {:>12} %",
        group.uses,
        group.drills,
        group.acknowledged,
        (group.share_without_ticket * 100.0).round()
    );
}

/// The word that stands for a value in JSON.
pub(super) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests;
