//! What clients ask of a project before they use it: Resource Manager's, Cloud Billing's and Service Usage's
//! answers.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::body::typed;
use crate::call::Call;
use crate::error::{ApiError, Code};
use crate::trust::Trust;

/// The services that are served here, or by what stands beside this function.
const SERVICES: [&str; 7] = [
    "binaryauthorization.googleapis.com",
    "cloudkms.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "containeranalysis.googleapis.com",
    "orgpolicy.googleapis.com",
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

    /// Who pays for a project: nobody, here.
    pub(crate) fn billing(&self, project: &str) -> Value {
        json!({
            "name": format!("projects/{project}/billingInfo"),
            "projectId": project,
            "billingAccountName": "",
            "billingEnabled": false,
        })
    }

    /// The services that can be used in a project.
    pub(crate) fn services(&self, project: &str) -> Value {
        let services = SERVICES
            .iter()
            .filter_map(|service| self.service(project, service).ok());
        json!({"services": services.collect::<Vec<_>>()})
    }

    /// A service is enabled, which it is.
    ///
    /// # Errors
    /// If it is none that is served.
    pub(crate) fn enable_service(&self, project: &str, service: &str) -> Result<Value, ApiError> {
        let service = self.service(project, service)?;
        Ok(json!({
            "name": "operations/noop.DONE_OPERATION",
            "done": true,
            "response": {
                "@type": "type.googleapis.com/google.api.serviceusage.v1.EnableServiceResponse",
                "service": service,
            },
        }))
    }

    /// Several are.
    ///
    /// # Errors
    /// If one of them is none that is served.
    pub(crate) fn enable_services(&self, call: &Call, project: &str) -> Result<Value, ApiError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Asked {
            service_ids: Vec<String>,
        }
        let asked: Asked = typed(call.body()?)?;
        let services = asked.service_ids.iter().take(20);
        let services: Result<Vec<_>, _> = services.map(|id| self.service(project, id)).collect();
        Ok(json!({
            "name": "operations/noop.DONE_OPERATION",
            "done": true,
            "response": {
                "@type": "type.googleapis.com/google.api.serviceusage.v1.BatchEnableServicesResponse",
                "services": services?,
            },
        }))
    }

    /// Whether a service can be used in a project.
    ///
    /// # Errors
    /// If it is none that is served.
    pub(crate) fn service(&self, project: &str, service: &str) -> Result<Value, ApiError> {
        if !SERVICES.contains(&service) {
            let why = "is not served here, so there is nothing to enable: leave it out";
            return Err(ApiError::new(
                Code::NotFound,
                format!("{service} {why} ({} are)", SERVICES.join(", ")),
            ));
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
