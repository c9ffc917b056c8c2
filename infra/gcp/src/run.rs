//! What runs on Cloud Run (Admin API v2).

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use postern_core::ports::{RunningRevision, Runtime, RuntimeState, Unavailable};
use postern_core::target::{CloudRunKind, CloudRunResource, Target};
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::access_token::GoogleCredentials;
use crate::api::{Api, Call};
use crate::endpoint::Endpoint;
use crate::resource::{Access, is_word};

/// Where the Cloud Run Admin API is.
pub const RUN: &str = "https://run.googleapis.com";

const TIMEOUT: Duration = Duration::from_secs(15);
const PAGE_SIZE: &str = "100";
/// Pages of revisions or executions that are read at most. A service keeps at most 1000 revisions, a
/// job its last 1000 executions ("Cloud Run quotas and limits").
const PAGES: usize = 12;

/// The Cloud Run services, jobs and worker pools that this identity may see.
pub struct CloudRun {
    api: Api,
}

/// A service, or a worker pool: the one has traffic, the other instances.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Service {
    #[serde(default, alias = "instanceSplitStatuses")]
    traffic_statuses: Vec<Share>,
    #[serde(default)]
    latest_ready_revision: String,
    #[serde(default)]
    latest_created_revision: String,
}

/// A share of the traffic. Without a revision it goes to the latest one that is ready.
#[derive(Deserialize)]
struct Share {
    #[serde(default)]
    revision: String,
    #[serde(default)]
    percent: u8,
    #[serde(default)]
    tag: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Revisions {
    #[serde(default)]
    revisions: Vec<Revision>,
    #[serde(default)]
    next_page_token: String,
}

#[derive(Deserialize)]
struct Revision {
    name: String,
    #[serde(default)]
    containers: Vec<Container>,
}

#[derive(Deserialize)]
struct Container {
    #[serde(default)]
    image: String,
}

#[derive(Deserialize)]
struct Job {
    #[serde(default)]
    template: ExecutionTemplate,
}

#[derive(Default, Deserialize)]
struct ExecutionTemplate {
    #[serde(default)]
    template: TaskTemplate,
}

#[derive(Default, Deserialize)]
struct TaskTemplate {
    #[serde(default)]
    containers: Vec<Container>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Executions {
    #[serde(default)]
    executions: Vec<Execution>,
    #[serde(default)]
    next_page_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Execution {
    name: String,
    #[serde(default)]
    template: TaskTemplate,
    completion_time: Option<String>,
}

/// A page of something.
trait Page: DeserializeOwned {
    type Item;
    fn split(self) -> (Vec<Self::Item>, String);
}

impl CloudRun {
    /// Cloud Run at an endpoint.
    ///
    /// # Errors
    /// If no client can be made.
    pub fn new(
        endpoint: Endpoint,
        credentials: Option<GoogleCredentials>,
    ) -> Result<Self, Unavailable> {
        let api = Api::new("Cloud Run", endpoint, credentials)?;
        Ok(Self { api })
    }

    async fn service(&self, name: &str) -> Result<RuntimeState, Unavailable> {
        let permission = match name.contains("/workerPools/") {
            true => "run.workerpools.get",
            false => "run.services.get",
        };
        let Some(service) = self.find::<Service>(name, permission).await? else {
            return Ok(RuntimeState::default());
        };
        let mut wanted = service.wanted();
        let listed = format!("{name}/revisions");
        self.each::<Revisions>(&listed, name, "run.revisions.list", &mut |revision| {
            let found = wanted.get_mut(last(&revision.name));
            if let Some(found) = found {
                found.images = images(&revision.containers);
            }
        })
        .await?;
        // What gets traffic and is not listed is not "without images".
        if let Some(missing) = wanted.values().find(|revision| revision.images.is_empty()) {
            let message = format!("{name}: revision {} is not listed", missing.name);
            return Err(Unavailable::new(self.api.name(), message));
        }
        let latest = last(&service.latest_created_revision);
        Ok(RuntimeState {
            latest: Some(latest.to_owned()).filter(|latest| !latest.is_empty()),
            revisions: wanted.into_values().collect(),
        })
    }

    /// The executions that have not ended, and the job itself: what the next execution will be.
    async fn job(&self, name: &str) -> Result<RuntimeState, Unavailable> {
        let Some(job) = self.find::<Job>(name, "run.jobs.get").await? else {
            return Ok(RuntimeState::default());
        };
        let next = RunningRevision {
            name: last(name).to_owned(),
            images: images(&job.template.template.containers),
            ..RunningRevision::default()
        };
        let latest = Some(next.name.clone());
        let mut revisions = vec![next];
        let listed = format!("{name}/executions");
        self.each::<Executions>(&listed, name, "run.executions.list", &mut |execution| {
            if execution.completion_time.is_none() {
                revisions.push(RunningRevision {
                    name: last(&execution.name).to_owned(),
                    images: images(&execution.template.containers),
                    running_executions: 1,
                    ..RunningRevision::default()
                });
            }
        })
        .await?;
        Ok(RuntimeState { revisions, latest })
    }

    async fn find<T: DeserializeOwned>(
        &self,
        name: &str,
        permission: &'static str,
    ) -> Result<Option<T>, Unavailable> {
        let path = format!("/v2/{name}");
        self.api
            .find(&get(&path, &[], access(name, permission)))
            .await
    }

    /// Every item of a listing, page by page.
    async fn each<P: Page>(
        &self,
        listed: &str,
        resource: &str,
        permission: &'static str,
        take: &mut (dyn FnMut(P::Item) + Send),
    ) -> Result<(), Unavailable> {
        let path = format!("/v2/{listed}");
        let mut token = String::new();
        for _ in 0..PAGES {
            let mut query = vec![("pageSize", PAGE_SIZE)];
            if !token.is_empty() {
                query.push(("pageToken", &token));
            }
            let call = get(&path, &query, access(resource, permission));
            let page: P = self.api.call::<(), P>(&call, None).await?;
            let (items, next) = page.split();
            items.into_iter().for_each(&mut *take);
            if next.is_empty() {
                return Ok(());
            }
            token = next;
        }
        let message = format!("{listed}: there are more than the {PAGES} pages that are read");
        Err(Unavailable::limit(self.api.name(), message))
    }
}

#[async_trait]
impl Runtime for CloudRun {
    /// A service that Cloud Run says is not there runs nothing.
    async fn state(&self, target: &Target) -> Result<RuntimeState, Unavailable> {
        let (kind, resource) = match target {
            Target::CloudRun {
                kind,
                resource: Some(resource),
            } => (kind, resource),
            _ => {
                let message = format!("{target} is none of its services, jobs and worker pools");
                return Err(Unavailable::permanent(self.api.name(), message));
            }
        };
        let CloudRunResource {
            project,
            location,
            name,
        } = resource;
        if ![project, location, name]
            .into_iter()
            .all(|word| is_word(word))
        {
            let message = "the target holds what no name does";
            return Err(Unavailable::permanent(self.api.name(), message));
        }
        let collection = match kind {
            CloudRunKind::Service => "services",
            CloudRunKind::Job => "jobs",
            CloudRunKind::WorkerPool => "workerPools",
        };
        let name = format!("projects/{project}/locations/{location}/{collection}/{name}");
        match kind {
            CloudRunKind::Job => self.job(&name).await,
            CloudRunKind::Service | CloudRunKind::WorkerPool => self.service(&name).await,
        }
    }
}

impl Service {
    /// What is reached, and the latest, by name; images are to be filled in.
    fn wanted(&self) -> BTreeMap<String, RunningRevision> {
        let mut wanted: BTreeMap<String, RunningRevision> = BTreeMap::new();
        let mut of = |name: &str, share: Option<&Share>| {
            let name = last(name);
            if name.is_empty() {
                return;
            }
            let revision = wanted.entry(name.to_owned()).or_default();
            name.clone_into(&mut revision.name);
            if let Some(share) = share {
                revision.traffic_percent = revision.traffic_percent.saturating_add(share.percent);
                let tag = Some(share.tag.clone()).filter(|tag| !tag.is_empty());
                revision.tags.extend(tag);
            }
        };
        for share in &self.traffic_statuses {
            match share.revision.as_str() {
                "" => of(&self.latest_ready_revision, Some(share)),
                name => of(name, Some(share)),
            }
        }
        of(&self.latest_ready_revision, None);
        of(&self.latest_created_revision, None);
        wanted
    }
}

impl Page for Revisions {
    type Item = Revision;

    fn split(self) -> (Vec<Revision>, String) {
        (self.revisions, self.next_page_token)
    }
}

impl Page for Executions {
    type Item = Execution;

    fn split(self) -> (Vec<Execution>, String) {
        (self.executions, self.next_page_token)
    }
}

fn get<'a>(path: &'a str, query: &'a [(&'a str, &'a str)], access: Access<'a>) -> Call<'a> {
    Call {
        method: Method::GET,
        path,
        query,
        timeout: TIMEOUT,
        access,
    }
}

fn access<'a>(resource: &'a str, permission: &'static str) -> Access<'a> {
    Access {
        service: "run.googleapis.com",
        resource,
        permission,
        role: "roles/run.viewer",
    }
}

/// Full names and short ones both occur.
fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn images(containers: &[Container]) -> Vec<String> {
    let images = containers.iter().map(|container| container.image.clone());
    images.filter(|image| !image.is_empty()).collect()
}

#[cfg(test)]
mod tests;
