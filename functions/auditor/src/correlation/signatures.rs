//! Signatures without attestations: a key of ours signed a payload, and no attestation carries it.
//!
//! Cloud KMS is said to log the digest that was signed; where it does not, nothing is expected.

use jiff::SignedDuration;
use postern_core::bytes::Base64;
use postern_core::event::AuditEvent;
use postern_core::memory::{Expectation, Expected, Fact, Said};
use postern_core::occurrence::payload_hashes;
use serde_json::Value;

use super::clues::{Clues, Known};
use crate::classify::rendered;
use crate::detection::Own;

/// An attestation is stored at most so long after it was signed.
const WITHIN: SignedDuration = SignedDuration::from_mins(30);

/// Under which key the fact stands that a payload of this hash, in hex, was attested.
pub(crate) fn attested_key(payload: &str) -> String {
    format!("attested|{payload}")
}

pub(super) fn clues(known: &Known<'_>, clues: &mut Clues) {
    if known.event.status_code != 0 {
        return;
    }
    match (known.event.service.as_str(), last(&known.event.method)) {
        ("cloudkms.googleapis.com", "AsymmetricSign") => signed(known, clues),
        (
            "containeranalysis.googleapis.com",
            "CreateOccurrence" | "BatchCreateOccurrences" | "UpdateOccurrence",
        ) => {
            for payload in payloads(known.event) {
                clues.say(Fact {
                    key: attested_key(&payload),
                    source: known.key.to_owned(),
                    at: known.event.at,
                    said: Said {
                        principal: known.subject.actor.principal.clone(),
                        ..Said::default()
                    },
                });
            }
        }
        _ => {}
    }
}

fn last(method: &str) -> &str {
    method.rsplit(['.', '/']).next().unwrap_or(method)
}

fn signed(known: &Known<'_>, clues: &mut Clues) {
    if !known.catalogue.trust().is_our_key(&known.event.resource) {
        return;
    }
    let Some(payload) = known.event.request.as_ref().and_then(signed_hash) else {
        return;
    };
    let (mut finding, summary) = known.finding(Own::UnreconciledSignature);
    finding.summary = rendered(&summary, &finding, &known.event.resource);
    clues.expectations.extend(
        known
            .event
            .at
            .checked_add(WITHIN)
            .ok()
            .map(|due_at| Expectation {
                id: format!("attestation|{payload}|{}", known.key),
                due_at,
                untold_since: None,
                what: Expected::Attestation { payload },
                event_key: known.key.to_owned(),
                finding,
            }),
    );
}

/// The hash that was signed, in hex: by whichever of Cloud KMS's algorithms (`Digest`) it is named.
fn signed_hash(request: &Value) -> Option<String> {
    let named = |(algorithm, length): (&str, usize)| {
        let text = request.get("digest")?.get(algorithm)?.as_str()?;
        let bytes = Base64::decode(text).ok()?;
        (bytes.len() == length).then(|| hex::encode(bytes))
    };
    let algorithms = [("sha256", 32), ("sha384", 48), ("sha512", 64)];
    algorithms.into_iter().find_map(named)
}

/// The hashes of the payloads of the attestations that were written.
fn payloads(event: &AuditEvent) -> Vec<String> {
    let Some(request) = &event.request else {
        return Vec::new();
    };
    let one = request.get("occurrence").into_iter();
    let many = request.get("occurrences").and_then(Value::as_array);
    one.chain(many.into_iter().flatten())
        .filter_map(|occurrence| {
            let attestation = occurrence.get("attestation")?;
            let payload = attestation
                .get("serializedPayload")
                .or_else(|| attestation.get("serialized_payload"))?;
            let bytes = Base64::decode(payload.as_str()?).ok()?;
            Some(payload_hashes(&bytes))
        })
        .flatten()
        .collect()
}
