//! Names of logs.

use postern_core::event::Stream;

/// `projects/P/logs/L`, or the same of an organization, folder or billing account, where `L` is percent-encoded (Cloud Logging, `LogEntry.logName`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LogName<'a> {
    project: Option<&'a str>,
    log: &'a str,
}

impl<'a> LogName<'a> {
    /// Reads a log's name.
    pub(super) fn parse(name: &'a str) -> Option<Self> {
        let (owner, log) = name.split_once("/logs/")?;
        let (kind, owner) = owner.split_once('/')?;
        let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':');
        let known = matches!(
            kind,
            "projects" | "organizations" | "folders" | "billingAccounts"
        );
        let ok = known && !owner.is_empty() && owner.bytes().all(word) && !log.is_empty();
        let project = (kind == "projects").then_some(owner);
        (ok && log.len() <= 512).then_some(Self { project, log })
    }

    /// The project; empty where the log is not a project's.
    pub(super) fn project(self) -> &'a str {
        self.project.unwrap_or_default()
    }

    /// Nobody but Google writes to a log whose encoded name is one of these. Deployments are in the
    /// logs of projects only.
    pub(super) fn stream(self) -> Stream {
        match self.log {
            _ if self.project.is_none() => Stream::Other,
            "cloudaudit.googleapis.com%2Factivity" => Stream::Activity,
            "cloudaudit.googleapis.com%2Fsystem_event" => Stream::SystemEvent,
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
        assert_eq!(name.project(), "example.com:shop");
    }

    #[rstest::rstest]
    #[case("organizations/123")]
    #[case("folders/123")]
    #[case("billingAccounts/012345-567890-ABCDEF")]
    fn other_owners_have_other_logs(#[case] owner: &str) {
        let name = format!("{owner}/logs/cloudaudit.googleapis.com%2Factivity");
        let name = LogName::parse(&name).unwrap();
        assert_eq!((name.project(), name.stream()), ("", Stream::Other));
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
