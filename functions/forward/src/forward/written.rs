//! A resource that is written: what newly runs by it is judged, and the body becomes what may go on.

use postern_core::decision::Decision;
use postern_core::ports::ProposedDeployment;
use postern_core::target::CloudRunKind;
use postern_host::config::{DeployAs, ForwardedBreakGlass, JobChecks};
use serde_json::Value;

use super::{Forward, Judged, only_this_version, target};
use crate::after::{after, replaced};
use crate::asked::{Dialect, Verb};
use crate::change::Change;
use crate::manifest::manifest;
use crate::permission::Question;
use crate::pin::{Pins, keeps_state};
use crate::refusal::{Code, Refusal};
use crate::resource::{BREAK_GLASS, BREAK_GLASS_V2};
use crate::told;

impl Forward {
    /// Judges what newly runs once the resource is written, and makes the body what may go on.
    pub(super) async fn change(
        &self,
        judged: &Judged<'_>,
        body: &mut Value,
    ) -> Result<Option<String>, Refusal> {
        let write = judged.write;
        let current = self.current(judged).await?;
        let upsert = judged.call.query.says("allowMissing");
        if current.is_none() && upsert && self.options.deploy_as == DeployAs::Caller {
            self.ask(judged, &Question::to_create(write)).await?;
        }
        let after = match (write.verb, &current) {
            (Verb::Patch, Some(current)) => {
                after(current, body, judged.call.query.get("updateMask"))?
            }
            (_, Some(current)) => replaced(current, body),
            (_, None) => body.clone(),
        };
        let current = current.as_ref().map(|value| write.dialect.resource(value));
        let after = write.dialect.resource(&after);
        let mut change = Change::between(write.kind, current, after);
        change.template |= judged.call.query.says("forceNewRevision");
        if let Some(current) = current {
            only_this_version(current, body);
        }
        if change.is_nothing() {
            return Ok(None);
        }
        let revisions = self.revisions(judged, &change).await?;
        let template = Some(after).filter(|_| change.template);
        let break_glass = after.break_glass();
        let only_told = write.kind == CloudRunKind::Job
            && self.options.jobs == JobChecks::Execution
            && !after.starts();
        let proposed = ProposedDeployment {
            manifest: manifest(write.kind, &judged.place, template, &revisions, break_glass),
            target: target(write.kind, &judged.place),
            dry_run: only_told || judged.call.query.is_a_trial(),
        };
        let decision = match self.decide(&proposed).await {
            // A job is judged again when it runs.
            Err(refusal) if only_told => {
                let warning = "Postern could not say whether this job may run".to_owned();
                tracing::warn!(?refusal, "a job that is written could not be judged");
                return Ok(Some(warning));
            }
            decision => decision?,
        };
        if !decision.allowed && !only_told {
            let names: Vec<_> = revisions
                .into_iter()
                .map(|revision| revision.name)
                .collect();
            return Err(told::denied(&decision, &names));
        }
        if change.template {
            pin(judged, &decision, body)?;
        }
        self.strip(&decision, write.dialect, body);
        let refused_later = !decision.allowed && only_told;
        Ok(refused_later.then(|| told_only(&decision)))
    }

    /// Takes a break-glass that was honoured off what goes on, if that is configured.
    fn strip(&self, decision: &Decision, dialect: Dialect, body: &mut Value) {
        let strips = self.options.break_glass == ForwardedBreakGlass::Strip;
        if !strips || decision.break_glass.is_none() {
            return;
        }
        let (holder, field) = match dialect {
            Dialect::V1 => ("/metadata/annotations", BREAK_GLASS),
            Dialect::V2 => BREAK_GLASS_V2.rsplit_once('/').unwrap_or_default(),
        };
        if let Some(holder) = body.pointer_mut(holder).and_then(Value::as_object_mut) {
            holder.remove(field);
        }
    }
}

/// Writes digests in place of the tags that were judged, where nobody minds.
fn pin(judged: &Judged<'_>, decision: &Decision, body: &mut Value) -> Result<(), Refusal> {
    let pins = Pins::of(decision);
    let Some(template) = body.pointer_mut(judged.write.dialect.template()) else {
        return Ok(());
    };
    let written = pins.write_into(template);
    match written.first() {
        Some((tag, digest)) if keeps_state(&judged.call.user_agent) => Err(Refusal::new(
            Code::FailedPrecondition,
            format!(
                "{tag} is named by tag, which may be another image in a second. It would be pinned, but \
                 your client would find a difference for ever: write {digest} in its place"
            ),
        )),
        _ => Ok(()),
    }
}

fn told_only(decision: &Decision) -> String {
    format!(
        "Postern will not let this job run as it is (decided on trial as {})",
        decision.id
    )
}
