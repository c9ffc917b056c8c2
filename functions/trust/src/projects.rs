//! What clients ask of a project before they use it: Resource Manager's and Service Usage's answers.

use serde_json::{Value, json};

use crate::error::ApiError;
use crate::trust::Trust;

/// The services that are served here, or by what stands beside this function.
const SERVICES: [&str; 5] = [
    "binaryauthorization.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "containeranalysis.googleapis.com",
    "run.googleapis.com",
    "serviceusage.googleapis.com",
];

impl Trust {
    /// A project. Whatever has a name is one: there is nothing else to be found out about it here.
    pub(crate) fn project(&self, project: &str) -> Value {
        json!({
            "projectId": project,
            "projectNumber": self.number_of(project).to_string(),
            "name": project,
            "lifecycleState": "ACTIVE",
        })
    }

    /// Whether a service can be used in a project.
    ///
    /// # Errors
    /// If it is none that is served.
    pub(crate) fn service(&self, project: &str, service: &str) -> Result<Value, ApiError> {
        if !SERVICES.contains(&service) {
            return Err(ApiError::not_found("service", service));
        }
        let parent = format!("projects/{}", self.number_of(project));
        Ok(json!({
            "name": format!("{parent}/services/{service}"),
            "parent": parent,
            "state": "ENABLED",
            "config": {"name": service},
        }))
    }
}
