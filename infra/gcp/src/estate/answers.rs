//! The answers of the APIs, as far as they are read.

use postern_core::image::shortened;
use postern_core::ports::{
    AuditConfig, BinaryAuthorizationConstraint, CloudRunWorkload, Cluster, LogExclusion, LogSink,
    TopicSubscription, WorkloadKind,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A page of something.
pub(super) trait Page: DeserializeOwned {
    type Item;
    fn listed(self) -> Listed<Self::Item>;
}

/// What a page lists.
pub(super) struct Listed<T> {
    pub(super) items: Vec<T>,
    /// The token of the next page; empty at the end.
    pub(super) next: String,
    /// What the API itself could not read.
    pub(super) unreachable: Option<String>,
}

/// Declares the page of a listing, with the names of its members.
macro_rules! page {
    ($page:ident, $item:ty, $member:literal $(, $missing:literal)?) => {
        #[derive(Deserialize)]
        pub(super) struct $page {
            #[serde(default, rename = $member)]
            items: Vec<$item>,
            #[serde(default, rename = "nextPageToken")]
            next: String,
            #[serde(default, $(rename = $missing)?)]
            unreachable: Vec<String>,
        }

        impl Page for $page {
            type Item = $item;

            fn listed(self) -> Listed<$item> {
                let unreachable = self.unreachable.join(", ");
                Listed {
                    items: self.items,
                    next: self.next,
                    unreachable: (!unreachable.is_empty()).then(|| shortened(&unreachable)),
                }
            }
        }
    };
}

page!(Folders, Folder, "folders");
page!(Projects, Project, "projects");
page!(Sinks, Sink, "sinks");
page!(Subscriptions, Subscription, "subscriptions");
page!(Locations, Location, "locations");
page!(Clusters, ClusterAnswer, "clusters", "missingZones");

/// Services, jobs or worker pools: each collection has a name of its own.
#[derive(Deserialize)]
pub(super) struct Workloads {
    #[serde(default, alias = "services", alias = "jobs", alias = "workerPools")]
    items: Vec<Workload>,
    #[serde(default, rename = "nextPageToken")]
    next: String,
    #[serde(default)]
    unreachable: Vec<String>,
}

impl Page for Workloads {
    type Item = Workload;

    fn listed(self) -> Listed<Workload> {
        let unreachable = self.unreachable.join(", ");
        Listed {
            items: self.items,
            next: self.next,
            unreachable: (!unreachable.is_empty()).then(|| shortened(&unreachable)),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Project {
    #[serde(default)]
    project_id: String,
    #[serde(default)]
    pub(super) parent: String,
    #[serde(default)]
    state: String,
}

impl Project {
    /// What is to be deleted runs nothing any more.
    pub(super) fn active(self) -> Option<String> {
        (self.state != "DELETE_REQUESTED").then(|| format!("projects/{}", self.project_id))
    }
}

#[derive(Deserialize)]
pub(super) struct Folder {
    #[serde(default)]
    name: String,
    #[serde(default)]
    pub(super) parent: String,
    #[serde(default)]
    state: String,
}

impl Folder {
    pub(super) fn active(self) -> Option<String> {
        (self.state != "DELETE_REQUESTED").then_some(self.name)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sink {
    name: String,
    #[serde(default)]
    destination: String,
    #[serde(default)]
    filter: String,
    #[serde(default)]
    disabled: bool,
    #[serde(default)]
    include_children: bool,
    #[serde(default)]
    intercept_children: bool,
    #[serde(default)]
    writer_identity: String,
    #[serde(default)]
    exclusions: Vec<Exclusion>,
}

#[derive(Deserialize)]
struct Exclusion {
    #[serde(default)]
    name: String,
    #[serde(default)]
    filter: String,
    #[serde(default)]
    disabled: bool,
}

impl From<Sink> for LogSink {
    fn from(sink: Sink) -> Self {
        let exclusion = |one: Exclusion| LogExclusion {
            name: one.name,
            filter: one.filter,
            disabled: one.disabled,
        };
        Self {
            name: sink.name,
            destination: sink.destination,
            filter: sink.filter,
            disabled: sink.disabled,
            include_children: sink.include_children,
            intercept_children: sink.intercept_children,
            writer_identity: sink.writer_identity,
            exclusions: sink.exclusions.into_iter().map(exclusion).collect(),
        }
    }
}

/// Roles by which messages can be published (Pub/Sub, "Access control with IAM").
const PUBLISHING: [&str; 5] = [
    "roles/pubsub.publisher",
    "roles/pubsub.editor",
    "roles/pubsub.admin",
    "roles/editor",
    "roles/owner",
];

/// The IAM policy of a topic.
#[derive(Deserialize)]
pub(super) struct Bindings {
    #[serde(default)]
    bindings: Vec<Binding>,
}

#[derive(Deserialize)]
struct Binding {
    #[serde(default)]
    role: String,
    #[serde(default)]
    members: Vec<String>,
}

impl Bindings {
    /// Who may publish.
    pub(super) fn publishers(self) -> Vec<String> {
        let publishing = self
            .bindings
            .into_iter()
            .filter(|binding| PUBLISHING.contains(&binding.role.as_str()));
        publishing.flat_map(|binding| binding.members).collect()
    }
}

/// An IAM policy.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Policy {
    #[serde(default)]
    audit_configs: Vec<AuditConfigAnswer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuditConfigAnswer {
    #[serde(default)]
    service: String,
    #[serde(default)]
    audit_log_configs: Vec<AuditLogConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuditLogConfig {
    #[serde(default)]
    log_type: String,
    #[serde(default)]
    exempted_members: Vec<String>,
}

impl From<Policy> for Vec<AuditConfig> {
    fn from(policy: Policy) -> Self {
        let kind = |one: AuditLogConfig| (one.log_type, one.exempted_members);
        let one = |config: AuditConfigAnswer| AuditConfig {
            service: config.service,
            kinds: config.audit_log_configs.into_iter().map(kind).collect(),
        };
        policy.audit_configs.into_iter().map(one).collect()
    }
}

#[derive(Deserialize)]
pub(super) struct Subscription {
    #[serde(default)]
    name: String,
    #[serde(default)]
    topic: String,
    #[serde(default)]
    filter: String,
    #[serde(default)]
    detached: bool,
}

impl Subscription {
    /// A detached one gets nothing any more.
    pub(super) fn attached(self) -> Option<TopicSubscription> {
        (!self.detached).then_some(TopicSubscription {
            name: self.name,
            topic: self.topic,
            filter: self.filter,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Location {
    pub(super) location_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Workload {
    name: String,
    #[serde(default)]
    binary_authorization: Setting,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Setting {
    #[serde(default)]
    use_default: bool,
    #[serde(default)]
    policy: String,
}

impl Workload {
    pub(super) fn of(self, kind: WorkloadKind) -> CloudRunWorkload {
        let setting = self.binary_authorization;
        CloudRunWorkload {
            kind,
            name: self.name,
            binary_authorization: match (setting.use_default, setting.policy) {
                (true, _) => Some("default".to_owned()),
                (false, policy) => Some(policy).filter(|policy| !policy.is_empty()),
            },
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClusterAnswer {
    name: String,
    #[serde(default)]
    location: String,
    #[serde(default)]
    binary_authorization: ClusterSetting,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClusterSetting {
    #[serde(default)]
    enabled: bool,
    #[serde(default)]
    evaluation_mode: String,
}

impl ClusterAnswer {
    pub(super) fn of(self, project: &str) -> Cluster {
        let setting = self.binary_authorization;
        let said = !matches!(
            setting.evaluation_mode.as_str(),
            "" | "EVALUATION_MODE_UNSPECIFIED"
        );
        let old = setting
            .enabled
            .then(|| "PROJECT_SINGLETON_POLICY_ENFORCE".to_owned());
        Cluster {
            name: format!(
                "{project}/locations/{}/clusters/{}",
                self.location, self.name
            ),
            evaluation_mode: match said {
                true => Some(setting.evaluation_mode),
                false => old,
            },
        }
    }
}

/// An organization policy.
#[derive(Deserialize)]
pub(super) struct OrganizationPolicy {
    #[serde(default)]
    spec: Spec,
}

#[derive(Default, Deserialize)]
struct Spec {
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    #[serde(default)]
    values: Values,
    condition: Option<serde::de::IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Values {
    #[serde(default)]
    allowed_values: Vec<String>,
}

impl From<OrganizationPolicy> for BinaryAuthorizationConstraint {
    /// A rule with a condition does not hold everywhere.
    fn from(policy: OrganizationPolicy) -> Self {
        let forces =
            |rule: &Rule| !rule.values.allowed_values.is_empty() && rule.condition.is_none();
        match policy.spec.rules.iter().any(forces) {
            true => Self::Forced,
            false => Self::NotForced,
        }
    }
}
