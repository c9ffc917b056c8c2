//! Credentials for a role that AWS gives to whom another identity provider vouches for
//! (`AssumeRoleWithWebIdentity` of the STS API of 2011-06-15): no key is stored.

use std::sync::Arc;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_sts::Client;
use postern_core::ports::{IdentityTokens, Unavailable};

use crate::failure::explain;

/// A role, and as what it is taken on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebIdentity {
    /// `arn:aws:iam::ACCOUNT:role/NAME`.
    pub role_arn: String,
    /// Whom the token is for. The role's trust policy compares it.
    pub audience: String,
    /// What CloudTrail calls the session.
    pub session_name: String,
    /// The region of STS and of whatever names none itself, in place of that of the environment.
    pub region: Option<String>,
}

/// Takes on a role whenever its credentials are about to end; the SDK keeps them until then.
#[derive(Debug)]
pub(crate) struct WebIdentityProvider {
    pub(crate) sts: Client,
    pub(crate) identity: WebIdentity,
    pub(crate) tokens: Arc<dyn IdentityTokens>,
}

impl WebIdentityProvider {
    async fn credentials(&self) -> Result<Credentials, Unavailable> {
        let identity = &self.identity;
        let token = self.tokens.token(&identity.audience).await?;
        let request = self
            .sts
            .assume_role_with_web_identity()
            .role_arn(&identity.role_arn)
            .role_session_name(&identity.session_name)
            .web_identity_token(token);
        let answer = request.send().await.map_err(|error| {
            let why = explain(&error, "sts:AssumeRoleWithWebIdentity", &identity.role_arn);
            self.failed(why)
        })?;
        let given = answer
            .credentials
            .ok_or_else(|| self.failed("it answered without credentials"))?;
        let end = SystemTime::try_from(given.expiration)
            .map_err(|_| self.failed("it answered a time that is none"))?;
        Ok(Credentials::new(
            given.access_key_id,
            given.secret_access_key,
            Some(given.session_token),
            Some(end),
            "WebIdentity",
        ))
    }

    fn failed(&self, why: impl ToString) -> Unavailable {
        Unavailable::new(format!("AWS STS for {}", self.identity.role_arn), why)
    }
}

impl ProvideCredentials for WebIdentityProvider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let credentials = self.credentials();
        future::ProvideCredentials::new(async {
            credentials.await.map_err(CredentialsError::provider_error)
        })
    }
}
