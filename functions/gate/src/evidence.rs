//! Gathering evidence: for each attestor, from each source, once however many ask at the same time.
//!
//! Shared are *fetches*; every request judges for itself. Kept for a short while are listings in
//! which something was found; absence is never kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use moka::future::Cache;
use postern_core::attestor::{AttestorName, NoteName, ProjectNumbers};
use postern_core::evidence::AttestorOutcome;
use postern_core::image::{Digest, ImageReference};
use postern_core::occurrence::Occurrence;
use postern_core::ports::{AttestationSource, ImageResolver, TrustMaterial, Unavailable};
use postern_core::reason::{Reason, ReasonCode};
use postern_core::revocation::Revocations;
use postern_verify::{EvidenceCache, Found, Subject, Terms, TrustedAttestor, verify_attestor};
use tokio::time::Instant;

use crate::gate::GateParts;
use crate::options::GateOptions;
use crate::verified::VerifiedBlobs;

/// How long a listing in which something was found may be used again.
const LISTING_LIFETIME: Duration = Duration::from_secs(60);
/// How many listings are kept.
const LISTINGS: u64 = 4096;
/// How many other digests of a repository are looked at as possible indexes of a manifest.
const MAX_INDEXES: usize = 8;

/// What evidence is gathered for.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    /// The image, pinned.
    pub(crate) image: &'a ImageReference,
    /// Its digest.
    pub(crate) digest: Digest,
    pub(crate) revocations: &'a Revocations,
    pub(crate) now: Timestamp,
    pub(crate) deadline: Instant,
}

/// Gathers and verifies.
pub(crate) struct Evidences {
    trust: Arc<dyn TrustMaterial>,
    sources: Vec<Arc<dyn AttestationSource>>,
    listings: Cache<ListingKey, Arc<Vec<Occurrence>>>,
    verified: VerifiedBlobs,
    projects: ProjectNumbers,
    compare_repository: bool,
    index_covers_manifests: bool,
}

/// The source's place in the list, the image by digest, and the note.
type ListingKey = (usize, ImageReference, NoteName);

/// What a source answered, and whether it was asked just now.
struct Listing {
    occurrences: Result<Arc<Vec<Occurrence>>, Unavailable>,
    fresh: bool,
}

/// Why a listing is not kept.
#[derive(Debug, Clone)]
enum NotKept {
    Empty,
    Unavailable(Unavailable),
}

impl Evidences {
    pub(crate) fn new(parts: &GateParts, options: &GateOptions) -> Self {
        Self {
            trust: Arc::clone(&parts.trust),
            sources: parts.sources.clone(),
            listings: Cache::builder()
                .max_capacity(LISTINGS)
                .time_to_live(LISTING_LIFETIME)
                .build(),
            verified: VerifiedBlobs::default(),
            projects: options.projects.clone(),
            compare_repository: options.compare_repository,
            index_covers_manifests: options.index_covers_manifests,
        }
    }

    /// What becomes of each attestor, all asked at the same time.
    pub(crate) async fn of_attestors(
        &self,
        attestors: &[AttestorName],
        question: &Question<'_>,
        resolver: &dyn ImageResolver,
    ) -> BTreeMap<AttestorName, AttestorOutcome> {
        let outcomes = attestors.iter().map(|name| async move {
            (
                name.clone(),
                self.of_attestor(name, question, resolver).await,
            )
        });
        join_all(outcomes).await.into_iter().collect()
    }

    async fn of_attestor(
        &self,
        name: &AttestorName,
        question: &Question<'_>,
        resolver: &dyn ImageResolver,
    ) -> AttestorOutcome {
        let attestor = match self.attestor(name, question.deadline).await {
            Ok(attestor) => attestor,
            Err(outcome) => return outcome,
        };
        let listings = self
            .listings(question.image, attestor.note(), question.deadline)
            .await;
        let mut outcome = self.verify(&attestor, question, None, &listings);
        let stale = listings.iter().any(|listing| !listing.fresh);
        if stale && !matches!(outcome, AttestorOutcome::Met(_)) {
            // What was kept is not enough; something better may have arrived since.
            self.forget(question.image, attestor.note()).await;
            let listings = self
                .listings(question.image, attestor.note(), question.deadline)
                .await;
            outcome = self.verify(&attestor, question, None, &listings);
        }
        if self.index_covers_manifests && !matches!(outcome, AttestorOutcome::Met(_)) {
            let by_index = self
                .by_index(&attestor, question, &listings, resolver)
                .await;
            outcome = by_index.unwrap_or(outcome);
        }
        outcome
    }

    async fn attestor(
        &self,
        name: &AttestorName,
        deadline: Instant,
    ) -> Result<TrustedAttestor, AttestorOutcome> {
        let unreadable = |why: String| {
            let reason = Reason::new(
                ReasonCode::AttestorNotReadable,
                format!("the attestor {name} could not be read: {why}"),
            );
            AttestorOutcome::Undetermined(vec![reason.of_attestor(name.to_string())])
        };
        match tokio::time::timeout_at(deadline, self.trust.attestor(name)).await {
            Ok(Ok(Some(attestor))) => Ok(TrustedAttestor::new(&attestor)),
            Ok(Ok(None)) => {
                let reason = Reason::new(
                    ReasonCode::AttestorNotFound,
                    format!("the policy requires the attestor {name}, which does not exist"),
                )
                .of_attestor(name.to_string())
                .with_remedy(
                    "add it to the attestors file, or take it out of the policy's \
                     requireAttestationsBy",
                );
                Err(AttestorOutcome::NotMet(vec![reason]))
            }
            Ok(Err(outage)) => Err(unreadable(outage.to_string())),
            Err(_) => Err(unreadable("it was not read in time".to_owned())),
        }
    }

    async fn listings(
        &self,
        image: &ImageReference,
        note: &NoteName,
        deadline: Instant,
    ) -> Vec<Listing> {
        let listings = self
            .sources
            .iter()
            .enumerate()
            .map(|(index, source)| async move {
                let listing = self.listing(index, &**source, image, note);
                match tokio::time::timeout_at(deadline, listing).await {
                    Ok(listing) => listing,
                    Err(_) => {
                        let outage = Unavailable::new(source.name(), "it did not answer in time");
                        Listing {
                            occurrences: Err(outage),
                            fresh: true,
                        }
                    }
                }
            });
        join_all(listings).await
    }

    async fn listing(
        &self,
        index: usize,
        source: &dyn AttestationSource,
        image: &ImageReference,
        note: &NoteName,
    ) -> Listing {
        let key = (index, image.clone(), note.clone());
        let fetch = async {
            match source.occurrences(image, note).await {
                Ok(found) if found.is_empty() => Err(NotKept::Empty),
                Ok(found) => Ok(Arc::new(found)),
                Err(outage) => Err(NotKept::Unavailable(outage)),
            }
        };
        match self.listings.entry(key).or_try_insert_with(fetch).await {
            Ok(entry) => Listing {
                fresh: entry.is_fresh(),
                occurrences: Ok(entry.into_value()),
            },
            Err(why) => Listing {
                fresh: true,
                occurrences: match &*why {
                    NotKept::Empty => Ok(Arc::default()),
                    NotKept::Unavailable(outage) => Err(outage.clone()),
                },
            },
        }
    }

    async fn forget(&self, image: &ImageReference, note: &NoteName) {
        for index in 0..self.sources.len() {
            self.listings
                .invalidate(&(index, image.clone(), note.clone()))
                .await;
        }
    }

    fn verify(
        &self,
        attestor: &TrustedAttestor,
        question: &Question<'_>,
        covering_index: Option<Digest>,
        listings: &[Listing],
    ) -> AttestorOutcome {
        let found: Vec<_> = self
            .sources
            .iter()
            .zip(listings)
            .map(|(source, listing)| Found {
                source: source.name(),
                occurrences: listing.occurrences.as_ref().map(|found| &found[..]),
            })
            .collect();
        let subject = Subject {
            image: question.image,
            digest: question.digest,
            covering_index,
        };
        let terms = Terms {
            compare_repository: self.compare_repository,
            projects: &self.projects,
            revocations: question.revocations,
            at: question.now,
            cache: Some(&self.verified as &dyn EvidenceCache),
        };
        verify_attestor(attestor, &subject, &found, &terms)
    }

    /// Looks for an attested index that lists the manifest: among what the sources know of the same
    /// repository, and only if the index was fetched and its bytes were hashed.
    async fn by_index(
        &self,
        attestor: &TrustedAttestor,
        question: &Question<'_>,
        listings: &[Listing],
        resolver: &dyn ImageResolver,
    ) -> Option<AttestorOutcome> {
        let (beside, mut unread) = self.attested_beside(question, attestor.note()).await;
        let mut candidates = candidate_indexes(question, listings);
        candidates.extend(beside);
        candidates.truncate(MAX_INDEXES);
        for candidate in candidates {
            // What is revoked vouches for nothing.
            if question.revocations.of_digest(&candidate).is_some() {
                continue;
            }
            let index = question.image.pinned(candidate);
            let resolved = tokio::time::timeout_at(question.deadline, resolver.resolve(&index));
            let fetched = match resolved.await {
                Ok(Ok(Some(fetched))) => fetched,
                Ok(Ok(None)) => continue,
                Ok(Err(outage)) => {
                    unread = Some(format!("the index {index} could not be read: {outage}"));
                    continue;
                }
                Err(_) => {
                    unread = Some(format!("the index {index} was not read in time"));
                    continue;
                }
            };
            if fetched.digest != candidate || !fetched.children.contains(&question.digest) {
                continue;
            }
            let of_index = self
                .listings(&index, attestor.note(), question.deadline)
                .await;
            let outcome = self.verify(attestor, question, Some(candidate), &of_index);
            match outcome {
                AttestorOutcome::Met(_) => return Some(outcome),
                AttestorOutcome::Undetermined(_) => {
                    unread = Some(format!(
                        "the attestations of the index {index} could not be read"
                    ));
                }
                AttestorOutcome::NotMet(_) => {}
            }
        }
        unread.map(|why| {
            let reason = Reason::new(ReasonCode::EvidenceUnavailable, why);
            AttestorOutcome::Undetermined(vec![reason.of_attestor(attestor.name().to_string())])
        })
    }

    /// What the sources know of the same repository, and which of them could not be read.
    async fn attested_beside(
        &self,
        question: &Question<'_>,
        note: &NoteName,
    ) -> (Vec<Digest>, Option<String>) {
        let of_sources = self.sources.iter().map(|source| async move {
            let beside = source.attested_beside(question.image, note, MAX_INDEXES);
            match tokio::time::timeout_at(question.deadline, beside).await {
                Ok(Ok(digests)) => Ok(digests),
                Ok(Err(outage)) => Err(outage.to_string()),
                Err(_) => Err(format!("{} did not answer in time", source.name())),
            }
        });
        let mut digests = Vec::new();
        let mut unread = None;
        for of_source in join_all(of_sources).await {
            match of_source {
                Ok(found) => digests.extend(found),
                Err(why) => unread = Some(why),
            }
        }
        (digests, unread)
    }
}

/// Other digests of the same repository that something was said about.
fn candidate_indexes(question: &Question<'_>, listings: &[Listing]) -> Vec<Digest> {
    let mut candidates = Vec::new();
    for occurrence in listings
        .iter()
        .filter_map(|l| l.occurrences.as_ref().ok())
        .flat_map(|o| &**o)
    {
        let Ok(about) = ImageReference::parse_artifact_url(&occurrence.resource_uri) else {
            continue;
        };
        let Some(digest) = about.digest() else {
            continue;
        };
        let other = digest != question.digest && about.name() == question.image.name();
        if other && !candidates.contains(&digest) && candidates.len() < MAX_INDEXES {
            candidates.push(digest);
        }
    }
    candidates
}
