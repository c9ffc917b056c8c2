//! One request, from the rules to the record.

use std::sync::Arc;

use jiff::Timestamp;
use postern_core::attestor::{AttestorName, ProjectNumbers};
use postern_core::decision::Caller;
use postern_core::entry::{Entry, Record, Signing};
use postern_core::evidence::AttestorOutcome;
use postern_core::image::{Digest, ImageReference};
use postern_core::occurrence::Occurrence;
use postern_core::ports::{
    AttestationSource, Journal, RevocationList, Stored, TrustMaterial, Unavailable,
};
use postern_core::revocation::Revocations;
use postern_verify::{Found, Subject, Terms, TrustedAttestor, verify_attestor};
use serde::Deserialize;
use ulid::Ulid;

use crate::issue::{IssueError, Signed, sign};
use crate::refusal::Refusal;
use crate::rule::SigningRule;

/// What the function works through.
pub struct AttestorParts {
    /// Where attestors come from.
    pub trust: Arc<dyn TrustMaterial>,
    /// Where attestations that a rule requires are looked for.
    pub sources: Vec<Arc<dyn AttestationSource>>,
    /// What is revoked: never signed for.
    pub revocations: Arc<dyn RevocationList>,
    /// Where every signing is recorded before it counts.
    pub journal: Arc<dyn Journal>,
    /// Which project ids and numbers are one project.
    pub projects: ProjectNumbers,
}

/// The attestor function.
pub struct Attestor {
    parts: AttestorParts,
    rules: Vec<SigningRule>,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The image, by digest.
    pub image: String,
    /// `projects/P/attestors/A`.
    pub attestor: String,
}

impl Attestor {
    /// Signs by these rules. Several may be about one attestor; the first that allows a request
    /// serves it.
    pub const fn new(parts: AttestorParts, rules: Vec<SigningRule>) -> Self {
        Self { parts, rules }
    }

    /// Signs and stores, if a rule allows it, for a caller that is known to have the right to ask.
    ///
    /// The signing is recorded before the attestation can count, and once more by name when it is
    /// stored.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn attest(
        &self,
        request: &Request,
        caller: Option<&Caller>,
        at: Timestamp,
    ) -> Result<Stored, Refusal> {
        let image = ImageReference::parse(&request.image)?;
        let name: AttestorName = request.attestor.parse()?;
        let digest = image
            .digest()
            .ok_or_else(|| IssueError::ByTag(image.clone()))?;
        let rule = self.rule(&name, caller, &image)?;
        let revocations = self
            .parts
            .revocations
            .revocations()
            .await
            .map_err(Refusal::Unavailable)?;
        if let Some(entry) = revocations.of_digest(&digest) {
            return Err(entry.into());
        }
        for required in &rule.requires {
            self.require(required, &image, digest, &revocations, at)
                .await?;
        }
        let attestor = self.resource(&rule.attestor).await?;
        let signer = (rule.key)(&attestor)?;
        let signed = sign(signer.as_ref(), &attestor, &image, at).await?;
        if let Some(entry) = revocations.of_key(&signed.key_id) {
            return Err(entry.into());
        }
        self.record(rule, &image, &signed, caller, None, at).await?;
        let stored = rule
            .sink
            .store(signed.occurrence.clone())
            .await
            .map_err(IssueError::Sink)?;
        if let Stored::Created(Occurrence {
            name: Some(name), ..
        }) = &stored
        {
            self.record(rule, &image, &signed, caller, Some(name), at)
                .await?;
        }
        Ok(stored)
    }

    fn rule(
        &self,
        attestor: &AttestorName,
        caller: Option<&Caller>,
        image: &ImageReference,
    ) -> Result<&SigningRule, Refusal> {
        let same = |rule: &&SigningRule| {
            rule.attestor.id == attestor.id
                && self
                    .parts
                    .projects
                    .same_project(&rule.attestor.project, &attestor.project)
        };
        let mut about = self.rules.iter().filter(same).peekable();
        if about.peek().is_none() {
            return Err(Refusal::NotServed(attestor.clone()));
        }
        let mut admitting = about.filter(|rule| rule.admits(caller)).peekable();
        if admitting.peek().is_none() {
            return Err(Refusal::Caller(attestor.clone()));
        }
        admitting
            .find(|rule| rule.covers(image))
            .ok_or_else(|| Refusal::Repository {
                attestor: attestor.clone(),
                image: image.name(),
            })
    }

    async fn resource(
        &self,
        name: &AttestorName,
    ) -> Result<postern_core::attestor::Attestor, Refusal> {
        let attestor = self
            .parts
            .trust
            .attestor(name)
            .await
            .map_err(Refusal::Unavailable)?;
        attestor.ok_or_else(|| Refusal::AttestorNotFound(name.clone()))
    }

    /// Makes sure that another attestor has spoken for the image.
    async fn require(
        &self,
        name: &AttestorName,
        image: &ImageReference,
        digest: Digest,
        revocations: &Revocations,
        at: Timestamp,
    ) -> Result<(), Refusal> {
        let trusted = TrustedAttestor::new(&self.resource(name).await?);
        let mut gathered: Vec<(&str, Result<Vec<Occurrence>, Unavailable>)> = Vec::new();
        for source in &self.parts.sources {
            let occurrences = source.occurrences(image, trusted.note()).await;
            gathered.push((source.name(), occurrences));
        }
        let found: Vec<Found<'_>> = gathered
            .iter()
            .map(|(source, occurrences)| Found {
                source,
                occurrences: occurrences.as_ref().map(Vec::as_slice),
            })
            .collect();
        let subject = Subject {
            image,
            digest,
            covering_index: None,
        };
        let terms = Terms {
            compare_repository: false,
            projects: &self.parts.projects,
            revocations,
            at,
            cache: None,
        };
        let attestor = name.clone();
        match verify_attestor(&trusted, &subject, &found, &terms) {
            AttestorOutcome::Met(_) => Ok(()),
            AttestorOutcome::NotMet(reasons) => Err(Refusal::Requirement { attestor, reasons }),
            AttestorOutcome::Undetermined(reasons) => {
                Err(Refusal::Undetermined { attestor, reasons })
            }
        }
    }

    async fn record(
        &self,
        rule: &SigningRule,
        image: &ImageReference,
        signed: &Signed,
        caller: Option<&Caller>,
        occurrence: Option<&String>,
        at: Timestamp,
    ) -> Result<(), Refusal> {
        let entry = Entry {
            id: Ulid::new().to_string(),
            at,
            record: Record::Signing(Signing {
                attestor: rule.attestor.clone(),
                image: image.clone(),
                key_id: signed.key_id.clone(),
                caller: caller.cloned(),
                occurrence: occurrence.cloned(),
            }),
        };
        self.parts
            .journal
            .append(vec![entry])
            .await
            .map_err(Refusal::Journal)
    }
}

#[cfg(test)]
#[path = "attestor_tests.rs"]
mod tests;
