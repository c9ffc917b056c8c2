//! An inspection for people who were just woken.

use std::fmt::Write as _;

use postern_wiring::inspection::{
    Attested, Conformant, Decided, Inspection, OpenCase, Part, Revision,
};

use crate::escape::terminal;

pub(super) fn text(inspection: &Inspection) -> String {
    let mut text = terminal(&inspection.target);
    part(&mut text, "Runs", &inspection.revisions, |text, all| {
        each(text, all, "no revision", revision);
    });
    part(
        &mut text,
        "Last decision",
        &inspection.last_decision,
        |text, last| {
            each(text, last.as_slice(), "none in the journal", decided);
        },
    );
    part(
        &mut text,
        "Attestations",
        &inspection.attestations,
        |text, all| {
            each(text, all, "of no digest", attested);
        },
    );
    part(
        &mut text,
        "Open cases",
        &inspection.open_cases,
        |text, all| {
            each(text, all, "none", open_case);
        },
    );
    part(
        &mut text,
        "Last that conforms",
        &inspection.last_conformant,
        |text, last| {
            each(text, last.as_slice(), "none is known", conformant);
        },
    );
    match &inspection.rollback {
        Some(command) => {
            let _ = write!(text, "\n\nGo back\n  {}", terminal(command));
        }
        None => {
            let _ = write!(text, "\n\nGo back\n  {}", no_command(inspection));
        }
    }
    text
}

fn no_command(inspection: &Inspection) -> &'static str {
    match &inspection.last_conformant {
        Part::Read(Some(last)) if last.in_use == Some(true) => {
            "no need: what gets all the traffic conforms"
        }
        Part::Read(Some(last)) if last.revision.is_some() => {
            "no command: the platform has none for this kind of target"
        }
        _ => "no command: the revision to go back to is not known",
    }
}

fn part<T>(text: &mut String, title: &str, part: &Part<T>, show: impl FnOnce(&mut String, &T)) {
    let _ = write!(text, "\n\n{title}");
    match part {
        Part::Read(value) => show(text, value),
        Part::NotRead { why } => {
            let _ = write!(text, "\n  not read: {}", terminal(why));
        }
    }
}

fn each<T>(text: &mut String, all: &[T], none: &str, line: impl Fn(&T) -> String) {
    if all.is_empty() {
        let _ = write!(text, "\n  {none}");
    }
    for one in all {
        let _ = write!(text, "\n  {}", line(one));
    }
}

fn revision(revision: &Revision) -> String {
    let conforms = match revision.conformant {
        Some(true) => "conforms",
        Some(false) => "DOES NOT CONFORM",
        None => "not known to conform",
    };
    let mut text = format!(
        "{:>3} %  {}  {conforms}",
        revision.traffic_percent,
        terminal(&revision.name)
    );
    if revision.latest {
        text += "  latest";
    }
    if !revision.tags.is_empty() {
        let _ = write!(text, "  tagged {}", terminal(&revision.tags.join(", ")));
    }
    if revision.running_executions > 0 {
        let _ = write!(text, "  {} running", revision.running_executions);
    }
    for image in &revision.images {
        let _ = write!(text, "\n         {}", terminal(image));
    }
    text
}

fn decided(decision: &Decided) -> String {
    let word = if decision.allowed {
        "allowed"
    } else {
        "denied"
    };
    let mut text = format!(
        "{}  {word}  {}  {}",
        decision.at,
        decision.verdict,
        terminal(&decision.id)
    );
    if let Some(why) = &decision.break_glass {
        let _ = write!(text, "\n    break-glass: {}", terminal(why));
    }
    for image in &decision.images {
        let _ = write!(text, "\n    {}", terminal(image));
    }
    text
}

fn attested(attested: &Attested) -> String {
    let notes: Vec<_> = attested.notes.iter().map(|note| terminal(note)).collect();
    let notes = if notes.is_empty() {
        "none".to_owned()
    } else {
        notes.join(", ")
    };
    match &attested.revoked {
        Some(reason) => format!(
            "{}  {notes}  REVOKED: {}",
            attested.digest,
            terminal(reason)
        ),
        None => format!("{}  {notes}", attested.digest),
    }
}

fn open_case(case: &OpenCase) -> String {
    let owner = case.owner.as_deref().unwrap_or("nobody");
    let word = |value: serde_json::Result<serde_json::Value>| {
        value
            .ok()
            .and_then(|v| v.as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    format!(
        "{}  {}  {}  {}  of {}  since {}",
        terminal(&case.id),
        word(serde_json::to_value(case.severity)),
        word(serde_json::to_value(case.category)),
        word(serde_json::to_value(case.state)),
        terminal(owner),
        case.opened_at
    )
}

fn conformant(last: &Conformant) -> String {
    let mut text = match &last.revision {
        Some(name) => terminal(name),
        None => "its revision is not known, as what runs was not read".to_owned(),
    };
    if last.in_use == Some(true) {
        text += "  has all the traffic";
    }
    if let Some(at) = last.decided_at {
        let _ = write!(text, "  decided at {at}");
    }
    for digest in &last.digests {
        let _ = write!(text, "\n    {digest}");
    }
    text
}
