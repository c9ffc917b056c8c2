//! Access tokens of the identity this runs as, for Google's APIs and its registries.

use std::time::Duration;

use async_trait::async_trait;
use google_cloud_auth::build_errors;
use google_cloud_auth::credentials::{AccessTokenCredentials, Builder};
use postern_core::ports::{CredentialProvider, RegistryCredential, Unavailable};

/// The user name that goes with an access token (Artifact Registry, "Authenticate to a repository",
/// "Access token").
const USERNAME: &str = "oauth2accesstoken";
const SOURCE: &str = "Google credentials";
/// The library tries again by itself; this ends it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The Application Default Credentials: the file that `GOOGLE_APPLICATION_CREDENTIALS` names, what
/// `gcloud auth application-default login` left, or the metadata server (`GCE_METADATA_HOST`
/// overrides where that is). Tokens are kept and renewed before they end.
#[derive(Debug, Clone)]
pub struct GoogleCredentials {
    credentials: AccessTokenCredentials,
}

/// Why there are no Application Default Credentials.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot use the Application Default Credentials: {0}; run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to a valid file"
)]
pub struct GoogleCredentialsError(#[from] build_errors::Error);

impl GoogleCredentials {
    /// Finds the credentials; asks nobody for a token yet. To be called in a Tokio runtime, in
    /// which tokens are then renewed.
    ///
    /// # Errors
    /// If the file is missing, malformed or of a kind that is not supported.
    pub fn from_environment() -> Result<Self, GoogleCredentialsError> {
        let credentials = Builder::default().build_access_token_credentials()?;
        Ok(Self { credentials })
    }

    /// An access token that is still good for a request that is made now.
    pub(crate) async fn token(&self) -> Result<String, Unavailable> {
        let token = tokio::time::timeout(TIMEOUT, self.credentials.access_token())
            .await
            .map_err(|_| {
                let message = format!("no access token within {} seconds", TIMEOUT.as_secs());
                Unavailable::new(SOURCE, message)
            })?
            .map_err(|error| Unavailable::new(SOURCE, error))?;
        Ok(token.token)
    }
}

#[async_trait]
impl CredentialProvider for GoogleCredentials {
    /// A host that is no registry of Google gets none: the token is good for more than registries.
    async fn credential(&self, registry_host: &str) -> Result<RegistryCredential, Unavailable> {
        if !is_google_registry(registry_host) {
            return Err(Unavailable::new(
                SOURCE,
                "they are for gcr.io, *.gcr.io and *.pkg.dev only, and this registry is none of \
                 them; configure another credential for it",
            ));
        }
        Ok(RegistryCredential {
            username: USERNAME.to_owned(),
            password: self.token().await?,
        })
    }
}

/// `LOCATION-docker.pkg.dev` (Artifact Registry, "Repository and image names"), and `gcr.io` and
/// `LOCATION.gcr.io` (Container Registry); without a port.
fn is_google_registry(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let is_below = |domain: &str| {
        let labels = host.strip_suffix(domain);
        labels.is_some_and(|labels| labels.split('.').all(is_label))
    };
    host == "gcr.io" || is_below(".gcr.io") || is_below(".pkg.dev")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::get;
    use google_cloud_auth::credentials::mds;

    /// A stand-in for the metadata server, with a synthetic token.
    async fn metadata_server() -> GoogleCredentials {
        let token = get(async |headers: HeaderMap| {
            if headers
                .get("metadata-flavor")
                .is_none_or(|value| value != "Google")
            {
                return (StatusCode::FORBIDDEN, "");
            }
            let body = r#"{"access_token":"synthetic","expires_in":3600,"token_type":"Bearer"}"#;
            (StatusCode::OK, body)
        });
        let path = "/computeMetadata/v1/instance/service-accounts/default/token";
        against(Router::new().route(path, token)).await
    }

    async fn against(router: Router) -> GoogleCredentials {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let credentials = mds::Builder::default()
            .with_endpoint(endpoint)
            .build_access_token_credentials()
            .unwrap();
        GoogleCredentials { credentials }
    }

    #[tokio::test]
    async fn the_access_token_is_the_password() {
        let google = metadata_server().await;
        let expected = RegistryCredential {
            username: "oauth2accesstoken".to_owned(),
            password: "synthetic".to_owned(),
        };
        assert_eq!(google.credential("us-docker.pkg.dev").await, Ok(expected));
    }

    #[tokio::test]
    async fn no_token_is_an_outage() {
        let google = against(Router::new()).await;
        let error = google.credential("us-docker.pkg.dev").await.unwrap_err();
        assert_eq!(error.source_name, "Google credentials");
    }

    #[tokio::test]
    async fn the_token_is_never_shown() {
        let credential = metadata_server().await.credential("gcr.io").await.unwrap();
        assert!(!format!("{credential:?}").contains("synthetic"));
    }

    #[tokio::test]
    async fn other_registries_get_no_token() {
        let google = metadata_server().await;
        for host in [
            "registry.example",
            "us-docker.pkg.dev.evil.example",
            "evilgcr.io",
            "evil-pkg.dev",
            "pkg.dev",
            ".gcr.io",
            "evil.example/x.gcr.io",
            "evil.example@us.gcr.io",
            "us.gcr.io:8443",
            "localhost:5000",
        ] {
            let error = google.credential(host).await.expect_err(host).to_string();
            assert!(
                error.contains("for gcr.io, *.gcr.io and *.pkg.dev only"),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn registries_of_google_get_the_token() {
        let google = metadata_server().await;
        for host in ["gcr.io", "eu.gcr.io", "us-docker.pkg.dev", "EU.gcr.IO"] {
            assert!(google.credential(host).await.is_ok(), "{host}");
        }
    }
}
