//! One thing that was looked at, and what mends it.

use std::fmt;

use serde::Serialize;

use crate::escape::terminal;
use crate::outcome::Exit;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line {
    /// What was looked at, such as `key`.
    check: &'static str,
    state: State,
    /// Which of them, such as the name of a key; empty where there is only one.
    subject: String,
    message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum State {
    Ok,
    Fail,
    /// It could not be reached or read: never to be taken for ok.
    CannotTell,
    /// Nothing of the kind is configured.
    Skipped,
}

impl Line {
    fn new(
        check: &'static str,
        state: State,
        subject: impl ToString,
        message: impl ToString,
        fix: Option<String>,
    ) -> Self {
        Self {
            check,
            state,
            subject: subject.to_string(),
            message: message.to_string(),
            fix,
        }
    }

    pub(super) fn ok(check: &'static str, subject: impl ToString, message: impl ToString) -> Self {
        Self::new(check, State::Ok, subject, message, None)
    }

    pub(super) fn fail(
        check: &'static str,
        subject: impl ToString,
        message: impl ToString,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(check, State::Fail, subject, message, Some(fix.into()))
    }

    pub(super) fn cannot_tell(
        check: &'static str,
        subject: impl ToString,
        message: impl ToString,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(check, State::CannotTell, subject, message, Some(fix.into()))
    }

    pub(super) fn skipped(check: &'static str, message: impl ToString) -> Self {
        Self::new(check, State::Skipped, "", message, None)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let red = anstyle::AnsiColor::Red.on_default().bold();
        match self.state {
            State::Ok => f.write_str("ok       ")?,
            State::Fail => write!(f, "{red}FAIL{red:#}     ")?,
            State::CannotTell => write!(f, "{red}?{red:#}        ")?,
            State::Skipped => f.write_str("skipped  ")?,
        }
        f.write_str(self.check)?;
        if !self.subject.is_empty() {
            write!(f, " {}", terminal(&self.subject))?;
        }
        write!(f, ": {}", terminal(&self.message))?;
        match &self.fix {
            Some(fix) => write!(f, "\n         fix: {}", terminal(fix)),
            None => Ok(()),
        }
    }
}

/// How the command ends: what failed before what cannot be told.
pub(super) fn worst(lines: &[Line]) -> Exit {
    let has = |state| lines.iter().any(|line| line.state == state);
    if has(State::Fail) {
        Exit::No
    } else if has(State::CannotTell) {
        Exit::Undetermined
    } else {
        Exit::Done
    }
}

/// Lines as people see them, without colours.
#[cfg(test)]
pub(super) fn shown<'a>(lines: impl IntoIterator<Item = &'a Line>) -> String {
    let lines = lines.into_iter().map(ToString::to_string);
    let text = lines.collect::<Vec<_>>().join("\n");
    anstream::adapter::strip_str(&text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_comes_before_what_cannot_be_told() {
        let ok = Line::ok("store", "", "there");
        let fail = Line::fail("key", "file:key.pem", "unknown", "add it");
        let cannot_tell = Line::cannot_tell("key", "gcpkms://k", "no answer", "try again");
        let skipped = Line::skipped("sink", "none");
        assert_eq!(worst(&[ok.clone(), skipped.clone()]), Exit::Done);
        assert_eq!(
            worst(&[ok.clone(), cannot_tell.clone()]),
            Exit::Undetermined
        );
        assert_eq!(worst(&[cannot_tell.clone(), fail.clone()]), Exit::No);
        insta::assert_snapshot!(shown(&[ok, fail, cannot_tell, skipped]), @"
        ok       store: there
        FAIL     key file:key.pem: unknown
                 fix: add it
        ?        key gcpkms://k: no answer
                 fix: try again
        skipped  sink: none
        ");
    }
}
