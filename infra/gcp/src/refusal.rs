//! What an API says when it does not answer, and what to do about it.

use std::fmt::Write as _;

use postern_core::image::shortened;
use serde::Deserialize;

use crate::resource::{Access, grant, look};

/// The error of a Google API (AIP-193), as far as it matters here. Everything in it is optional.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Refusal {
    #[serde(default)]
    error: Status,
}

#[derive(Debug, Default, Deserialize)]
struct Status {
    #[serde(default)]
    message: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    details: Vec<Detail>,
}

/// A `google.rpc.ErrorInfo`; other details have no reason.
#[derive(Debug, Default, Deserialize)]
struct Detail {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Debug, Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    permission: String,
}

impl Refusal {
    /// Reads the body of an answer that is no success; what cannot be read says nothing.
    pub(crate) fn parse(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// Whether the API itself says that there is no such thing. Another server's 404 does not.
    pub(crate) fn is_absent(&self, status: u16) -> bool {
        status == 404 && self.error.status == "NOT_FOUND"
    }

    /// Whether the API itself says that there is such a thing already.
    pub(crate) fn is_there(&self) -> bool {
        self.error.status == "ALREADY_EXISTS"
    }

    /// Whether the API itself says that what was sent is wrong, or too large.
    pub(crate) fn is_invalid(&self, status: u16) -> bool {
        (status == 400 && self.error.status == "INVALID_ARGUMENT") || status == 413
    }

    /// What happened, to which resource, and the command that mends it.
    pub(crate) fn explain(&self, status: u16, access: &Access<'_>) -> String {
        let resource = access.resource;
        let mut text = format!("{resource}: it answered {status}");
        if !self.error.message.is_empty() {
            let _ = write!(text, " ({})", shortened(&self.error.message));
        }
        if let Some(remedy) = self.remedy(status, access) {
            let _ = write!(text, "; {remedy}");
        }
        text
    }

    fn remedy(&self, status: u16, access: &Access<'_>) -> Option<String> {
        let info = self.error.details.iter().find(|d| !d.reason.is_empty());
        let reason = info.map_or("", |info| info.reason.as_str());
        let named = info.map_or("", |info| info.metadata.permission.as_str());
        let is_permission = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
        };
        match status {
            403 if reason == "SERVICE_DISABLED" => Some(format!(
                "the API is switched off there: gcloud services enable {}",
                access.service
            )),
            401 => Some(
                "the credential is not taken: gcloud auth application-default login, or check \
                 the service account of this process"
                    .to_owned(),
            ),
            403 => {
                let permission = if is_permission(named) {
                    named
                } else {
                    access.permission
                };
                Some(format!(
                    "this identity lacks {permission}; grant it: {}",
                    grant(access.resource, access.role)
                ))
            }
            404 => {
                Some("there is no such resource, or it is not shown to this identity".to_owned())
            }
            400 if self.error.status == "FAILED_PRECONDITION" => look(access.resource),
            429 => Some("the quota of the API is used up; it is tried again later".to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCESS: Access<'_> = Access {
        service: "logging.googleapis.com",
        resource: "projects/demo-mart",
        permission: "logging.logEntries.list",
        role: "roles/logging.privateLogViewer",
    };

    #[test]
    fn a_missing_permission_names_itself_and_the_command() {
        let body = br#"{"error": {"code": 403, "status": "PERMISSION_DENIED",
            "message": "Permission denied for all log views",
            "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "IAM_PERMISSION_DENIED", "domain": "iam.googleapis.com",
                "metadata": {"permission": "logging.privateLogEntries.list"}}]}}"#;
        insta::assert_snapshot!(Refusal::parse(body).explain(403, &ACCESS), @"projects/demo-mart: it answered 403 (Permission denied for all log views); this identity lacks logging.privateLogEntries.list; grant it: gcloud projects add-iam-policy-binding demo-mart --member=serviceAccount:EMAIL --role=roles/logging.privateLogViewer");
    }

    #[test]
    fn what_says_nothing_is_explained_by_what_was_asked() {
        insta::assert_snapshot!(Refusal::parse(b"<html>").explain(403, &ACCESS), @"projects/demo-mart: it answered 403; this identity lacks logging.logEntries.list; grant it: gcloud projects add-iam-policy-binding demo-mart --member=serviceAccount:EMAIL --role=roles/logging.privateLogViewer");
    }

    #[test]
    fn an_api_that_is_off_is_said_to_be() {
        let body = br#"{"error": {"message": "off", "details": [{"reason": "SERVICE_DISABLED"}]}}"#;
        insta::assert_snapshot!(Refusal::parse(body).explain(403, &ACCESS), @"projects/demo-mart: it answered 403 (off); the API is switched off there: gcloud services enable logging.googleapis.com");
    }

    #[test]
    fn a_command_is_never_made_of_what_an_answer_says() {
        let body =
            br#"{"error": {"details": [{"reason": "X", "metadata": {"permission": "a; rm -r"}}]}}"#;
        let text = Refusal::parse(body).explain(403, &ACCESS);
        assert!(text.contains("lacks logging.logEntries.list"), "{text}");
    }
}
