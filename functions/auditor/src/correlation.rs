//! Which findings are about one and the same deployment, and ([`clues`]) what several events
//! together say.
//!
//! Cloud Run writes several entries per deployment: who asked for it (activity), and what became of
//! the revision and of its service (system events). They share a target, and either the revision, the
//! operation, or only that they are close in time.

pub(crate) mod clues;
mod conformance;
mod policy;
mod signatures;
mod sticky;
mod unverified;

use jiff::{SignedDuration, Timestamp};
use postern_core::case::{Case, CaseState};
use postern_core::finding::Finding;
use postern_core::image::{Digest, ImageReference};

pub(crate) use self::clues::Clues;
pub(crate) use self::conformance::{Excuse, excuse, still_runs};
pub(crate) use self::signatures::attested_key;
use crate::classify::Observed;

/// Two entries of one deployment are at most this far apart.
pub(crate) const WINDOW: SignedDuration = SignedDuration::from_secs(120);

/// What is further from everything that a case holds has happened again.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// The keys of one finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    /// What shares one of these is the same deployment.
    pub(crate) certain: Vec<String>,
    /// What shares one of these is close in time; [`pairs`] decides.
    pub(crate) near: Vec<String>,
    /// Under which of `near` it is found later.
    pub(crate) own_near: Option<String>,
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
            near: Vec::new(),
            own_near: None,
        };
    }
    certain.extend(
        finding
            .revision
            .as_deref()
            .map(|name| base("revision", name)),
    );
    certain.extend(
        observed
            .operation
            .as_deref()
            .map(|id| base("operation", id)),
    );
    let bucket = finding.at.as_second().div_euclid(WINDOW.as_secs());
    let near = |bucket: i64| base("at", &bucket.to_string());
    Keys {
        certain,
        near: vec![near(bucket), near(bucket - 1), near(bucket + 1)],
        own_near: Some(near(bucket)),
    }
}

/// Whether a finding may join a case that certain keys show. Once somebody has looked, what they did
/// not see opens a case of its own: nothing new hides in what was acknowledged or justified.
pub(crate) fn may_join(case: &Case, finding: &Finding) -> bool {
    match case.state {
        CaseState::Open => true,
        CaseState::Closed => false,
        CaseState::Acknowledged | CaseState::Justified => {
            let known = |revision: &String| {
                let mut findings = case.findings.iter();
                findings.any(|known| known.revision.as_ref() == Some(revision))
            };
            let same_revision = finding.revision.as_ref().is_none_or(known);
            same_revision && new_digests(case, finding).next().is_none()
        }
    }
}

/// Whether a finding that is close in time to those of a case is about the same deployment.
///
/// Two revisions are two deployments, and so are two digests. Without a revision on one side, one entry of each kind belongs
/// together; a second of the same kind is another deployment.
pub(crate) fn pairs(case: &Case, finding: &Finding) -> bool {
    let close = |at: Timestamp| at.duration_since(finding.at).abs() <= WINDOW;
    let mut others = case.findings.iter();
    case.findings.iter().any(|other| close(other.at))
        && (digests_of(&case.findings).next().is_none()
            || new_digests(case, finding).next().is_none())
        && match &finding.revision {
            Some(revision) => {
                others.all(|other| other.revision.as_ref().is_none_or(|r| r == revision))
            }
            None => !others
                .any(|other| other.revision.is_none() && other.detection == finding.detection),
        }
}

/// Digests that a finding names and the case does not.
fn new_digests<'a>(case: &'a Case, finding: &'a Finding) -> impl Iterator<Item = Digest> + 'a {
    let own = digests_of(std::slice::from_ref(finding));
    own.filter(|own| digests_of(&case.findings).all(|known| known != *own))
}

fn digests_of(findings: &[Finding]) -> impl Iterator<Item = Digest> + '_ {
    let images = findings.iter().flat_map(|finding| &finding.images);
    images.filter_map(|image| ImageReference::parse(image).ok()?.digest())
}

/// Whether a finding tells the readers of a case something that it does not say yet.
pub(crate) fn is_news(case: &Case, finding: &Finding) -> bool {
    let new = |differs: fn(&Finding, &Finding) -> bool| {
        case.findings.iter().all(|known| differs(known, finding))
    };
    let far = |at: Timestamp| at.duration_since(finding.at).abs() > AGAIN_AFTER;
    finding.severity > case.severity
        || case.findings.iter().all(|known| far(known.at))
        || new(|known, finding| known.detection != finding.detection)
        || finding
            .actor
            .principal
            .iter()
            .any(|name| !case.actors.contains(name))
        || finding.revision.is_some() && new(|known, finding| known.revision != finding.revision)
        || finding.justification.is_some()
            && new(|known, finding| known.justification != finding.justification)
        || finding.images.iter().any(|image| {
            case.findings
                .iter()
                .all(|known| !known.images.contains(image))
        })
}

#[cfg(test)]
mod tests;
