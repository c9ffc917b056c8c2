//! Who walks a case, and whether they are in it.

use std::collections::BTreeSet;

use postern_core::case::{Case, CaseAction};
use postern_core::decision::Caller;
use postern_host::auth::Identity;
use postern_host::config::Right;

/// Who takes a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The verified e-mail address, else the subject; `local:USER` without an identity.
    pub name: String,
    /// Whether this is a person that somebody else vouched for. Whoever sits at the machine may be
    /// anybody, and is no second person.
    pub second_person: bool,
    /// What they may do.
    pub rights: BTreeSet<Right>,
    /// The other names that the same token says, such as its subject.
    pub also: Vec<String>,
}

/// Whoever is at this machine: `local`, or `local:USER`.
const LOCAL: &str = "local";

/// What stands before a member's name in IAM policies, in lower case.
const PREFIXES: [&str; 4] = ["deleted:", "user:", "serviceaccount:", "group:"];

impl Actor {
    /// A caller whose token was verified.
    pub fn verified(caller: &Caller, rights: impl IntoIterator<Item = Right>) -> Self {
        Self {
            name: caller.display_name().to_owned(),
            second_person: true,
            rights: rights.into_iter().collect(),
            also: vec![caller.subject.clone()],
        }
    }

    /// Whoever is at this machine: every right, and nobody's second person.
    pub fn local(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            second_person: false,
            rights: Right::ALL.into(),
            also: Vec::new(),
        }
    }

    /// Whether they have a right.
    pub fn may(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }

    /// Whether a name that something else knows may be theirs.
    pub(crate) fn is(&self, name: &str) -> bool {
        let mine = std::iter::once(&self.name).chain(&self.also);
        mine.into_iter().any(|own| same_person(own, name))
    }

    /// Whether they are in the actor chain of a finding of the case.
    pub(crate) fn is_in(&self, case: &Case) -> bool {
        chain(case).any(|name| self.is(name))
    }

    /// Whether they ever said why the case was right, as far as anybody knows: who said it at some
    /// machine, without an identity, may be anybody.
    pub(crate) fn may_have_justified(&self, case: &Case) -> bool {
        let steps = || taken(case, CaseAction::Justified);
        steps().any(|by| self.is(by)) || steps().last().is_some_and(is_nobody)
    }

    /// Whether somebody else is known to have taken the case.
    pub(crate) fn has_another_who_acknowledged(&self, case: &Case) -> bool {
        taken(case, CaseAction::Acknowledged).any(|by| !self.is(by) && !is_nobody(by))
    }
}

impl From<&Identity> for Actor {
    fn from(identity: &Identity) -> Self {
        match &identity.caller {
            Some(caller) => {
                let rights = Right::ALL.into_iter().filter(|right| identity.may(*right));
                Self::verified(caller, rights)
            }
            None => Self::local(LOCAL),
        }
    }
}

/// Who took the steps of a kind, in their order.
fn taken(case: &Case, action: CaseAction) -> impl Iterator<Item = &str> {
    let steps = case.history.iter();
    let steps = steps.filter(move |step| step.action == action);
    steps.map(|step| step.by.as_str())
}

/// Whether it is known who was behind what a case is about: more than machines that do what others
/// told them, and those who sat at some machine.
pub(crate) fn has_known_people(case: &Case) -> bool {
    chain(case).any(|name| !is_machine(name) && !is_nobody(name) && !normal(name).is_empty())
}

/// Everyone in the actor chains of a case.
pub(crate) fn chain(case: &Case) -> impl Iterator<Item = &str> {
    let of_findings = case
        .findings
        .iter()
        .flat_map(|finding| finding.actor.principal.iter().chain(&finding.actor.via));
    case.actors.iter().chain(of_findings).map(String::as_str)
}

/// Everyone in the actor chains of a case, each by one name.
pub(crate) fn names(case: &Case) -> BTreeSet<String> {
    chain(case)
        .map(normal)
        .filter(|name| !name.is_empty())
        .collect()
}

/// Whether two names may be one person's. Where it is not certain, they are: a session of an assumed
/// role and a workforce identity are named after whoever is behind them.
pub(crate) fn same_person(a: &str, b: &str) -> bool {
    let (a, b) = (normal(a), normal(b));
    let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    !a.is_empty() && !b.is_empty() && (a == b || last(&a) == b || a == last(&b))
}

/// Whether a name is one that a cluster gives its own: a controller, a node, a service account in it.
pub(crate) fn is_machine(name: &str) -> bool {
    normal(name).starts_with("system:")
}

/// Whether a name is no identity that somebody vouches for, but what was said at some machine.
pub(crate) fn is_nobody(name: &str) -> bool {
    let name = normal(name);
    name == LOCAL
        || name
            .strip_prefix(LOCAL)
            .is_some_and(|user| user.starts_with(':'))
}

fn normal(name: &str) -> String {
    let mut name = name.trim().to_lowercase();
    for prefix in PREFIXES {
        if let Some(rest) = name.strip_prefix(prefix) {
            name = rest.to_owned();
        }
    }
    // `deleted:user:x@example.com?uid=1`
    name.split_once("?uid=")
        .map_or(name.clone(), |(name, _)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("local", true)]
    #[case("local:dana", true)]
    #[case("LOCAL:dana", true)]
    #[case("localhost@example.com", false)]
    #[case("dana@example.com", false)]
    fn nobodies(#[case] name: &str, #[case] nobody: bool) {
        assert_eq!(is_nobody(name), nobody);
    }

    #[rstest]
    #[case("dana@example.com", "Dana@Example.com", true)]
    #[case("dana@example.com", "user:dana@example.com", true)]
    #[case(
        "serviceAccount:ci@acme-shop.iam.gserviceaccount.com",
        "ci@acme-shop.iam.gserviceaccount.com",
        true
    )]
    #[case("deleted:user:dana@example.com?uid=1", "dana@example.com", true)]
    #[case(
        "arn:aws:sts::111122223333:assumed-role/Ops/dana@example.com",
        "dana@example.com",
        true
    )]
    #[case(
        "dana@example.com",
        "principal://iam.googleapis.com/locations/global/workforcePools/p/subject/dana@example.com",
        true
    )]
    #[case("dana@example.com", "dan@example.com", false)]
    #[case("dana@example.com", "dana@example.org", false)]
    #[case("", "", false)]
    fn names_of_one_person(#[case] a: &str, #[case] b: &str, #[case] same: bool) {
        assert_eq!((same_person(a, b), same_person(b, a)), (same, same));
    }
}
