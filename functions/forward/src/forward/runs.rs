//! A job that is run: it runs as it is stored.

use postern_core::ports::ProposedDeployment;
use serde_json::Value;

use super::{Forward, Judged, only_this_version, target};
use crate::asked::Dialect;
use crate::manifest::manifest;
use crate::refusal::{Code, Refusal};
use crate::revision::is_by_digest;
use crate::told;

impl Forward {
    /// Judges a job as it is stored: that is what runs.
    pub(super) async fn run(
        &self,
        judged: &Judged<'_>,
        body: &mut Value,
    ) -> Result<Option<String>, Refusal> {
        only_overrides(body)?;
        let current = self.current(judged).await?.ok_or_else(|| {
            let name = &judged.place.name;
            Refusal::invalid(format!(
                "there is no job {name:?} to run, or it is not shown"
            ))
        })?;
        let job = judged.write.dialect.resource(&current);
        let kind = judged.write.kind;
        let proposed = ProposedDeployment {
            manifest: manifest(kind, &judged.place, Some(job), &[], job.break_glass()),
            target: target(kind, &judged.place),
            dry_run: judged.call.query.is_a_trial(),
        };
        let decision = self.decide(&proposed).await?;
        if !decision.allowed {
            return Err(told::denied(&decision, &[]));
        }
        let by_tag = decision
            .images
            .iter()
            .find(|image| !is_by_digest(&image.image));
        if let (Some(image), None) = (by_tag, &decision.break_glass) {
            return Err(Refusal::new(
                Code::FailedPrecondition,
                format!(
                    "the job names {} by tag, and what it stands for may change before it runs: write \
                     the job through this gate, which pins it, or name the image by digest",
                    image.image
                ),
            ));
        }
        if judged.write.dialect == Dialect::V2 {
            only_this_version(job, body);
        }
        Ok(None)
    }
}

/// A run says how, never what.
fn only_overrides(body: &Value) -> Result<(), Refusal> {
    let only = |value: &Value, known: &[&str]| match value.as_object() {
        Some(fields) => fields.keys().all(|field| known.contains(&field.as_str())),
        None => value.is_null(),
    };
    let overrides = body.get("overrides").unwrap_or(&Value::Null);
    let containers = overrides
        .get("containerOverrides")
        .and_then(Value::as_array);
    let plain = only(body, &["etag", "name", "overrides", "validateOnly"])
        && only(
            overrides,
            &[
                "containerOverrides",
                "taskCount",
                "timeout",
                "timeoutSeconds",
            ],
        )
        && containers
            .into_iter()
            .flatten()
            .all(|container| only(container, &["args", "clearArgs", "env", "name"]));
    match plain {
        true => Ok(()),
        false => Err(Refusal::invalid(
            "only arguments, environment, the number of tasks and their time may be overridden in a run",
        )),
    }
}
