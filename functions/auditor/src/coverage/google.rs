//! Google Cloud: is it logged, and does it reach a topic of ours?

use std::collections::BTreeSet;

use postern_core::finding::Category;
use serde_json::Value;

use super::audit_log::AuditLogs;
use super::plan::Plan;
use super::sink::Sinks;
use super::workload::Workloads;
use super::{Gap, Known};

/// Which resources belong to a service; entries of others concern every project.
const SERVICES: [(&str, &str); 9] = [
    ("run.googleapis.com", "google_cloud_run"),
    ("k8s.io", "google_container_cluster"),
    ("container.googleapis.com", "google_container_cluster"),
    ("cloudkms.googleapis.com", "google_kms_"),
    (
        "binaryauthorization.googleapis.com",
        "google_binary_authorization_",
    ),
    (
        "containeranalysis.googleapis.com",
        "google_container_analysis_",
    ),
    (
        "artifactregistry.googleapis.com",
        "google_artifact_registry_",
    ),
    ("secretmanager.googleapis.com", "google_secret_manager_"),
    ("pubsub.googleapis.com", "google_pubsub_"),
];

/// Whose log an entry stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    Project(String),
    Folder(String),
    Organization(String),
}

/// What a plan says about Google Cloud.
#[derive(Debug)]
pub(super) struct Setup {
    projects: BTreeSet<String>,
    /// Projects with resources of a type, by the type.
    used: BTreeSet<(String, String)>,
    sinks: Sinks,
    logs: AuditLogs,
    workloads: Workloads,
}

impl Setup {
    /// `None` if the plan says nothing about Google Cloud.
    pub(super) fn of(plan: &Plan, known: &Known) -> Option<Self> {
        let ours = || plan.all().filter(|r| r.kind.starts_with("google_"));
        ours().next()?;
        let used: BTreeSet<_> = ours()
            .filter_map(|r| Some((r.kind.clone(), r.project()?.to_owned())))
            .collect();
        let mut projects: BTreeSet<_> = used.iter().map(|(_, project)| project.clone()).collect();
        projects.extend(known.projects.iter().cloned());
        Some(Self {
            projects,
            used,
            sinks: Sinks::of(plan, known),
            logs: AuditLogs::of(plan),
            workloads: Workloads::of(plan),
        })
    }

    /// What is in the way of such an entry.
    pub(super) fn gaps(&self, sample: &Value, category: Category) -> Vec<Gap> {
        let name = sample["logName"].as_str().unwrap_or_default();
        let mut parts = name.split('/');
        let (Some(kind), Some(id)) = (parts.next(), parts.next()) else {
            return vec![Gap::cannot_tell(format!("the sample's log is {name:?}"))];
        };
        let owners = match kind {
            "projects" => self.owners(sample),
            "folders" => vec![Owner::Folder(id.to_owned())],
            "organizations" => vec![Owner::Organization(id.to_owned())],
            _ => Vec::new(),
        };
        if owners.is_empty() {
            return vec![Gap::cannot_tell(
                "no resource of the plan says which project it is in; name one with --project",
            )];
        }
        let mut gaps = Vec::new();
        for owner in owners {
            let entry = match &owner {
                Owner::Project(project) => moved(sample, id, project),
                _ => sample.clone(),
            };
            gaps.extend(self.logs.gaps(&entry, &owner));
            gaps.extend(self.sinks.gaps(&entry, &owner));
            if let Owner::Project(project) = &owner {
                gaps.extend(self.workloads.gaps(&entry, project, category));
            }
        }
        gaps
    }

    /// The projects where the sample's service is used; all, where that cannot be seen.
    fn owners(&self, sample: &Value) -> Vec<Owner> {
        let service = sample["protoPayload"]["serviceName"].as_str();
        let service = service.or_else(|| {
            let cluster = sample["resource"]["type"] == "k8s_cluster";
            cluster.then_some("k8s.io")
        });
        let kind = SERVICES.iter().find(|(name, _)| Some(*name) == service);
        let uses = |project: &&String| {
            kind.is_some_and(|(_, kind)| {
                self.used
                    .iter()
                    .any(|(used, p)| used.starts_with(kind) && p == *project)
            })
        };
        let mut projects: Vec<_> = self.projects.iter().filter(uses).collect();
        if projects.is_empty() {
            projects = self.projects.iter().collect();
        }
        projects.into_iter().cloned().map(Owner::Project).collect()
    }
}

/// The sample as an entry of another project.
fn moved(value: &Value, from: &str, to: &str) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace(from, to)),
        Value::Array(elements) => elements.iter().map(|v| moved(v, from, to)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), moved(value, from, to)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}
