//! Is there a policy without mistakes, and are the attestors there that it requires?

use std::collections::BTreeMap;
use std::path::Path;

use postern_core::attestor::{Attestor, AttestorName};
use postern_core::policy::Policy;
use postern_core::policy::lint::{LintFinding, lint};
use postern_core::ports::{LivePolicy, TrustMaterial, Unavailable};
use postern_store::Store;
use postern_verify::TrustedAttestor;

use super::line::Line;
use super::{Patient, in_time};
use crate::commands::policy::read;
use crate::outcome::Failure;

const POLICY: &str = "policy";
const ATTESTOR: &str = "attestor";

/// What was found.
pub(super) struct Trusted {
    pub(super) lines: Vec<Line>,
    /// Every attestor that the policy requires or a signer signs for, as far as it could be read.
    pub(super) attestors: BTreeMap<AttestorName, Option<Attestor>>,
}

pub(super) async fn examine(patient: &Patient, store: Option<&Store>) -> Result<Trusted, Failure> {
    let Patient {
        config,
        environment,
        ..
    } = patient;
    let (policy, mut lines) = match config.policy.as_deref() {
        None => (None, vec![none_configured()]),
        Some(word) if postern_wiring::is_resource(word) => {
            let project = postern_wiring::project_of_policy(word)?;
            let authority = postern_wiring::policy_authority(config, environment)?;
            let live = in_time("Binary Authorization", authority.live(&project)).await;
            of_live(word, live)
        }
        Some(path) => of_file(path, read(Path::new(path))),
    };
    let signed_for = config
        .attestor
        .signers
        .iter()
        .map(|signer| &signer.attestor);
    let required = policy.iter().flat_map(Policy::required_attestors);
    let mut attestors: BTreeMap<_, _> = required
        .chain(signed_for)
        .map(|name| (name.clone(), None))
        .collect();
    let files: Vec<String> = config.attestors.iter().cloned().collect();
    // A policy file with mistakes is told above, and keeps no attestor from being looked for.
    let word = config.policy.as_deref();
    let word = word.filter(|word| postern_wiring::is_resource(word));
    let trust = match postern_wiring::trust(word, &files, config, environment, store) {
        Ok(trust) => trust,
        Err(error) => {
            let fix = "correct `attestors` in the configuration";
            lines.push(Line::fail(ATTESTOR, "", error, fix));
            return Ok(Trusted { lines, attestors });
        }
    };
    if attestors.is_empty() {
        lines.push(Line::skipped(ATTESTOR, "nothing requires one"));
    }
    for (name, found) in &mut attestors {
        let read = attestor(&*trust, name).await;
        lines.push(judge(name, &read));
        *found = read.ok().flatten();
    }
    Ok(Trusted { lines, attestors })
}

async fn attestor(
    trust: &dyn TrustMaterial,
    name: &AttestorName,
) -> Result<Option<Attestor>, Unavailable> {
    in_time("the attestor", trust.attestor(name)).await
}

fn none_configured() -> Line {
    Line::skipped(
        POLICY,
        "none is named: each project's own is taken, as the trust function keeps it in the store",
    )
}

fn of_file(path: &str, text: Result<String, Failure>) -> (Option<Policy>, Vec<Line>) {
    match text {
        Ok(text) => of_text(path, &text),
        Err(failure) => {
            let fix = "correct `policy` in the configuration";
            (None, vec![Line::fail(POLICY, "", failure.message, fix)])
        }
    }
}

fn of_live(name: &str, live: Result<LivePolicy, Unavailable>) -> (Option<Policy>, Vec<Line>) {
    match live {
        Ok(LivePolicy { was_set: false, .. }) => {
            let message = "none was ever set, so nothing can be decided (POLICY_UNAVAILABLE)";
            let fix = format!("postern policy apply FILE --to {name}");
            (None, vec![Line::fail(POLICY, name, message, fix)])
        }
        Ok(LivePolicy { policy, .. }) => match serde_json::to_string(&policy) {
            Ok(text) => of_text(name, &text),
            Err(error) => (
                None,
                vec![Line::cannot_tell(POLICY, name, error, "look at it")],
            ),
        },
        Err(error) => {
            let fix = "do what Binary Authorization says, or see to the network";
            (None, vec![Line::cannot_tell(POLICY, name, error, fix)])
        }
    }
}

fn of_text(name: &str, text: &str) -> (Option<Policy>, Vec<Line>) {
    let findings = lint(text, &[]);
    let errors: Vec<Line> = findings
        .iter()
        .filter(|finding| finding.is_error())
        .map(|finding| {
            let message = format!("line {}: {}", finding.line, finding.message);
            Line::fail(POLICY, name, message, &finding.fix)
        })
        .collect();
    if !errors.is_empty() {
        return (None, errors);
    }
    let warnings = findings
        .iter()
        .filter(|finding| !LintFinding::is_error(finding));
    let line = match warnings.count() {
        0 => Line::ok(POLICY, name, "no mistakes found"),
        warnings => {
            let message = format!("no mistakes found, {warnings} warning(s): postern policy lint");
            Line::ok(POLICY, name, message)
        }
    };
    (Policy::parse(text).ok(), vec![line])
}

fn judge(name: &AttestorName, read: &Result<Option<Attestor>, Unavailable>) -> Line {
    let attestor = match read {
        Ok(Some(attestor)) => TrustedAttestor::new(attestor),
        Ok(None) => {
            return Line::fail(
                ATTESTOR,
                name,
                "it is not there, so what requires it is denied (ATTESTOR_NOT_FOUND)",
                "add it to the file that `attestors` names, or write projects/ID there, where Binary \
                 Authorization has it",
            );
        }
        Err(error) => {
            let fix = "if it is of another project, let this identity read it there \
                       (roles/binaryauthorization.attestorsViewer)";
            return Line::cannot_tell(ATTESTOR, name, error, fix);
        }
    };
    let unusable: Vec<String> = attestor
        .unusable_keys()
        .iter()
        .map(|key| format!("key {} cannot be used: {}", key.position, key.error))
        .collect();
    let (usable, unusable) = (attestor.keys().len(), unusable.join("; "));
    match (usable, unusable.is_empty()) {
        (0, _) => {
            let message = match unusable.is_empty() {
                true => "it has no key, so it can never be satisfied".to_owned(),
                false => unusable,
            };
            let fix =
                "gcloud container binauthz attestors public-keys add, or the same in the file";
            Line::fail(ATTESTOR, name, message, fix)
        }
        (usable, true) => Line::ok(ATTESTOR, name, format_args!("{usable} usable key(s)")),
        (_, false) => Line::fail(ATTESTOR, name, unusable, "correct the key, or remove it"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::commands::doctor::general::line::shown;

    const DENY: &str =
        "{evaluationMode: ALWAYS_DENY, enforcementMode: ENFORCED_BLOCK_AND_AUDIT_LOG}";

    #[test]
    fn a_policy_is_told_by_its_mistakes() {
        let sound = format!("defaultAdmissionRule: {DENY}\n");
        let lines = |text: &str| shown(&of_text("policy.yaml", text).1);
        insta::assert_snapshot!(lines(&sound), @"ok       policy policy.yaml: no mistakes found");
        insta::assert_snapshot!(lines(&sound.replace("ALWAYS_DENY", "ALWAYS_ALLOW")), @"ok       policy policy.yaml: no mistakes found, 1 warning(s): postern policy lint");
        assert!(lines("surprise: 1\n").starts_with("FAIL     policy policy.yaml: line 1: "));
        let missing = of_file("gone.yaml", Err(Failure::mistake("gone.yaml: not there")));
        insta::assert_snapshot!(shown(&missing.1), @"
        FAIL     policy: gone.yaml: not there
                 fix: correct `policy` in the configuration
        ");
    }

    #[test]
    fn a_policy_that_was_never_set_is_a_failure_and_one_that_is_not_shown_is_not_known() {
        let policy = Policy::parse(&format!("defaultAdmissionRule: {DENY}\n")).unwrap();
        let name = "projects/demo-mart/policy";
        let live = |was_set| {
            let policy = policy.clone();
            shown(&of_live(name, Ok(LivePolicy { policy, was_set })).1)
        };
        insta::assert_snapshot!(live(true), @"ok       policy projects/demo-mart/policy: no mistakes found");
        insta::assert_snapshot!(live(false), @"
        FAIL     policy projects/demo-mart/policy: none was ever set, so nothing can be decided (POLICY_UNAVAILABLE)
                 fix: postern policy apply FILE --to projects/demo-mart/policy
        ");
        let down = of_live(name, Err(Unavailable::new("Binary Authorization", "403")));
        assert!(shown(&down.1).starts_with("?        policy projects/demo-mart/policy"));
    }

    #[test]
    fn an_attestor_has_to_be_there_with_a_key() {
        let name: AttestorName = "projects/demo-mart/attestors/ci".parse().unwrap();
        let with = |keys: serde_json::Value| -> Result<Option<Attestor>, Unavailable> {
            let attestor = json!({
                "name": name,
                "userOwnedGrafeasNote": {
                    "noteReference": "projects/demo-mart/notes/ci", "publicKeys": keys,
                },
            });
            Ok(serde_json::from_value(attestor).unwrap())
        };
        let (_, pem) = postern_verify::signer::generate_p256().unwrap();
        let key = |pem: &str| {
            json!({"pkixPublicKey":
            {"publicKeyPem": pem, "signatureAlgorithm": "ECDSA_P256_SHA256"}})
        };
        let told = |read| shown(&[judge(&name, &read)]);
        insta::assert_snapshot!(told(with(json!([key(&pem)]))), @"ok       attestor projects/demo-mart/attestors/ci: 1 usable key(s)");
        insta::assert_snapshot!(told(with(json!([]))), @"
        FAIL     attestor projects/demo-mart/attestors/ci: it has no key, so it can never be satisfied
                 fix: gcloud container binauthz attestors public-keys add, or the same in the file
        ");
        let rubbish = told(with(json!([key(&pem), key("rubbish")])));
        assert!(
            rubbish.starts_with("FAIL     attestor") && rubbish.contains("key 2 cannot be used")
        );
        assert!(told(Ok(None)).starts_with("FAIL     attestor"));
        assert!(told(Err(Unavailable::new("x", "403"))).starts_with("?        attestor"));
    }
}
