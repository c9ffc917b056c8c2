//! What a caller has to be allowed before anything is gathered or recorded for them. Google alone knows who
//! holds a token, so it is asked what the holder may do (`testIamPermissions`).

use postern_core::ports::GoogleApi;
use postern_core::target::CloudRunKind;
use serde_json::{Value, json};

use crate::asked::{Verb, Write};

/// A question to Google: which of these permissions does the caller have there?
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) api: GoogleApi,
    pub(crate) path: String,
    pub(crate) permissions: Vec<String>,
    resource: String,
}

impl Question {
    /// What writing takes, of a resource that is there.
    pub(crate) fn on_resource(write: &Write, location: &str, name: &str) -> Self {
        let (collection, permissions) = match write.kind {
            CloudRunKind::Service => ("services", "run.services"),
            CloudRunKind::Job => ("jobs", "run.jobs"),
            CloudRunKind::WorkerPool => ("workerPools", "run.workerpools"),
        };
        let verb = match write.verb {
            Verb::Create => "create",
            Verb::Replace | Verb::Patch => "update",
            Verb::Run => "run",
        };
        let resource = format!(
            "projects/{}/locations/{location}/{collection}/{name}",
            write.project
        );
        Self {
            api: GoogleApi::Run { region: None },
            path: format!("/v2/{resource}:testIamPermissions"),
            permissions: vec![format!("{permissions}.{verb}")],
            resource,
        }
    }

    /// What creating takes: what is not there has no permissions of its own.
    pub(crate) fn to_create(write: &Write) -> Self {
        let create = Write {
            verb: Verb::Create,
            ..write.clone()
        };
        let of_one = Self::on_resource(&create, "-", "-");
        Self::in_project(&write.project, of_one.permissions)
    }

    /// Whether the caller has these permissions in the whole project.
    pub(crate) fn in_project(project: &str, permissions: Vec<String>) -> Self {
        Self {
            api: GoogleApi::ResourceManager,
            path: format!("/v1/projects/{project}:testIamPermissions"),
            permissions,
            resource: format!("projects/{project}"),
        }
    }

    pub(crate) fn body(&self) -> Value {
        json!({"permissions": self.permissions})
    }

    /// What is missing by this answer, in Google's words.
    pub(crate) fn missing(&self, answer: &Value) -> Option<String> {
        let has: Vec<_> = answer
            .get("permissions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let missing = self
            .permissions
            .iter()
            .find(|wanted| !has.contains(&wanted.as_str()))?;
        Some(format!(
            "Permission '{missing}' denied on resource '{}' (or it may not exist).",
            self.resource
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asked::{Asked, asked};

    #[test]
    fn the_permission_of_each_verb() {
        let question = |method, path| match asked(method, path) {
            Asked::Write(write) => match write.name.clone() {
                Some(name) => Question::on_resource(&write, "us-central1", &name),
                None => Question::to_create(&write),
            },
            other => panic!("{other:?}"),
        };
        let run = question(
            "POST",
            "/v2/projects/p/locations/us-central1/jobs/nightly:run",
        );
        assert_eq!(run.permissions, ["run.jobs.run"]);
        assert_eq!(
            run.path,
            "/v2/projects/p/locations/us-central1/jobs/nightly:testIamPermissions"
        );
        let replace = question(
            "PUT",
            "/apis/serving.knative.dev/v1/namespaces/p/services/web",
        );
        assert_eq!(replace.permissions, ["run.services.update"]);
        let create = question("POST", "/v2/projects/p/locations/us-central1/workerPools");
        assert_eq!(create.permissions, ["run.workerpools.create"]);
        assert_eq!(create.path, "/v1/projects/p:testIamPermissions");
    }

    #[test]
    fn what_is_not_answered_is_missing() {
        let question = Question::in_project("p", vec!["run.services.create".to_owned()]);
        let has = json!({"permissions": ["run.services.create"]});
        assert_eq!(question.missing(&has), None);
        insta::assert_snapshot!(question.missing(&json!({})).unwrap(), @"Permission 'run.services.create' denied on resource 'projects/p' (or it may not exist).");
    }
}
