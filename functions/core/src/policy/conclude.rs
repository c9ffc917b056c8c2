//! From a rule and what became of its attestors to a verdict.
//!
//! The truth table: an attestor that is not met makes the image non-conformant; else one that
//! could not be judged makes it undetermined; else it is conformant.

use std::collections::BTreeMap;

use super::{Demand, Ruling};
use crate::attestor::AttestorName;
use crate::evidence::{AttestorOutcome, Evidence};
use crate::image::ImageReference;
use crate::reason::{Reason, ReasonCode, Verdict};

/// The policy's answer on one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// The answer.
    pub verdict: Verdict,
    /// Why, most telling first; never empty.
    pub reasons: Vec<Reason>,
    /// What was verified.
    pub evidence: Vec<Evidence>,
}

/// Judges an image by the rule that [`super::route`] found and by what became of each attestor that
/// it asks for.
///
/// An attestor without an outcome was not looked at and is undetermined. An image without a digest
/// cannot satisfy an attestor, because attestations are about digests.
pub fn conclude(
    ruling: &Ruling,
    image: &ImageReference,
    outcomes: &BTreeMap<AttestorName, AttestorOutcome>,
) -> Conclusion {
    match &ruling.demand {
        Demand::Allowlisted(pattern) => of(Reason::new(
            ReasonCode::Allowlisted,
            format!(
                "{image} matches the exempt pattern {pattern} ({})",
                ruling.place
            ),
        )),
        Demand::AlwaysAllow => of(Reason::new(
            ReasonCode::AlwaysAllow,
            format!("{} allows every image", ruling.place),
        )),
        Demand::AlwaysDeny => of(always_deny(ruling, image)),
        Demand::RequireAttestation(attestors) if attestors.is_empty() => of(Reason::new(
            ReasonCode::AttestorNotFound,
            format!(
                "{} requires attestations and names no attestor",
                ruling.place
            ),
        )
        .with_remedy("list the attestors in requireAttestationsBy")),
        Demand::RequireAttestation(attestors) if image.digest().is_none() => {
            let reasons = attestors
                .iter()
                .map(|attestor| by_tag(attestor, image))
                .collect();
            Conclusion {
                verdict: Verdict::NonConformant,
                reasons,
                evidence: Vec::new(),
            }
        }
        Demand::RequireAttestation(attestors) => of_attestors(attestors, outcomes),
    }
}

fn of(reason: Reason) -> Conclusion {
    Conclusion {
        verdict: reason.code.verdict(),
        reasons: vec![reason],
        evidence: Vec::new(),
    }
}

fn always_deny(ruling: &Ruling, image: &ImageReference) -> Reason {
    Reason::new(
        ReasonCode::AlwaysDeny,
        format!(
            "{image} is denied by an ALWAYS_DENY admission rule ({})",
            ruling.place
        ),
    )
    .with_remedy(format!(
        "exempt it (namePattern: {}@*), or give this target a rule with REQUIRE_ATTESTATION; \
         `postern policy explain` shows the way to this rule",
        image.name()
    ))
}

fn by_tag(attestor: &AttestorName, image: &ImageReference) -> Reason {
    Reason::new(
        ReasonCode::ImageByTag,
        format!("{image} has no digest, and {attestor} attests digests only"),
    )
    .of_attestor(attestor.to_string())
    .with_remedy(format!(
        "deploy {name}@sha256:… once it is attested: `postern attest {name}@sha256:… --attestor \
         {attestor} --key KEY`",
        name = image.name()
    ))
}

fn of_attestors(
    attestors: &[AttestorName],
    outcomes: &BTreeMap<AttestorName, AttestorOutcome>,
) -> Conclusion {
    let (mut unmet, mut undetermined, mut met) = (Vec::new(), Vec::new(), Vec::new());
    let mut evidence = Vec::new();
    for attestor in attestors {
        match outcomes.get(attestor) {
            Some(AttestorOutcome::Met(found)) => {
                met.push(attested(attestor, found));
                evidence.push(found.clone());
            }
            Some(AttestorOutcome::NotMet(reasons)) if reasons.is_empty() => {
                unmet.push(no_attestation(attestor));
            }
            Some(AttestorOutcome::NotMet(reasons)) => unmet.extend_from_slice(reasons),
            Some(AttestorOutcome::Undetermined(reasons)) if !reasons.is_empty() => {
                undetermined.extend_from_slice(reasons);
            }
            Some(AttestorOutcome::Undetermined(_)) | None => {
                undetermined.push(not_looked_at(attestor));
            }
        }
    }
    let verdict = match (unmet.is_empty(), undetermined.is_empty()) {
        (false, _) => Verdict::NonConformant,
        (true, false) => Verdict::Undetermined,
        (true, true) => Verdict::Conformant,
    };
    let reasons = unmet.into_iter().chain(undetermined).chain(met).collect();
    Conclusion {
        verdict,
        reasons,
        evidence,
    }
}

fn attested(attestor: &AttestorName, found: &Evidence) -> Reason {
    let message = format!(
        "attested by {attestor} with key {} ({})",
        found.key_id, found.source
    );
    Reason::new(ReasonCode::Attested, message).of_attestor(attestor.to_string())
}

fn no_attestation(attestor: &AttestorName) -> Reason {
    Reason::new(
        ReasonCode::NoAttestation,
        format!("{attestor} has not attested this image"),
    )
    .of_attestor(attestor.to_string())
    .with_remedy(format!(
        "postern attest IMAGE --attestor {attestor} --key KEY"
    ))
}

fn not_looked_at(attestor: &AttestorName) -> Reason {
    let message = format!("no evidence could be gathered for {attestor}");
    Reason::new(ReasonCode::EvidenceUnavailable, message)
        .of_attestor(attestor.to_string())
        .with_remedy("ask again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::EnforcementMode;
    use crate::policy::Place;
    use proptest::prelude::*;

    const DIGEST: &str = "sha256:4fb7a2dfb0e4f0f7d9e3b0f9f7cfa3e6d7b1ed0b9a1a4a1d2f35a2e4a1c0b9d8";

    fn attestor(id: usize) -> AttestorName {
        format!("projects/demo/attestors/a{id}").parse().unwrap()
    }

    fn ruling(demand: Demand) -> Ruling {
        Ruling {
            place: Place::Default,
            enforcement: EnforcementMode::Enforced,
            demand,
        }
    }

    fn image() -> ImageReference {
        format!("gcr.io/p/app@{DIGEST}").parse().unwrap()
    }

    fn outcome(kind: u8, id: usize) -> Option<AttestorOutcome> {
        let reason =
            |code| vec![Reason::new(code, "synthetic").of_attestor(attestor(id).to_string())];
        Some(match kind {
            0 => AttestorOutcome::Met(Evidence {
                attestor: attestor(id),
                occurrence: None,
                key_id: "synthetic-key".to_owned(),
                algorithm: None,
                source: "registry".to_owned(),
            }),
            1 => AttestorOutcome::NotMet(reason(ReasonCode::SignatureInvalid)),
            2 => AttestorOutcome::NotMet(Vec::new()),
            3 => AttestorOutcome::Undetermined(reason(ReasonCode::EvidenceUnavailable)),
            4 => AttestorOutcome::Undetermined(Vec::new()),
            _ => return None,
        })
    }

    fn concluded(kinds: &[u8]) -> Conclusion {
        let attestors: Vec<_> = (0..kinds.len()).map(attestor).collect();
        let outcomes = kinds.iter().enumerate();
        let outcomes = outcomes.filter_map(|(id, kind)| Some((attestor(id), outcome(*kind, id)?)));
        conclude(
            &ruling(Demand::RequireAttestation(attestors)),
            &image(),
            &outcomes.collect(),
        )
    }

    proptest! {
        #[test]
        fn the_truth_table(kinds in prop::collection::vec(0u8..6, 1..5)) {
            let expected = if kinds.iter().any(|kind| matches!(kind, 1 | 2)) {
                Verdict::NonConformant
            } else if kinds.iter().any(|kind| *kind >= 3) {
                Verdict::Undetermined
            } else {
                Verdict::Conformant
            };
            let conclusion = concluded(&kinds);
            prop_assert_eq!(conclusion.verdict, expected);
            prop_assert_eq!(conclusion.evidence.len(), kinds.iter().filter(|k| **k == 0).count());
            prop_assert_eq!(conclusion.reasons[0].code.verdict(), expected);
        }
    }

    #[test]
    fn no_attestors_is_no_free_pass() {
        assert_eq!(concluded(&[]).verdict, Verdict::NonConformant);
    }

    #[test]
    fn a_tag_satisfies_no_attestor_and_the_denial_says_whose_word_is_missing() {
        let tagged: ImageReference = "nginx:latest".parse().unwrap();
        let demand = Demand::RequireAttestation(vec![attestor(0)]);
        let met = [(attestor(0), outcome(0, 0).unwrap())].into();
        let conclusion = conclude(&ruling(demand), &tagged, &met);
        assert_eq!(conclusion.verdict, Verdict::NonConformant);
        insta::assert_json_snapshot!(conclusion.reasons, @r#"
        [
          {
            "code": "IMAGE_BY_TAG",
            "attestor": "projects/demo/attestors/a0",
            "message": "docker.io/library/nginx:latest has no digest, and projects/demo/attestors/a0 attests digests only",
            "remedy": "deploy docker.io/library/nginx@sha256:… once it is attested: `postern attest docker.io/library/nginx@sha256:… --attestor projects/demo/attestors/a0 --key KEY`"
          }
        ]
        "#);
    }

    #[test]
    fn rules_without_attestors_speak_for_themselves() {
        let demands = [
            Demand::Allowlisted("gcr.io/p/*".to_owned()),
            Demand::AlwaysAllow,
            Demand::AlwaysDeny,
        ];
        let text: Vec<String> = demands
            .into_iter()
            .map(|demand| conclude(&ruling(demand), &image(), &BTreeMap::new()))
            .map(|c| {
                format!(
                    "{} {}: {}",
                    c.verdict, c.reasons[0].code, c.reasons[0].message
                )
            })
            .collect();
        insta::assert_snapshot!(text.join("\n"), @"
        CONFORMANT ALLOWLISTED: gcr.io/p/app@sha256:4fb7a2dfb0e4f0f7d9e3b0f9f7cfa3e6d7b1ed0b9a1a4a1d2f35a2e4a1c0b9d8 matches the exempt pattern gcr.io/p/* (defaultAdmissionRule)
        CONFORMANT ALWAYS_ALLOW: defaultAdmissionRule allows every image
        NON_CONFORMANT ALWAYS_DENY: gcr.io/p/app@sha256:4fb7a2dfb0e4f0f7d9e3b0f9f7cfa3e6d7b1ed0b9a1a4a1d2f35a2e4a1c0b9d8 is denied by an ALWAYS_DENY admission rule (defaultAdmissionRule)
        ");
    }
}
