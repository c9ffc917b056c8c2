//! Policies and attestors of Binary Authorization (REST v1, `projects.getPolicy`, `.updatePolicy`,
//! `projects.attestors.get`, `.list`).

use std::time::Duration;

use async_trait::async_trait;
use postern_core::attestor::{Attestor, AttestorName};
use postern_core::policy::Policy;
use postern_core::ports::{
    LivePolicy, PolicyAuthority, Replaced, SourcedPolicy, TrustMaterial, Unavailable,
};
use reqwest::Method;
use serde::Deserialize;

use crate::access_token::GoogleCredentials;
use crate::api::{Api, Call, Unwritten};
use crate::endpoint::Endpoint;
use crate::resource::{Access, is_word};

/// Where Binary Authorization is.
pub const BINARY_AUTHORIZATION: &str = "https://binaryauthorization.googleapis.com";

const TIMEOUT: Duration = Duration::from_secs(10);
const PAGE_SIZE: &str = "100";
/// Pages of attestors that are read at most.
const PAGES: usize = 20;

const GET_POLICY: Needs = (
    "binaryauthorization.policy.get",
    "roles/binaryauthorization.policyViewer",
);
const UPDATE_POLICY: Needs = (
    "binaryauthorization.policy.update",
    "roles/binaryauthorization.policyEditor",
);
const GET_ATTESTOR: Needs = (
    "binaryauthorization.attestors.get",
    "roles/binaryauthorization.attestorsViewer",
);
const LIST_ATTESTORS: Needs = (
    "binaryauthorization.attestors.list",
    "roles/binaryauthorization.attestorsViewer",
);

/// A permission, and the smallest role that has it.
type Needs = (&'static str, &'static str);

/// The policies and attestors that this identity may see. Nothing is kept: what holds now counts.
pub struct BinaryAuthorization {
    api: Api,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attestors {
    #[serde(default)]
    attestors: Vec<Attestor>,
    #[serde(default)]
    next_page_token: String,
}

impl BinaryAuthorization {
    /// Binary Authorization at this endpoint; credentials are not shown to one that is anonymous.
    ///
    /// # Errors
    /// If no client can be made.
    pub fn new(
        endpoint: Endpoint,
        credentials: Option<GoogleCredentials>,
    ) -> Result<Self, Unavailable> {
        let api = Api::new("Binary Authorization", endpoint, credentials)?;
        Ok(Self { api })
    }

    #[cfg(test)]
    fn hasty(self) -> Self {
        Self {
            api: self.api.hasty(),
        }
    }

    /// What goes between the slashes of a path has to be a name.
    fn checked(&self, name: &str, words: &[&str]) -> Result<(), Unavailable> {
        match words.iter().all(|word| is_word(word)) {
            true => Ok(()),
            false => {
                let name = postern_core::image::shortened(name);
                let message = format!("{name:?} holds what no name does");
                Err(Unavailable::permanent(self.api.name(), message))
            }
        }
    }
}

fn call<'a>(
    method: Method,
    path: &'a str,
    query: &'a [(&'a str, &'a str)],
    resource: &'a str,
    (permission, role): Needs,
) -> Call<'a> {
    Call {
        method,
        path,
        query,
        timeout: TIMEOUT,
        access: Access {
            service: "binaryauthorization.googleapis.com",
            resource,
            permission,
            role,
        },
    }
}

#[async_trait]
impl PolicyAuthority for BinaryAuthorization {
    /// Of a project that never set one the API answers a policy that allows everything. It has no time of
    /// a change.
    async fn live(&self, project: &str) -> Result<LivePolicy, Unavailable> {
        let name = format!("projects/{project}/policy");
        self.checked(&name, &[project])?;
        let path = format!("/v1/{name}");
        let call = call(Method::GET, &path, &[], &name, GET_POLICY);
        let policy: Policy = self.api.call(&call, None::<&()>).await?;
        Ok(LivePolicy {
            was_set: policy.update_time.is_some(),
            policy,
        })
    }

    async fn replace(&self, project: &str, policy: &Policy) -> Result<Replaced, Unavailable> {
        let name = format!("projects/{project}/policy");
        self.checked(&name, &[project])?;
        let path = format!("/v1/{name}");
        let call = call(Method::PUT, &path, &[], &name, UPDATE_POLICY);
        match self.api.write(&call, policy).await {
            Ok(written) => Ok(Replaced::Written(Box::new(written))),
            Err(Unwritten::Stale(error) | Unwritten::Exists(error)) => {
                Ok(Replaced::Stale(error.to_string()))
            }
            Err(Unwritten::Invalid(error)) => Ok(Replaced::Refused(error.to_string())),
            Err(Unwritten::Outage(error)) => Err(error),
        }
    }

    async fn attestors(&self, project: &str) -> Result<Vec<Attestor>, Unavailable> {
        let resource = format!("projects/{project}");
        self.checked(&resource, &[project])?;
        let path = format!("/v1/{resource}/attestors");
        let (mut all, mut token) = (Vec::new(), String::new());
        for _ in 0..PAGES {
            let mut query = vec![("pageSize", PAGE_SIZE)];
            if !token.is_empty() {
                query.push(("pageToken", &token));
            }
            let call = call(Method::GET, &path, &query, &resource, LIST_ATTESTORS);
            let page: Attestors = self.api.call(&call, None::<&()>).await?;
            all.extend(page.attestors);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            token = page.next_page_token;
        }
        let message = format!("{resource}: there are more than {PAGES} pages of attestors");
        Err(Unavailable::limit(self.api.name(), message))
    }
}

#[async_trait]
impl TrustMaterial for BinaryAuthorization {
    async fn policy(&self, project: Option<&str>) -> Result<Option<SourcedPolicy>, Unavailable> {
        let Some(project) = project else {
            return Ok(None);
        };
        let live = self.live(project).await?;
        Ok(live.was_set.then(|| SourcedPolicy {
            name: format!("projects/{project}/policy"),
            policy: live.policy,
        }))
    }

    async fn attestor(&self, name: &AttestorName) -> Result<Option<Attestor>, Unavailable> {
        let resource = name.to_string();
        self.checked(&resource, &[&name.project, &name.id])?;
        let path = format!("/v1/{resource}");
        let call = call(Method::GET, &path, &[], &resource, GET_ATTESTOR);
        let found: Option<Attestor> = self.api.find(&call).await?;
        match found {
            // The project goes by id or by number.
            Some(other) if other.name.id != name.id => {
                let message = format!("{resource}: it answered with {}", other.name);
                Err(Unavailable::new(self.api.name(), message))
            }
            found => Ok(found),
        }
    }
}

#[cfg(test)]
mod tests;
