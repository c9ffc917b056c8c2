//! What there is, as a reader of the tests' own says. Synthetic.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use postern_core::ports::{
    AuditConfig, BinaryAuthorizationConstraint, CloudRunWorkload, Cluster, EstateReader,
    LogExclusion, LogSink, TopicSubscription, Unavailable, WorkloadKind,
};

use super::*;
use crate::coverage::live::{Scope, read};

const TOPIC: &str = "projects/demo-mart/topics/postern-audit";

#[derive(Clone)]
struct Fake {
    parents: BTreeMap<&'static str, &'static str>,
    sinks: BTreeMap<&'static str, Vec<LogSink>>,
    configs: BTreeMap<&'static str, Vec<AuditConfig>>,
    workloads: Vec<CloudRunWorkload>,
    clusters: Vec<Cluster>,
    constraint: BinaryAuthorizationConstraint,
    subscriptions: Vec<TopicSubscription>,
    /// What is refused: the kind of the call and what it is about.
    refused: Vec<(&'static str, &'static str)>,
}

impl Fake {
    fn allowed(&self, call: &str, about: &str) -> Result<(), Unavailable> {
        match self.refused.contains(&(call, about)) {
            true => Err(Unavailable::new("Google", "403")),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl EstateReader for Fake {
    async fn parent(&self, resource: &str) -> Result<Option<String>, Unavailable> {
        self.allowed("parent", resource)?;
        Ok(self
            .parents
            .get(resource)
            .map(|parent| (*parent).to_owned()))
    }
    async fn children(&self, resource: &str) -> Result<Vec<String>, Unavailable> {
        self.allowed("children", resource)?;
        let inside = self
            .parents
            .iter()
            .filter(|(_, parent)| **parent == resource);
        Ok(inside.map(|(child, _)| (*child).to_owned()).collect())
    }
    async fn sinks(&self, resource: &str) -> Result<Vec<LogSink>, Unavailable> {
        self.allowed("sinks", resource)?;
        Ok(self.sinks.get(resource).cloned().unwrap_or_default())
    }
    async fn audit_configs(&self, resource: &str) -> Result<Vec<AuditConfig>, Unavailable> {
        self.allowed("configs", resource)?;
        Ok(self.configs.get(resource).cloned().unwrap_or_default())
    }
    async fn publishers(&self, topic: &str) -> Result<Option<Vec<String>>, Unavailable> {
        self.allowed("publishers", topic)?;
        Ok(None)
    }
    async fn subscriptions(&self, project: &str) -> Result<Vec<TopicSubscription>, Unavailable> {
        self.allowed("subscriptions", project)?;
        Ok(self.subscriptions.clone())
    }
    async fn run_locations(&self, project: &str) -> Result<Vec<String>, Unavailable> {
        self.allowed("locations", project)?;
        Ok(vec!["us-east1".to_owned()])
    }
    async fn run_workloads(
        &self,
        project: &str,
        _: &str,
    ) -> Result<Vec<CloudRunWorkload>, Unavailable> {
        self.allowed("workloads", project)?;
        Ok(self.workloads.clone())
    }
    async fn clusters(&self, project: &str) -> Result<Vec<Cluster>, Unavailable> {
        self.allowed("clusters", project)?;
        Ok(self.clusters.clone())
    }
    async fn constraint(
        &self,
        project: &str,
    ) -> Result<BinaryAuthorizationConstraint, Unavailable> {
        self.allowed("constraint", project)?;
        Ok(self.constraint)
    }
}

fn sink(filter: &str) -> LogSink {
    LogSink {
        name: "audit".to_owned(),
        destination: format!("pubsub.googleapis.com/{TOPIC}"),
        filter: filter.to_owned(),
        include_children: true,
        ..LogSink::default()
    }
}

fn logs(kinds: &[&str]) -> Vec<AuditConfig> {
    let kinds = kinds.iter().map(|kind| ((*kind).to_owned(), Vec::new()));
    vec![AuditConfig {
        service: "allServices".to_owned(),
        kinds: kinds.collect(),
    }]
}

fn workload(kind: WorkloadKind, name: &str, asks: bool) -> CloudRunWorkload {
    let name = format!("projects/demo-mart/locations/us-east1/{name}");
    CloudRunWorkload {
        kind,
        name,
        binary_authorization: asks.then(|| "default".to_owned()),
    }
}

/// What `google-covered.json` plans.
fn covered() -> Fake {
    Fake {
        parents: [
            ("projects/demo-mart", "folders/77"),
            ("folders/77", "organizations/12"),
        ]
        .into(),
        sinks: [("organizations/12", vec![sink("")])].into(),
        configs: [(
            "projects/demo-mart",
            logs(&["ADMIN_READ", "DATA_READ", "DATA_WRITE"]),
        )]
        .into(),
        workloads: vec![
            workload(WorkloadKind::Service, "services/web", true),
            workload(WorkloadKind::Job, "jobs/reindex", true),
        ],
        clusters: vec![Cluster {
            name: "projects/demo-mart/locations/us-east1-c/clusters/mart".to_owned(),
            evaluation_mode: Some(
                "POLICY_BINDINGS_AND_PROJECT_SINGLETON_POLICY_ENFORCE".to_owned(),
            ),
        }],
        constraint: BinaryAuthorizationConstraint::NotForced,
        subscriptions: vec![TopicSubscription {
            name: "projects/demo-mart/subscriptions/postern-audit".to_owned(),
            topic: TOPIC.to_owned(),
            filter: String::new(),
        }],
        refused: Vec::new(),
    }
}

/// What `google-holes.json` plans.
fn holes() -> Fake {
    let filter = "logName:\"cloudaudit.googleapis.com\" AND (resource.type=\"cloud_run_revision\" OR resource.type=\"k8s_cluster\" OR protoPayload.serviceName=\"cloudkms.googleapis.com\")";
    let own = LogSink {
        exclusions: vec![LogExclusion {
            name: "quiet-dry-runs".to_owned(),
            filter: "\"dry-run\" OR \"dry run\"".to_owned(),
            disabled: false,
        }],
        ..sink(filter)
    };
    Fake {
        sinks: [("projects/demo-mart", vec![own])].into(),
        configs: BTreeMap::new(),
        workloads: vec![
            workload(WorkloadKind::Service, "services/web", false),
            workload(WorkloadKind::Job, "jobs/reindex", true),
        ],
        clusters: vec![Cluster {
            name: "projects/demo-mart/locations/us-east1-c/clusters/mart".to_owned(),
            evaluation_mode: Some("DISABLED".to_owned()),
        }],
        ..covered()
    }
}

async fn judged_live(fake: Fake, resource: &str) -> Report {
    let scope = Scope {
        resources: [resource.to_owned()].into(),
        ..Scope::default()
    };
    let plan = read(Arc::new(fake), &scope).await;
    judge(&detections(), &plan, &Known::default()).unwrap()
}

fn states(report: &Report) -> Vec<(String, State)> {
    let states = report.detections.iter();
    let states = states.filter(|c| c.detection.starts_with("gcp."));
    states.map(|c| (c.detection.clone(), c.state)).collect()
}

/// What is said of one detection.
async fn said(fake: Fake, id: &str) -> Vec<String> {
    let text = told(judged_live(fake, "projects/demo-mart").await);
    let after = text.lines().skip_while(|line| !line.ends_with(id));
    let lines = after
        .enumerate()
        .take_while(|(i, line)| *i == 0 || line.starts_with(' '));
    lines.map(|(_, line)| line.trim().to_owned()).collect()
}

#[tokio::test]
async fn the_same_estate_is_judged_alike_as_a_plan_and_as_it_is() {
    for (fake, plan) in [(covered(), GOOGLE_COVERED), (holes(), GOOGLE_HOLES)] {
        let planned = states(&judged(&detections(), &[plan], &Known::default()));
        for resource in ["projects/demo-mart", "folders/77", "organizations/12"] {
            let live = judged_live(fake.clone(), resource).await;
            assert_eq!(states(&live), planned, "{resource}");
        }
    }
}

#[tokio::test]
async fn what_mends_it_names_what_was_read() {
    assert_eq!(
        said(holes(), "gcp.test.dry-run").await,
        [
            "Blind gcp.test.dry-run",
            "Blind: projects/demo-mart/locations/us-east1/services/web does not ask Binary Authorization, and no organization policy (run.allowedBinaryAuthorizationPolicies) makes it",
            "Blind: the exclusion \"quiet-dry-runs\" of projects/demo-mart/sinks/audit drops it",
        ]
    );
    let report = judged_live(holes(), "projects/demo-mart").await;
    let remedies = report.detections.iter().flat_map(|c| &c.gaps);
    let remedies: Vec<_> = remedies.filter_map(|gap| gap.remedy.as_deref()).collect();
    assert!(remedies.contains(&"gcloud run services update web --project=demo-mart --region=us-east1 --binary-authorization=default"));
}

#[tokio::test]
async fn an_organization_policy_makes_all_of_them_ask() {
    let forced = Fake {
        constraint: BinaryAuthorizationConstraint::Forced,
        ..holes()
    };
    assert_eq!(
        said(forced, "gcp.test.denied").await,
        ["Covered gcp.test.denied"]
    );
}

#[tokio::test]
async fn what_is_refused_leaves_in_doubt_and_is_never_blind_or_covered() {
    for (call, about, id) in [
        ("sinks", "organizations/12", "gcp.test.policy"),
        ("sinks", "organizations/12", "gcp.test.org"),
        ("subscriptions", "projects/demo-mart", "gcp.test.policy"),
        ("configs", "projects/demo-mart", "gcp.test.sign"),
        ("configs", "folders/77", "gcp.test.sign"),
        ("configs", "organizations/12", "gcp.test.sign"),
        ("locations", "projects/demo-mart", "gcp.test.denied"),
        ("workloads", "projects/demo-mart", "gcp.test.denied"),
        ("clusters", "projects/demo-mart", "gcp.test.pod"),
        ("parent", "projects/demo-mart", "gcp.test.policy"),
        ("parent", "folders/77", "gcp.test.org"),
    ] {
        let refused = Fake {
            refused: vec![(call, about)],
            ..covered()
        };
        let said = said(refused, id).await;
        assert_eq!(said[0], format!("CannotTell {id}"), "{call} {about}");
        assert!(said[1].contains("403"), "{call} {about}: {said:?}");
    }
    let no_policy = Fake {
        refused: vec![("constraint", "projects/demo-mart")],
        ..holes()
    };
    assert_eq!(
        said(no_policy, "gcp.test.denied").await[0],
        "CannotTell gcp.test.denied"
    );
    let unread = Fake {
        refused: vec![("children", "organizations/12")],
        ..covered()
    };
    let report = judged_live(unread, "organizations/12").await;
    assert_eq!(report.worst(), Some(State::CannotTell));
}

/// The project's own sink delivers, as far as it is known: a sink above may take entries away.
#[tokio::test]
async fn a_sink_above_that_was_not_read_may_take_entries_away() {
    let own = |refused| Fake {
        sinks: [("projects/demo-mart", vec![sink("")])].into(),
        refused,
        ..covered()
    };
    assert_eq!(
        said(own(vec![]), "gcp.test.policy").await,
        ["Covered gcp.test.policy"]
    );
    let said = said(own(vec![("sinks", "folders/77")]), "gcp.test.policy").await;
    let doubt = "CannotTell: whether a sink above projects/demo-mart/sinks/audit";
    assert!(said.iter().any(|line| line.starts_with(doubt)), "{said:?}");
    // What the folder's sinks take, they take from those below, not from those above.
    let above = Fake {
        refused: vec![("sinks", "folders/77")],
        ..covered()
    };
    let said = super::live::said(above, "gcp.test.policy").await;
    assert_eq!(said, ["Covered gcp.test.policy"]);
}

/// Without an organization nobody writes entries of one.
#[tokio::test]
async fn what_cannot_happen_is_not_judged() {
    let alone = Fake {
        parents: BTreeMap::new(),
        sinks: [("projects/demo-mart", vec![sink("")])].into(),
        ..covered()
    };
    let report = judged_live(alone, "projects/demo-mart").await;
    assert_eq!(report.worst(), Some(State::Covered));
    assert!(report.not_judged.contains(&"gcp.test.org".to_owned()));
}
