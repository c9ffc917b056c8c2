//! Whether an attestor is met by the attestations that were found.
//!
//! Any valid attestation is enough; else any source that could not be read leaves it undetermined;
//! else it is not met. What is malformed, oversized or signed by a strange key does not count, so
//! nobody can buy an "undetermined" with rubbish.

use jiff::Timestamp;
use postern_core::attestor::ProjectNumbers;
use postern_core::evidence::{AttestorOutcome, Evidence};
use postern_core::image::{Digest, ImageReference, shortened};
use postern_core::occurrence::{ATTESTATION, Attestation, Occurrence, Signature};
use postern_core::payload::Payload;
use postern_core::ports::Unavailable;
use postern_core::reason::ReasonCode;
use postern_core::revocation::{Revocation, Revocations};

use crate::attestor::{TrustedAttestor, TrustedKey};
use crate::cache::{Checked, EvidenceCache, EvidenceKey, Rejection, Verified};
use crate::reasons::{Inquiry, Tally};

/// The largest payload that is verified, in bytes. Google's own has about 300.
pub const MAX_PAYLOAD: usize = 16 * 1024;
/// The largest signature that is verified, in bytes: an armored message around the largest payload.
pub const MAX_SIGNATURE: usize = 64 * 1024;
/// How many signatures are verified for one attestor and one image. It bounds the time that whoever
/// may write to a note can make a decision take: well under a second on one core.
pub const MAX_VERIFICATIONS: usize = 1_000;

/// The image to look for.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// As it is to be deployed; its name is for messages, and for comparing repositories.
    pub image: &'a ImageReference,
    /// The digest to be deployed.
    pub digest: Digest,
    /// An index whose attestations count too: only one that was fetched, whose bytes were hashed and
    /// that lists the digest, and only where the option is on.
    pub covering_index: Option<Digest>,
}

/// What one source answered.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// What decisions call the source.
    pub source: &'a str,
    /// Its occurrences, whatever they are about, or why it could not be read.
    pub occurrences: Result<&'a [Occurrence], &'a Unavailable>,
}

/// On which terms evidence counts.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// Whether the signed repository must be the one deployed from. Google compares only digests.
    pub compare_repository: bool,
    /// Which project ids and numbers are one project.
    pub projects: &'a ProjectNumbers,
    /// What was revoked. The image itself is for the caller to look up.
    pub revocations: &'a Revocations,
    /// The moment to verify for.
    pub at: Timestamp,
    /// Where what became of blobs is kept, if anywhere.
    pub cache: Option<&'a dyn EvidenceCache>,
}

/// Looks at everything that was found for one attestor until something counts.
pub fn verify_attestor(
    attestor: &TrustedAttestor,
    subject: &Subject<'_>,
    found: &[Found<'_>],
    terms: &Terms<'_>,
) -> AttestorOutcome {
    let mut search = Search::new(attestor, subject, terms);
    if attestor.keys().is_empty() {
        return AttestorOutcome::NotMet(search.inquiry().without_keys());
    }
    for found in found {
        match found.occurrences {
            Ok(occurrences) => {
                search.sources.push(found.source);
                for occurrence in occurrences {
                    if let Some(evidence) = search.look_at(found.source, occurrence) {
                        return AttestorOutcome::Met(evidence);
                    }
                }
            }
            Err(outage) => search.outages.push(outage),
        }
    }
    search.conclude()
}

struct Search<'a> {
    attestor: &'a TrustedAttestor,
    subject: &'a Subject<'a>,
    terms: &'a Terms<'a>,
    revoked_keys: Vec<&'a str>,
    sources: Vec<&'a str>,
    outages: Vec<&'a Unavailable>,
    tally: Tally,
    looked_at: usize,
    verifications: usize,
}

impl<'a> Search<'a> {
    fn new(attestor: &'a TrustedAttestor, subject: &'a Subject<'a>, terms: &'a Terms<'a>) -> Self {
        // Most lists are empty, and then no id needs to be computed.
        let any = terms.revocations.iter().next().is_some();
        let keys = attestor.keys().iter().filter(|_| any);
        let mut revoked_keys: Vec<&str> = keys
            .filter(|key| key.revoked_by(terms.revocations).is_some())
            .map(TrustedKey::id)
            .collect();
        revoked_keys.sort_unstable();
        Self {
            attestor,
            subject,
            terms,
            revoked_keys,
            sources: Vec::new(),
            outages: Vec::new(),
            tally: Tally::default(),
            looked_at: 0,
            verifications: 0,
        }
    }

    fn inquiry(&self) -> Inquiry<'a> {
        Inquiry {
            attestor: self.attestor,
            image: self.subject.image,
            digest: &self.subject.digest,
        }
    }

    /// The evidence, if the occurrence counts; else why not is noted. What is about something else
    /// is not even looked at.
    fn look_at(&mut self, source: &str, occurrence: &Occurrence) -> Option<Evidence> {
        let (digest, attestation) = self.relevant(occurrence)?;
        self.looked_at += 1;
        let revoked = |name| self.terms.revocations.of_attestation(name);
        if let Some(entry) = occurrence.name.as_deref().and_then(revoked) {
            self.tally.add(revocation("the attestation", entry));
            return None;
        }
        match self.checked(&digest, attestation) {
            Checked::Verified(verified) => Some(Evidence {
                attestor: self.attestor.name().clone(),
                occurrence: occurrence.name.clone(),
                key_id: verified.key_id,
                algorithm: verified.algorithm,
                source: source.to_owned(),
            }),
            Checked::Rejected(rejections) => {
                rejections
                    .into_iter()
                    .for_each(|rejection| self.tally.add(rejection));
                None
            }
        }
    }

    /// An attestation on this attestor's note about this image, or about the index that covers it.
    fn relevant<'o>(&self, occurrence: &'o Occurrence) -> Option<(Digest, &'o Attestation)> {
        let is_attestation = occurrence
            .kind
            .as_deref()
            .is_none_or(|kind| kind == ATTESTATION);
        let on_note = self
            .terms
            .projects
            .same_note(&occurrence.note_name, self.attestor.note());
        if !is_attestation || !on_note {
            return None;
        }
        let (_, digest) = occurrence.resource_uri.rsplit_once('@')?;
        let digest = digest.parse::<Digest>().ok()?;
        let covers = digest == self.subject.digest || Some(digest) == self.subject.covering_index;
        covers.then_some(())?;
        Some((digest, occurrence.attestation.as_ref()?))
    }

    /// What becomes of an attestation, remembered where that is asked for. What the limit cut short
    /// is not remembered.
    fn checked(&mut self, digest: &Digest, attestation: &Attestation) -> Checked {
        let Some(cache) = self.terms.cache else {
            return self.check(digest, attestation);
        };
        let repository = self.terms.compare_repository.then_some(self.subject.image);
        let key = EvidenceKey::new(
            attestation,
            self.attestor,
            &self.revoked_keys,
            digest,
            repository,
        );
        if let Some(known) = cache
            .get(&key)
            .filter(|known| known.holds_at(self.terms.at))
        {
            return known;
        }
        let checked = self.check(digest, attestation);
        if self.verifications < MAX_VERIFICATIONS {
            cache.put(key, &checked);
        }
        checked
    }

    /// One valid signature is enough, and then the payload decides.
    fn check(&mut self, digest: &Digest, attestation: &Attestation) -> Checked {
        let payload = &attestation.serialized_payload.0;
        if payload.len() > MAX_PAYLOAD {
            let detail = format!(
                "the payload is {} bytes long; at most {MAX_PAYLOAD} are read",
                payload.len()
            );
            return rejected(ReasonCode::PayloadMalformed, detail);
        }
        if attestation.signatures.is_empty() {
            return rejected(
                ReasonCode::SignatureMalformed,
                "the attestation has no signature",
            );
        }
        let mut rejections: Vec<Rejection> = Vec::new();
        for signature in &attestation.signatures {
            match self.check_signature(payload, signature) {
                Ok(verified) => return self.check_payload(digest, payload, verified),
                Err(rejection) if rejections.iter().any(|r| r.code == rejection.code) => {}
                Err(rejection) => rejections.push(rejection),
            }
        }
        Checked::Rejected(rejections)
    }

    /// Key ids are exact, and only a hint where to look.
    fn check_signature(
        &mut self,
        payload: &[u8],
        signature: &Signature,
    ) -> Result<Verified, Rejection> {
        let id = signature.public_key_id.as_str();
        let attestor = self.attestor;
        if self.revoked_keys.binary_search(&id).is_ok() {
            let mut named = attestor.keys_named(id);
            if let Some(entry) = named.find_map(|key| key.revoked_by(self.terms.revocations)) {
                return Err(revocation("the key", entry));
            }
        }
        let mut failure = None;
        for key in attestor.keys_named(id) {
            if self.verifications >= MAX_VERIFICATIONS {
                let detail = format!(
                    "{MAX_VERIFICATIONS} signatures were verified and none counts; the rest was not \
                     looked at"
                );
                return Err(Rejection {
                    code: ReasonCode::EvidenceLimitExceeded,
                    detail,
                });
            }
            let bytes = &signature.signature.0;
            match verify(key, payload, bytes, self.terms.at, &mut self.verifications) {
                Ok(verified) => return Ok(verified),
                Err(rejection) => failure = Some(rejection),
            }
        }
        Err(failure.unwrap_or_else(|| self.unknown_key(id)))
    }

    fn unknown_key(&self, id: &str) -> Rejection {
        let unusable = self.attestor.unusable_keys().iter();
        let code = match unusable.clone().find(|key| key.id.as_deref() == Some(id)) {
            Some(key) => {
                let detail = format!(
                    "the signature names a key that cannot be used: {}",
                    key.error
                );
                return Rejection {
                    code: ReasonCode::KeyAlgorithmMismatch,
                    detail,
                };
            }
            None => ReasonCode::KeyUnknown,
        };
        let detail = if id.is_empty() {
            "the signature names no key".to_owned()
        } else {
            format!(
                "the signature names the key {:?}, which the attestor does not have",
                shortened(id)
            )
        };
        Rejection { code, detail }
    }

    /// Only now, that the bytes are known to be signed, are they parsed.
    fn check_payload(&self, digest: &Digest, payload: &[u8], verified: Verified) -> Checked {
        let Terms {
            compare_repository,
            at,
            ..
        } = *self.terms;
        let checked = Payload::parse(payload).and_then(|payload| {
            payload.check(self.subject.image, digest, compare_repository, at)?;
            Ok(payload.expires)
        });
        match checked {
            Ok(expires) => Checked::Verified(Verified {
                valid_until: [verified.valid_until, expires].into_iter().flatten().min(),
                ..verified
            }),
            Err(error) => rejected(error.code(), error.to_string()),
        }
    }

    fn conclude(self) -> AttestorOutcome {
        let inquiry = self.inquiry();
        let (floods, outages): (Vec<&Unavailable>, Vec<&Unavailable>) =
            self.outages.iter().partition(|outage| outage.limit);
        let mut reasons: Vec<_> = outages.iter().map(|o| inquiry.unavailable(o)).collect();
        reasons.extend(inquiry.failures(self.tally, self.looked_at));
        reasons.extend(floods.iter().map(|flood| inquiry.flooded(flood)));
        if reasons.is_empty() {
            reasons.push(inquiry.nothing(&self.sources));
        }
        reasons.extend(inquiry.unusable_keys());
        if outages.is_empty() {
            AttestorOutcome::NotMet(reasons)
        } else {
            AttestorOutcome::Undetermined(reasons)
        }
    }
}

fn verify(
    key: &TrustedKey,
    payload: &[u8],
    signature: &[u8],
    at: Timestamp,
    work: &mut usize,
) -> Result<Verified, Rejection> {
    if signature.len() > MAX_SIGNATURE {
        *work += 1;
        return Err(Rejection {
            code: ReasonCode::SignatureMalformed,
            detail: format!(
                "the signature is {} bytes long; at most {MAX_SIGNATURE} are read",
                signature.len()
            ),
        });
    }
    match key.verify_counting(payload, signature, at, work) {
        Ok(valid_until) => Ok(Verified {
            key_id: key.id().to_owned(),
            algorithm: key.algorithm(),
            valid_until,
        }),
        Err(error) => Err(Rejection {
            code: error.code(),
            detail: format!("{error}, by the key {}", shortened(key.id())),
        }),
    }
}

fn revocation(what: &str, entry: &Revocation) -> Rejection {
    Rejection {
        code: ReasonCode::Revoked,
        detail: format!(
            "{what} {} was revoked by {} at {}: {}",
            shortened(&entry.what.to_string()),
            shortened(&entry.by),
            entry.at,
            shortened(&entry.reason)
        ),
    }
}

fn rejected(code: ReasonCode, detail: impl Into<String>) -> Checked {
    Checked::Rejected(vec![Rejection {
        code,
        detail: detail.into(),
    }])
}

#[cfg(test)]
mod tests;
