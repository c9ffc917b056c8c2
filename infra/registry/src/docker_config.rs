//! What `docker login` left: `config.json` and the credential helpers it names (Docker CLI
//! reference, "docker login", "Credential stores").

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use postern_core::image::shortened;
use secrecy::SecretString;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use crate::auth::Login;

const MAX_CONFIG: u64 = 1024 * 1024;
const MAX_HELPER_OUTPUT: u64 = 64 * 1024;
const HELPER_TIMEOUT: Duration = Duration::from_secs(10);
/// Docker Hub's key in the configuration.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";
/// The user name by which a helper says that its secret is an identity token
/// (docker-credential-helpers, "Usage").
const IDENTITY_TOKEN_USER: &str = "<token>";
/// How every helper says that it knows nothing of a host.
const NOT_FOUND: &str = "credentials not found in native keychain";

/// A Docker configuration file. It is read each time a credential is needed, so that a new
/// `docker login` counts at once.
#[derive(Debug, Clone)]
pub struct DockerConfig {
    path: PathBuf,
}

/// Why a Docker configuration gives no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DockerConfigError {
    #[error("cannot read the Docker configuration {path}: {source}", path = path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the Docker configuration {path} is not valid: {source}", path = path.display())]
    Parse {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("the Docker configuration has an `auth` for {0} that is not base64 of USER:PASSWORD")]
    Auth(String),
    #[error("the Docker configuration names the credential helper {0:?}, which is no plain name")]
    HelperName(String),
    #[error("the credential helper {program} {problem}")]
    Helper { program: String, problem: String },
}

impl DockerConfig {
    /// A configuration file; one that does not exist knows no credential.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where the Docker CLI looks: `config.json` in the directory of `DOCKER_CONFIG`, which
    /// otherwise is `.docker` in the home directory.
    pub fn from_environment() -> Self {
        let directory = std::env::var_os("DOCKER_CONFIG").map_or_else(
            || {
                let home = std::env::var_os("HOME").unwrap_or_default();
                Path::new(&home).join(".docker")
            },
            PathBuf::from,
        );
        Self::at(directory.join("config.json"))
    }

    /// The credential for a host as image names have it.
    pub(crate) async fn login(&self, host: &str) -> Result<Login, DockerConfigError> {
        let file = self.read().await?;
        let key = if host == "docker.io" {
            DOCKER_HUB_KEY
        } else {
            host
        };
        let helper = file.cred_helpers.get(host).or(file.creds_store.as_ref());
        if let Some(helper) = helper.filter(|helper| !helper.is_empty())
            && let Some(login) = ask_helper(helper, key).await?
        {
            return Ok(login);
        }
        file.auth(host, key)
    }

    async fn read(&self) -> Result<ConfigFile, DockerConfigError> {
        let content = read_file(&self.path).await.or_else(|source| {
            let absent = source.kind() == std::io::ErrorKind::NotFound;
            if absent {
                Ok(b"{}".to_vec())
            } else {
                Err(source)
            }
        });
        let content = content.map_err(|source| DockerConfigError::Read {
            path: self.path.clone(),
            source,
        })?;
        serde_json::from_slice(&content).map_err(|source| DockerConfigError::Parse {
            path: self.path.clone(),
            source,
        })
    }
}

async fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = tokio::fs::File::open(path).await?;
    let mut content = Vec::new();
    file.take(MAX_CONFIG).read_to_end(&mut content).await?;
    Ok(content)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigFile {
    #[serde(default)]
    auths: HashMap<String, AuthEntry>,
    #[serde(default)]
    creds_store: Option<String>,
    #[serde(default)]
    cred_helpers: HashMap<String, String>,
}

#[derive(Deserialize, Default)]
struct AuthEntry {
    #[serde(default)]
    auth: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    identitytoken: String,
    #[serde(default)]
    registrytoken: String,
}

impl ConfigFile {
    fn auth(&self, host: &str, key: &str) -> Result<Login, DockerConfigError> {
        let entry = self.auths.get(key).or_else(|| {
            self.auths
                .iter()
                .find(|(name, _)| host_of(name) == host)
                .map(|(_, entry)| entry)
        });
        entry.map_or(Ok(Login::Anonymous), |entry| entry.login(host))
    }
}

/// The host of a key, which old versions wrote as a URL.
fn host_of(key: &str) -> &str {
    let bare = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key);
    bare.split('/').next().unwrap_or(bare)
}

impl AuthEntry {
    fn login(&self, host: &str) -> Result<Login, DockerConfigError> {
        if !self.registrytoken.is_empty() {
            return Ok(Login::Bearer(self.registrytoken.clone().into()));
        }
        if !self.identitytoken.is_empty() {
            return Ok(Login::Identity(self.identitytoken.clone().into()));
        }
        if !self.auth.is_empty() {
            return decode_auth(&self.auth).ok_or_else(|| DockerConfigError::Auth(shortened(host)));
        }
        if self.username.is_empty() {
            return Ok(Login::Anonymous);
        }
        Ok(Login::Basic {
            username: self.username.clone(),
            password: self.password.clone().into(),
        })
    }
}

fn decode_auth(auth: &str) -> Option<Login> {
    let pair = String::from_utf8(BASE64_STANDARD.decode(auth.trim()).ok()?).ok()?;
    let (username, password) = pair.split_once(':')?;
    Some(Login::Basic {
        username: username.to_owned(),
        password: SecretString::from(password.trim_end_matches('\0')),
    })
}

/// What a helper prints; the names are part of its protocol.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: SecretString,
}

/// Runs `docker-credential-HELPER get`, with the server on its standard input.
async fn ask_helper(helper: &str, server: &str) -> Result<Option<Login>, DockerConfigError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if !helper.bytes().all(plain) {
        return Err(DockerConfigError::HelperName(shortened(helper)));
    }
    ask_program(&format!("docker-credential-{helper}"), server).await
}

async fn ask_program(program: &str, server: &str) -> Result<Option<Login>, DockerConfigError> {
    let failed = |problem: String| DockerConfigError::Helper {
        program: program.to_owned(),
        problem,
    };
    let run = tokio::time::timeout(HELPER_TIMEOUT, run_helper(program, server));
    let (success, output) = run
        .await
        .map_err(|_| {
            failed(format!(
                "did not end within {} seconds",
                HELPER_TIMEOUT.as_secs()
            ))
        })?
        .map_err(|error| failed(format!("cannot be run: {error}")))?;
    if !success {
        let said = String::from_utf8_lossy(&output);
        if said.trim() == NOT_FOUND {
            return Ok(None);
        }
        return Err(failed(format!("failed: {}", shortened(said.trim()))));
    }
    let answer: HelperAnswer = serde_json::from_slice(&output)
        .map_err(|_| failed("printed something else than a credential".to_owned()))?;
    Ok(Some(if answer.username == IDENTITY_TOKEN_USER {
        Login::Identity(answer.secret)
    } else {
        Login::Basic {
            username: answer.username,
            password: answer.secret,
        }
    }))
}

async fn run_helper(program: &str, server: &str) -> std::io::Result<(bool, Vec<u8>)> {
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read its input has its own reasons, and its output decides.
        let _ = stdin.write_all(server.as_bytes()).await;
    }
    let output = match child.stdout.take() {
        Some(stdout) => read_output(stdout).await?,
        None => Vec::new(),
    };
    Ok((child.wait().await?.success(), output))
}

async fn read_output(stdout: impl AsyncRead + Unpin) -> std::io::Result<Vec<u8>> {
    let mut output = Vec::new();
    stdout
        .take(MAX_HELPER_OUTPUT)
        .read_to_end(&mut output)
        .await?;
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    async fn login(config: &str, host: &str) -> Result<String, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.json");
        std::fs::write(&path, config).unwrap();
        let login = DockerConfig::at(path).login(host).await;
        login
            .map(|login| described(&login))
            .map_err(|error| error.to_string())
    }

    fn described(login: &Login) -> String {
        match login {
            Login::Anonymous => "anonymous".to_owned(),
            Login::Basic { username, password } => {
                format!("{username}:{}", password.expose_secret())
            }
            Login::Identity(token) => format!("identity {}", token.expose_secret()),
            Login::Bearer(token) => format!("bearer {}", token.expose_secret()),
        }
    }

    #[tokio::test]
    async fn every_form_of_an_entry_is_read() {
        // Synthetic credentials; "dTpwOnE=" is "u:p:q".
        let config = r#"{"auths": {
            "https://index.docker.io/v1/": {"auth": "dTpwOnE="},
            "https://old.example/v2/": {"username": "u", "password": "p"},
            "azure.example": {"auth": "dTpwOnE=", "identitytoken": "refresh"},
            "token.example:5000": {"registrytoken": "r"},
            "bad.example": {"auth": "%"}}}"#;
        let login = async |host| login(config, host).await;
        assert_eq!(login("docker.io").await.unwrap(), "u:p:q");
        assert_eq!(login("old.example").await.unwrap(), "u:p");
        assert_eq!(login("azure.example").await.unwrap(), "identity refresh");
        assert_eq!(login("token.example:5000").await.unwrap(), "bearer r");
        assert_eq!(login("other.example").await.unwrap(), "anonymous");
        insta::assert_snapshot!(login("bad.example").await.unwrap_err(), @"the Docker configuration has an `auth` for bad.example that is not base64 of USER:PASSWORD");
    }

    #[tokio::test]
    async fn a_missing_file_knows_nothing_and_a_broken_one_is_an_error() {
        let absent = DockerConfig::at("/nonexistent/config.json");
        let found = absent.login("registry.example").await.unwrap();
        assert!(matches!(found, Login::Anonymous));
        let broken = login("{", "registry.example").await.unwrap_err();
        assert!(broken.contains("is not valid"), "{broken}");
    }

    #[tokio::test]
    async fn a_helper_is_a_plain_name_and_must_exist() {
        let config = r#"{"credHelpers": {"a.example": "../../bin/sh", "b.example": "no-such"}}"#;
        insta::assert_snapshot!(login(config, "a.example").await.unwrap_err(), @r#"the Docker configuration names the credential helper "../../bin/sh", which is no plain name"#);
        insta::assert_snapshot!(login(config, "b.example").await.unwrap_err(), @"the credential helper docker-credential-no-such cannot be run: No such file or directory (os error 2)");
    }

    /// Runs a helper that is this shell script.
    async fn helper(script: &str) -> Result<Option<String>, String> {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("docker-credential-synthetic");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&program, executable).unwrap();
        let login = ask_program(program.to_str().unwrap(), "registry.example").await;
        let problem = |error: DockerConfigError| match error {
            DockerConfigError::Helper { problem, .. } => problem,
            other => other.to_string(),
        };
        Ok(login.map_err(problem)?.as_ref().map(described))
    }

    #[tokio::test]
    async fn a_helper_answers_or_it_is_an_error() {
        let found = helper(r#"printf '{"Username":"%s","Secret":"%s"}' "$1" "$(cat)""#).await;
        assert_eq!(found, Ok(Some("get:registry.example".to_owned())));
        let found = helper(r#"echo '{"Username":"<token>","Secret":"t"}'"#).await;
        assert_eq!(found, Ok(Some("identity t".to_owned())));
        let found = helper("echo credentials not found in native keychain; exit 1").await;
        assert_eq!(found, Ok(None), "a host that it does not know");
        insta::assert_snapshot!(helper("echo locked; exit 1").await.unwrap_err(), @"failed: locked");
        insta::assert_snapshot!(helper("echo hello").await.unwrap_err(), @"printed something else than a credential");
        let flooded = helper("yes x | head -c 200000").await;
        assert!(flooded.is_err(), "{flooded:?}");
    }
}
