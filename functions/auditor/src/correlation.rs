//! Which findings are about one and the same deployment, and ([`clues`]) what several events
//! together say.
//!
//! Cloud Run writes several entries per deployment: who asked for it (activity), and what became of
//! the revision and of its service (system events). They share a target, and either the revision, the
//! operation, or only that they are close in time. On GKE one change of a workload becomes an entry of
//! each object that controllers make of it: they share the target and the images.

pub(crate) mod clues;
mod conformance;
mod images;
pub(crate) mod people;
mod policy;
mod signatures;
mod sticky;
mod unverified;

use jiff::{SignedDuration, Timestamp};
use postern_core::case::{Case, CaseState};
use postern_core::finding::Finding;

pub(crate) use self::clues::Clues;
pub(crate) use self::conformance::{Excuse, excuse, still_runs};
use self::images::{has_new_image, has_other_images};
pub(crate) use self::signatures::attested_key;
use crate::case::ABOUT_CASES;
use crate::classify::Observed;

/// Two entries of one deployment are at most this far apart.
pub(crate) const WINDOW: SignedDuration = SignedDuration::from_secs(120);

/// A rollout takes no longer than this: what is further from everything that a case holds has happened
/// again.
const ROLLOUT: SignedDuration = SignedDuration::from_hours(1);

/// The keys of one finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    /// What shares one of these is the same deployment.
    pub(crate) certain: Vec<String>,
    /// What shares this has the same revision; [`is_same_use`] decides.
    pub(crate) revision: Option<String>,
    /// What shares this has the same images on the same cluster; [`is_same_rollout`] decides.
    pub(crate) rollout: Option<String>,
    /// What shares one of these is close in time; [`pairs`] decides.
    pub(crate) near: Vec<String>,
    /// Under which of `near` it is found later.
    own_near: Option<String>,
}

impl Keys {
    /// Under which it looks for cases.
    pub(crate) fn asked(self) -> impl Iterator<Item = String> {
        let of_kind = self.revision.into_iter().chain(self.rollout);
        self.certain.into_iter().chain(of_kind).chain(self.near)
    }

    /// Under which its case is found later.
    pub(crate) fn own(self) -> impl Iterator<Item = String> {
        let of_kind = self.revision.into_iter().chain(self.rollout);
        self.certain.into_iter().chain(of_kind).chain(self.own_near)
    }
}

/// The keys to look for, and to be found by.
pub(crate) fn keys(observed: &Observed) -> Keys {
    let finding = &observed.finding;
    let base = |kind: &str, value: &str| {
        let target = finding.target.as_deref().unwrap_or_default();
        format!("{target}|{:?}|{kind}:{value}", finding.category)
    };
    let mut certain = vec![base("event", &observed.event_key)];
    if finding.target.is_none() {
        return Keys {
            certain,
            revision: None,
            rollout: None,
            near: Vec::new(),
            own_near: None,
        };
    }
    let operation = observed.operation.as_deref();
    certain.extend(operation.map(|id| base("operation", id)));
    let revision = finding.revision.as_deref();
    let bucket = finding.at.as_second().div_euclid(WINDOW.as_secs());
    let near = |bucket: i64| base("at", &bucket.to_string());
    Keys {
        certain,
        revision: revision.map(|name| base("revision", name)),
        rollout: images::of_rollout(finding).map(|images| base("images", &images)),
        near: vec![near(bucket), near(bucket - 1), near(bucket + 1)],
        own_near: Some(near(bucket)),
    }
}

/// Whether a finding may join a case that some key shows. Once somebody has looked, what they did
/// not see opens a case of its own: nothing new hides in what was acknowledged or justified.
pub(crate) fn may_join(case: &Case, finding: &Finding) -> bool {
    if case.left_out.is_full() {
        return false;
    }
    match case.state {
        CaseState::Open => true,
        CaseState::Closed => false,
        CaseState::Acknowledged | CaseState::Justified => {
            let known = |revision: &String| case.revisions().any(|known| known == revision);
            finding.revision.as_ref().is_none_or(known) && !has_new_image(case, finding)
        }
    }
}

/// Whether a finding of a revision that a case names is about the same use of it. A service that was
/// deleted and made again counts its revisions from the start: then the images are others, or it is
/// later and somebody else says something else.
pub(crate) fn is_same_use(case: &Case, finding: &Finding) -> bool {
    let says_else = finding
        .actor
        .principal
        .iter()
        .any(|name| !case.actors.contains(name))
        || finding.justification.is_some()
            && events(case).all(|known| known.justification != finding.justification);
    !has_other_images(case, finding) && (is_within(case, finding, ROLLOUT) || !says_else)
}

/// Whether a finding of the images of a case, on a cluster, is about the same rollout: one workload
/// becomes many Pods, each with an entry.
pub(crate) fn is_same_rollout(case: &Case, finding: &Finding) -> bool {
    is_within(case, finding, ROLLOUT)
}

/// Whether a finding that is close in time to those of a case is about the same deployment.
///
/// Two revisions are two deployments, and so are two images. Without a revision on one side, one entry
/// of each kind belongs together; a second of the same kind is another deployment.
pub(crate) fn pairs(case: &Case, finding: &Finding) -> bool {
    is_within(case, finding, WINDOW)
        && !has_other_images(case, finding)
        && match &finding.revision {
            Some(revision) => case.revisions().all(|known| known == revision),
            None => !events(case)
                .any(|known| known.revision.is_none() && known.detection == finding.detection),
        }
}

/// Whether a finding tells the readers of a case something that it does not say yet. What the program
/// itself says of the case, such as that it is overdue, hides nothing.
pub(crate) fn is_news(case: &Case, finding: &Finding) -> bool {
    let new =
        |differs: fn(&Finding, &Finding) -> bool| events(case).all(|known| differs(known, finding));
    let mut principal = finding.actor.principal.iter();
    new(|known, finding| known.severity < finding.severity)
        || !is_within(case, finding, ROLLOUT)
        || new(|known, finding| known.detection != finding.detection)
        || principal.any(|name| !case.actors.contains(name))
        || finding
            .revision
            .as_ref()
            .is_some_and(|revision| case.revisions().all(|known| known != revision))
        || finding.justification.is_some()
            && new(|known, finding| known.justification != finding.justification)
        || finding
            .images
            .iter()
            .any(|image| case.images().all(|known| known != image))
}

/// Whether something that a case is about happened so close to a finding.
fn is_within(case: &Case, finding: &Finding, time: SignedDuration) -> bool {
    let near = |at: Timestamp| at.duration_since(finding.at).abs() <= time;
    events(case).any(|known| near(known.at))
}

/// The findings of a case that tell of events, and not of the case.
fn events(case: &Case) -> impl Iterator<Item = &Finding> {
    let findings = case.findings.iter();
    findings.filter(|finding| finding.source.kind != ABOUT_CASES)
}

#[cfg(test)]
mod tests;
