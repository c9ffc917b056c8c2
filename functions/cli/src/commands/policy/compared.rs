//! A policy held against the one that holds, for people and for scripts.

use std::fmt;

use postern_core::attestor::ProjectNumbers;
use postern_core::policy::{PolicyChange, differences};
use postern_core::ports::LivePolicy;
use serde::Serialize;

use super::{Format, Policy};
use crate::escape::terminal;
use crate::outcome::Failure;
use crate::output::{print, print_json};

/// What would change.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Compared {
    api_version: &'static str,
    kind: &'static str,
    /// The file.
    file: String,
    /// What it is held against.
    against: String,
    /// Whether a policy was ever set there.
    was_set: bool,
    /// Whether nothing would change.
    pub(super) same: bool,
    /// Whether more would get through, in some place.
    pub(super) weaker: bool,
    changes: Vec<PolicyChange>,
}

impl Compared {
    /// The policy of a file against what holds somewhere. Where none was ever set, it is a change that
    /// there is one.
    pub(super) fn new(
        (file, wanted): (String, &Policy),
        (against, live): (String, &LivePolicy),
        numbers: &ProjectNumbers,
    ) -> Self {
        let changes = differences(&live.policy, wanted, numbers);
        Self {
            api_version: "postern/v1",
            kind: "PolicyDiff",
            file,
            against,
            was_set: live.was_set,
            same: changes.is_empty() && live.was_set,
            weaker: changes.iter().any(|change| change.weaker),
            changes,
        }
    }

    /// Prints it on stdout.
    pub(super) fn print(&self, format: Format) -> Result<(), Failure> {
        match format {
            Format::Text => print(self),
            Format::Json => print_json(self),
        }
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let loud = anstyle::AnsiColor::Red.on_default().bold();
        write!(f, "{} against {}:", self.file, self.against)?;
        if !self.was_set {
            write!(
                f,
                "\n  no policy was ever set there: what is deployed is not judged by any"
            )?;
        }
        for change in &self.changes {
            let (place, message) = (terminal(&change.place), terminal(&change.message));
            match change.weaker {
                true => write!(f, "\n  {loud}WEAKER{loud:#}  {place}: {message}")?,
                false => write!(f, "\n          {place}: {message}")?,
            }
        }
        let weaker = self.changes.iter().filter(|change| change.weaker).count();
        match (self.same, weaker) {
            (true, _) => write!(f, "\nthey say the same"),
            (false, 0) => write!(
                f,
                "\n{} change(s), none lets more through",
                self.changes.len()
            ),
            (false, weaker) => write!(
                f,
                "\n{} change(s), {loud}{weaker} let(s) more through{loud:#}",
                self.changes.len()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENY: &str =
        "{evaluationMode: ALWAYS_DENY, enforcementMode: ENFORCED_BLOCK_AND_AUDIT_LOG}";

    fn told(live: &str, was_set: bool, wanted: &str) -> String {
        let policy =
            |rule: &str| Policy::parse(&format!("defaultAdmissionRule: {rule}\n")).unwrap();
        let live = LivePolicy {
            policy: policy(live),
            was_set,
        };
        let compared = Compared::new(
            ("policy.yaml".to_owned(), &policy(wanted)),
            ("projects/demo-mart/policy".to_owned(), &live),
            &ProjectNumbers::default(),
        );
        anstream::adapter::strip_str(&compared.to_string()).to_string()
    }

    #[test]
    fn what_lets_more_through_is_loud() {
        let allow = DENY.replace("ALWAYS_DENY", "ALWAYS_ALLOW");
        insta::assert_snapshot!(told(DENY, true, &allow), @"
        policy.yaml against projects/demo-mart/policy:
          WEAKER  defaultAdmissionRule: every image is denied (ALWAYS_DENY) → every image is allowed (ALWAYS_ALLOW)
        1 change(s), 1 let(s) more through
        ");
        insta::assert_snapshot!(told(&allow, true, DENY), @"
        policy.yaml against projects/demo-mart/policy:
                  defaultAdmissionRule: every image is allowed (ALWAYS_ALLOW) → every image is denied (ALWAYS_DENY)
        1 change(s), none lets more through
        ");
        insta::assert_snapshot!(told(DENY, true, DENY), @"
        policy.yaml against projects/demo-mart/policy:
        they say the same
        ");
    }

    #[test]
    fn the_first_policy_is_a_change_whatever_it_says() {
        insta::assert_snapshot!(told(DENY, false, DENY), @"
        policy.yaml against projects/demo-mart/policy:
          no policy was ever set there: what is deployed is not judged by any
        0 change(s), none lets more through
        ");
    }
}
