//! What there is on Google Cloud, read from the APIs of what it belongs to: the Resource Manager (v3),
//! Cloud Logging (v2), Pub/Sub (v1), Cloud Run (v2, its locations v1), Kubernetes Engine (v1) and
//! organization policies (v2).

mod answers;

use std::time::Duration;

use async_trait::async_trait;
use postern_core::ports::{
    AuditConfig, BinaryAuthorizationConstraint, CloudRunWorkload, Cluster, EstateReader, LogSink,
    TopicSubscription, Unavailable, WorkloadKind,
};
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::answers::{
    Bindings, Clusters, Folder, Folders, Locations, OrganizationPolicy, Page, Policy, Project,
    Projects, Sinks, Subscriptions, Workloads,
};
use crate::access_token::GoogleCredentials;
use crate::api::{Api, Call};
use crate::endpoint::Endpoint;
use crate::resource::{Access, ResourceError, is_log_owner, is_word};

/// Where the Resource Manager is.
pub const RESOURCE_MANAGER: &str = "https://cloudresourcemanager.googleapis.com";
/// Where organization policies are.
pub const ORG_POLICY: &str = "https://orgpolicy.googleapis.com";
/// Where Kubernetes Engine is.
pub const CONTAINER: &str = "https://container.googleapis.com";

const TIMEOUT: Duration = Duration::from_secs(20);
/// Pages of one listing that are read at most.
const PAGES: usize = 50;
const PAGE_SIZE: &str = "100";
const CONSTRAINT: &str = "run.allowedBinaryAuthorizationPolicies";

/// Where each API is.
#[derive(Debug, Clone)]
pub struct EstateEndpoints {
    /// The Resource Manager.
    pub resource_manager: Endpoint,
    /// Cloud Logging.
    pub logging: Endpoint,
    /// Pub/Sub.
    pub pubsub: Endpoint,
    /// Cloud Run.
    pub run: Endpoint,
    /// Kubernetes Engine.
    pub container: Endpoint,
    /// Organization policies.
    pub org_policy: Endpoint,
}

/// What this identity may see of Google Cloud.
pub struct Estate {
    resource_manager: Api,
    logging: Api,
    pubsub: Api,
    run: Api,
    container: Api,
    org_policy: Api,
}

/// What a listing needs to be allowed: service, permission, role.
type Needs = (&'static str, &'static str, &'static str);

const RM: &str = "cloudresourcemanager.googleapis.com";
const BROWSER: &str = "roles/browser";
const REVIEWER: &str = "roles/iam.securityReviewer";

impl Estate {
    /// A reader at these endpoints.
    ///
    /// # Errors
    /// If no client can be made.
    pub fn new(
        at: EstateEndpoints,
        credentials: Option<&GoogleCredentials>,
    ) -> Result<Self, Unavailable> {
        let api = |name, endpoint| Api::new(name, endpoint, credentials.cloned());
        Ok(Self {
            resource_manager: api("the Resource Manager", at.resource_manager)?,
            logging: api("Cloud Logging", at.logging)?,
            pubsub: api("Pub/Sub", at.pubsub)?,
            run: api("Cloud Run", at.run)?,
            container: api("Kubernetes Engine", at.container)?,
            org_policy: api("Organization Policy", at.org_policy)?,
        })
    }

    /// Whether a name is one that can be read: `projects/P`, `folders/N` or `organizations/N`.
    ///
    /// # Errors
    /// If it is none.
    pub fn check(resource: &str) -> Result<(), ResourceError> {
        match is_log_owner(resource) && !resource.starts_with("billingAccounts/") {
            true => Ok(()),
            false => Err(ResourceError::new(
                resource,
                "projects/P, folders/N or organizations/N",
            )),
        }
    }

    #[cfg(test)]
    fn hasty(self) -> Self {
        Self {
            resource_manager: self.resource_manager.hasty(),
            logging: self.logging.hasty(),
            pubsub: self.pubsub.hasty(),
            run: self.run.hasty(),
            container: self.container.hasty(),
            org_policy: self.org_policy.hasty(),
        }
    }
}

/// Every item of a listing, whole or not at all.
async fn list<P: Page>(
    api: &Api,
    path: &str,
    further: &[(&str, &str)],
    resource: &str,
    needs: Needs,
) -> Result<Vec<P::Item>, Unavailable> {
    let (mut all, mut token) = (Vec::new(), String::new());
    for _ in 0..PAGES {
        let mut query = further.to_vec();
        query.push(("pageSize", PAGE_SIZE));
        if !token.is_empty() {
            query.push(("pageToken", &token));
        }
        let page: P = get(api, path, &query, resource, needs).await?;
        let listed = page.listed();
        if let Some(missing) = listed.unreachable {
            let message = format!("{resource}: {missing} could not be reached");
            return Err(Unavailable::new(api.name(), message));
        }
        all.extend(listed.items);
        if listed.next.is_empty() {
            return Ok(all);
        }
        token = listed.next;
    }
    let message = format!("{path}: there are more than the {PAGES} pages that are read");
    Err(Unavailable::limit(api.name(), message))
}

async fn get<T: DeserializeOwned>(
    api: &Api,
    path: &str,
    query: &[(&str, &str)],
    resource: &str,
    needs: Needs,
) -> Result<T, Unavailable> {
    let call = call(Method::GET, path, query, resource, needs);
    api.call::<(), T>(&call, None).await
}

fn call<'a>(
    method: Method,
    path: &'a str,
    query: &'a [(&'a str, &'a str)],
    resource: &'a str,
    (service, permission, role): Needs,
) -> Call<'a> {
    Call {
        method,
        path,
        query,
        timeout: TIMEOUT,
        access: Access {
            service,
            resource,
            permission,
            role,
        },
    }
}

/// A name that goes into a path.
fn checked(api: &Api, resource: &str) -> Result<(), Unavailable> {
    Estate::check(resource).map_err(|error| Unavailable::permanent(api.name(), error))
}

#[async_trait]
impl EstateReader for Estate {
    async fn parent(&self, resource: &str) -> Result<Option<String>, Unavailable> {
        let api = &self.resource_manager;
        checked(api, resource)?;
        let path = format!("/v3/{resource}");
        let parent = if resource.starts_with("projects/") {
            let needs = (RM, "resourcemanager.projects.get", BROWSER);
            get::<Project>(api, &path, &[], resource, needs)
                .await?
                .parent
        } else if resource.starts_with("folders/") {
            let needs = (RM, "resourcemanager.folders.get", BROWSER);
            get::<Folder>(api, &path, &[], resource, needs)
                .await?
                .parent
        } else {
            String::new()
        };
        if parent.is_empty() {
            return Ok(None);
        }
        checked(api, &parent)?;
        Ok(Some(parent))
    }

    async fn children(&self, resource: &str) -> Result<Vec<String>, Unavailable> {
        let api = &self.resource_manager;
        checked(api, resource)?;
        let query = [("parent", resource)];
        let needs = (RM, "resourcemanager.folders.list", BROWSER);
        let folders = list::<Folders>(api, "/v3/folders", &query, resource, needs).await?;
        let needs = (RM, "resourcemanager.projects.list", BROWSER);
        let projects = list::<Projects>(api, "/v3/projects", &query, resource, needs).await?;
        let folders = folders.into_iter().filter_map(Folder::active);
        let children: Vec<_> = folders
            .chain(projects.into_iter().filter_map(Project::active))
            .collect();
        for child in &children {
            checked(api, child)?;
        }
        Ok(children)
    }

    async fn sinks(&self, resource: &str) -> Result<Vec<LogSink>, Unavailable> {
        checked(&self.logging, resource)?;
        let path = format!("/v2/{resource}/sinks");
        let needs = (
            "logging.googleapis.com",
            "logging.sinks.list",
            "roles/logging.viewer",
        );
        let sinks = list::<Sinks>(&self.logging, &path, &[], resource, needs).await?;
        Ok(sinks.into_iter().map(Into::into).collect())
    }

    async fn audit_configs(&self, resource: &str) -> Result<Vec<AuditConfig>, Unavailable> {
        let api = &self.resource_manager;
        checked(api, resource)?;
        let path = format!("/v3/{resource}:getIamPolicy");
        let permission = match resource.split('/').next() {
            Some("folders") => "resourcemanager.folders.getIamPolicy",
            Some("organizations") => "resourcemanager.organizations.getIamPolicy",
            _ => "resourcemanager.projects.getIamPolicy",
        };
        let call = call(
            Method::POST,
            &path,
            &[],
            resource,
            (RM, permission, REVIEWER),
        );
        let body: Value = json!({"options": {"requestedPolicyVersion": 3}});
        let policy: Policy = api.call(&call, Some(&body)).await?;
        Ok(policy.into())
    }

    async fn publishers(&self, topic: &str) -> Result<Option<Vec<String>>, Unavailable> {
        let api = &self.pubsub;
        let parts: Vec<_> = topic.split('/').collect();
        let ["projects", project, "topics", name] = parts[..] else {
            let message = format!("{topic:?} is no topic");
            return Err(Unavailable::permanent(api.name(), message));
        };
        if !(is_word(project) && is_word(name)) {
            let message = "the topic holds what no name does";
            return Err(Unavailable::permanent(api.name(), message));
        }
        let path = format!("/v1/{topic}:getIamPolicy");
        let needs = (
            "pubsub.googleapis.com",
            "pubsub.topics.getIamPolicy",
            REVIEWER,
        );
        let call = call(Method::GET, &path, &[], topic, needs);
        let policy: Option<Bindings> = api.find(&call).await?;
        Ok(policy.map(Bindings::publishers))
    }

    async fn subscriptions(&self, project: &str) -> Result<Vec<TopicSubscription>, Unavailable> {
        checked(&self.pubsub, project)?;
        let path = format!("/v1/{project}/subscriptions");
        let needs = (
            "pubsub.googleapis.com",
            "pubsub.subscriptions.list",
            "roles/pubsub.viewer",
        );
        let all = list::<Subscriptions>(&self.pubsub, &path, &[], project, needs).await?;
        Ok(all.into_iter().filter_map(|one| one.attached()).collect())
    }

    async fn run_locations(&self, project: &str) -> Result<Vec<String>, Unavailable> {
        checked(&self.run, project)?;
        let path = format!("/v1/{project}/locations");
        let needs = run_needs("run.locations.list");
        let all = list::<Locations>(&self.run, &path, &[], project, needs).await?;
        Ok(all.into_iter().map(|one| one.location_id).collect())
    }

    async fn run_workloads(
        &self,
        project: &str,
        location: &str,
    ) -> Result<Vec<CloudRunWorkload>, Unavailable> {
        checked(&self.run, project)?;
        if !is_word(location) {
            let message = "the location holds what no name does";
            return Err(Unavailable::permanent(self.run.name(), message));
        }
        let mut all = Vec::new();
        for (collection, kind, permission) in [
            ("services", WorkloadKind::Service, "run.services.list"),
            ("jobs", WorkloadKind::Job, "run.jobs.list"),
            (
                "workerPools",
                WorkloadKind::WorkerPool,
                "run.workerpools.list",
            ),
        ] {
            let path = format!("/v2/{project}/locations/{location}/{collection}");
            let needs = run_needs(permission);
            let found = list::<Workloads>(&self.run, &path, &[], project, needs).await?;
            all.extend(found.into_iter().map(|one| one.of(kind)));
        }
        Ok(all)
    }

    async fn clusters(&self, project: &str) -> Result<Vec<Cluster>, Unavailable> {
        checked(&self.container, project)?;
        let path = format!("/v1/{project}/locations/-/clusters");
        let needs = (
            "container.googleapis.com",
            "container.clusters.list",
            "roles/container.clusterViewer",
        );
        let all = list::<Clusters>(&self.container, &path, &[], project, needs).await?;
        Ok(all.into_iter().map(|one| one.of(project)).collect())
    }

    async fn constraint(
        &self,
        project: &str,
    ) -> Result<BinaryAuthorizationConstraint, Unavailable> {
        checked(&self.org_policy, project)?;
        let path = format!("/v2/{project}/policies/{CONSTRAINT}:getEffectivePolicy");
        let needs = (
            "orgpolicy.googleapis.com",
            "orgpolicy.policy.get",
            "roles/orgpolicy.policyViewer",
        );
        let policy: OrganizationPolicy = get(&self.org_policy, &path, &[], project, needs).await?;
        Ok(policy.into())
    }
}

fn run_needs(permission: &'static str) -> Needs {
    ("run.googleapis.com", permission, "roles/run.viewer")
}

#[cfg(test)]
mod tests;
