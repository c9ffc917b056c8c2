//! `projects/P/platforms/gke/policies/ID:evaluate`.
//!
//! What cannot be checked here is an error of that check, and an error is never conformant.

use std::collections::BTreeMap;

use jiff::Timestamp;
use postern_core::attestor::{
    Attestor, AttestorName, AttestorPublicKey, NoteName, UserOwnedGrafeasNote,
};
use postern_core::evidence::AttestorOutcome;
use postern_core::image::{ImageReference, shortened};
use postern_core::occurrence::Occurrence;
use postern_core::platform_policy::{
    Check, CheckKind, CheckSet, DirectoryPattern, GkePolicy, PlatformPolicy,
    SimpleSigningAttestationCheck,
};
use postern_core::ports::{OccurrencesOf, Unavailable};
use postern_core::reason::Reason;
use postern_core::revocation::Revocations;
use postern_verify::{Found, Subject, Terms, TrustedAttestor, verify_attestor};
use serde::Deserialize;
use serde_json::{Value, json};

use super::pods::pods;
use crate::body::{fields, typed};
use crate::call::Call;
use crate::error::{ApiError, Code};
use crate::trust::Trust;

/// So many occurrences of one project are looked through.
const MOST_LOOKED_AT: usize = 10_000;
/// So many are read at once.
const AT_ONCE: u32 = 500;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Asked {
    resource: Value,
    #[serde(alias = "attestation_mode")]
    attestation_mode: Option<String>,
}

/// What a look at something came to; a worse one takes precedence. Non-conformance does over errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Conformant,
    Error,
    NonConformant,
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Conformant => "CONFORMANT",
            Self::Error => "ERROR",
            Self::NonConformant => "NON_CONFORMANT",
        }
    }
}

impl Trust {
    /// What a policy says of the Pods of an object.
    pub(crate) async fn evaluate_gke_policy(
        &self,
        call: &Call,
        name: &str,
    ) -> Result<Value, ApiError> {
        // Objects keep their own spelling: read as it came.
        let asked: Asked = typed(fields(call.json()?))?;
        if !matches!(
            asked.attestation_mode.as_deref(),
            None | Some("ATTESTATION_MODE_UNSPECIFIED")
        ) {
            return Err(ApiError::new(
                Code::Unimplemented,
                "results are not attested here: leave attestationMode out",
            ));
        }
        let stored = self.stored_platform_policy(name).await?;
        let policy: PlatformPolicy = typed(fields(stored.body))?;
        let policy = policy.gke_policy.unwrap_or_default();
        let pods = pods(&asked.resource)?;
        let known = self.known(&policy).await?;
        let mut worst = Verdict::Conformant;
        let mut results = Vec::new();
        for pod in pods {
            let set = policy.check_set(&pod.namespace, &pod.account);
            let mut of_pod = Verdict::Conformant;
            let mut images = Vec::new();
            for image in &pod.images {
                let (verdict, mut result) = self.image_result(&policy, set, image, &known);
                result["imageUri"] = image.as_str().into();
                result["verdict"] = verdict.word().into();
                images.push(result);
                of_pod = of_pod.max(verdict);
            }
            results.push(json!({
                "podName": pod.name,
                "kubernetesNamespace": pod.namespace,
                "kubernetesServiceAccount": pod.account,
                "verdict": of_pod.word(),
                "imageResults": images,
            }));
            worst = worst.max(of_pod);
        }
        Ok(json!({"verdict": worst.word(), "results": results}))
    }

    fn image_result(
        &self,
        policy: &GkePolicy,
        set: Option<(usize, &CheckSet)>,
        written: &str,
        known: &Known,
    ) -> (Verdict, Value) {
        let image = match ImageReference::parse(written) {
            Ok(image) => image,
            Err(error) => return (Verdict::Error, json!({"explanation": error.to_string()})),
        };
        let digest = image.digest();
        if let Some(entry) = digest.and_then(|digest| known.revocations.of_digest(&digest)) {
            let explanation = format!("The image was revoked: {}", entry.reason);
            return (Verdict::NonConformant, json!({"explanation": explanation}));
        }
        let exempt = policy.image_allowlist.as_ref();
        if let Some(pattern) = exempt.and_then(|list| list.matched(&image)) {
            let result = json!({"allowlistResult": {"matchedPattern": pattern}});
            return (Verdict::Conformant, result);
        }
        let Some((index, set)) = set else {
            let explanation = "The policy has no check sets, which allows everything";
            return (Verdict::Conformant, json!({"explanation": explanation}));
        };
        let mut result = json!({"index": index.to_string(), "scope": set.scope});
        if set.scope.is_none() {
            result["scope"] = json!({});
        }
        if let Some(name) = &set.display_name {
            result["displayName"] = name.as_str().into();
        }
        let exempt = set.image_allowlist.as_ref();
        if let Some(pattern) = exempt.and_then(|list| list.matched(&image)) {
            result["allowlistResult"] = json!({"matchedPattern": pattern});
            return (Verdict::Conformant, json!({"checkSetResult": result}));
        }
        let mut worst = Verdict::Conformant;
        let mut checks = Vec::new();
        for (index, check) in set.checks.iter().enumerate() {
            let (verdict, mut result) = self.check_result(check, &image, known);
            result["index"] = index.to_string().into();
            if let Some(name) = &check.display_name {
                result["displayName"] = name.as_str().into();
            }
            checks.push(result);
            worst = worst.max(verdict);
        }
        result["checkResults"] = json!({"results": checks});
        (worst, json!({"checkSetResult": result}))
    }

    fn check_result(
        &self,
        check: &Check,
        image: &ImageReference,
        known: &Known,
    ) -> (Verdict, Value) {
        let kind = check.kind();
        let name = kind.map_or("", |kind| kind.name());
        let exempt = check.image_allowlist.as_ref();
        if let Some(pattern) = exempt.and_then(|list| list.matched(image)) {
            let result = json!({"type": name, "allowlistResult": {"matchedPattern": pattern}});
            return (Verdict::Conformant, result);
        }
        let (verdict, explanation) = match kind {
            Some(CheckKind::AlwaysDeny) => (
                Verdict::NonConformant,
                "This check denies every image".to_owned(),
            ),
            Some(CheckKind::TrustedDirectory(check)) => {
                let mut patterns = check.trusted_dir_patterns.iter();
                let is_in = |text: &String| {
                    DirectoryPattern::parse(text).is_ok_and(|pattern| pattern.matches(image))
                };
                match patterns.find(|text| is_in(text)) {
                    Some(text) => (Verdict::Conformant, format!("Image is in {text}")),
                    None => (
                        Verdict::NonConformant,
                        "Image is not in a trusted directory".to_owned(),
                    ),
                }
            }
            Some(CheckKind::SimpleSigningAttestation(check)) => self.attested(check, image, known),
            other => {
                let name = other.map_or("a check of no kind", |other| other.name());
                (Verdict::Error, format!("{name} cannot be evaluated here"))
            }
        };
        let result = json!({
            "type": name,
            "evaluationResult": {"verdict": verdict.word()},
            "explanation": explanation,
        });
        (verdict, result)
    }

    fn attested(
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
    async fn known(&self, policy: &GkePolicy) -> Result<Known, ApiError> {
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

/// What the checks of a policy need to know.
struct Known {
    at: Timestamp,
    revocations: Revocations,
    /// By `projects/ID`.
    attestations: BTreeMap<String, Result<Vec<Occurrence>, Unavailable>>,
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
