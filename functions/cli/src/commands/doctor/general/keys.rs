//! Can the keys sign that the configuration names, and does anything verify what they sign?
//!
//! Nothing is signed: a key service writes each signature down, and one that no attestation belongs to is
//! what a thief of the key would leave.

use std::collections::BTreeMap;

use postern_core::attestor::{Attestor, AttestorName};
use postern_core::ports::{Signer, SignerKey, Unavailable};
use postern_verify::{TrustedAttestor, key_id};

use super::line::Line;
use super::{Patient, in_time};
use crate::outcome::Failure;
use crate::signers::signer_for;

const CHECK: &str = "key";
const LEDGER: &str = "ledger key";

/// What a key answers: its public half, and what stands against signing with it.
type Answer = Result<(SignerKey, Option<String>), Unavailable>;

pub(super) async fn examine(
    patient: &Patient,
    attestors: &BTreeMap<AttestorName, Option<Attestor>>,
) -> Vec<Line> {
    let Patient {
        config,
        environment,
        ..
    } = patient;
    let mut lines = Vec::new();
    for signer in &config.attestor.signers {
        let Some(Some(attestor)) = attestors.get(&signer.attestor) else {
            let message = format!("whether {} has it is not known", signer.attestor);
            let fix = format!("see to {} first", signer.attestor);
            lines.push(Line::cannot_tell(CHECK, &signer.key, message, fix));
            continue;
        };
        let made = signer_for(&signer.key, config, environment).await;
        let made = made.and_then(|signer_for| signer_for(attestor));
        lines.push(match made {
            Ok(made) => judge(&signer.key, attestor, asked(&*made).await),
            Err(mistake) => unusable(CHECK, &signer.key, mistake.into()),
        });
    }
    if lines.is_empty() {
        lines.push(Line::skipped(CHECK, "`attestor.signers` names none"));
    }
    lines.push(match &config.ledger.key {
        None => Line::skipped(
            LEDGER,
            "`ledger.key` names none, so the record is not signed",
        ),
        Some(key) => match postern_wiring::note_signer(key, config, environment).await {
            Ok(signer) => judge_of_ledger(key, asked(&*signer).await),
            Err(error) => unusable(LEDGER, key, error.into()),
        },
    });
    lines
}

async fn asked(signer: &dyn Signer) -> Answer {
    let asked = async { Ok((signer.public_key().await?, signer.objection().await?)) };
    in_time("the key", asked).await
}

fn unusable(check: &'static str, key: &str, failure: Failure) -> Line {
    let fix = failure.remedy;
    let fix = fix.unwrap_or_else(|| "correct the key in the configuration".to_owned());
    Line::fail(check, shown(key), failure.message, fix)
}

/// A word that may be the key itself is not shown.
fn shown(key: &str) -> &str {
    match key.contains(':') && !key.contains("-----BEGIN") {
        true => key,
        false => "(not shown)",
    }
}

fn judge(key: &str, attestor: &Attestor, answer: Answer) -> Line {
    let name = &attestor.name;
    let (public, objection) = match answer {
        Ok(answer) => answer,
        Err(error) => return unanswered(CHECK, key, &error),
    };
    let trusted = TrustedAttestor::new(attestor);
    if trusted.key_of(&public).is_none() {
        let known: Vec<&str> = trusted.keys().iter().map(|key| key.id()).collect();
        let message = format!(
            "{name} does not have its public half {}; it has {}",
            id_of(&public),
            match known.is_empty() {
                true => "none".to_owned(),
                false => known.join(", "),
            }
        );
        let fix = format!("add the public half to {name}, or name the key that it has");
        return Line::fail(CHECK, shown(key), message, fix);
    }
    match objection {
        Some(why) => refused(CHECK, key, &why),
        None => Line::ok(
            CHECK,
            shown(key),
            format_args!("{name} has its public half"),
        ),
    }
}

fn judge_of_ledger(key: &str, answer: Answer) -> Line {
    match answer {
        Ok((_, None)) => Line::ok(LEDGER, shown(key), "it answers"),
        Ok((_, Some(why))) => refused(LEDGER, key, &why),
        Err(error) => unanswered(LEDGER, key, &error),
    }
}

/// What was told holds the remedy behind a semicolon, where there is one.
fn refused(check: &'static str, key: &str, why: &str) -> Line {
    match why.split_once("; ") {
        Some((why, fix)) => Line::fail(check, shown(key), why, fix),
        None => Line::fail(check, shown(key), why, "name another key"),
    }
}

fn unanswered(check: &'static str, key: &str, error: &Unavailable) -> Line {
    let fix = "do what the key service says, or see to the network";
    Line::cannot_tell(check, shown(key), error, fix)
}

fn id_of(public: &SignerKey) -> String {
    let (SignerKey::Pkix(text) | SignerKey::Pgp(text)) = public;
    key_id(text.as_bytes()).map_or_else(|_| "(without an id)".to_owned(), |id| id.to_string())
}

#[cfg(test)]
mod tests {
    use postern_verify::signer::generate_p256;
    use serde_json::json;

    use super::*;
    use crate::commands::doctor::general::line;

    const KEY: &str = "gcpkms://synthetic";

    fn told(answer: Answer, pem: &str) -> String {
        let attestor = json!({
            "name": "projects/demo-mart/attestors/ci",
            "userOwnedGrafeasNote": {
                "noteReference": "projects/demo-mart/notes/ci",
                "publicKeys": [{"pkixPublicKey":
                    {"publicKeyPem": pem, "signatureAlgorithm": "ECDSA_P256_SHA256"}}],
            },
        });
        let attestor = serde_json::from_value(attestor).unwrap();
        line::shown(&[judge(KEY, &attestor, answer)])
    }

    #[test]
    fn a_key_has_to_be_the_attestors_and_willing() {
        let ((_, pem), (_, other)) = (generate_p256().unwrap(), generate_p256().unwrap());
        let public = || SignerKey::Pkix(pem.to_string());
        insta::assert_snapshot!(told(Ok((public(), None)), &pem), @"ok       key gcpkms://synthetic: projects/demo-mart/attestors/ci has its public half");
        let why = "this identity lacks useToSign; grant it: gcloud kms keys …";
        insta::assert_snapshot!(told(Ok((public(), Some(why.to_owned()))), &pem), @"
        FAIL     key gcpkms://synthetic: this identity lacks useToSign
                 fix: grant it: gcloud kms keys …
        ");
        let foreign = told(Ok((public(), None)), &other);
        assert!(
            foreign.contains("does not have its public half ni:///sha-256;"),
            "{foreign}"
        );
        let down = told(Err(Unavailable::new("Cloud KMS", "no answer")), &pem);
        assert!(down.starts_with("?        key"), "{down}");
    }

    #[test]
    fn a_key_that_stands_there_itself_is_not_shown() {
        assert_eq!(shown("file:key.pem"), "file:key.pem");
        assert_eq!(shown("-----BEGIN PRIVATE KEY-----"), "(not shown)");
        assert_eq!(shown("MIGHAgEAMBMG"), "(not shown)");
    }
}
