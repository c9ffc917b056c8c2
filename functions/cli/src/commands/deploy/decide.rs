//! Who decides: a gate elsewhere, or this process by the files it was given.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use postern_core::decision::Decision;
use postern_core::ports::{DeploymentGate, GateRefusal, ProposedDeployment, Unavailable};
use postern_gate::Asked;
use postern_gate::request::{ManifestContext, manifest_request};
use postern_host::deadline;
use postern_host::environment::Environment;
use tokio::time::Instant;

use super::super::check::{self, Grounds};
use crate::data;
use crate::outcome::{Exit, Failure};

/// The gate at `url`, or else one on these grounds.
pub(super) fn gate<'a>(
    url: Option<&str>,
    token_file: Option<&Path>,
    grounds: Option<Grounds<'a>>,
    environment: &dyn Environment,
) -> Result<Arc<dyn DeploymentGate + 'a>, Failure> {
    match (url, grounds) {
        (Some(url), _) => Ok(postern_wiring::gate_at(url, token_file, environment)?),
        (None, Some(grounds)) => Ok(Arc::new(Here(grounds))),
        (None, None) => Err(Failure::mistake("nobody decides").remedy("give --policy or --gate")),
    }
}

/// As `check` decides, in the name of whoever runs the command.
struct Here<'a>(Grounds<'a>);

#[async_trait]
impl DeploymentGate for Here<'_> {
    async fn decide(&self, proposed: &ProposedDeployment) -> Result<Decision, GateRefusal> {
        let context = ManifestContext {
            target: Some(proposed.target.clone()),
        };
        let request = manifest_request(&proposed.manifest, &context);
        let request = request.map_err(|error| GateRefusal::Unreadable(error.to_string()))?;
        let images = request.images.iter().map(|image| image.image.clone());
        let door = request.break_glass.as_ref();
        let door = door.and_then(|door| door.justification.clone());
        let args = check::Args::on(&self.0, images.collect(), proposed.target.clone(), door);
        let prepared = check::prepare(&args).await;
        let (gate, _) = prepared.map_err(refusal)?;
        let asked = Asked::now(data::now(), Instant::now() + deadline::DEFAULT);
        let asked = match proposed.dry_run {
            true => asked.on_trial(),
            false => asked,
        };
        let decision = gate.decide(&request, &check::local_identity(), asked).await;
        decision.map_err(|error| Unavailable::new("the data directory", error).into())
    }
}

fn refusal(failure: Failure) -> GateRefusal {
    let mut text = failure.message;
    if let Some(remedy) = failure.remedy {
        text += "; ";
        text += &remedy;
    }
    match failure.exit {
        Exit::Undetermined => Unavailable::new("deciding", text).into(),
        Exit::Done | Exit::No | Exit::Mistake => GateRefusal::Unreadable(text),
    }
}
