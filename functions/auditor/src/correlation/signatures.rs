//! Signatures without attestations: a key of ours signed a payload, and no attestation carries it.
//!
//! Cloud KMS is said to log the digest that was signed; where it does not, nothing is expected.

use jiff::SignedDuration;
use postern_core::bytes::Base64;
use postern_core::event::AuditEvent;
use postern_core::image::Digest;
use postern_core::memory::{Expectation, Expected, Fact, Said};
use serde_json::Value;

use super::clues::{Clues, Known};
use crate::classify::rendered;
use crate::detection::Own;

/// An attestation is stored at most so long after it was signed.
const WITHIN: SignedDuration = SignedDuration::from_mins(30);

/// Under which key the fact stands that a payload of this SHA-256 was attested.
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
    if !known.watch.is_our_key(&known.event.resource) {
        return;
    }
    let digest = known
        .event
        .request
        .as_ref()
        .and_then(|request| request.pointer("/digest/sha256")?.as_str())
        .and_then(|text| Base64::decode(text).ok())
        .filter(|bytes| bytes.len() == 32);
    let Some(digest) = digest else { return };
    let payload = hex(&digest);
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
                what: Expected::Attestation { payload },
                event_key: known.key.to_owned(),
                finding,
            }),
    );
}

/// SHA-256 of the payloads of the attestations that were written.
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
            Some(Digest::of(&bytes).hex())
        })
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
