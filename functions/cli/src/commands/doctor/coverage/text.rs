//! What is covered, for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use postern_auditor::coverage::{Report, State};

use crate::escape::terminal;

/// The detections with what is in their way, worst first, then what mends each.
pub(super) fn text(report: &Report) -> String {
    let mut text = String::new();
    let mut remedies: BTreeMap<&str, &str> = BTreeMap::new();
    for state in [State::Blind, State::CannotTell, State::Covered] {
        for coverage in report.detections.iter().filter(|d| d.state == state) {
            let _ = writeln!(text, "{:<11}  {}", word(state), coverage.detection);
            for gap in &coverage.gaps {
                let _ = writeln!(text, "             {}", terminal(&gap.why));
                if let Some(remedy) = &gap.remedy {
                    remedies.insert(&gap.why, remedy);
                }
            }
        }
    }
    if !remedies.is_empty() {
        let _ = writeln!(text, "\nWhat mends it");
    }
    for (why, remedy) in remedies {
        let _ = writeln!(text, "  {}:", terminal(why));
        for line in remedy.lines() {
            let _ = writeln!(text, "    {}", terminal(line));
        }
    }
    let count = |state| {
        report
            .detections
            .iter()
            .filter(|d| d.state == state)
            .count()
    };
    let _ = write!(
        text,
        "\n{} covered, {} blind, {} cannot be told",
        count(State::Covered),
        count(State::Blind),
        count(State::CannotTell)
    );
    if !report.not_judged.is_empty() {
        let _ = write!(
            text,
            ", {} not judged: nothing to judge them by was read",
            report.not_judged.len()
        );
    }
    text
}

fn word(state: State) -> &'static str {
    match state {
        State::Covered => "covered",
        State::Blind => "blind",
        State::CannotTell => "cannot tell",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use postern_auditor::coverage::{Coverage, Gap};
    use postern_core::finding::{Category, Severity};

    use super::*;

    #[test]
    fn the_report_is_told_worst_first_and_harmlessly() {
        let coverage = |detection: &str, state, gaps| Coverage {
            detection: detection.to_owned(),
            title: "-".to_owned(),
            severity: Severity::High,
            category: Category::TrustChain,
            state,
            gaps,
        };
        let gap = |state, why: &str, remedy: Option<&str>| Gap {
            state,
            why: why.to_owned(),
            remedy: remedy.map(str::to_owned),
            samples: BTreeSet::new(),
        };
        let report = Report {
            detections: vec![
                coverage("gcp.a", State::Covered, vec![]),
                coverage(
                    "gcp.b",
                    State::CannotTell,
                    vec![gap(
                        State::CannotTell,
                        "sink \u{1b}[2Jx\u{202e} is unclear",
                        None,
                    )],
                ),
                coverage(
                    "gcp.c",
                    State::Blind,
                    vec![gap(
                        State::Blind,
                        "project demo-mart has no sink",
                        Some("resource {\n  a = 1\n}"),
                    )],
                ),
            ],
            not_judged: vec!["aws.d".to_owned()],
        };
        insta::assert_snapshot!(text(&report), @r"
        blind        gcp.c
                     project demo-mart has no sink
        cannot tell  gcp.b
                     sink \u{1b}[2Jx\u{202e} is unclear
        covered      gcp.a

        What mends it
          project demo-mart has no sink:
            resource {
              a = 1
            }

        1 covered, 1 blind, 1 cannot be told, 1 not judged: nothing to judge them by was read
        ");
    }
}
