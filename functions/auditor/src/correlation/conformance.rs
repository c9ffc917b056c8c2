//! What should follow a break-glass: that its image is attested after all.

use postern_core::finding::Category;
use postern_core::image::Digest;
use postern_core::memory::{Expectation, Expected};

use super::clues::by_digest;
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
