//! Names of logs.

use postern_core::event::Stream;

/// `projects/P/logs/L`, or the same of an organization, folder or billing account, where `L` is
/// percent-encoded (Cloud Logging, `LogEntry.logName`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LogName<'a> {
    owner: &'a str,
    of_project: bool,
    log: &'a str,
}

impl<'a> LogName<'a> {
    /// Reads a log's name.
    pub(super) fn parse(name: &'a str) -> Option<Self> {
        let (owner, log) = name.split_once("/logs/")?;
        let (kind, id) = owner.split_once('/')?;
        let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':');
        let of_project = kind == "projects";
        let known = of_project || matches!(kind, "organizations" | "folders" | "billingAccounts");
        let ok = known && !id.is_empty() && id.bytes().all(word) && !log.is_empty();
        (ok && log.len() <= 512).then_some(Self {
            owner: if of_project { id } else { owner },
            of_project,
            log,
        })
    }

    /// What the log belongs to, as `audit.projects` lists it: a project's id, or `organizations/N`,
    /// `folders/N`, `billingAccounts/N`.
    pub(super) fn owner(self) -> &'a str {
        self.owner
    }

    /// Nobody but Google writes to an audit log, whose encoded name is one of these.
    ///
    /// The log of continuous validation is another matter: whoever may write log entries to a project
    /// may write to it as well. What it says can be made up, so it may raise an alarm, but nothing
    /// must ever be taken for harmless because it stood there.
    pub(super) fn stream(self) -> Stream {
        match self.log {
            "cloudaudit.googleapis.com%2Factivity" => Stream::Activity,
            "cloudaudit.googleapis.com%2Fsystem_event" => Stream::SystemEvent,
            "cloudaudit.googleapis.com%2Fdata_access" => Stream::DataAccess,
            "cloudaudit.googleapis.com%2Fpolicy" => Stream::PolicyDenied,
            "binaryauthorization.googleapis.com%2Fcontinuous_validation" if self.of_project => {
                Stream::ContinuousValidation
            }
            _ => Stream::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_may_have_a_domain() {
        let name = LogName::parse("projects/example.com:shop/logs/x").unwrap();
        assert_eq!(name.owner(), "example.com:shop");
    }

    #[rstest::rstest]
    #[case("organizations/123")]
    #[case("folders/123")]
    #[case("billingAccounts/012345-567890-ABCDEF")]
    fn other_owners_are_named_with_their_kind(#[case] owner: &str) {
        let name = format!("{owner}/logs/cloudaudit.googleapis.com%2Factivity");
        let name = LogName::parse(&name).unwrap();
        assert_eq!((name.owner(), name.stream()), (owner, Stream::Activity));
        let validation =
            format!("{owner}/logs/binaryauthorization.googleapis.com%2Fcontinuous_validation");
        let validation = LogName::parse(&validation).unwrap();
        assert_eq!(validation.stream(), Stream::Other);
    }

    #[rstest::rstest]
    #[case("cloudaudit.googleapis.com%2Factivity", Stream::Activity)]
    #[case("cloudaudit.googleapis.com%2Fsystem_event", Stream::SystemEvent)]
    #[case("cloudaudit.googleapis.com%2Fdata_access", Stream::DataAccess)]
    #[case("cloudaudit.googleapis.com%2Fpolicy", Stream::PolicyDenied)]
    #[case(
        "binaryauthorization.googleapis.com%2Fcontinuous_validation",
        Stream::ContinuousValidation
    )]
    #[case("cloudaudit.googleapis.com%2fpolicy", Stream::Other)]
    #[case("cloudaudit.googleapis.com/policy", Stream::Other)]
    #[case("cloudaudit.googleapis.com%2Fpolicy_denied", Stream::Other)]
    fn streams_have_exact_names(#[case] log: &str, #[case] expected: Stream) {
        let name = format!("projects/demo-mart/logs/{log}");
        assert_eq!(LogName::parse(&name).unwrap().stream(), expected);
    }

    #[test]
    fn a_project_cannot_smuggle_a_path() {
        assert_eq!(
            LogName::parse("projects/a/b/logs/cloudaudit.googleapis.com%2Factivity"),
            None
        );
        assert_eq!(LogName::parse("projects//logs/x"), None);
        assert_eq!(LogName::parse("users/1/logs/x"), None);
    }
}
