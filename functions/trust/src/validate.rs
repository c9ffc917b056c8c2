//! `projects/P/attestors/A:validateAttestationOccurrence`.

use jiff::Timestamp;
use postern_core::attestor::{AttestorName, NoteName, PinnedAttestor, ProjectNumbers};
use postern_core::evidence::AttestorOutcome;
use postern_core::image::ImageReference;
use postern_core::occurrence::{ATTESTATION, Attestation, Occurrence};
use postern_core::revocation::Revocations;
use postern_verify::{Found, Subject, Terms, TrustedAttestor, verify_attestor};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::attestors::pinned;
use crate::body::typed;
use crate::call::Call;
use crate::error::ApiError;
use crate::trust::Trust;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Asked {
    attestation: Attestation,
    occurrence_note: NoteName,
    occurrence_resource_uri: String,
}

impl Trust {
    /// Whether an attestation would count for an attestor, in both cases answered with 200.
    pub(crate) async fn validate(
        &self,
        call: &Call,
        name: &AttestorName,
    ) -> Result<Value, ApiError> {
        let asked: Asked = typed(call.body()?)?;
        let attestor = pinned(self.stored_attestor(name).await?)?;
        let denial = match self.wrong_note(&attestor).await? {
            Some(reason) => Some(reason),
            None => {
                let revocations = self.revocations().await?;
                denial(&attestor, asked, self.now(), self.numbers(), &revocations)
            }
        };
        Ok(match denial {
            None => json!({"result": "VERIFIED"}),
            Some(reason) => json!({"result": "ATTESTATION_NOT_VERIFIABLE", "denialReason": reason}),
        })
    }

    /// Why an attestor's note is not the one that it was made for.
    async fn wrong_note(&self, pinned: &PinnedAttestor) -> Result<Option<String>, ApiError> {
        let note = &pinned.attestor.user_owned_grafeas_note.note_reference;
        let stored = self.store().resource(&note.to_string()).await?;
        Ok(pinned.wrong_note(stored.map(|stored| stored.created)))
    }
}

/// Why an attestation does not count; `None` if it does.
fn denial(
    pinned: &PinnedAttestor,
    asked: Asked,
    now: Timestamp,
    projects: &ProjectNumbers,
    revocations: &Revocations,
) -> Option<String> {
    let image = match ImageReference::parse_artifact_url(&asked.occurrence_resource_uri) {
        Ok(image) => image,
        Err(error) => return Some(error.to_string()),
    };
    let Some(digest) = image.digest() else {
        return Some(
            "Expected digest with sha256 scheme, but got tag or malformed digest".to_owned(),
        );
    };
    let occurrence = Occurrence {
        name: None,
        kind: Some(ATTESTATION.to_owned()),
        note_name: asked.occurrence_note,
        resource_uri: asked.occurrence_resource_uri,
        attestation: Some(asked.attestation),
        create_time: Some(now),
    };
    let subject = Subject {
        image: &image,
        digest,
        covering_index: None,
    };
    let found = [Found {
        source: "the request",
        occurrences: Ok(std::slice::from_ref(&occurrence)),
    }];
    let terms = Terms {
        compare_repository: false,
        projects,
        revocations,
        at: now,
        cache: None,
    };
    match verify_attestor(&TrustedAttestor::new(&pinned.attestor), &subject, &found, &terms) {
        AttestorOutcome::Met(_) => None,
        AttestorOutcome::NotMet(reasons) | AttestorOutcome::Undetermined(reasons) => Some(
            reasons.first().map_or_else(
                || "No attestations found that were valid and signed by a key trusted by the attestor".to_owned(),
                |reason| reason.message.clone(),
            ),
        ),
    }
}
