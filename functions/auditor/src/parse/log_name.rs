//! Names of logs.

use postern_core::event::Stream;

/// `projects/P/logs/L`, where `L` is percent-encoded (Cloud Logging, `LogEntry.logName`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LogName<'a> {
    project: &'a str,
    log: &'a str,
}

impl<'a> LogName<'a> {
    /// Reads a project's log name. Logs of organizations and folders are not a project's.
    pub(super) fn parse(name: &'a str) -> Option<Self> {
        let (project, log) = name.strip_prefix("projects/")?.split_once("/logs/")?;
        let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':');
        let ok = !project.is_empty() && project.bytes().all(word) && !log.is_empty();
        (ok && log.len() <= 512).then_some(Self { project, log })
    }

    pub(super) fn project(self) -> &'a str {
        self.project
    }

    /// Nobody but Google writes to a log whose encoded name is one of these.
    pub(super) fn stream(self) -> Stream {
        match self.log {
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

    #[test]
    fn a_project_cannot_smuggle_a_path() {
        assert_eq!(
            LogName::parse("projects/a/b/logs/cloudaudit.googleapis.com%2Factivity"),
            None
        );
        assert_eq!(LogName::parse("projects//logs/x"), None);
        assert_eq!(LogName::parse("folders/1/logs/x"), None);
    }
}
