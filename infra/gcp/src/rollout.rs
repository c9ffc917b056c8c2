//! Deployments to Cloud Run (Admin API v2): a revision is made beside those that serve, looked at, and only
//! then gets traffic.

mod form;
mod named;
mod shares;

use std::time::Duration;

use async_trait::async_trait;
use google_cloud_gax::backoff_policy::BackoffPolicy as _;
use google_cloud_gax::exponential_backoff::ExponentialBackoff;
use google_cloud_gax::retry_state::RetryState;
use postern_core::image::shortened;
use postern_core::ports::{
    CameOut, Judged, PlannedRollout, RolloutError, RolloutPlatform, Staged, Unavailable,
};
use postern_core::target::{CloudRunKind, Target};
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::named::{Named, call};
use self::shares::Share;
use crate::access_token::GoogleCredentials;
use crate::api::{Api, Unwritten, pauses};
use crate::endpoint::Endpoint;
use crate::resource::is_word;

/// How often something is looked at that does not come, some hours in all.
const LOOKS: u32 = 1000;

/// Cloud Run, where this identity may deploy.
pub struct CloudRunRollouts {
    api: Api,
    pauses: ExponentialBackoff,
}

/// A long-running operation (`google.longrunning.Operation`).
#[derive(Debug, Default, Deserialize)]
struct Operation {
    #[serde(default)]
    name: String,
    #[serde(default)]
    done: bool,
    error: Option<OperationError>,
}

#[derive(Debug, Deserialize)]
struct OperationError {
    #[serde(default)]
    message: String,
}

impl CloudRunRollouts {
    /// Cloud Run at an endpoint.
    ///
    /// # Errors
    /// If no client can be made.
    pub fn new(
        endpoint: Endpoint,
        credentials: Option<GoogleCredentials>,
    ) -> Result<Self, Unavailable> {
        Ok(Self {
            api: Api::new("Cloud Run", endpoint, credentials)?,
            pauses: pauses(Duration::from_millis(500), Duration::from_secs(10)),
        })
    }

    async fn find(&self, path: &str, named: &Named<'_>) -> Result<Option<Value>, Unavailable> {
        let name = named.name();
        let verb = named.permission("get");
        self.api
            .find(&call(Method::GET, path, &[], &name, verb))
            .await
    }

    /// The resource as it is, which must be there.
    async fn current(&self, named: &Named<'_>) -> Result<Value, RolloutError> {
        let found = self.find(&named.path(), named).await?;
        found.ok_or_else(|| RolloutError::Changed(format!("{} is gone", named.name())))
    }

    async fn write<T: DeserializeOwned>(
        &self,
        named: &Named<'_>,
        mask: &str,
        body: &Value,
    ) -> Result<T, Unwritten> {
        let (name, path) = (named.name(), named.path());
        let query = [("updateMask", mask)];
        let query = if mask.is_empty() { &[][..] } else { &query[..] };
        let verb = named.permission("update");
        let call = call(Method::PATCH, &path, query, &name, verb);
        self.api.write(&call, body).await
    }

    async fn create(&self, named: &Named<'_>, body: &Value) -> Result<Operation, Unwritten> {
        let (name, parent) = (named.name(), named.parent());
        let query = [(named.id_parameter(), named.at.name.as_str())];
        let verb = named.permission("create");
        let call = call(Method::POST, &parent, &query, &name, verb);
        self.api.write(&call, body).await
    }

    async fn delete(
        &self,
        named: &Named<'_>,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<(), RolloutError> {
        let verb = match path.contains("/revisions/") {
            true => "run.revisions.delete",
            false => named.permission("delete"),
        };
        let name = named.name();
        let call = call(Method::DELETE, path, query, &name, verb);
        let operation: Operation = self.api.call::<(), _>(&call, None).await?;
        self.done(named, &operation.name).await
    }

    /// Waits until an operation is over, and went well.
    async fn done(&self, named: &Named<'_>, operation: &str) -> Result<(), RolloutError> {
        // What is no name is not asked for: what came out is looked at all the same.
        if !operation.starts_with("projects/") || !operation.split('/').all(is_word) {
            return Ok(());
        }
        let path = format!("/v2/{operation}");
        let mut waited = Waited::default();
        loop {
            let found = self.find(&path, named).await?;
            let found = found.map(serde_json::from_value::<Operation>).transpose();
            let found = found.map_err(|error| Unavailable::new(self.api.name(), error))?;
            // Operations that are over are forgotten some time.
            let Some(operation) =
                found.filter(|operation| !operation.done || operation.error.is_some())
            else {
                return Ok(());
            };
            if let (true, Some(error)) = (operation.done, operation.error) {
                return Err(RolloutError::Failed(shortened(&error.message)));
            }
            self.pause(&mut waited).await?;
        }
    }

    /// Waits until a revision is ready, and says what it runs.
    async fn ready(&self, named: &Named<'_>, revision: &str) -> Result<Vec<String>, RolloutError> {
        let path = named.revision(revision);
        let mut waited = Waited::default();
        loop {
            if let Some(found) = self.find(&path, named).await? {
                match readiness(&found) {
                    Some(Ok(())) => return Ok(form::images_in(&found)),
                    Some(Err(why)) => return Err(RolloutError::Failed(why)),
                    None => {}
                }
            }
            self.pause(&mut waited).await?;
        }
    }

    async fn pause(&self, waited: &mut Waited) -> Result<(), RolloutError> {
        let state = waited.0.clone();
        waited.0 = state.set_attempt_count(waited.0.attempt_count + 1);
        if waited.0.attempt_count > LOOKS {
            let message = "it has not come to an end, as often as it was looked at";
            return Err(Unavailable::new(self.api.name(), message).into());
        }
        tokio::time::sleep(self.pauses.on_failure(&waited.0)).await;
        Ok(())
    }

    /// What a conflict means: the write may be this one, whose answer was lost.
    async fn conflict(
        &self,
        named: &Named<'_>,
        ours: &Value,
        error: Unavailable,
    ) -> Result<Staged, RolloutError> {
        let found = self.find(&named.path(), named).await?;
        let found = found.unwrap_or_default();
        let is_ours = match named.kind {
            CloudRunKind::Job => form::images(named.kind, &found) == form::images(named.kind, ours),
            CloudRunKind::Service | CloudRunKind::WorkerPool => {
                form::revision(&found) == form::revision(ours)
            }
        };
        match is_ours {
            true => Ok(Staged::default()),
            false => Err(RolloutError::Changed(error.to_string())),
        }
    }
}

/// How often it was waited for.
struct Waited(RetryState);

impl Default for Waited {
    fn default() -> Self {
        Self(RetryState::new(true))
    }
}

#[async_trait]
impl RolloutPlatform for CloudRunRollouts {
    async fn plan(
        &self,
        target: &Target,
        image: &str,
        container: Option<&str>,
    ) -> Result<PlannedRollout, RolloutError> {
        let named = Named::of(target)?;
        let before = self.find(&named.path(), &named).await?;
        if before.as_ref().is_some_and(|it| it["reconciling"] == true) {
            let message = format!("{} is just being changed; try again then", named.name());
            return Err(RolloutError::Changed(message));
        }
        let after = match &before {
            Some(before) => form::with_image(named.kind, before, image, container)
                .map_err(|why| RolloutError::Mistake(format!("{}: {why}", named.name())))?,
            None => form::fresh(named.kind, image),
        };
        let shares = before.as_ref().map(|before| named.shares(before));
        let images = form::images(named.kind, &after);
        let earlier = before.as_ref().map(|it| form::images(named.kind, it));
        let mut changed = earlier.unwrap_or_default().into_iter().zip(&images);
        let changed = changed.find(|(earlier, image)| earlier != *image);
        Ok(PlannedRollout {
            target: target.clone(),
            replaces: changed.map(|(earlier, _)| earlier),
            images,
            serving: Share::serving(&shares.unwrap_or_default()),
            manifest: form::manifest(named.kind, named.at, &after),
            before,
            after,
        })
    }

    fn name(&self, planned: &PlannedRollout, judged: &Judged) -> String {
        match Named::of(&planned.target) {
            Ok(named) => named.new_revision(judged).unwrap_or(named.at.name.clone()),
            Err(_) => String::new(),
        }
    }

    async fn stage(
        &self,
        planned: &PlannedRollout,
        judged: &Judged,
    ) -> Result<Staged, RolloutError> {
        let named = Named::of(&planned.target)?;
        let mut after = planned.after.clone();
        form::pin(named.kind, &mut after, &judged.pins).map_err(|image| {
            RolloutError::Mistake(format!("{} was not judged", shortened(&image)))
        })?;
        let revision = named.new_revision(judged);
        let held = planned.before.as_ref().map(|before| named.shares(before));
        let held = held.filter(|_| planned.withholds_traffic());
        let (body, mask) = form::staged(
            named.kind,
            &after,
            revision.as_deref(),
            held.as_deref(),
            judged.break_glass.as_deref(),
        );
        let written = match planned.before {
            // A job is always written whole: its method knows no mask.
            Some(_) if named.kind == CloudRunKind::Job => self.write(&named, "", &body).await,
            Some(_) => self.write(&named, &mask, &body).await,
            None => self.create(&named, &body).await,
        };
        match written {
            Ok(Operation { name, .. }) => Ok(Staged {
                operation: Some(name),
            }),
            Err(Unwritten::Exists(error) | Unwritten::Stale(error)) => {
                self.conflict(&named, &body, error).await
            }
            Err(Unwritten::Invalid(error)) => Err(RolloutError::Failed(error.to_string())),
            Err(Unwritten::Outage(error)) => Err(error.into()),
        }
    }

    async fn came_out(
        &self,
        planned: &PlannedRollout,
        judged: &Judged,
        staged: &Staged,
    ) -> Result<CameOut, RolloutError> {
        let named = Named::of(&planned.target)?;
        let operation = staged.operation.as_deref().unwrap_or_default();
        self.done(&named, operation).await?;
        let revision = named.new_revision(judged);
        let of_revision = match &revision {
            Some(revision) => Some(self.ready(&named, revision).await?),
            None => None,
        };
        let now = self.current(&named).await?;
        let held = planned.before.as_ref().map(|before| named.shares(before));
        let held = held.filter(|_| planned.withholds_traffic());
        let is_held = held.is_none_or(|held| Share::same(&held, &named.shares(&now)));
        if form::revision(&now).filter(|_| revision.is_some()) != revision.as_deref() || !is_held {
            let message = format!("{} was changed by somebody else meanwhile", named.name());
            return Err(RolloutError::Changed(message));
        }
        Ok(CameOut {
            images: of_revision.unwrap_or_else(|| form::images(named.kind, &now)),
            version: form::version(&now).to_owned(),
        })
    }

    async fn discard(
        &self,
        planned: &PlannedRollout,
        judged: &Judged,
        came_out: &CameOut,
    ) -> Result<(), RolloutError> {
        let named = Named::of(&planned.target)?;
        let Some(before) = &planned.before else {
            let query = [("etag", came_out.version.as_str())];
            return self.delete(&named, &named.path(), &query).await;
        };
        // Only a revision that is not the latest can be deleted.
        let (mut body, _) = form::staged(named.kind, before, None, None, None);
        body["etag"] = json!(came_out.version);
        let mask = match named.kind {
            CloudRunKind::Job => "",
            CloudRunKind::Service | CloudRunKind::WorkerPool => "template",
        };
        let operation: Operation = self.write(&named, mask, &body).await.map_err(not_written)?;
        self.done(&named, &operation.name).await?;
        match named.new_revision(judged) {
            Some(revision) => self.delete(&named, &named.revision(&revision), &[]).await,
            None => Ok(()),
        }
    }

    async fn shift(
        &self,
        planned: &PlannedRollout,
        judged: &Judged,
        came_out: &CameOut,
    ) -> Result<(), RolloutError> {
        let named = Named::of(&planned.target)?;
        let (Some(before), Some(revision)) = (&planned.before, named.new_revision(judged)) else {
            return Ok(());
        };
        let shifted = Share::shifted(&named.shares(before), &revision);
        let field = Share::field(named.kind);
        let body = json!({
            "etag": came_out.version,
            field: Share::write(named.kind, &shifted),
        });
        let written = self.write::<Operation>(&named, field, &body).await;
        match written {
            Ok(operation) => self.done(&named, &operation.name).await?,
            Err(Unwritten::Stale(error)) => {
                // The answer of this very write may have been lost.
                let now = self.current(&named).await?;
                if !Share::same(&named.shares(&now), &shifted) {
                    return Err(RolloutError::Changed(error.to_string()));
                }
            }
            Err(error) => return Err(not_written(error)),
        }
        Ok(())
    }
}

fn not_written(error: Unwritten) -> RolloutError {
    match error {
        Unwritten::Exists(error) | Unwritten::Stale(error) => {
            RolloutError::Changed(error.to_string())
        }
        Unwritten::Invalid(error) => RolloutError::Failed(error.to_string()),
        Unwritten::Outage(error) => error.into(),
    }
}

/// Whether a revision is ready (`Condition`, type `Ready`); `None` while it is not known.
fn readiness(revision: &Value) -> Option<Result<(), String>> {
    let conditions = revision.get("conditions").and_then(Value::as_array);
    let mut conditions = conditions.into_iter().flatten();
    let ready = conditions.find(|condition| condition["type"] == "Ready")?;
    match ready["state"].as_str()? {
        "CONDITION_SUCCEEDED" => Some(Ok(())),
        "CONDITION_FAILED" => {
            let message = ready["message"].as_str().unwrap_or("it does not say why");
            Some(Err(shortened(message)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
