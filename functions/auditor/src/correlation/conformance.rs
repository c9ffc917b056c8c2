//! What should follow a break-glass: that its image is attested after all; and what excuses that it
//! was not.

use std::collections::BTreeSet;

use jiff::Timestamp;
use postern_core::case::{Case, ClosedAs};
use postern_core::finding::Category;
use postern_core::image::Digest;
use postern_core::memory::{Expectation, Expected};
use postern_core::ports::{RunningRevision, RuntimeState};

use super::clues::{by_digest, digests};
use crate::classify::{Observed, blank, rendered};
use crate::detection::{Catalogue, Own};
use crate::watch::Watch;

/// That the images of a break-glass conform by the time that the configuration gives. The same images
/// at the same place are expected to once, however many entries there are of it.
pub(super) fn expected(
    catalogue: &Catalogue,
    watch: &Watch,
    observed: &Observed,
) -> Option<Expectation> {
    let used = &observed.finding;
    let target = used.target.clone()?;
    let images: Vec<String> = by_digest(&used.images)
        .map(|i| i.written().to_owned())
        .collect();
    if used.category != Category::BreakGlass || images.is_empty() {
        return None;
    }
    let detection = catalogue.own(Own::NeverAttested);
    let base = blank(detection, &observed.event_key, used.at, used.source.clone());
    let mut finding = postern_core::finding::Finding {
        actor: used.actor.clone(),
        target: used.target.clone(),
        revision: used.revision.clone(),
        images: images.clone(),
        justification: used.justification.clone(),
        ..base
    };
    finding.summary = rendered(&detection.summary, &finding, "");
    let mut digests: Vec<_> = images.iter().map(String::as_str).collect();
    digests.sort_unstable();
    let id = Digest::of(format!("{target}\n{}", digests.join("\n")).as_bytes());
    Some(Expectation {
        id: format!("conformance|{}", id.hex()),
        due_at: used.at.checked_add(watch.attest_within).ok()?,
        untold_since: None,
        what: Expected::Conformance { target, images },
        event_key: observed.event_key.clone(),
        finding,
    })
}

/// Why images that nobody attested are not to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excuse {
    /// Something else runs instead, and that was read at the source.
    Replaced,
    /// An approver lets them stand until then.
    ExceptionUntil(Timestamp),
}

/// What the last use of break-glass for all these images at one target came to, if that excuses them.
/// Cases are of that target, newest first.
pub(crate) fn excuse(cases: &[Case], images: &[String], now: Timestamp) -> Option<Excuse> {
    let wanted: BTreeSet<_> = digests(images).collect();
    let is_about = |case: &&Case| {
        let named = case.findings.iter().flat_map(|f| digests(&f.images));
        wanted.is_subset(&named.collect())
    };
    let case = cases.iter().find(is_about)?;
    match (case.closed_as?, case.exception_until) {
        (ClosedAs::Replaced, _) => Some(Excuse::Replaced),
        (ClosedAs::Exception, Some(end)) if end > now => Some(Excuse::ExceptionUntil(end)),
        _ => None,
    }
}

/// Whether the images, or the revision they came with, may still be reached or run. What has no digest
/// may be any of them.
pub(crate) fn still_runs(state: &RuntimeState, revision: Option<&str>, images: &[String]) -> bool {
    let wanted: BTreeSet<_> = digests(images).collect();
    let is_it = |running: &RunningRevision| {
        let known: BTreeSet<_> = digests(&running.images).collect();
        Some(running.name.as_str()) == revision
            || digests(&running.images).count() < running.images.len()
            || running.images.is_empty()
            || !known.is_disjoint(&wanted)
    };
    let is_used = |running: &RunningRevision| {
        running.is_in_use() || state.latest.as_ref() == Some(&running.name)
    };
    let mut revisions = state.revisions.iter();
    revisions.any(|running| is_used(running) && is_it(running))
}
