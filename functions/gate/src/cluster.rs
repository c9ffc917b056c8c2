//! Which cluster a webhook's request comes from: a review does not name it, so the URL does.

use postern_core::target::Target;
use serde::Deserialize;

use crate::request::RequestError;

/// `?cluster=LOCATION.CLUSTER&project=P`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cluster {
    cluster: String,
    project: Option<String>,
    /// Read by [`Deadline`](postern_host::deadline::Deadline).
    #[serde(default, rename = "timeout")]
    _timeout: Option<String>,
}

impl Cluster {
    /// A namespace of the cluster.
    pub(crate) fn namespace(&self, namespace: &str) -> Result<Target, RequestError> {
        let project = self.project.as_ref().map(|project| format!("@{project}"));
        let target = format!(
            "gke:{}/{namespace}{}",
            self.cluster,
            project.unwrap_or_default()
        );
        target
            .parse()
            .map_err(|error: postern_core::target::TargetError| {
                RequestError::Malformed(format!("?cluster= or ?project=: {error}"))
            })
    }
}
