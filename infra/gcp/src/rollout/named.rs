//! A resource that is deployed to: its paths, and what it takes to write it.

use std::time::Duration;

use postern_core::ports::{Judged, RolloutError};
use postern_core::target::{CloudRunKind, CloudRunResource, Target};
use reqwest::Method;
use serde_json::Value;

use super::form;
use super::shares::Share;
use crate::api::Call;
use crate::resource::{Access, is_word};

const TIMEOUT: Duration = Duration::from_secs(30);

/// A resource, by its kind and names, which are checked.
pub(super) struct Named<'a> {
    pub(super) kind: CloudRunKind,
    pub(super) at: &'a CloudRunResource,
}

impl<'a> Named<'a> {
    pub(super) fn of(target: &'a Target) -> Result<Self, RolloutError> {
        let Target::CloudRun {
            kind,
            resource: Some(at),
        } = target
        else {
            let message = format!(
                "{target} is no place to deploy to from here; write cloud-run:PROJECT/LOCATION/SERVICE, \
                 cloud-run-job:… or cloud-run-worker-pool:…"
            );
            return Err(RolloutError::Mistake(message));
        };
        let words = [&at.project, &at.location, &at.name];
        if !words.into_iter().all(|word| is_word(word)) {
            let message = "the target holds what no name does";
            return Err(RolloutError::Mistake(message.to_owned()));
        }
        Ok(Self { kind: *kind, at })
    }

    pub(super) fn name(&self) -> String {
        let CloudRunResource {
            project,
            location,
            name,
        } = self.at;
        let collection = form::collection(self.kind);
        format!("projects/{project}/locations/{location}/{collection}/{name}")
    }

    pub(super) fn path(&self) -> String {
        format!("/v2/{}", self.name())
    }

    pub(super) fn parent(&self) -> String {
        let path = self.path();
        path.rsplit_once('/')
            .map_or(path.clone(), |(parent, _)| parent.to_owned())
    }

    pub(super) fn revision(&self, revision: &str) -> String {
        format!("{}/revisions/{revision}", self.path())
    }

    /// What the new revision is called; jobs have none.
    pub(super) fn new_revision(&self, judged: &Judged) -> Option<String> {
        let name = || format!("{}-{}", self.at.name, judged.suffix);
        (self.kind != CloudRunKind::Job).then(name)
    }

    pub(super) fn shares(&self, resource: &Value) -> Vec<Share> {
        match self.kind {
            CloudRunKind::Job => Vec::new(),
            CloudRunKind::Service | CloudRunKind::WorkerPool => Share::all(self.kind, resource),
        }
    }

    pub(super) const fn id_parameter(&self) -> &'static str {
        match self.kind {
            CloudRunKind::Service => "serviceId",
            CloudRunKind::Job => "jobId",
            CloudRunKind::WorkerPool => "workerPoolId",
        }
    }

    pub(super) fn permission(&self, verb: &str) -> &'static str {
        match (self.kind, verb) {
            (CloudRunKind::Service, "get") => "run.services.get",
            (CloudRunKind::Service, "create") => "run.services.create",
            (CloudRunKind::Service, "delete") => "run.services.delete",
            (CloudRunKind::Service, _) => "run.services.update",
            (CloudRunKind::Job, "get") => "run.jobs.get",
            (CloudRunKind::Job, "create") => "run.jobs.create",
            (CloudRunKind::Job, "delete") => "run.jobs.delete",
            (CloudRunKind::Job, _) => "run.jobs.update",
            (CloudRunKind::WorkerPool, "get") => "run.workerpools.get",
            (CloudRunKind::WorkerPool, "create") => "run.workerpools.create",
            (CloudRunKind::WorkerPool, "delete") => "run.workerpools.delete",
            (CloudRunKind::WorkerPool, _) => "run.workerpools.update",
        }
    }
}

pub(super) fn call<'a>(
    method: Method,
    path: &'a str,
    query: &'a [(&'a str, &'a str)],
    resource: &'a str,
    permission: &'static str,
) -> Call<'a> {
    Call {
        method,
        path,
        query,
        timeout: TIMEOUT,
        access: Access {
            service: "run.googleapis.com",
            resource,
            permission,
            role: "roles/run.developer",
        },
    }
}
