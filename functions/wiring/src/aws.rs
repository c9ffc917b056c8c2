//! As whom AWS is spoken to, as a configuration says.

use postern_aws::Session;
use postern_host::config::{Config, WebIdentity};
use postern_host::environment::Environment;

use crate::WiringError;

/// The session of `aws.webIdentity`, or that of the environment. Nothing is asked for credentials yet.
///
/// # Errors
/// If there is no region, or this build has no client for who vouches.
pub(crate) async fn session(
    config: &Config,
    environment: &dyn Environment,
) -> Result<Session, WiringError> {
    match &config.aws.web_identity {
        Some(identity) => by_web_identity(identity, environment).await,
        None => Ok(Session::from_environment().await),
    }
}

#[cfg(feature = "gcp")]
async fn by_web_identity(
    identity: &WebIdentity,
    environment: &dyn Environment,
) -> Result<Session, WiringError> {
    use std::sync::Arc;

    use postern_gcp::MetadataServer;

    let wrong = |error: &dyn std::fmt::Display| {
        WiringError::mistake(format_args!("aws.webIdentity: {error}"))
    };
    // Google's own libraries call it so.
    let host = environment.get("GCE_METADATA_HOST");
    let host = host.as_deref().filter(|host| !host.is_empty());
    let tokens = MetadataServer::new(host).map_err(|error| wrong(&error))?;
    let identity = postern_aws::WebIdentity {
        role_arn: identity.role_arn.clone(),
        audience: identity.audience.clone(),
        session_name: identity.session_name.clone(),
        region: identity.region.clone(),
    };
    let session = Session::by_web_identity(identity, Arc::new(tokens)).await;
    session.map_err(|error| wrong(&error))
}

#[cfg(not(feature = "gcp"))]
async fn by_web_identity(_: &WebIdentity, _: &dyn Environment) -> Result<Session, WiringError> {
    Err(WiringError::not_built("`aws.webIdentity`", "gcp"))
}
