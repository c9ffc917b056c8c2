//! The report of a pack as one page: no scripts, nothing loaded from elsewhere, and every text that
//! comes from an entry escaped.

use std::fmt::Write as _;

use postern_auditor::ledger::Selection;
use postern_auditor::ledger::pack::{CaseFile, Control, Dossier, Framework};
use postern_core::case::CaseStep;
use postern_core::ledger::SignedNote;
use serde::Serialize;

use crate::escape::html;

const STYLE: &str = "body{font:14px/1.5 system-ui,sans-serif;margin:2em;color:#1b1b1b}\
table{border-collapse:collapse}th,td{border:1px solid #c8c8c8;padding:.3em .6em;text-align:left;\
vertical-align:top;overflow-wrap:anywhere}th{background:#f2f2f2}pre{background:#f2f2f2;padding:.6em}\
@media print{body{margin:0}}";

/// The page. It says nothing but what the entries add up to, so that it can be made again from them.
pub(super) fn page(
    dossier: &Dossier,
    note: &SignedNote,
    selection: &Selection,
    frameworks: &[Framework],
    with_key: bool,
) -> String {
    let mut text =
        String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    text += "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n";
    let _ = writeln!(
        text,
        "<title>Evidence</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>Evidence</h1>"
    );
    let _ = writeln!(text, "<p>{}</p>", html(&scope(selection)));
    let _ = writeln!(text, "<pre>{}</pre>", lines(&note.to_string()));
    summary(&mut text, dossier);
    cases(&mut text, dossier);
    uses(&mut text, dossier);
    gaps(&mut text, dossier);
    controls(&mut text, dossier, frameworks);
    how(&mut text, with_key);
    text += "</body>\n</html>\n";
    text
}

fn scope(selection: &Selection) -> String {
    let mut scope = match &selection.case {
        Some(case) => format!("What the record holds about case {case}"),
        None => "What the record holds".to_owned(),
    };
    if let Some(since) = selection.since {
        let _ = write!(scope, ", from {since}");
    }
    if let Some(until) = selection.until {
        let _ = write!(scope, ", until {until}");
    }
    scope + ", under this signed checkpoint:"
}

fn summary(text: &mut String, dossier: &Dossier) {
    let mut rows: Vec<_> = dossier
        .kinds
        .iter()
        .map(|(kind, count)| vec![format!("entries: {kind}"), count.to_string()])
        .collect();
    rows.extend(dossier.decisions.iter().map(|((verdict, allowed), count)| {
        let went = if *allowed { "went on" } else { "was stopped" };
        vec![format!("decisions: {verdict}, {went}"), count.to_string()]
    }));
    rows.extend(dossier.severities().map(|(severity, count)| {
        vec![format!("findings: {}", word(&severity)), count.to_string()]
    }));
    if dossier.pruned > 0 {
        rows.push(vec![
            "pruned, only hashes".to_owned(),
            dossier.pruned.to_string(),
        ]);
    }
    section(text, "Summary", &["what", "how many"], &rows);
}

fn cases(text: &mut String, dossier: &Dossier) {
    let rows: Vec<_> = dossier
        .cases
        .iter()
        .map(|(id, case)| case_row(id, case))
        .collect();
    let head = [
        "case", "severity", "about", "findings", "stands", "steps", "alerts",
    ];
    section(text, "Cases", &head, &rows);
}

fn case_row(id: &str, case: &CaseFile) -> Vec<String> {
    let about = [&case.target, &case.summary];
    let about: Vec<_> = about.into_iter().flatten().map(String::as_str).collect();
    let steps: Vec<_> = case.steps.iter().map(step).collect();
    vec![
        id.to_owned(),
        case.severity.as_ref().map(word).unwrap_or_default(),
        about.join(": "),
        case.findings.to_string(),
        case.standing()
            .map(|step| word(&step.action))
            .unwrap_or_default(),
        steps.join("\n"),
        case.deliveries.to_string(),
    ]
}

fn step(step: &CaseStep) -> String {
    let mut text = format!("{} {} by {}", step.at, word(&step.action), step.by);
    if let Some(comment) = &step.comment {
        let _ = write!(text, ": {comment}");
    }
    text
}

fn uses(text: &mut String, dossier: &Dossier) {
    let or = |text: &Option<String>, otherwise: &str| text.clone().unwrap_or(otherwise.to_owned());
    let row = |used: &postern_auditor::ledger::pack::Use| {
        vec![
            used.at.to_string(),
            or(&used.who, "not known"),
            or(&used.target, ""),
            or(&used.justification, "none"),
            used.source.clone(),
            or(&used.case, ""),
            used.index.to_string(),
        ]
    };
    let rows: Vec<_> = dossier.uses.iter().map(row).collect();
    let head = [
        "at",
        "who",
        "where",
        "why, in their words",
        "by the word of",
        "case",
        "entry",
    ];
    section(text, "Break-glass", &head, &rows);
    if !dossier.uses.is_empty() {
        *text += "<p>One use may be told twice: by the gate, and by the platform's log.</p>\n";
    }
}

fn gaps(text: &mut String, dossier: &Dossier) {
    let gaps = &dossier.gaps;
    let row = |gap: &postern_auditor::ledger::Gap| {
        vec![
            gap.kind.word().to_owned(),
            gap.from.to_string(),
            gap.until.map(|until| until.to_string()).unwrap_or_default(),
            gap.summary.clone(),
            gap.index.to_string(),
        ]
    };
    let rows: Vec<_> = gaps.named.iter().map(row).collect();
    let head = ["kind", "from", "until, where known", "what", "entry"];
    section(
        text,
        "Gaps in coverage that the record knows of",
        &head,
        &rows,
    );
    let _ = writeln!(
        text,
        "<p>{} more; {} events in quarantine. What was never delivered and never noticed is not \
         here.</p>",
        gaps.unnamed(),
        gaps.quarantined
    );
}

fn controls(text: &mut String, dossier: &Dossier, frameworks: &[Framework]) {
    *text += "<h2>Controls</h2>\n<p>Which of these entries support which controls, and what they leave \
              open. Supporting a control is less than meeting it: that is for the auditor to say. The \
              controls are paraphrased.</p>\n";
    for framework in frameworks {
        let rows: Vec<_> = framework
            .controls
            .iter()
            .map(|control| control_row(control, dossier))
            .collect();
        let head = ["control", "asks that", "supported by", "not shown"];
        section(text, &framework.name, &head, &rows);
    }
}

fn control_row(control: &Control, dossier: &Dossier) -> Vec<String> {
    let supports = |evidence: &postern_auditor::ledger::pack::Evidence| {
        format!("{} {}", dossier.count(*evidence), evidence.words())
    };
    let supports: Vec<_> = control.evidence.iter().map(supports).collect();
    vec![
        control.id.clone(),
        control.says.clone(),
        supports.join("\n"),
        control.open.clone(),
    ]
}

fn how(text: &mut String, with_key: bool) {
    *text += "<h2>How to verify this</h2>\n<p>Get the public key, and a checkpoint that somebody kept, from \
              elsewhere than this folder";
    if with_key {
        *text += " (its ledger.pub is a copy for convenience, and proves nothing by itself)";
    }
    *text += ". Then:</p>\n<pre>postern ledger verify FOLDER --key ledger.pub --checkpoint kept.txt\n\
              sha256sum FOLDER/*   # against manifest.json</pre>\n<p>The first makes this page again from \
              the entries and compares. In the entries salted commitments stand for what is said of \
              people; texts.ndjson holds what is behind them, as far as it was not erased.</p>\n";
}

fn section(text: &mut String, title: &str, head: &[&str], rows: &[Vec<String>]) {
    let _ = writeln!(text, "<h2>{}</h2>", html(title));
    if rows.is_empty() {
        *text += "<p>None.</p>\n";
        return;
    }
    *text += "<table>\n<thead><tr>";
    for name in head {
        let _ = write!(text, "<th>{}</th>", html(name));
    }
    *text += "</tr></thead>\n<tbody>\n";
    for row in rows {
        *text += "<tr>";
        for cell in row {
            let _ = write!(text, "<td>{}</td>", lines(cell));
        }
        *text += "</tr>\n";
    }
    *text += "</tbody>\n</table>\n";
}

/// Several lines, each escaped.
fn lines(text: &str) -> String {
    let escaped: Vec<_> = text.lines().map(html).collect();
    escaped.join("<br>")
}

/// The word that stands in JSON for a value.
fn word(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).ok();
    let word = value.as_ref().and_then(|value| value.as_str());
    word.unwrap_or_default().to_owned()
}
