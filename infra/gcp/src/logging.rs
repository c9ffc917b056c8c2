//! Cloud Logging, read back (REST v2, `entries.list`).

use std::time::Duration;

use async_trait::async_trait;
use postern_core::ports::{LogPage, LogQuery, LogReader, Unavailable};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::access_token::GoogleCredentials;
use crate::api::{Api, Call};
use crate::endpoint::Endpoint;
use crate::resource::{Access, ResourceError, is_log_owner};

/// Where Cloud Logging is.
pub const LOGGING: &str = "https://logging.googleapis.com";

/// The most that the API gives at once.
const PAGE_SIZE: u32 = 1000;
const TIMEOUT: Duration = Duration::from_secs(120);

/// The logs that this identity may read.
pub struct Logging {
    api: Api,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    resource_names: [&'a str; 1],
    filter: String,
    order_by: &'static str,
    page_size: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_token: Option<&'a str>,
}

/// A page without entries, but with a token, only says that the search is not over.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    #[serde(default)]
    entries: Vec<Box<RawValue>>,
    #[serde(default)]
    next_page_token: String,
}

impl Logging {
    /// The logs at an endpoint.
    ///
    /// # Errors
    /// If no client can be made.
    pub fn new(
        endpoint: Endpoint,
        credentials: Option<GoogleCredentials>,
    ) -> Result<Self, Unavailable> {
        let api = Api::new("Cloud Logging", endpoint, credentials)?;
        Ok(Self { api })
    }

    /// Whether logs can be read of a resource of this name.
    ///
    /// # Errors
    /// If not; it says which can.
    pub fn check(resource: &str) -> Result<(), ResourceError> {
        if is_log_owner(resource) {
            return Ok(());
        }
        let form = "projects/P, folders/N, organizations/N or billingAccounts/N";
        Err(ResourceError::new(resource, form))
    }
}

#[async_trait]
impl LogReader for Logging {
    /// Data Access entries are left out without a word where the identity may not see them: it needs
    /// the Private Logs Viewer's role, which is therefore what a refusal asks for.
    async fn entries(&self, query: &LogQuery) -> Result<LogPage, Unavailable> {
        let resource = &query.resource;
        Self::check(resource).map_err(|error| Unavailable::new(self.api.name(), error))?;
        let list = List {
            resource_names: [resource],
            filter: filter(query),
            order_by: "timestamp asc",
            page_size: PAGE_SIZE,
            page_token: query.page.as_deref(),
        };
        let call = Call {
            method: Method::POST,
            path: "/v2/entries:list",
            query: &[],
            timeout: TIMEOUT,
            access: Access {
                service: "logging.googleapis.com",
                resource,
                permission: "logging.logEntries.list",
                role: "roles/logging.privateLogViewer",
            },
        };
        let listed: Listed = self.api.call(&call, Some(&list)).await?;
        let bytes = |entry: Box<RawValue>| Box::<str>::from(entry).into_string().into_bytes();
        Ok(LogPage {
            entries: listed.entries.into_iter().map(bytes).collect(),
            next: Some(listed.next_page_token).filter(|token| !token.is_empty()),
        })
    }
}

fn filter(query: &LogQuery) -> String {
    let times = format!(
        "timestamp>=\"{}\" AND timestamp<\"{}\"",
        query.since, query.until
    );
    if query.filter.is_empty() {
        times
    } else {
        format!("{times} AND ({})", query.filter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Recorder;
    use serde_json::json;

    fn query(page: Option<&str>) -> LogQuery {
        LogQuery {
            resource: "projects/demo-mart".to_owned(),
            filter: "log_id(\"a\") OR log_id(\"b\")".to_owned(),
            since: "2026-02-03T04:00:00Z".parse().unwrap(),
            until: "2026-02-04T04:00:00Z".parse().unwrap(),
            page: page.map(str::to_owned),
        }
    }

    #[tokio::test]
    async fn pages_are_followed_and_entries_kept_as_they_were_written() {
        let recorder = Recorder::start(|_, body| match body["pageToken"].as_str() {
            None => json!({"entries": [{"insertId": "i1"}], "nextPageToken": "p2"}),
            Some("p2") => json!({"nextPageToken": "p3"}),
            _ => json!({"entries": [{"insertId": "i2"}]}),
        })
        .await;
        let logging = Logging::new(recorder.endpoint(), None).unwrap();
        let first = logging.entries(&query(None)).await.unwrap();
        assert_eq!(first.entries, [br#"{"insertId":"i1"}"#]);
        assert_eq!(first.next.as_deref(), Some("p2"));
        let second = logging.entries(&query(Some("p2"))).await.unwrap();
        assert_eq!(
            (second.entries.len(), second.next.as_deref()),
            (0, Some("p3"))
        );
        let third = logging.entries(&query(Some("p3"))).await.unwrap();
        assert_eq!((third.entries.len(), third.next), (1, None));
        insta::assert_snapshot!(recorder.asked(), @r#"
        POST /v2/entries:list {"filter":"timestamp>=\"2026-02-03T04:00:00Z\" AND timestamp<\"2026-02-04T04:00:00Z\" AND (log_id(\"a\") OR log_id(\"b\"))","orderBy":"timestamp asc","pageSize":1000,"resourceNames":["projects/demo-mart"]}
        POST /v2/entries:list {"filter":"timestamp>=\"2026-02-03T04:00:00Z\" AND timestamp<\"2026-02-04T04:00:00Z\" AND (log_id(\"a\") OR log_id(\"b\"))","orderBy":"timestamp asc","pageSize":1000,"pageToken":"p2","resourceNames":["projects/demo-mart"]}
        POST /v2/entries:list {"filter":"timestamp>=\"2026-02-03T04:00:00Z\" AND timestamp<\"2026-02-04T04:00:00Z\" AND (log_id(\"a\") OR log_id(\"b\"))","orderBy":"timestamp asc","pageSize":1000,"pageToken":"p3","resourceNames":["projects/demo-mart"]}
        "#);
    }

    #[tokio::test]
    async fn what_has_no_logs_is_refused_without_asking() {
        let recorder = Recorder::start(|_, _| json!({})).await;
        let logging = Logging::new(recorder.endpoint(), None).unwrap();
        let query = LogQuery {
            resource: "demo-mart".to_owned(),
            ..query(None)
        };
        let error = logging.entries(&query).await.unwrap_err();
        assert!(
            error.message.contains("write projects/P, folders/N"),
            "{error}"
        );
        assert_eq!(recorder.asked(), "");
    }
}
