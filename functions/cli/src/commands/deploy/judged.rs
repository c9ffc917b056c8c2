//! From a decision to what may be written, and from what came out back to the decision. Pure.

use postern_core::decision::{Decision, ImageDecision};
use postern_core::image::{Digest, ImageReference};
use postern_core::ports::Judged;

/// How much of a decision's id tells its revision from every other.
const SUFFIX: usize = 10;

/// What may be written by a decision about these images.
///
/// # Errors
/// If it is a decision about others, or an image could not be pinned.
pub(super) fn judged(images: &[String], decision: &Decision) -> Result<Judged, String> {
    let about = decision.images.iter().map(|image| &image.image);
    if !about.eq(images) {
        return Err("the decision is about other images than were asked about".to_owned());
    }
    let mut judged = Judged {
        suffix: suffix(&decision.id),
        ..Judged::default()
    };
    for image in &decision.images {
        let pinned = image.resolved.as_ref();
        let pinned = pinned.filter(|pinned| pinned.digest().is_some());
        let pinned = pinned.ok_or_else(|| {
            format!(
                "{} could not be pinned: which digest it stands for is not known",
                image.image
            )
        })?;
        judged.pins.insert(image.image.clone(), pinned.to_string());
    }
    let used = decision.break_glass.as_ref();
    judged.break_glass = used.map(|used| used.justification.clone().unwrap_or_default());
    Ok(judged)
}

fn suffix(id: &str) -> String {
    let plain = id.chars().filter(char::is_ascii_alphanumeric);
    let plain: Vec<_> = plain.map(|char| char.to_ascii_lowercase()).collect();
    plain[plain.len().saturating_sub(SUFFIX)..].iter().collect()
}

/// What runs and was not judged, or was judged and does not run. Names do not matter here: a mirror's is
/// another. Of an index its manifests are judged with it.
pub(super) fn differences(decision: &Decision, came_out: &[String]) -> Vec<String> {
    let mut judged: Vec<&ImageDecision> = decision.images.iter().collect();
    let mut differences = Vec::new();
    for image in came_out {
        let digest = ImageReference::parse(image).ok().and_then(|it| it.digest());
        let fits = |one: &&ImageDecision| digest.is_some_and(|digest| covers(one, digest));
        match judged.iter().position(fits) {
            Some(at) => drop(judged.remove(at)),
            None => differences.push(format!("{image} runs and was not judged")),
        }
    }
    let missing = judged.into_iter().map(|one| {
        let name = one.resolved.as_ref().map(ToString::to_string);
        let name = name.unwrap_or_else(|| one.image.clone());
        format!("{name} was judged and does not run")
    });
    differences.extend(missing);
    differences
}

fn covers(judged: &ImageDecision, digest: Digest) -> bool {
    let own = judged.resolved.as_ref().and_then(ImageReference::digest);
    own == Some(digest) || judged.children.contains(&digest)
}
