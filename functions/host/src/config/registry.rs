//! How registries are reached.

use serde::Deserialize;

use super::SecretReference;

/// How one registry is reached.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Registry {
    /// Host and port as in image names, such as `us-docker.pkg.dev` or `localhost:5000`.
    pub host: String,
    /// HTTP without TLS; only for tests and loopback.
    #[serde(default)]
    pub plain_http: bool,
    /// Whether its address may be private, link-local or loopback.
    #[serde(default)]
    pub allow_private: bool,
    /// Where its tokens come from, where that is another host (`auth.docker.io`).
    #[serde(default)]
    pub realms: Vec<String>,
    /// The credential.
    #[serde(default)]
    pub credential: Credential,
}

/// A credential for a registry.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "CredentialFields")]
pub enum Credential {
    /// None.
    #[default]
    Anonymous,
    /// User name and password.
    Basic {
        /// User name.
        username: String,
        /// By reference: `env:NAME`, `file:PATH`.
        password: SecretReference,
    },
    /// A registry token.
    Bearer {
        /// By reference.
        token: SecretReference,
    },
    /// What `docker login` left, credential helpers included.
    DockerConfig,
    /// An access token of the Google identity this runs as.
    Google,
    /// An Amazon ECR token of the AWS identity this runs as.
    Ecr,
}

/// A credential as it is written. Taken flat, so that a field of another type's is a mistake.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CredentialFields {
    r#type: String,
    username: Option<String>,
    password: Option<SecretReference>,
    token: Option<SecretReference>,
}

impl TryFrom<CredentialFields> for Credential {
    type Error = String;

    fn try_from(fields: CredentialFields) -> Result<Self, String> {
        let CredentialFields {
            r#type: kind,
            username,
            password,
            token,
        } = fields;
        let bare = username.is_none() && password.is_none() && token.is_none();
        match (kind.as_str(), username, password, token) {
            ("anonymous", ..) if bare => Ok(Self::Anonymous),
            ("docker-config", ..) if bare => Ok(Self::DockerConfig),
            ("google", ..) if bare => Ok(Self::Google),
            ("ecr", ..) if bare => Ok(Self::Ecr),
            ("basic", Some(username), Some(password), None) => {
                Ok(Self::Basic { username, password })
            }
            ("bearer", None, None, Some(token)) => Ok(Self::Bearer { token }),
            ("basic", ..) => Err("`basic` takes `username` and `password`".to_owned()),
            ("bearer", ..) => Err("`bearer` takes `token`".to_owned()),
            ("anonymous" | "docker-config" | "google" | "ecr", ..) => {
                Err(format!("`{kind}` takes nothing else"))
            }
            _ => Err(format!(
                "there is no credential of type `{kind}`: it is one of anonymous, basic, bearer, \
                 docker-config, google, ecr"
            )),
        }
    }
}
