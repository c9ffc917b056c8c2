//! The identity that Google Cloud gives this process.

use std::sync::Arc;

use postern_core::ports::IdentityTokens;
use postern_host::environment::Environment;

use crate::WiringError;

/// Who hands out this process's ID tokens: the metadata server. `setting` is what asks for them.
///
/// # Errors
/// If the environment names none that can be asked, or this build has no client for it.
#[cfg(feature = "gcp")]
pub(crate) fn google_identity(
    setting: &str,
    environment: &dyn Environment,
) -> Result<Arc<dyn IdentityTokens>, WiringError> {
    // Google's own libraries call it so.
    let host = environment.get("GCE_METADATA_HOST");
    let host = host.as_deref().filter(|host| !host.is_empty());
    let tokens = postern_gcp::MetadataServer::new(host);
    let tokens =
        tokens.map_err(|error| WiringError::mistake(format_args!("{setting}: {error}")))?;
    Ok(Arc::new(tokens))
}

#[cfg(not(feature = "gcp"))]
pub(crate) fn google_identity(
    setting: &str,
    _: &dyn Environment,
) -> Result<Arc<dyn IdentityTokens>, WiringError> {
    Err(WiringError::not_built(&format!("`{setting}`"), "gcp"))
}
