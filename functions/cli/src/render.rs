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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    /// A synthetic decision on one image, changed by the test.
    fn rendered(change: impl FnOnce(&mut Value)) -> String {
        let digest = format!("sha256:{}", "0".repeat(64));
        let mut value = json!({
            "apiVersion": "postern/v1", "kind": "Decision", "id": "01J00000000000000000000000",
            "decidedAt": "2026-01-02T03:04:05.678Z",
            "allowed": false, "verdict": "NON_CONFORMANT",
            "enforcement": "ENFORCED_BLOCK_AND_AUDIT_LOG", "retryable": true, "breakGlass": null,
            "target": "cloud-run:demo-project/us-central1/web",
            "policy": {"name": "projects/demo-project/policy", "sha256": "00"},
            "images": [{
                "image": "synthetic.example/app:v1",
                "resolved": format!("synthetic.example/app@{digest}"), "children": [],
                "target": "cloud-run:demo-project/us-central1/web",
                "verdict": "NON_CONFORMANT", "enforcement": "ENFORCED_BLOCK_AND_AUDIT_LOG",
                "rule": "defaultAdmissionRule",
                "reasons": [{"code": "NO_ATTESTATION",
                    "attestor": "projects/demo-project/attestors/ci",
                    "message": "nobody attested it", "remedy": "postern attest …"}],
                "evidence": [],
            }],
        });
        change(&mut value);
        let decision = serde_json::from_value(value).unwrap();
        anstream::adapter::strip_str(&super::decision(&decision)).to_string()
    }

    #[test]
    fn a_denial_says_why_and_what_to_do() {
        insta::assert_snapshot!(rendered(|_| {}), @r"
        DENIED on cloud-run:demo-project/us-central1/web
          synthetic.example/app:v1
            is synthetic.example/app@sha256:0000000000000000000000000000000000000000000000000000000000000000
            by defaultAdmissionRule
            NO_ATTESTATION: nobody attested it
              try: postern attest …
        ");
    }

    #[test]
    fn the_headline_says_what_let_it_through() {
        let headline = |change: fn(&mut Value)| {
            let text = rendered(change);
            text.lines().next().unwrap_or_default().to_owned()
        };
        let target = "cloud-run:demo-project/us-central1/web";
        assert_eq!(
            headline(|d| d["verdict"] = json!("UNDETERMINED")),
            format!("UNDETERMINED on {target}")
        );
        assert_eq!(
            headline(|d| {
                d["allowed"] = json!(true);
                d["verdict"] = json!("CONFORMANT");
            }),
            format!("ALLOWED on {target}")
        );
        assert_eq!(
            headline(|d| {
                d["allowed"] = json!(true);
                d["enforcement"] = json!("DRYRUN_AUDIT_LOG_ONLY");
            }),
            format!("ALLOWED by dry run on {target}")
        );
        assert_eq!(
            headline(|d| {
                d["allowed"] = json!(true);
                d["verdict"] = json!("UNDETERMINED");
            }),
            format!("ALLOWED although undetermined on {target}")
        );
    }

    #[test]
    fn break_glass_is_shown_with_its_reason_and_with_what_it_overrode() {
        let text = rendered(|d| {
            d["allowed"] = json!(true);
            d["breakGlass"] = json!({"justification": "INC-1 hotfix", "ticket": "INC-1",
                "source": "request", "overrode": "NON_CONFORMANT"});
            d["warnings"] = json!(["the annotation stands on the template"]);
        });
        assert!(text.starts_with("ALLOWED by break-glass on"), "{text}");
        assert!(
            text.contains("break-glass: INC-1 hotfix (overrode NON_CONFORMANT)"),
            "{text}"
        );
        assert!(
            text.ends_with("note: the annotation stands on the template"),
            "{text}"
        );
    }
}
