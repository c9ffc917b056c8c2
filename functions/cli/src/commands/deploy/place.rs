//! How far a deployment has come, for whoever has to go on from there.

use std::sync::{Mutex, PoisonError};

use postern_core::ports::RolloutError;
use postern_core::rollback;
use postern_core::target::{CloudRunKind, Target};

use crate::outcome::{Exit, Failure};

/// Where a deployment stands.
#[derive(Default)]
pub(super) struct Place(Mutex<Stage>);

#[derive(Debug, Clone, Default)]
pub(super) enum Stage {
    /// Nothing was written.
    #[default]
    Nothing,
    /// This is being written.
    Writing(Written),
    /// This was written, and is coming out.
    Made(Written),
    /// What came out is as judged; nothing else has happened to it.
    Checked(Written),
    /// Traffic is being shifted.
    Shifting(Written),
    /// What came out is not as judged, and is being taken back.
    Discarding(Written),
}

/// What was written.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) target: Target,
    /// The revision, or the job.
    pub(super) name: String,
    /// Whether something else serves in its place.
    pub(super) withheld: bool,
    /// The command that goes back, once traffic was shifted.
    pub(super) back: Option<String>,
}

impl Place {
    /// From now on it stands here.
    pub(super) fn is(&self, stage: Stage) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    /// It ended here, before its time.
    pub(super) fn stopped(&self, why: &str) -> Failure {
        self.failure(Exit::Undetermined, why)
    }

    /// A step was not done.
    pub(super) fn failed(&self, error: &RolloutError) -> Failure {
        let exit = match error {
            RolloutError::Mistake(_) => Exit::Mistake,
            RolloutError::Changed(_) | RolloutError::Failed(_) => Exit::No,
            _ => Exit::Undetermined,
        };
        self.failure(exit, &error.to_string())
    }

    fn failure(&self, exit: Exit, why: &str) -> Failure {
        let stage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (what, remedy) = stage.told();
        Failure {
            exit,
            message: format!("{why}; {what}"),
            remedy,
        }
    }
}

impl Stage {
    /// What is there, and how to go on.
    fn told(&self) -> (String, Option<String>) {
        match self {
            Self::Nothing => ("nothing was deployed".to_owned(), None),
            Self::Writing(it) => (
                format!(
                    "{} may be there, or still come; {}",
                    it.name,
                    it.meanwhile()
                ),
                Some(it.look()),
            ),
            Self::Made(it) => (
                format!("{} was written; {}", it.name, it.meanwhile()),
                Some(it.look()),
            ),
            Self::Checked(it) => {
                let what = format!(
                    "{} is there as it was judged, and traffic was not shifted",
                    it.name
                );
                (what, it.forward())
            }
            Self::Shifting(it) => {
                let what = format!(
                    "traffic may have been shifted to {}, which is as judged",
                    it.name
                );
                (
                    what,
                    it.back.clone().map(|back| format!("to go back: {back}")),
                )
            }
            Self::Discarding(it) => {
                let what = format!("{} is NOT what was judged, and may still be there", it.name);
                let look = format!("postern inspect {}; and give it no traffic", it.target);
                (what, Some(look))
            }
        }
    }
}

impl Written {
    /// What runs as long as it is not finished.
    const fn meanwhile(&self) -> &'static str {
        match (&self.target, self.withheld) {
            (
                Target::CloudRun {
                    kind: CloudRunKind::Job,
                    ..
                },
                _,
            ) => "it was not run",
            (_, true) => "it gets no traffic, and what served before serves",
            (_, false) => "nothing served before it, so it may get all traffic",
        }
    }

    fn look(&self) -> String {
        format!("postern inspect {}; then deploy again", self.target)
    }

    /// The command that shifts traffic to it.
    pub(super) fn forward(&self) -> Option<String> {
        rollback::shares_command(&self.target, &[(self.name.clone(), 100)])
    }
}
