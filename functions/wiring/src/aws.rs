//! As whom AWS is spoken to, as a configuration says.

use postern_aws::Session;
use postern_host::config::{Config, WebIdentity};
use postern_host::environment::Environment;

use crate::WiringError;
use crate::google_identity::google_identity;

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

async fn by_web_identity(
    identity: &WebIdentity,
    environment: &dyn Environment,
) -> Result<Session, WiringError> {
    let tokens = google_identity("aws.webIdentity", environment)?;
    let identity = postern_aws::WebIdentity {
        role_arn: identity.role_arn.clone(),
        audience: identity.audience.clone(),
        session_name: identity.session_name.clone(),
        region: identity.region.clone(),
    };
    let session = Session::by_web_identity(identity, tokens).await;
    session.map_err(|error| WiringError::mistake(format_args!("aws.webIdentity: {error}")))
}
