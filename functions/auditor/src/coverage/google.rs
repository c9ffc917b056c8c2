//! Google Cloud: is it logged, and does it reach a topic of ours?

use std::collections::BTreeSet;

use postern_core::finding::Category;
use serde_json::Value;

use super::audit_log::AuditLogs;
use super::plan::Plan;
use super::sink::Sinks;
use super::tree::{Owner, Part, Tree};
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

/// What a plan says about Google Cloud.
#[derive(Debug)]
pub(super) struct Setup {
    projects: BTreeSet<String>,
    /// Projects with resources of a type, by the type.
    used: BTreeSet<(String, String)>,
    sinks: Sinks,
    logs: AuditLogs,
    workloads: Workloads,
    tree: Tree,
    is_live: bool,
}

impl Setup {
    /// `None` if the plan says nothing about Google Cloud.
    pub(super) fn of(plan: &Plan, known: &Known) -> Option<Self> {
        let ours = || plan.all().filter(|r| r.kind.starts_with("google_"));
        if !plan.is_live {
            ours().next()?;
        }
        let tree = Tree::of(plan);
        let mut used: BTreeSet<_> = ours()
            .filter_map(|r| Some((r.kind.clone(), r.project()?.to_owned())))
            .collect();
        // What could not be read may be used.
        for (part, kind) in [
            (Part::CloudRun, "google_cloud_run"),
            (Part::Clusters, "google_container_cluster"),
        ] {
            used.extend(tree.unread_anywhere(part).filter_map(|unread| {
                let Owner::Project(project) = &unread.owner else {
                    return None;
                };
                Some((kind.to_owned(), project.clone()))
            }));
        }
        let mut projects: BTreeSet<_> = used.iter().map(|(_, project)| project.clone()).collect();
        projects.extend(known.projects.iter().cloned());
        if plan.is_live {
            projects.extend(tree.all().filter_map(|owner| match owner {
                Owner::Project(id) => Some(id.clone()),
                _ => None,
            }));
        }
        Some(Self {
            projects,
            used,
            sinks: Sinks::of(plan, known),
            logs: AuditLogs::of(plan),
            workloads: Workloads::of(plan),
            tree,
            is_live: plan.is_live,
        })
    }

    /// What is in the way of such an entry; `None` if there is nothing that could make one.
    pub(super) fn gaps(&self, sample: &Value, category: Category) -> Option<Vec<Gap>> {
        let name = sample["logName"].as_str().unwrap_or_default();
        let Some(written) = name.split_once("/logs/").and_then(|(o, _)| Owner::parse(o)) else {
            return Some(vec![Gap::cannot_tell(format!(
                "the sample's log is {name:?}"
            ))]);
        };
        let (owners, mut gaps) = match &written {
            Owner::Project(_) => (self.owners(sample), self.unread(Part::Below)),
            written => (self.owners_like(written), self.unread(Part::Above)),
        };
        if owners.is_empty() && gaps.is_empty() {
            if self.is_live {
                return None;
            }
            return Some(vec![Gap::cannot_tell(
                "no resource of the plan says which project it is in; name one with --project",
            )]);
        }
        for owner in owners {
            let entry = match (&written, &owner) {
                (Owner::Project(from), Owner::Project(to)) => moved(sample, from, to),
                _ => sample.clone(),
            };
            gaps.extend(self.logs.gaps(&entry, &owner, &self.tree));
            gaps.extend(self.sinks.gaps(&entry, &owner, &self.tree));
            if let Owner::Project(project) = &owner {
                let here = self.workloads.gaps(&entry, project, category, &self.tree);
                gaps.extend(here);
            }
        }
        Some(gaps)
    }

    fn unread(&self, part: Part) -> Vec<Gap> {
        let unread = self.tree.unread_anywhere(part);
        unread
            .map(|unread| Gap::cannot_tell(&*unread.why))
            .collect()
    }

    /// The folders or organizations whose logs are meant. Those of a sample are made up: in a plan any
    /// of that kind is.
    fn owners_like(&self, written: &Owner) -> Vec<Owner> {
        if self.is_live {
            let same = |o: &&Owner| std::mem::discriminant(*o) == std::mem::discriminant(written);
            let all: BTreeSet<_> = self.tree.all().filter(same).cloned().collect();
            return all.into_iter().collect();
        }
        vec![match written {
            Owner::Folder(_) => Owner::Folder(String::new()),
            _ => Owner::Organization(String::new()),
        }]
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
