//! What there is on Google Cloud, read at its source, to be judged as a plan is.
//!
//! A part that cannot be read is remembered as such, and leaves in doubt whatever depends on it. Each
//! read has a time, and all of them together.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use postern_core::ports::{
    BinaryAuthorizationConstraint, EstateReader, LogSink, Unavailable, WorkloadKind,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::plan::Plan;
use super::tree::{Owner, Part, Unread};

/// How long one read may take, with its tries.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long everything may take.
const WHOLE: Duration = Duration::from_secs(15 * 60);
/// Reads at once.
const AT_ONCE: usize = 8;
/// Projects and folders that are read at most.
const RESOURCES: usize = 2_000;

/// What to read.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// `projects/P`, `folders/N`, `organizations/N`; of folders and organizations everything in them.
    pub resources: BTreeSet<String>,
    /// Regions of Cloud Run; empty: all.
    pub regions: BTreeSet<String>,
    /// Whether the topics that are read are known: then subscriptions need not be asked for.
    pub topics_are_known: bool,
}

/// Reads what there is, as far as it can be read.
pub async fn read(reader: Arc<dyn EstateReader>, scope: &Scope) -> Plan {
    let mut live = Live {
        reader,
        until: Instant::now() + WHOLE,
        plan: Plan::live(),
    };
    live.below(scope).await;
    live.above(scope).await;
    live.logs().await;
    if !scope.topics_are_known {
        live.subscriptions().await;
    }
    live.what_runs(&scope.regions).await;
    live.plan
}

struct Live {
    reader: Arc<dyn EstateReader>,
    until: Instant,
    plan: Plan,
}

/// What a project runs.
struct Runs {
    project: String,
    workloads: Result<Vec<Value>, String>,
    clusters: Result<Vec<Value>, String>,
    constraint: Result<BinaryAuthorizationConstraint, String>,
}

impl Live {
    /// Everything in the folders and organizations that were named.
    async fn below(&mut self, scope: &Scope) {
        let mut open: Vec<String> = scope.resources.iter().cloned().collect();
        let mut seen: BTreeSet<String> = scope.resources.clone();
        while let Some(resource) = open.pop() {
            let Some(owner) = Owner::parse(&resource) else {
                continue;
            };
            if matches!(owner, Owner::Project(_)) {
                continue;
            }
            match self.timed(self.reader.children(&resource)).await {
                Ok(children) if seen.len() + children.len() > RESOURCES => {
                    let why = format!("there are more than {RESOURCES} projects and folders");
                    self.unread(Part::Below, &resource, &why);
                }
                Ok(children) => {
                    for child in children {
                        if let Some(inside) = Owner::parse(&child) {
                            self.plan.parents.insert(inside, Some(owner.clone()));
                        }
                        if seen.insert(child.clone()) {
                            open.push(child);
                        }
                    }
                }
                Err(why) => self.unread(Part::Below, &resource, &why),
            }
        }
    }

    /// What those that were named are in, up to the organization.
    async fn above(&mut self, scope: &Scope) {
        let mut open: Vec<String> = scope.resources.iter().cloned().collect();
        while let Some(resource) = open.pop() {
            let Some(owner) = Owner::parse(&resource) else {
                continue;
            };
            if self.plan.parents.contains_key(&owner) {
                continue;
            }
            match self.timed(self.reader.parent(&resource)).await {
                Ok(parent) => {
                    let above = parent.as_deref().and_then(Owner::parse);
                    self.plan.parents.insert(owner, above);
                    open.extend(parent);
                }
                Err(why) => {
                    self.unread(Part::Above, &resource, &why);
                }
            }
        }
    }

    /// Every project, folder and organization that is known of.
    fn owners(&self) -> BTreeSet<Owner> {
        let parents = &self.plan.parents;
        let unread = self.plan.unread.iter();
        let unread = unread.filter(|unread| matches!(unread.part, Part::Above | Part::Below));
        let all = parents.keys().chain(parents.values().flatten());
        let all = all.chain(unread.map(|unread| &unread.owner));
        all.cloned().collect()
    }

    fn projects(&self) -> Vec<String> {
        let projects = self.owners().into_iter().filter_map(|owner| match owner {
            Owner::Project(id) => Some(id),
            _ => None,
        });
        projects.collect()
    }

    /// Sinks and audit configurations.
    async fn logs(&mut self) {
        let reads = self.owners().into_iter().map(|owner| {
            let reader = Arc::clone(&self.reader);
            let until = self.until;
            async move {
                let name = named(&owner);
                let sinks = timed(until, reader.sinks(&name)).await;
                let configs = timed(until, reader.audit_configs(&name)).await;
                (owner, name, sinks, configs)
            }
        });
        let read: Vec<_> = stream::iter(reads).buffered(AT_ONCE).collect().await;
        for (owner, name, sinks, configs) in read {
            let (kind, argument, id) = words(&owner);
            match sinks {
                Ok(sinks) => {
                    for sink in sinks {
                        let address = format!("{name}/sinks/{}", sink.name);
                        let mut values = sink_values(&sink);
                        values[argument] = json!(id);
                        self.plan
                            .add(&format!("google_logging_{kind}_sink"), address, values);
                    }
                }
                Err(why) => self.unread(Part::Sinks, &name, &why),
            }
            match configs {
                Ok(configs) => {
                    let config = |config: &postern_core::ports::AuditConfig| {
                        let kinds = config.kinds.iter().map(|(kind, left_out)| {
                            json!({"logType": kind, "exemptedMembers": left_out})
                        });
                        json!({"service": config.service, "auditLogConfigs": kinds.collect::<Vec<_>>()})
                    };
                    let configs: Vec<_> = configs.iter().map(config).collect();
                    let policy = json!({"auditConfigs": configs}).to_string();
                    let mut values = json!({"policy_data": policy});
                    values[argument] = json!(id);
                    let address = format!("the IAM policy of {name}");
                    self.plan
                        .add(&format!("google_{kind}_iam_policy"), address, values);
                }
                Err(why) => self.unread(Part::AuditConfigs, &name, &why),
            }
        }
    }

    /// Subscriptions of the projects whose topics sinks lead to.
    async fn subscriptions(&mut self) {
        let sinks = self.plan.all();
        let projects: BTreeSet<String> = sinks
            .filter_map(|sink| {
                let topic = sink.value("destination").as_str()?;
                let topic = topic.strip_prefix("pubsub.googleapis.com/projects/")?;
                Some(topic.split_once('/')?.0.to_owned())
            })
            .collect();
        for project in projects {
            let name = format!("projects/{project}");
            match self.timed(self.reader.subscriptions(&name)).await {
                Ok(subscriptions) => {
                    for one in subscriptions {
                        // Without its project: that it has a topic of ours is no reason to judge it.
                        let values = json!({"topic": one.topic, "filter": one.filter});
                        self.plan
                            .add("google_pubsub_subscription", one.name, values);
                    }
                }
                Err(why) => self.unread(Part::Subscriptions, &name, &why),
            }
        }
    }

    /// What runs, and whether it has to ask.
    async fn what_runs(&mut self, regions: &BTreeSet<String>) {
        let reads = self.projects().into_iter().map(|project| {
            let reader = Arc::clone(&self.reader);
            let (until, regions) = (self.until, regions.clone());
            async move { Runs::read(&*reader, until, project, &regions).await }
        });
        let read: Vec<_> = stream::iter(reads).buffered(AT_ONCE).collect().await;
        for runs in read {
            let name = format!("projects/{}", runs.project);
            for (part, found) in [
                (Part::CloudRun, runs.workloads),
                (Part::Clusters, runs.clusters),
            ] {
                match found {
                    Ok(found) => {
                        for mut values in found {
                            let take = |value: Value| value.as_str().unwrap_or_default().to_owned();
                            let kind = take(values["kind"].take());
                            let address = take(values["address"].take());
                            values["project"] = json!(runs.project);
                            self.plan.add(&kind, address, values);
                        }
                    }
                    Err(why) => self.unread(part, &name, &why),
                }
            }
            match runs.constraint {
                Ok(BinaryAuthorizationConstraint::Forced) => {
                    let policy = format!("{name}/policies/run.allowedBinaryAuthorizationPolicies");
                    let rules = json!([{"values": [{"allowed_values": ["default"]}]}]);
                    let values = json!({"name": policy, "spec": [{"rules": rules}]});
                    self.plan.add("google_org_policy_policy", policy, values);
                }
                Ok(BinaryAuthorizationConstraint::NotForced) => {}
                Err(why) => self.unread(Part::Constraint, &name, &why),
            }
        }
    }

    async fn timed<T>(
        &self,
        read: impl Future<Output = Result<T, Unavailable>>,
    ) -> Result<T, String> {
        timed(self.until, read).await
    }

    fn unread(&mut self, part: Part, resource: &str, why: &str) {
        let what = match part {
            Part::Above => "what it is in",
            Part::Below => "what is in it",
            Part::Sinks => "its sinks",
            Part::Subscriptions => "its subscriptions",
            Part::AuditConfigs => "its audit configuration",
            Part::CloudRun => "what runs on Cloud Run there",
            Part::Clusters => "its clusters",
            Part::Constraint => "its organization policy",
        };
        if let Some(owner) = Owner::parse(resource) {
            let why = format!("{resource}: {what} could not be read: {why}");
            self.plan.unread.push(Unread { part, owner, why });
        }
    }
}

impl Runs {
    async fn read(
        reader: &dyn EstateReader,
        until: Instant,
        project: String,
        regions: &BTreeSet<String>,
    ) -> Self {
        let name = format!("projects/{project}");
        Self {
            workloads: workloads(reader, until, &name, regions).await,
            clusters: clusters(reader, until, &name).await,
            constraint: timed(until, reader.constraint(&name)).await,
            project,
        }
    }
}

async fn workloads(
    reader: &dyn EstateReader,
    until: Instant,
    project: &str,
    regions: &BTreeSet<String>,
) -> Result<Vec<Value>, String> {
    let regions = match regions.is_empty() {
        true => timed(until, reader.run_locations(project))
            .await
            .map_err(|why| format!("{why}; or name the regions with --region"))?,
        false => regions.iter().cloned().collect(),
    };
    let mut all = Vec::new();
    for region in regions {
        for workload in timed(until, reader.run_workloads(project, &region)).await? {
            let kind = match workload.kind {
                WorkloadKind::Service => "google_cloud_run_v2_service",
                WorkloadKind::Job => "google_cloud_run_v2_job",
                WorkloadKind::WorkerPool => "google_cloud_run_v2_worker_pool",
            };
            let setting = workload.binary_authorization.into_iter();
            let setting: Vec<_> = setting.map(|policy| json!({"policy": policy})).collect();
            all.push(
                json!({"kind": kind, "address": workload.name, "binary_authorization": setting}),
            );
        }
    }
    Ok(all)
}

async fn clusters(
    reader: &dyn EstateReader,
    until: Instant,
    project: &str,
) -> Result<Vec<Value>, String> {
    let clusters = timed(until, reader.clusters(project)).await?;
    let one = |cluster: postern_core::ports::Cluster| {
        let mode = cluster.evaluation_mode.into_iter();
        let setting: Vec<_> = mode.map(|mode| json!({"evaluation_mode": mode})).collect();
        json!({"kind": "google_container_cluster", "address": cluster.name, "binary_authorization": setting})
    };
    Ok(clusters.into_iter().map(one).collect())
}

async fn timed<T>(
    until: Instant,
    read: impl Future<Output = Result<T, Unavailable>>,
) -> Result<T, String> {
    let until = until.min(Instant::now() + PATIENCE);
    match tokio::time::timeout_at(until, read).await {
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(_) => Err("it did not answer in time".to_owned()),
    }
}

fn named(owner: &Owner) -> String {
    let (kind, _, id) = words(owner);
    format!("{kind}s/{id}")
}

/// Terraform's words: the kind, the argument that names one, and its id.
fn words(owner: &Owner) -> (&'static str, &'static str, &str) {
    match owner {
        Owner::Project(id) => ("project", "project", id),
        Owner::Folder(id) => ("folder", "folder", id),
        Owner::Organization(id) => ("organization", "org_id", id),
    }
}

fn sink_values(sink: &LogSink) -> Value {
    let exclusions = sink.exclusions.iter();
    let exclusions: Vec<_> = exclusions
        .map(|one| json!({"name": one.name, "filter": one.filter, "disabled": one.disabled}))
        .collect();
    json!({
        "name": sink.name,
        "destination": sink.destination,
        "filter": sink.filter,
        "disabled": sink.disabled,
        "include_children": sink.include_children,
        "intercept_children": sink.intercept_children,
        "exclusions": exclusions,
    })
}
