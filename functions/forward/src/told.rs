//! A denial in the words that `gcloud` prints.

use postern_core::decision::Decision;
use postern_core::reason::{Reason, Verdict};
use serde_json::json;

use crate::refusal::{Code, Refusal};

/// More than this nobody reads.
const MOST: usize = 8;

/// The refusal that a denial becomes: what was denied, why, and what helps.
pub(crate) fn denied(decision: &Decision, revisions: &[String]) -> Refusal {
    let opening = match decision.verdict {
        Verdict::Undetermined => "Postern cannot say yet whether this may be deployed to",
        _ => "Postern denies the deployment to",
    };
    let mut lines = vec![format!("{opening} {}.", decision.target)];
    let failing = decision
        .images
        .iter()
        .filter(|image| image.verdict != Verdict::Conformant);
    let mut reasons: Vec<(Option<&str>, &Reason)> = Vec::new();
    for image in failing {
        let name = image.resolved.as_ref().map(ToString::to_string);
        let name = name.unwrap_or_else(|| image.image.clone());
        if lines.len() < MOST {
            lines.push(format!("{name}:"));
            let telling = image
                .reasons
                .iter()
                .filter(|r| r.code.verdict() != Verdict::Conformant);
            let telling: Vec<_> = telling.collect();
            lines.extend(telling.iter().take(3).map(|reason| said(reason)));
            reasons.extend(
                telling
                    .into_iter()
                    .map(|reason| (Some(&*image.image), reason)),
            );
        }
    }
    for reason in &decision.reasons {
        lines.push(said(reason));
        reasons.push((None, reason));
    }
    if !revisions.is_empty() {
        lines.push(format!(
            "(Revisions that would get traffic: {}.)",
            revisions.join(", ")
        ));
    }
    lines.extend(
        decision
            .warnings
            .iter()
            .map(|warning| format!("Note: {warning}.")),
    );
    lines.push(format!("Decision {}.", decision.id));
    let message = lines.join("\n");
    if decision.verdict == Verdict::Undetermined {
        // Nobody knows that it is bad: trying again may help, where a denial stands.
        return Refusal::new(Code::Unavailable, message);
    }
    let (image, code) = match reasons.first() {
        Some((image, reason)) => (*image, reason.code.to_string()),
        None => (None, "DENIED".to_owned()),
    };
    Refusal::denied(
        message,
        &code,
        json!({"decision": decision.id, "image": image}),
    )
}

fn said(reason: &Reason) -> String {
    let remedy = reason
        .remedy
        .as_ref()
        .map(|remedy| format!("; to mend it: {remedy}"));
    format!(
        "  {}: {}{}",
        reason.code,
        reason.message,
        remedy.unwrap_or_default()
    )
}
