//! The steps of a deployment, in their order. Each is done only once the one before it went well.

use postern_core::decision::Decision;
use postern_core::ports::{
    DeploymentGate, GateRefusal, PlannedRollout, ProposedDeployment, RolloutError, RolloutPlatform,
};
use postern_core::rollback;
use postern_core::target::{CloudRunKind, Target};
use serde_json::json;

use super::judged::{differences, judged};
use super::place::{Place, Stage, Written};
use super::report::{Outcome, Report};
use crate::outcome::Failure;

/// The annotation of a manifest that asks for the emergency door.
const BREAK_GLASS: &str = "run.googleapis.com/binary-authorization-breakglass";

/// What is to be deployed.
pub(super) struct Wanted {
    pub(super) image: String,
    pub(super) target: Target,
    pub(super) container: Option<String>,
    pub(super) break_glass: Option<String>,
    /// Whether it is to get the traffic.
    pub(super) traffic: bool,
}

/// A deployment over its ports.
pub(super) struct Walk<'a> {
    pub(super) platform: &'a dyn RolloutPlatform,
    pub(super) gate: &'a (dyn DeploymentGate + 'a),
    pub(super) wanted: &'a Wanted,
    pub(super) place: &'a Place,
    pub(super) tell: &'a (dyn Fn(&str) + Send + Sync),
}

impl Walk<'_> {
    /// Walks to the end, or as far as it goes.
    pub(super) async fn go(&self) -> Result<Report, Failure> {
        let wanted = self.wanted;
        let container = wanted.container.as_deref();
        let planned = self.platform.plan(&wanted.target, &wanted.image, container);
        let planned = planned.await.map_err(|error| self.place.failed(&error))?;
        let is_job = is_job(&wanted.target);
        if !wanted.traffic && !planned.withholds_traffic() && !is_job {
            return Err(Failure::mistake(format_args!(
                "nothing serves at {} yet: its first revision gets all traffic",
                wanted.target
            ))
            .remedy("leave out --no-traffic"));
        }
        let decision = self.decide(&planned).await?;
        if !decision.allowed {
            return Ok(report(&planned, decision, Outcome::Refused));
        }
        let judged = judged(&planned.images, &decision)
            .map_err(|why| Failure::undetermined(why).remedy("name each image by its digest"))?;

        let written = Written {
            target: wanted.target.clone(),
            name: self.platform.name(&planned, &judged),
            withheld: planned.withholds_traffic(),
            back: back(&planned),
        };
        (self.tell)(&format!("making {}", written.name));
        self.place.is(Stage::Writing(written.clone()));
        let staged = self.platform.stage(&planned, &judged).await;
        let staged = staged.map_err(|error| self.refused(&error, Stage::Nothing))?;
        self.place.is(Stage::Made(written.clone()));
        let came_out = self.platform.came_out(&planned, &judged, &staged).await;
        let came_out = came_out.map_err(|error| self.place.failed(&error))?;
        let report = |outcome, decision| Report {
            revision: Some(written.name.clone()),
            images: came_out.images.clone(),
            ..report(&planned, decision, outcome)
        };

        let differences = differences(&decision, &came_out.images);
        if !differences.is_empty() {
            self.place.is(Stage::Discarding(written.clone()));
            let discarded = self.platform.discard(&planned, &judged, &came_out).await;
            discarded.map_err(|error| self.place.failed(&error))?;
            return Ok(Report {
                differences,
                ..report(Outcome::Discarded, decision)
            });
        }
        self.place.is(Stage::Checked(written.clone()));
        if !wanted.traffic && !is_job {
            return Ok(Report {
                forward: written.forward(),
                ..report(Outcome::Staged, decision)
            });
        }
        (self.tell)(&format!("{} is as it was judged", written.name));
        self.place.is(Stage::Shifting(written.clone()));
        let shifted = self.platform.shift(&planned, &judged, &came_out).await;
        shifted.map_err(|error| self.refused(&error, Stage::Checked(written.clone())))?;
        Ok(Report {
            back: written.back.clone(),
            ..report(Outcome::Deployed, decision)
        })
    }

    /// What the platform refused for sure has not happened: it stands where it stood before.
    fn refused(&self, error: &RolloutError, before: Stage) -> Failure {
        if matches!(error, RolloutError::Mistake(_) | RolloutError::Changed(_)) {
            self.place.is(before);
        }
        self.place.failed(error)
    }

    async fn decide(&self, planned: &PlannedRollout) -> Result<Decision, Failure> {
        let mut manifest = planned.manifest.clone();
        if let Some(text) = &self.wanted.break_glass {
            manifest["metadata"]["annotations"][BREAK_GLASS] = json!(text);
        }
        let proposed = ProposedDeployment {
            manifest,
            target: planned.target.clone(),
            dry_run: false,
        };
        (self.tell)("deciding");
        let decision = self.gate.decide(&proposed).await;
        decision.map_err(|refusal| match refusal {
            GateRefusal::Unreadable(why) => Failure::mistake(why),
            GateRefusal::Unavailable(outage) => Failure::undetermined(outage),
        })
    }
}

fn report(planned: &PlannedRollout, decision: Decision, outcome: Outcome) -> Report {
    Report {
        target: planned.target.clone(),
        outcome,
        created: planned.before.is_none(),
        revision: None,
        images: Vec::new(),
        differences: Vec::new(),
        forward: None,
        back: None,
        decision,
    }
}

/// The command that goes back to what serves now.
fn back(planned: &PlannedRollout) -> Option<String> {
    match (&planned.replaces, planned.images.as_slice()) {
        (Some(image), [_]) if is_job(&planned.target) => {
            rollback::image_command(&planned.target, image)
        }
        _ => rollback::shares_command(&planned.target, &planned.serving),
    }
}

fn is_job(target: &Target) -> bool {
    matches!(
        target,
        Target::CloudRun {
            kind: CloudRunKind::Job,
            ..
        }
    )
}
