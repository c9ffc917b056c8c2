//! Whether an image is attested as a platform policy asks: by its keys, whatever note the attestation hangs on.

use std::collections::BTreeMap;

use jiff::Timestamp;
use postern_core::attestor::{
    Attestor, AttestorName, AttestorPublicKey, NoteName, UserOwnedGrafeasNote,
};
use postern_core::evidence::AttestorOutcome;
use postern_core::image::{ImageReference, shortened};
use postern_core::occurrence::Occurrence;
use postern_core::platform_policy::{CheckKind, GkePolicy, SimpleSigningAttestationCheck};
use postern_core::ports::{OccurrencesOf, Unavailable};
use postern_core::reason::Reason;
use postern_core::revocation::Revocations;
use postern_verify::{Found, Subject, Terms, TrustedAttestor, verify_attestor};

use super::evaluate::Verdict;
use crate::error::ApiError;
use crate::trust::Trust;

/// So many occurrences of one project are looked through.
const MOST_LOOKED_AT: usize = 10_000;
/// So many are read at once.
const AT_ONCE: u32 = 500;

/// What the checks of a policy need to know.
pub(super) struct Known {
    at: Timestamp,
    pub(super) revocations: Revocations,
    /// By `projects/ID`.
    attestations: BTreeMap<String, Result<Vec<Occurrence>, Unavailable>>,
}

impl Trust {
    pub(super) fn attested(
        &self,
        check: &SimpleSigningAttestationCheck,
        image: &ImageReference,
        known: &Known,
    ) -> (Verdict, String) {
        let Some(digest) = image.digest() else {
            let explanation = "Only an image by digest can be attested, and a tag can move";
            return (Verdict::Error, explanation.to_owned());
        };
        let subject = Subject {
            image,
            digest,
            covering_index: None,
        };
        let projects = check.container_analysis_attestation_projects.iter();
        let found: Vec<Found<'_>> = projects
            .filter_map(|project| Some((project, known.attestations.get(project)?)))
            .map(|(source, occurrences)| Found {
                source,
                occurrences: occurrences.as_deref(),
            })
            .collect();
        let terms = Terms {
            compare_repository: false,
            projects: self.numbers(),
            revocations: &known.revocations,
            at: known.at,
            cache: None,
        };
        let first = |reasons: &[Reason]| {
            let message = reasons.first().map(|reason| reason.message.clone());
            message.unwrap_or_else(|| "No attestation counts".to_owned())
        };
        match verify_attestor(&signers(check), &subject, &found, &terms) {
            AttestorOutcome::Met(_) => (Verdict::Conformant, "Image is attested".to_owned()),
            AttestorOutcome::NotMet(reasons) => (Verdict::NonConformant, first(&reasons)),
            AttestorOutcome::Undetermined(reasons) => (Verdict::Error, first(&reasons)),
        }
    }

    /// What the checks of a policy need to know, read once.
    pub(super) async fn known(&self, policy: &GkePolicy) -> Result<Known, ApiError> {
        let mut known = Known {
            at: self.now(),
            revocations: self.revocations().await?,
            attestations: BTreeMap::new(),
        };
        for check in policy.check_sets.iter().flat_map(|set| &set.checks) {
            let Some(CheckKind::SimpleSigningAttestation(check)) = check.kind() else {
                continue;
            };
            for project in &check.container_analysis_attestation_projects {
                if !known.attestations.contains_key(project) {
                    let found = self.attestations_of(project).await;
                    known.attestations.insert(project.clone(), found);
                }
            }
        }
        Ok(known)
    }

    /// The attestations that a project keeps, as if they all hung on one note: a platform policy asks for keys,
    /// not for notes.
    async fn attestations_of(&self, name: &str) -> Result<Vec<Occurrence>, Unavailable> {
        let project = name.trim_start_matches("projects/");
        let of = OccurrencesOf::Project(project.to_owned());
        let (mut found, mut after, mut looked_at) = (Vec::new(), String::new(), 0);
        loop {
            let page = self.store().occurrences(&of, &after, AT_ONCE).await?;
            let is_last = page.len() < AT_ONCE as usize;
            looked_at += page.len();
            for (name, body) in page {
                after = name;
                if body.get("kind").is_some_and(|kind| kind == "ATTESTATION")
                    && let Ok(occurrence) = serde_json::from_value::<Occurrence>(body)
                {
                    let note_name = any_note();
                    found.push(Occurrence {
                        note_name,
                        ..occurrence
                    });
                }
            }
            if is_last {
                return Ok(found);
            }
            if looked_at >= MOST_LOOKED_AT {
                let message = format!("more than {MOST_LOOKED_AT} occurrences are in {name}");
                return Err(Unavailable::limit(shortened(name), message));
            }
        }
    }
}

/// All keys of a check, as one attestor.
pub(super) fn signers(check: &SimpleSigningAttestationCheck) -> TrustedAttestor {
    let keys = check.attestation_authenticators.iter();
    let keys = keys.flat_map(|of| &of.pkix_public_key_set.pkix_public_keys);
    let public_keys = keys.map(|key| AttestorPublicKey {
        id: key.key_id.clone(),
        comment: None,
        pkix_public_key: Some(key.clone()),
        ascii_armored_pgp_public_key: None,
    });
    let note = any_note();
    TrustedAttestor::new(&Attestor {
        name: AttestorName {
            project: note.project.clone(),
            id: note.id.clone(),
        },
        description: None,
        user_owned_grafeas_note: UserOwnedGrafeasNote {
            note_reference: note,
            public_keys: public_keys.collect(),
            delegation_service_account_email: None,
        },
        etag: None,
        update_time: None,
    })
}

/// The note that stands for all.
fn any_note() -> NoteName {
    NoteName {
        project: "platform".to_owned(),
        id: "policy".to_owned(),
    }
}
