//! How a command ends. Exit codes are part of the interface.

use std::process::ExitCode;

/// What the process exits with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; for `check`: every image may be deployed.
    Done,
    /// `check`: denied; other commands: what was asked about is not so.
    No,
    /// The command line or an input file is wrong.
    Mistake,
    /// Something needed could not be reached or read; never to be taken for [`Exit::Done`].
    Undetermined,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::No => 1,
            Exit::Mistake => 2,
            Exit::Undetermined => 3,
        })
    }
}

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) remedy: Option<String>,
}

impl Failure {
    /// The command line or an input file is wrong: exit 2.
    pub(crate) fn mistake(message: impl ToString) -> Self {
        Self {
            exit: Exit::Mistake,
            message: message.to_string(),
            remedy: None,
        }
    }

    /// What was asked about is not so: exit 1.
    pub(crate) fn not_so(message: impl ToString) -> Self {
        Self {
            exit: Exit::No,
            message: message.to_string(),
            remedy: None,
        }
    }

    /// Something needed could not be reached or read: exit 3.
    pub(crate) fn undetermined(message: impl ToString) -> Self {
        Self {
            exit: Exit::Undetermined,
            message: message.to_string(),
            remedy: None,
        }
    }

    /// Says what to do about it.
    #[must_use]
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

/// How a command ends.
pub(crate) type Outcome = Result<Exit, Failure>;

impl From<postern_wiring::WiringError> for Failure {
    fn from(error: postern_wiring::WiringError) -> Self {
        use postern_store::StoreError;
        use postern_wiring::WiringError;

        match error {
            WiringError::Store(StoreError::Missing(_)) => Self::mistake(error),
            WiringError::Store(_) => Self::undetermined(error),
            _ => Self::mistake(error),
        }
    }
}
