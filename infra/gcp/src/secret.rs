//! Secrets of Google Secret Manager (REST v1, `projects.secrets.versions.access`).

use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postern_core::checksum::is_of;
use postern_core::ports::Unavailable;
use reqwest::Method;
use serde::Deserialize;

use crate::access_token::GoogleCredentials;
use crate::api::{Api, Call, CallError};
use crate::endpoint::Endpoint;
use crate::resource::{Access, is_word};

/// Where Secret Manager is.
pub const SECRET_MANAGER: &str = "https://secretmanager.googleapis.com";

const TIMEOUT: Duration = Duration::from_secs(10);

/// A version of a secret: `gcpsm://projects/P/secrets/S/versions/V`; without a version the latest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretReference {
    /// `projects/P/secrets/S`.
    secret: String,
    version: String,
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The reference is none, or Google does not give what it names to us. Asking again is of no use.
    #[error("{0}")]
    Refused(String),
    /// Secret Manager could not be asked.
    #[error(transparent)]
    Outage(#[from] Unavailable),
}

impl FromStr for SecretReference {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<_> = text
            .strip_prefix("gcpsm://")
            .map(|rest| rest.split('/').collect())
            .unwrap_or_default();
        let (project, secret, version) = match parts[..] {
            ["projects", project, "secrets", secret] => (project, secret, "latest"),
            ["projects", project, "secrets", secret, "versions", version] => {
                (project, secret, version)
            }
            _ => ("", "", ""),
        };
        if [project, secret, version].into_iter().all(is_word) {
            Ok(Self {
                secret: format!("projects/{project}/secrets/{secret}"),
                version: version.to_owned(),
            })
        } else {
            let form = "write gcpsm://projects/P/secrets/S, and /versions/V for one that is not the latest";
            Err(SecretError::Refused(form.to_owned()))
        }
    }
}

/// Secret Manager at one endpoint.
pub struct SecretManager(Api);

#[derive(Deserialize)]
struct Accessed {
    payload: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    #[serde(default)]
    data: String,
    /// An int64, which is a string in JSON.
    data_crc32c: Option<String>,
}

impl SecretManager {
    /// Secret Manager at this endpoint; credentials are not shown to one that is anonymous.
    ///
    /// # Errors
    /// If no client can be made.
    pub fn new(
        endpoint: Endpoint,
        credentials: Option<GoogleCredentials>,
    ) -> Result<Self, Unavailable> {
        Api::new("Secret Manager", endpoint, credentials).map(Self)
    }

    /// Fetches a secret, and compares it with its checksum.
    ///
    /// # Errors
    /// [`SecretError`], which never holds the secret.
    pub async fn secret(&self, reference: &SecretReference) -> Result<Vec<u8>, SecretError> {
        let SecretReference { secret, version } = reference;
        let call = Call {
            method: Method::GET,
            path: &format!("/v1/{secret}/versions/{version}:access"),
            query: &[],
            timeout: TIMEOUT,
            access: Access {
                service: "secretmanager.googleapis.com",
                resource: secret,
                permission: "secretmanager.versions.access",
                role: "roles/secretmanager.secretAccessor",
            },
        };
        let accessed: Accessed = self.0.get(&call).await.map_err(|error| match error {
            CallError::Refused(why) => SecretError::Refused(why.to_string()),
            CallError::Outage(why) => why.into(),
        })?;
        let outage = |what: &str| Unavailable::new(self.0.name(), format!("{secret}: {what}"));
        let data = STANDARD.decode(&accessed.payload.data);
        let data = data.map_err(|_| outage("what it answered is no base64"))?;
        match accessed.payload.data_crc32c {
            Some(sum) if !is_of(&sum, &data) => {
                Err(outage("what it answered does not match its checksum").into())
            }
            _ => Ok(data),
        }
    }
}

#[cfg(test)]
mod tests;
