//! What a plan does to attestors, notes and keys.

use super::change::{Change, Text};
use super::finding::{Code, Finding};

/// Adds what is found about an attestor, a note or a key.
pub(super) fn look(change: &Change<'_>, findings: &mut Vec<Finding>) {
    match change.kind {
        "google_binary_authorization_attestor" => destroyed(
            change,
            Code::AttestorDestroyed,
            "the attestor is destroyed: every rule that asks for it denies everything, and one of the same name \
             may later trust other keys",
            findings,
        ),
        "google_container_analysis_note" => destroyed(
            change,
            Code::NoteDestroyed,
            "the note is destroyed, and with it every attestation on it: what runs cannot be deployed again",
            findings,
        ),
        "google_kms_crypto_key" | "google_kms_crypto_key_version" | "aws_kms_key"
            if signs(change) =>
        {
            destroyed(
                change,
                Code::KeyDestroyed,
                "the signing key is destroyed: nobody can sign with it again, and once its public key is gone \
                 nothing that it signed can be verified",
                findings,
            );
            unprotected(change, findings);
        }
        _ => {}
    }
}

fn destroyed(change: &Change<'_>, code: Code, message: &str, findings: &mut Vec<Finding>) {
    // Abandoned is forgotten by Terraform only, and what is protected makes the plan fail.
    if !change.is_destroyed() || change.deletion_policy() != "DELETE" {
        return;
    }
    let message = match change.is_replaced() {
        true => format!("{message}. It is to be replaced by a new one"),
        false => message.to_owned(),
    };
    let remedy =
        "keep it: take it out of use first, and destroy it when nothing refers to it any more";
    findings.push(Finding::new(code, change, message, remedy));
}

/// Whether a key makes signatures; in doubt it does.
fn signs(change: &Change<'_>) -> bool {
    let values = if change.stays() {
        change.after
    } else {
        change.before
    };
    match change.kind {
        "google_kms_crypto_key" => {
            // Nothing said is a key that encrypts.
            let purpose = values["purpose"].as_str();
            purpose == Some("ASYMMETRIC_SIGN") || change.is_unknown("/purpose")
        }
        "google_kms_crypto_key_version" => {
            let algorithm = values["algorithm"].as_str().unwrap_or("SIGN");
            algorithm.contains("SIGN")
        }
        _ => values["key_usage"].as_str() == Some("SIGN_VERIFY") || change.is_unknown("/key_usage"),
    }
}

/// A `lifecycle` block is not in a plan, and so not taken into account.
fn unprotected(change: &Change<'_>, findings: &mut Vec<Finding>) {
    if change.kind == "aws_kms_key" || !change.stays() {
        return;
    }
    match change.text("/deletion_policy") {
        Text::Is("PREVENT" | "ABANDON") => {}
        Text::Later => findings.push(Finding::later(
            Code::KeyUnprotected,
            change,
            "the deletion policy of the signing key",
        )),
        Text::Is(_) | Text::Absent => findings.push(Finding::new(
            Code::KeyUnprotected,
            change,
            "nothing that a plan shows keeps the signing key from being destroyed with its resource",
            "set deletion_policy = \"PREVENT\"; with a lifecycle.prevent_destroy, which no plan shows, except KEY_UNPROTECTED",
        )),
    }
}
