//! Whether this identity may sign with a key, asked without signing (`cryptoKeys.testIamPermissions`).

use postern_core::ports::Unavailable;
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::{KmsKey, TIMEOUT};
use crate::api::Call;
use crate::resource::grant;

const TO_SIGN: &str = "cloudkms.cryptoKeyVersions.useToSign";
const SIGNER: &str = "roles/cloudkms.signer";

#[derive(Serialize, Deserialize)]
struct Permissions {
    /// Asked for: some. Answered: those that are there.
    #[serde(default)]
    permissions: Vec<String>,
}

impl KmsKey {
    /// What is missing, with the command that grants it; `None` if this identity may sign.
    pub(super) async fn permission_missing(&self) -> Result<Option<String>, Unavailable> {
        let version = self.reference.name();
        // Permissions are those of the key: a version has none of its own.
        let key = version.split("/cryptoKeyVersions/").next();
        let call = Call {
            method: Method::POST,
            path: &format!("/v1/{}:testIamPermissions", key.unwrap_or(version)),
            query: &[],
            timeout: TIMEOUT,
            access: self.access(TO_SIGN, SIGNER),
        };
        let asked = Permissions {
            permissions: vec![TO_SIGN.to_owned()],
        };
        let answer: Permissions = self.api.call(&call, Some(&asked)).await?;
        let may = answer.permissions.iter().any(|one| one == TO_SIGN);
        Ok((!may).then(|| {
            let command = grant(version, SIGNER);
            format!("this identity lacks {TO_SIGN}; grant it: {command}")
        }))
    }
}
