//! One call: what is asked for, by whom.

use axum::body::Bytes;
use axum::extract::Query;
use axum::http::Method;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use postern_core::decision::Caller;
use postern_host::server::{Peer, verb};
use serde_json::{Map, Value};

use crate::audit::Told;
use crate::body;
use crate::error::ApiError;
use crate::iam::Who;
use crate::page::Page;

/// One call of the API.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// `v1`, `v1beta1` or `v1alpha2`.
    pub(crate) version: &'static str,
    /// The path behind the version, without its verb.
    pub(crate) segments: Vec<String>,
    /// The custom method, such as `getIamPolicy`.
    pub(crate) verb: Option<String>,
    query: Vec<(String, String)>,
    body: Bytes,
    caller: Option<Caller>,
    ip: Option<String>,
    user_agent: Option<String>,
}

impl Call {
    /// A request for what stands at `path`, behind `version` and decoded.
    ///
    /// # Errors
    /// If the query cannot be read.
    pub(crate) fn of(
        version: &'static str,
        path: &str,
        parts: &Parts,
        body: Bytes,
        caller: Option<Caller>,
    ) -> Result<Self, ApiError> {
        // A slash at the end means nothing.
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut segments: Vec<String> = path.split('/').map(str::to_owned).collect();
        let last = segments.pop().unwrap_or_default();
        let verb = match verb(&last) {
            Some((name, verb)) => {
                segments.push(name.to_owned());
                Some(verb.to_owned())
            }
            None => {
                segments.push(last);
                None
            }
        };
        let header = |name| {
            let value = parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok());
            value.map(postern_core::image::shortened)
        };
        let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|error| ApiError::invalid(format!("the query is none: {error}")))?;
        let peer = parts.extensions.get::<Peer>();
        Ok(Self {
            method: parts.method.clone(),
            version,
            segments,
            verb,
            query: query.0,
            body,
            caller,
            ip: peer.and_then(Peer::ip).map(|ip| ip.to_string()),
            user_agent: header(USER_AGENT),
        })
    }

    /// The request's message.
    ///
    /// # Errors
    /// If it is none.
    pub(crate) fn body(&self) -> Result<Map<String, Value>, ApiError> {
        body::read(&self.body)
    }

    /// The request's JSON, with every key as it came: for what holds other people's objects.
    ///
    /// # Errors
    /// If it is none.
    pub(crate) fn json(&self) -> Result<Value, ApiError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| ApiError::invalid(format!("the request is no JSON: {error}")))
    }

    /// A parameter of the query, in either spelling.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let plain = |name: &str| name.replace('_', "").to_ascii_lowercase();
        let wanted = plain(name);
        let found = self.query.iter().find(|(key, _)| plain(key) == wanted);
        found.map(|(_, value)| value.as_str())
    }

    /// Which part of a list is asked for.
    ///
    /// # Errors
    /// If that cannot be read.
    pub(crate) fn page(&self) -> Result<Page, ApiError> {
        Page::of(self.parameter("pageSize"), self.parameter("pageToken"))
    }

    /// A parameter that names what is to be made.
    ///
    /// # Errors
    /// If it is missing, or no id.
    pub(crate) fn id(&self, parameter: &str) -> Result<&str, ApiError> {
        let id = self.parameter(parameter).unwrap_or_default();
        checked_id(parameter, id)?;
        Ok(id)
    }

    /// How Google's audit log names a method of Binary Authorization, in this version.
    pub(crate) fn binauthz_method(&self, method: &str) -> String {
        let (version, suffix) = match self.version {
            "v1beta1" => ("v1beta1", "V1Beta1"),
            "v1alpha2" => ("v1alpha2", "V1Alpha2"),
            _ => ("v1", "V1"),
        };
        format!(
            "google.cloud.binaryauthorization.{version}.BinauthzManagementService{suffix}.{method}"
        )
    }

    /// Who is calling.
    pub(crate) fn who(&self) -> Who {
        match &self.caller {
            None => Who::Local,
            Some(caller) => Who::Member(match &caller.email {
                Some(email) if email.ends_with(".gserviceaccount.com") => {
                    format!("serviceAccount:{email}")
                }
                Some(email) => format!("user:{email}"),
                None => format!("principal:{}/{}", caller.issuer, caller.subject),
            }),
        }
    }

    /// What is told of a write that this call made.
    pub(crate) fn told(
        &self,
        method: &str,
        resource: &str,
        permission: &str,
        request: Value,
    ) -> Told {
        let principal = match &self.caller {
            None => "local".to_owned(),
            Some(caller) => caller
                .email
                .clone()
                .unwrap_or_else(|| caller.subject.clone()),
        };
        Told {
            method: method.to_owned(),
            resource: resource.to_owned(),
            permission: permission.to_owned(),
            request,
            principal,
            ip: self.ip.clone(),
            user_agent: self.user_agent.clone(),
            delta: None,
        }
    }
}

/// Whether something can be made under an id; `what` is where the id stands.
///
/// # Errors
/// If it is none.
pub(crate) fn checked_id(what: &str, id: &str) -> Result<(), ApiError> {
    let is_id = |char: char| char.is_ascii_alphanumeric() || "-_.~".contains(char);
    match !id.is_empty() && id.len() <= 255 && id.chars().all(is_id) {
        true => Ok(()),
        false => Err(ApiError::invalid(format!(
            "{what} must be 1 to 255 letters, digits, '-', '_', '.' or '~'"
        ))),
    }
}
