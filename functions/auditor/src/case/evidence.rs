//! Whether what a case is about was put right, by what was read at the source. Pure.

use std::collections::BTreeSet;

use postern_core::case::Case;
use postern_core::image::ImageReference;
use postern_core::ports::{Appraisal, AppraisedEvidence, RunningRevision, RuntimeState};
use postern_core::reason::Verdict;
use postern_host::problem::quoted;

use super::actor::{chain, is_nobody, same_person};

/// What was read for closing a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    /// Every image was attested by somebody else than who deployed it.
    Attested {
        /// For one of them at least, nobody knows who had it signed.
        unknown_signer: bool,
    },
    /// Nothing reaches the old revision, and what runs instead conforms.
    Replaced {
        /// What runs instead.
        by: Vec<String>,
    },
    /// Neither.
    Neither {
        /// What speaks against it.
        why: Vec<String>,
    },
}

impl Default for Verified {
    /// Nothing was read yet.
    fn default() -> Self {
        Self::Neither {
            why: vec!["nothing was verified".to_owned()],
        }
    }
}

/// The images of a case, as its findings name them. What one entry names by its tag and another of
/// the same deployment by its digest is one image.
pub(crate) fn images(case: &Case) -> BTreeSet<String> {
    let name = |image: &str| {
        ImageReference::parse(image)
            .ok()
            .map(|parsed| parsed.name())
    };
    let by_digest: BTreeSet<_> = case
        .images()
        .filter(|image| is_by_digest(image))
        .map(name)
        .collect();
    let known_better = |image: &str| !is_by_digest(image) && by_digest.contains(&name(image));
    case.images()
        .filter(|image| !known_better(image))
        .map(str::to_owned)
        .collect()
}

/// Whether every image is attested now: it conforms, by at least one attestation, by one of each
/// attestor that was required then, and each of these was signed by somebody outside of the actor
/// chain. Otherwise what is missing.
pub(crate) fn attested(case: &Case, appraisal: &Appraisal) -> Result<bool, Vec<String>> {
    // As far as its findings say; none: not known.
    let required: BTreeSet<_> = case.required_attestors().collect();
    let (mut missing, mut unknown_signer) = (Vec::new(), false);
    let images = images(case);
    if images.is_empty() {
        missing.push("the case names no image that could be attested".to_owned());
    }
    for image in &images {
        let name = quoted(image);
        if !is_by_digest(image) {
            missing.push(format!("{name} is known by its tag only, and a tag moves"));
            continue;
        }
        let known = appraisal.images.iter().find(|known| known.image == *image);
        let Some(known) = known.filter(|known| known.verdict == Verdict::Conformant) else {
            missing.push(format!("{name} does not conform to the policy"));
            continue;
        };
        if known.evidence.is_empty() {
            missing.push(format!(
                "{name} has no attestation: the policy asks for none"
            ));
        }
        let attestors = match required.is_empty() {
            true => known.evidence.iter().map(|e| e.attestor.as_str()).collect(),
            false => required.clone(),
        };
        for attestor in attestors {
            let of_it = known.evidence.iter().filter(|e| e.attestor == attestor);
            match best(case, of_it) {
                Some(Signer::Others) => {}
                Some(Signer::NobodyKnown) => unknown_signer = true,
                Some(Signer::Themselves) => missing.push(format!(
                    "{name} was signed for {attestor} by somebody of the actor chain"
                )),
                None => missing.push(format!("{name} is not attested by {attestor}")),
            }
        }
    }
    match missing.is_empty() {
        true => Ok(unknown_signer),
        false => Err(missing),
    }
}

/// Whether the old revision is out of use and another, conformant one is in use. `appraisal` is about
/// the images of [`successors`]. Otherwise what speaks against it.
pub(crate) fn replaced(
    case: &Case,
    state: &RuntimeState,
    appraisal: &Appraisal,
) -> Result<Vec<String>, Vec<String>> {
    let mut against = Vec::new();
    if case.revisions().next().is_none() && images(case).is_empty() {
        against.push(
            "the case names neither revision nor image, so the old one is not known".to_owned(),
        );
    }
    for old in state
        .revisions
        .iter()
        .filter(|revision| is_old(case, revision))
    {
        if old.is_in_use() || state.latest.as_ref() == Some(&old.name) {
            against.push(in_use(old));
        }
    }
    let successors = successors(case, state);
    if successors.is_empty() {
        against.push("nothing runs instead".to_owned());
    }
    for new in &successors {
        let conforms = |image: &String| {
            let mut known = appraisal
                .images
                .iter()
                .filter(|known| known.image == *image);
            known.any(|known| known.verdict == Verdict::Conformant)
        };
        if new.images.is_empty()
            || !new
                .images
                .iter()
                .all(|image| is_by_digest(image) && conforms(image))
        {
            against.push(format!(
                "{} does not conform to the policy",
                quoted(&new.name)
            ));
        }
    }
    match against.is_empty() {
        true => Ok(successors.iter().map(|new| new.name.clone()).collect()),
        false => Err(against),
    }
}

/// What runs instead: whatever is in use, else the latest, without the old one.
pub(crate) fn successors<'a>(case: &Case, state: &'a RuntimeState) -> Vec<&'a RunningRevision> {
    let new = || {
        state
            .revisions
            .iter()
            .filter(|revision| !is_old(case, revision))
    };
    let in_use: Vec<_> = new().filter(|revision| revision.is_in_use()).collect();
    match in_use.is_empty() {
        false => in_use,
        true => new()
            .filter(|revision| state.latest.as_ref() == Some(&revision.name))
            .collect(),
    }
}

/// Whether it is what the case is about, under its name or another.
fn is_old(case: &Case, revision: &RunningRevision) -> bool {
    let digests: BTreeSet<_> = images(case)
        .iter()
        .filter_map(|image| digest(image))
        .collect();
    let same = |image: &String| digest(image).is_some_and(|digest| digests.contains(&digest));
    case.revisions().any(|known| known == revision.name) || revision.images.iter().any(same)
}

fn in_use(old: &RunningRevision) -> String {
    let name = quoted(&old.name);
    match old {
        old if old.traffic_percent > 0 => {
            format!("{name} gets {} % of the traffic", old.traffic_percent)
        }
        old if !old.tags.is_empty() => format!(
            "{name} is reached by the tag {}",
            quoted(&old.tags.join(", "))
        ),
        old if old.running_executions > 0 => format!("{name} is running"),
        _ => format!("{name} is the latest"),
    }
}

enum Signer {
    Others,
    NobodyKnown,
    Themselves,
}

/// Of several attestations, the one that counts most.
fn best<'a>(case: &Case, evidence: impl Iterator<Item = &'a AppraisedEvidence>) -> Option<Signer> {
    let own = |signer: &str| chain(case).any(|name| same_person(name, signer));
    let signed = evidence.map(|evidence| match evidence.signer.as_deref() {
        Some(signer) if own(signer) => Signer::Themselves,
        Some(signer) if !is_nobody(signer) => Signer::Others,
        _ => Signer::NobodyKnown,
    });
    signed.min_by_key(|signed| match signed {
        Signer::Others => 0,
        Signer::NobodyKnown => 1,
        Signer::Themselves => 2,
    })
}

fn is_by_digest(image: &str) -> bool {
    digest(image).is_some()
}

fn digest(image: &str) -> Option<postern_core::image::Digest> {
    ImageReference::parse(image).ok()?.digest()
}

#[cfg(test)]
mod tests;
