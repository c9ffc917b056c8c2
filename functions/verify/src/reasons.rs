//! What is said about an attestor that is not met: most telling first, each with what to do.

use postern_core::image::{Digest, ImageReference};
use postern_core::ports::Unavailable;
use postern_core::reason::{Reason, ReasonCode};

use crate::attestor::{TrustedAttestor, UnusableKey};
use crate::cache::Rejection;

/// The most telling first.
const ORDER: [ReasonCode; 12] = [
    ReasonCode::Revoked,
    ReasonCode::PayloadDigestMismatch,
    ReasonCode::PayloadRepositoryMismatch,
    ReasonCode::PayloadMalformed,
    ReasonCode::AttestationExpired,
    ReasonCode::SignatureInvalid,
    ReasonCode::KeyRevoked,
    ReasonCode::KeyExpired,
    ReasonCode::KeyAlgorithmMismatch,
    ReasonCode::KeyUnknown,
    ReasonCode::SignatureMalformed,
    ReasonCode::EvidenceLimitExceeded,
];

/// Failures by code: the first of each kind in words, all of them in numbers.
#[derive(Default)]
pub(crate) struct Tally(Vec<(Rejection, usize)>);

impl Tally {
    pub(crate) fn add(&mut self, rejection: Rejection) {
        match self
            .0
            .iter_mut()
            .find(|(known, _)| known.code == rejection.code)
        {
            Some((_, count)) => *count += 1,
            None => self.0.push((rejection, 1)),
        }
    }

    fn in_order(self) -> Vec<(Rejection, usize)> {
        let mut all = self.0;
        let place = |code| {
            ORDER
                .iter()
                .position(|known| *known == code)
                .unwrap_or(ORDER.len())
        };
        all.sort_by_key(|(rejection, _)| place(rejection.code));
        all
    }
}

/// What was being looked for.
pub(crate) struct Inquiry<'a> {
    pub(crate) attestor: &'a TrustedAttestor,
    pub(crate) image: &'a ImageReference,
    pub(crate) digest: &'a Digest,
}

impl Inquiry<'_> {
    /// The reasons of an attestor that has no key to verify with.
    pub(crate) fn without_keys(&self) -> Vec<Reason> {
        if self.attestor.unusable_keys().is_empty() {
            let message = format!(
                "{} has no public keys, so nothing can satisfy it",
                self.attestor.name()
            );
            return vec![self.reason(ReasonCode::AttestorWithoutKeys, message, self.add_key())];
        }
        self.unusable_keys()
    }

    /// One reason for each key that cannot be used.
    pub(crate) fn unusable_keys(&self) -> Vec<Reason> {
        let reason = |key: &UnusableKey| {
            let id = key
                .id
                .as_ref()
                .map(|id| format!(" ({id})"))
                .unwrap_or_default();
            let message = format!(
                "key {}{} of {} cannot be used: {}",
                key.position,
                postern_core::image::shortened(&id),
                self.attestor.name(),
                key.error
            );
            self.reason(ReasonCode::KeyAlgorithmMismatch, message, self.add_key())
        };
        self.attestor.unusable_keys().iter().map(reason).collect()
    }

    /// The reasons of attestations that were looked at and do not count.
    pub(crate) fn failures(&self, tally: Tally, looked_at: usize) -> Vec<Reason> {
        let reason = |(rejection, count): (Rejection, usize)| {
            let message = format!(
                "{} ({count} of {looked_at} attestation{} looked at)",
                rejection.detail,
                if looked_at == 1 { "" } else { "s" }
            );
            let remedy = self.remedy(rejection.code);
            self.reason(rejection.code, message, remedy)
        };
        tally.in_order().into_iter().map(reason).collect()
    }

    /// Nothing was found, in sources that all could be read.
    pub(crate) fn nothing(&self, sources: &[&str]) -> Reason {
        let places = if sources.is_empty() {
            "no source at all".to_owned()
        } else {
            sources.join(", ")
        };
        let message = format!(
            "no attestation of {} by {} was found (0 attestations looked at, in {places})",
            self.pinned(),
            self.attestor.name(),
        );
        self.reason(ReasonCode::NoAttestation, message, self.attest())
    }

    /// A source could not be read.
    pub(crate) fn unavailable(&self, outage: &Unavailable) -> Reason {
        let message = format!("attestations could not be read from {outage}");
        let remedy = format!(
            "ask again; if it stays so, check that {} can be reached and read from here",
            outage.source_name
        );
        self.reason(ReasonCode::EvidenceUnavailable, message, remedy)
    }

    /// A source has more than is ever looked at.
    pub(crate) fn flooded(&self, source: &Unavailable) -> Reason {
        let message = format!("not all attestations were looked at: {source}");
        self.reason(ReasonCode::EvidenceLimitExceeded, message, self.clean_up())
    }

    fn reason(&self, code: ReasonCode, message: String, remedy: String) -> Reason {
        Reason::new(code, message)
            .of_attestor(self.attestor.name().to_string())
            .with_remedy(remedy)
    }

    fn remedy(&self, code: ReasonCode) -> String {
        match code {
            ReasonCode::Revoked => {
                format!("attest with a key that is not revoked: {}", self.attest())
            }
            ReasonCode::KeyUnknown => format!(
                "attest with one of the attestor's keys ({}), or add yours: {}",
                self.key_ids(),
                self.add_key()
            ),
            ReasonCode::KeyExpired => format!(
                "extend the key (gpg --quick-set-expire FINGERPRINT 1y) and give it to the attestor \
                 again: {}",
                self.add_key()
            ),
            ReasonCode::KeyRevoked => format!("attest with another key: {}", self.attest()),
            ReasonCode::KeyAlgorithmMismatch => self.add_key(),
            ReasonCode::EvidenceLimitExceeded => self.clean_up(),
            _ => format!("attest the image again: {}", self.attest()),
        }
    }

    fn attest(&self) -> String {
        let (name, pinned) = (self.attestor.name(), self.pinned());
        format!(
            "postern attest {pinned} --attestor {name} --key KEY, or gcloud beta container binauthz \
             attestations sign-and-create --artifact-url={pinned} --attestor={} \
             --attestor-project={} --keyversion=KEYVERSION",
            name.id, name.project
        )
    }

    fn add_key(&self) -> String {
        format!(
            "gcloud container binauthz attestors public-keys add --attestor={} \
             --pkix-public-key-file=FILE --pkix-public-key-algorithm=ALGORITHM",
            self.attestor.name()
        )
    }

    fn clean_up(&self) -> String {
        format!(
            "delete the attestations on {} that do not verify",
            self.attestor.note()
        )
    }

    fn pinned(&self) -> ImageReference {
        self.image.pinned(*self.digest)
    }

    /// At most three ids: enough to recognise one's own.
    fn key_ids(&self) -> String {
        let ids: Vec<&str> = self
            .attestor
            .keys()
            .iter()
            .take(3)
            .map(|key| key.id())
            .collect();
        ids.join(", ")
    }
}
