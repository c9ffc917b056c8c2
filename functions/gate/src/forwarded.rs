//! Deployments that somebody forwards: whoever deploys is known to Google alone.

use std::sync::Arc;

use async_trait::async_trait;
use postern_core::decision::Decision;
use postern_core::ports::{DeploymentGate, GateRefusal, ProposedDeployment, Unavailable};
use postern_host::auth::Identity;
use postern_host::deadline;
use tokio::time::Instant;

use crate::decisions::now;
use crate::gate::{Asked, Gate};
use crate::request::{ManifestContext, manifest_request};

/// A gate that decides for a forwarding one in the same process.
///
/// Google has let the caller write before this is asked, and has not said who they are: the decision names
/// no caller, and whoever may deploy may break the glass, as on Cloud Run itself.
pub struct Forwarded(pub Arc<Gate>);

#[async_trait]
impl DeploymentGate for Forwarded {
    async fn decide(&self, proposed: &ProposedDeployment) -> Result<Decision, GateRefusal> {
        let context = ManifestContext {
            target: Some(proposed.target.clone()),
        };
        let request = manifest_request(&proposed.manifest, &context);
        let request = request.map_err(|error| GateRefusal::Unreadable(error.to_string()))?;
        let asked = Asked::now(now(), Instant::now() + deadline::DEFAULT);
        let asked = match proposed.dry_run {
            true => asked.on_trial(),
            false => asked,
        };
        let decision = self.0.decide(&request, &Identity::local(), asked).await;
        decision.map_err(|error| Unavailable::new("the gate", error).into())
    }
}
