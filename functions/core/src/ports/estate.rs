//! What there is on Google Cloud: what is logged, where it is sent, and what runs.

use async_trait::async_trait;

use super::Unavailable;

/// A log sink, as Cloud Logging says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogSink {
    /// Its short name.
    pub name: String,
    /// Where entries are sent, such as `pubsub.googleapis.com/projects/P/topics/T`.
    pub destination: String,
    /// Which entries; empty: all.
    pub filter: String,
    /// Whether it is switched off.
    pub disabled: bool,
    /// Whether entries of what is below count.
    pub include_children: bool,
    /// Whether it takes entries away from the sinks below.
    pub intercept_children: bool,
    /// Who writes to the destination, such as `serviceAccount:service-1@gcp-sa-logging.iam.gserviceaccount.com`.
    pub writer_identity: String,
    /// What is left out.
    pub exclusions: Vec<LogExclusion>,
}

/// What a sink leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogExclusion {
    /// Its name.
    pub name: String,
    /// Which entries.
    pub filter: String,
    /// Whether it is switched off.
    pub disabled: bool,
}

/// Which Data Access logs of a service are written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditConfig {
    /// The service, or `allServices`.
    pub service: String,
    /// `ADMIN_READ`, `DATA_READ`, `DATA_WRITE`, each with whom it leaves out.
    pub kinds: Vec<(String, Vec<String>)>,
}

/// What a [`CloudRunWorkload`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkloadKind {
    /// A service; functions are services as well.
    Service,
    /// A job.
    Job,
    /// A worker pool.
    WorkerPool,
}

/// A service, job or worker pool of Cloud Run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudRunWorkload {
    /// What it is.
    pub kind: WorkloadKind,
    /// `projects/P/locations/L/services/S`, or as the kind has it.
    pub name: String,
    /// `default` or the name of a platform policy; absent: Binary Authorization is not asked.
    pub binary_authorization: Option<String>,
}

/// A cluster of Google Kubernetes Engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// `projects/P/locations/L/clusters/C`.
    pub name: String,
    /// Its evaluation mode, such as `PROJECT_SINGLETON_POLICY_ENFORCE`; absent: Binary Authorization
    /// is not asked.
    pub evaluation_mode: Option<String>,
}

/// A subscription of Pub/Sub.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TopicSubscription {
    /// `projects/P/subscriptions/S`.
    pub name: String,
    /// `projects/P/topics/T`.
    pub topic: String,
    /// Which messages; empty: all.
    pub filter: String,
}

/// What an organization policy says about Binary Authorization on Cloud Run
/// (`run.allowedBinaryAuthorizationPolicies`), with what is inherited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryAuthorizationConstraint {
    /// Whatever is deployed has to ask one of the policies that are named.
    Forced,
    /// It need not.
    NotForced,
}

/// Reads what there is, at the source. Resources are `projects/P`, `folders/N` and `organizations/N`.
///
/// Every listing is whole or an error: what was read of one that broke off is nothing to judge by.
#[async_trait]
pub trait EstateReader: Send + Sync {
    /// The folder or organization that a project or folder is in; `None` if it is in none.
    async fn parent(&self, resource: &str) -> Result<Option<String>, Unavailable>;
    /// The active folders and projects directly in a folder or organization.
    async fn children(&self, resource: &str) -> Result<Vec<String>, Unavailable>;
    /// The sinks of exactly this resource.
    async fn sinks(&self, resource: &str) -> Result<Vec<LogSink>, Unavailable>;
    /// The audit configurations of exactly this resource.
    async fn audit_configs(&self, resource: &str) -> Result<Vec<AuditConfig>, Unavailable>;
    /// Who may publish to a topic (`projects/P/topics/T`) by what is granted on the topic itself; `None` if
    /// there is no such topic.
    async fn publishers(&self, topic: &str) -> Result<Option<Vec<String>>, Unavailable>;
    /// The subscriptions of a project.
    async fn subscriptions(&self, project: &str) -> Result<Vec<TopicSubscription>, Unavailable>;
    /// The locations where a project may use Cloud Run.
    async fn run_locations(&self, project: &str) -> Result<Vec<String>, Unavailable>;
    /// What runs on Cloud Run in a location of a project.
    async fn run_workloads(
        &self,
        project: &str,
        location: &str,
    ) -> Result<Vec<CloudRunWorkload>, Unavailable>;
    /// The clusters of a project.
    async fn clusters(&self, project: &str) -> Result<Vec<Cluster>, Unavailable>;
    /// Whether an organization policy makes Cloud Run ask in this project.
    async fn constraint(&self, project: &str)
    -> Result<BinaryAuthorizationConstraint, Unavailable>;
}
