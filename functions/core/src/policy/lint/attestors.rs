//! Attestors: those that a policy requires, and the keys they are recognised by.

use std::collections::BTreeMap;

use super::{Report, Source};
use crate::attestor::{Attestor, AttestorPublicKey};
use crate::image::shortened;
use crate::policy::Scope;
use crate::policy::document::{self, Node};
use crate::policy::parse::parse_attestors;

/// An attestor, where it is written, and its keys with theirs.
struct Written {
    attestor: Attestor,
    node: Node,
    source: Source,
}

/// The attestors that are known, by name.
pub(super) struct Known(Vec<String>);

/// Checks the attestor files. Without any, nothing is known of attestors, and nothing is found.
pub(super) fn check(texts: &[&str], report: &mut Report) -> Option<Known> {
    if texts.is_empty() {
        return None;
    }
    let mut complete = true;
    let mut written = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        report.source = Some(Source::Attestors(index));
        match read(text, Source::Attestors(index)) {
            Ok(attestors) => written.extend(attestors),
            Err(error) => {
                complete = false;
                report.parse_error("malformed", &error);
            }
        }
    }
    for (index, attestor) in written.iter().enumerate() {
        report.source = Some(attestor.source);
        repeated(&written[..index], attestor, report);
        keys(attestor, report);
    }
    shared_keys(&written, report);
    // Of a file that cannot be read it cannot be said which attestors are missing.
    complete.then(|| {
        Known(
            written
                .iter()
                .map(|w| w.attestor.name.to_string())
                .collect(),
        )
    })
}

/// Checks that every attestor that the policy requires is known.
pub(super) fn check_required(policy: &Node, known: &Known, report: &mut Report) {
    let scoped = Scope::ALL
        .iter()
        .filter_map(|scope| policy.get(scope.field()));
    let scoped = scoped.flat_map(Node::entries).map(|entry| &entry.value);
    for rule in scoped.chain(policy.get("defaultAdmissionRule")) {
        for node in rule
            .get("requireAttestationsBy")
            .map_or(&[][..], Node::items)
        {
            let Some(name) = node.text() else { continue };
            if !known.0.iter().any(|there| there == name) {
                let message = format!("there is no attestor {}", shortened(name));
                let fix = "create it (`gcloud container binauthz attestors create`), or add it to \
                           the attestors file";
                report.error("attestor-not-found", node, message, fix);
            }
        }
    }
}

fn read(text: &str, source: Source) -> Result<Vec<Written>, crate::policy::PolicyError> {
    let attestors = parse_attestors(text)?;
    let documents = document::parse(text)?;
    let nodes = documents.into_iter().flat_map(attestor_nodes);
    let pair = |(attestor, node)| Written {
        attestor,
        node,
        source,
    };
    Ok(attestors.into_iter().zip(nodes).map(pair).collect())
}

fn attestor_nodes(document: Node) -> Vec<Node> {
    let list = document.get("attestors").unwrap_or(&document);
    match list.items() {
        [] if list.entries().is_empty() => Vec::new(),
        [] => vec![document],
        items => items.to_vec(),
    }
}

fn repeated(earlier: &[Written], this: &Written, report: &mut Report) {
    let name = &this.attestor.name;
    if earlier.iter().any(|other| other.attestor.name == *name) {
        let at = this.node.get("name").unwrap_or(&this.node);
        report.error(
            "attestor-repeated",
            at,
            format!("{name} is there twice"),
            "remove one",
        );
    }
}

fn keys(this: &Written, report: &mut Report) {
    let Written { attestor, node, .. } = this;
    let note = node.get("userOwnedGrafeasNote").unwrap_or(node);
    let keys = &attestor.user_owned_grafeas_note.public_keys;
    if keys.is_empty() {
        let message = format!("{} has no keys, so nothing can satisfy it", attestor.name);
        let fix = format!(
            "add one: gcloud container binauthz attestors public-keys add --attestor={} …",
            attestor.name
        );
        report.error("attestor-without-keys", note, message, fix);
    }
    for (index, key) in keys.iter().enumerate() {
        one_key(key, key_node(this, index), report);
    }
}

fn one_key(key: &AttestorPublicKey, at: &Node, report: &mut Report) {
    let wrong = match (&key.pkix_public_key, &key.ascii_armored_pgp_public_key) {
        (None, None) => Some("the key is empty".to_owned()),
        (Some(_), Some(_)) => Some("one entry holds two keys".to_owned()),
        (Some(pkix), None) => {
            let id = key.id.as_deref().unwrap_or_default();
            let inner = pkix.key_id.as_deref().unwrap_or_default();
            let differ = !id.is_empty() && !inner.is_empty() && id != inner;
            differ.then(|| format!("keyId {:?} is not id {:?}", shortened(inner), shortened(id)))
        }
        (None, Some(_)) => None,
    };
    if let Some(message) = wrong {
        let fix = "give each entry one pkixPublicKey or one asciiArmoredPgpPublicKey, and one id";
        report.error("attestor-key", at, message, fix);
    }
}

/// A payload names no attestor: with one key in two of them, a signature made for one is a
/// signature for the other.
fn shared_keys(written: &[Written], report: &mut Report) {
    let mut owners: BTreeMap<String, &Written> = BTreeMap::new();
    for this in written {
        let mut told = false;
        for (index, key) in this
            .attestor
            .user_owned_grafeas_note
            .public_keys
            .iter()
            .enumerate()
        {
            for identity in identities(key) {
                let owner = owners.entry(identity).or_insert(this);
                let other = &owner.attestor.name;
                if *other == this.attestor.name || told {
                    continue;
                }
                told = true;
                report.source = Some(this.source);
                let message = format!(
                    "this key is also {other}'s: what is signed for one counts for the other"
                );
                let fix = "give each attestor a key of its own";
                report.error("shared-key", key_node(this, index), message, fix);
            }
        }
    }
}

/// What makes two entries one key: its id, and its material without line breaks and headers.
fn identities(key: &AttestorPublicKey) -> Vec<String> {
    let id = key
        .id
        .as_deref()
        .filter(|id| !id.is_empty())
        .map(|id| format!("id {id}"));
    let pem = key
        .pkix_public_key
        .as_ref()
        .map(|pkix| pkix.public_key_pem.as_str());
    let material = pem
        .or(key.ascii_armored_pgp_public_key.as_deref())
        .map(body)
        .filter(|body| !body.is_empty());
    id.into_iter().chain(material).collect()
}

/// The base64 of a PEM or an armored text: no lines of dashes, headers or checksum.
fn body(armored: &str) -> String {
    let lines = armored.lines().map(str::trim);
    lines
        .filter(|line| !line.starts_with(['-', '=']) && !line.contains(':'))
        .collect()
}

fn key_node(this: &Written, index: usize) -> &Node {
    let keys = this
        .node
        .get("userOwnedGrafeasNote")
        .and_then(|note| note.get("publicKeys"));
    keys.and_then(|keys| keys.items().get(index))
        .unwrap_or(&this.node)
}
