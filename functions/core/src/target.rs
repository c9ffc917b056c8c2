//! Where an image is to run.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The kind of Cloud Run resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloudRunKind {
    /// A service: `cloud-run`.
    Service,
    /// A job: `cloud-run-job`.
    Job,
    /// A worker pool: `cloud-run-worker-pool`.
    WorkerPool,
}

/// The full name of a Cloud Run resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CloudRunResource {
    /// Project id.
    pub project: String,
    /// Region, such as `us-central1`.
    pub location: String,
    /// Name of the service, job or worker pool.
    pub name: String,
}

/// Where an image is to run. The text form is the one of the command line, for example
/// `cloud-run:demo-project/us-central1/web` or `gke:us-central1-a.prod/default:web@demo-project`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Target {
    /// Cloud Run; without a resource "some Cloud Run service", the default.
    CloudRun {
        /// Service, job or worker pool.
        kind: CloudRunKind,
        /// Which one, where it is known.
        resource: Option<CloudRunResource>,
    },
    /// A Kubernetes workload on GKE.
    Gke {
        /// Zone or region of the cluster.
        location: String,
        /// Cluster name.
        cluster: String,
        /// Kubernetes namespace.
        namespace: String,
        /// Kubernetes service account, where it is known.
        service_account: Option<String>,
        /// Project of the cluster, where it is known.
        project: Option<String>,
    },
    /// An AWS Lambda function.
    Lambda {
        /// AWS region.
        region: String,
        /// Function name.
        function: String,
    },
    /// An Amazon ECS service.
    Ecs {
        /// AWS region.
        region: String,
        /// Cluster name.
        cluster: String,
        /// Service name.
        service: String,
    },
}

impl Target {
    /// "Some Cloud Run service": what is assumed where nothing is said.
    pub const fn any_cloud_run() -> Self {
        Self::CloudRun {
            kind: CloudRunKind::Service,
            resource: None,
        }
    }

    /// The Google Cloud project, where the target names one.
    pub fn project(&self) -> Option<&str> {
        match self {
            Self::CloudRun { resource, .. } => resource.as_ref().map(|r| r.project.as_str()),
            Self::Gke { project, .. } => project.as_deref(),
            Self::Lambda { .. } | Self::Ecs { .. } => None,
        }
    }

    /// Whether scoped rules and the system policy apply: only on GKE (Binary Authorization, "policy
    /// evaluation").
    pub const fn is_gke(&self) -> bool {
        matches!(self, Self::Gke { .. })
    }

    /// The platform's word for metrics and messages, such as `cloud-run-job`.
    pub const fn platform(&self) -> &'static str {
        match self {
            Self::CloudRun { kind, .. } => kind.as_str(),
            Self::Gke { .. } => "gke",
            Self::Lambda { .. } => "lambda",
            Self::Ecs { .. } => "ecs",
        }
    }
}

impl Default for Target {
    fn default() -> Self {
        Self::any_cloud_run()
    }
}

impl CloudRunKind {
    /// The word of the text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "cloud-run",
            Self::Job => "cloud-run-job",
            Self::WorkerPool => "cloud-run-worker-pool",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CloudRun {
                kind,
                resource: None,
            } => f.write_str(kind.as_str()),
            Self::CloudRun {
                kind,
                resource: Some(r),
            } => {
                write!(
                    f,
                    "{}:{}/{}/{}",
                    kind.as_str(),
                    r.project,
                    r.location,
                    r.name
                )
            }
            Self::Gke {
                location,
                cluster,
                namespace,
                service_account,
                project,
            } => {
                write!(f, "gke:{location}.{cluster}/{namespace}")?;
                if let Some(account) = service_account {
                    write!(f, ":{account}")?;
                }
                project
                    .as_ref()
                    .map_or(Ok(()), |project| write!(f, "@{project}"))
            }
            Self::Lambda { region, function } => write!(f, "lambda:{region}/{function}"),
            Self::Ecs {
                region,
                cluster,
                service,
            } => write!(f, "ecs:{region}/{cluster}/{service}"),
        }
    }
}

/// Why a text is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no target; write cloud-run:PROJECT/LOCATION/SERVICE, cloud-run-job:…, \
     cloud-run-worker-pool:…, gke:LOCATION.CLUSTER/NAMESPACE[:SERVICEACCOUNT][@PROJECT], \
     lambda:REGION/FUNCTION or ecs:REGION/CLUSTER/SERVICE"
)]
pub struct TargetError(String);

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| TargetError(crate::image::shortened(text)))
    }
}

impl TryFrom<String> for Target {
    type Error = TargetError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

fn parse(text: &str) -> Option<Target> {
    let (platform, rest) = match text.split_once(':') {
        Some((platform, rest)) => (platform, Some(rest)),
        None => (text, None),
    };
    match platform {
        "cloud-run" => cloud_run(CloudRunKind::Service, rest),
        "cloud-run-job" => cloud_run(CloudRunKind::Job, rest),
        "cloud-run-worker-pool" => cloud_run(CloudRunKind::WorkerPool, rest),
        "gke" => gke(rest?),
        "lambda" => {
            let [region, function] = parts(rest?)?;
            Some(Target::Lambda { region, function })
        }
        "ecs" => {
            let [region, cluster, service] = parts(rest?)?;
            Some(Target::Ecs {
                region,
                cluster,
                service,
            })
        }
        _ => None,
    }
}

fn cloud_run(kind: CloudRunKind, rest: Option<&str>) -> Option<Target> {
    let resource = match rest {
        None => None,
        Some(rest) => {
            let [project, location, name] = parts(rest)?;
            Some(CloudRunResource {
                project,
                location,
                name,
            })
        }
    };
    Some(Target::CloudRun { kind, resource })
}

fn gke(rest: &str) -> Option<Target> {
    let (rest, project) = match rest.split_once('@') {
        Some((rest, project)) => (rest, Some(word(project)?)),
        None => (rest, None),
    };
    let (cluster_key, workload) = rest.split_once('/')?;
    let (location, cluster) = cluster_key.split_once('.')?;
    let (namespace, service_account) = match workload.split_once(':') {
        Some((namespace, account)) => (namespace, Some(word(account)?)),
        None => (workload, None),
    };
    Some(Target::Gke {
        location: word(location)?,
        cluster: word(cluster)?,
        namespace: word(namespace)?,
        service_account,
        project,
    })
}

fn parts<const N: usize>(text: &str) -> Option<[String; N]> {
    let words = text.split('/').map(word).collect::<Option<Vec<_>>>()?;
    words.try_into().ok()
}

/// A name as the platforms allow it; a colon is for project ids with a domain.
fn word(text: &str) -> Option<String> {
    let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
    (!text.is_empty() && text.len() <= 253 && text.bytes().all(ok)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("cloud-run")]
    #[case("cloud-run:demo-project/us-central1/web")]
    #[case("cloud-run:example.com:demo/us-central1/web")]
    #[case("cloud-run-job:demo-project/us-central1/nightly")]
    #[case("cloud-run-worker-pool:demo-project/us-central1/pool")]
    #[case("gke:us-central1-a.prod/default")]
    #[case("gke:us-central1-a.prod/default:web@demo-project")]
    #[case("lambda:eu-west-1/orders")]
    #[case("ecs:eu-west-1/main/orders")]
    fn text_form_round_trips(#[case] text: &str) {
        assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
    }

    #[rstest]
    #[case("")]
    #[case("cloud-run:web")]
    #[case("cloud-run:p/l/s/x")]
    #[case("gke:prod/default")]
    #[case("gke:us-central1-a.prod")]
    #[case("lambda:orders")]
    #[case("cloud-run:p//s")]
    #[case("nomad:x/y")]
    fn refused(#[case] text: &str) {
        assert!(text.parse::<Target>().is_err(), "{text}");
    }
}
