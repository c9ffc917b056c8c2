//! Policy and attestors.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use postern_core::attestor::{Attestor, AttestorName};
use postern_core::policy::Policy;
use postern_core::ports::{SourcedPolicy, TrustMaterial, Unavailable};
use postern_host::config::Config;
use postern_host::environment::Environment;
use postern_store::Store;
use postern_store::files::TrustFiles;

use crate::WiringError;
use crate::google_api::trust_material;

/// Policy and attestors, as the words say: files, or `projects/ID/policy` and `projects/ID`, which Binary
/// Authorization is asked for. Without a word for it the policy is the one that the trust function keeps in
/// the store for the project of the target. An attestor is looked for in the files, in the store, and then,
/// if a word names a project, at Binary Authorization, in whichever project it is. Of the configuration,
/// `projects` and `endpoints` count.
///
/// # Errors
/// If a file is missing or wrong, a word is of no such form, or Binary Authorization cannot be asked.
pub fn trust(
    policy: Option<&str>,
    attestors: &[String],
    config: &Config,
    environment: &dyn Environment,
    store: Option<&Store>,
) -> Result<Arc<dyn TrustMaterial>, WiringError> {
    let live = policy.filter(|word| is_resource(word));
    let live = live.map(project_of_policy).transpose()?;
    let (asked, files): (Vec<_>, Vec<_>) = attestors.iter().partition(|word| is_resource(word));
    for word in &asked {
        project_of(word)?;
    }
    let authority = match live.is_some() || !asked.is_empty() {
        true => Some(trust_material(config, environment)?),
        false => None,
    };
    let file = policy.filter(|_| live.is_none()).map(Path::new);
    let attestors: Vec<PathBuf> = files.into_iter().map(PathBuf::from).collect();
    let files = TrustFiles::open(file, &attestors, config.projects.clone())?;
    Ok(Arc::new(Layers {
        policy: match (live, file) {
            (Some(project), _) => PolicyOf::Live(project),
            (None, Some(_)) => PolicyOf::File,
            (None, None) => PolicyOf::Store,
        },
        files,
        store: store.cloned(),
        authority,
    }))
}

/// Files before the store before Binary Authorization.
struct Layers {
    policy: PolicyOf,
    files: TrustFiles,
    store: Option<Store>,
    authority: Option<Arc<dyn TrustMaterial>>,
}

/// Where the policy is. A file, or one project's policy at Google, holds for every project.
enum PolicyOf {
    File,
    Store,
    Live(String),
}

#[async_trait]
impl TrustMaterial for Layers {
    async fn policy(&self, project: Option<&str>) -> Result<Option<SourcedPolicy>, Unavailable> {
        match (&self.policy, &self.authority, &self.store) {
            (PolicyOf::File, _, _) => self.files.policy(project).await,
            (PolicyOf::Live(named), Some(authority), _) => {
                let policy = authority.policy(Some(named)).await?;
                // Whoever asks may not know of which project.
                let unset = format!("no policy was ever set for the project {named}");
                policy
                    .map(Some)
                    .ok_or_else(|| Unavailable::new("Binary Authorization", unset))
            }
            (PolicyOf::Store, _, Some(store)) => store.policy(project).await,
            (PolicyOf::Live(_), None, _) | (PolicyOf::Store, _, None) => Ok(None),
        }
    }

    async fn attestor(&self, name: &AttestorName) -> Result<Option<Attestor>, Unavailable> {
        if let Some(attestor) = self.files.attestor(name).await? {
            return Ok(Some(attestor));
        }
        if let Some(store) = &self.store
            && let Some(attestor) = store.attestor(name).await?
        {
            return Ok(Some(attestor));
        }
        match &self.authority {
            Some(authority) => authority.attestor(name).await,
            None => Ok(None),
        }
    }
}

/// The system policy: a user's file, or the built-in one.
///
/// # Errors
/// If the file is missing or wrong.
pub fn system_policy(file: Option<&str>) -> Result<Policy, WiringError> {
    let Some(file) = file else {
        return Ok(postern_core::policy::system_policy().clone());
    };
    let text = std::fs::read_to_string(file)
        .map_err(|error| WiringError::mistake(format_args!("the system policy {file}: {error}")))?;
    Policy::parse(&text)
        .map_err(|error| WiringError::mistake(format_args!("the system policy {file}: {error}")))
}

/// `projects/P…` is the name of a resource, unless there is a file of that name.
pub fn is_resource(word: &str) -> bool {
    word.starts_with("projects/") && !Path::new(word).exists()
}

/// The project of `projects/ID`.
///
/// # Errors
/// If it is of another form.
pub fn project_of(word: &str) -> Result<&str, WiringError> {
    let id = word.strip_prefix("projects/");
    id.filter(|id| is_id(id)).ok_or_else(|| {
        WiringError::mistake(format_args!(
            "{word:?} is neither a file nor projects/ID, whose attestors Binary Authorization is asked for"
        ))
    })
}

/// The project of `projects/ID/policy`.
///
/// # Errors
/// If it is of another form.
pub fn project_of_policy(word: &str) -> Result<String, WiringError> {
    let id = word.strip_prefix("projects/");
    let id = id.and_then(|rest| rest.strip_suffix("/policy"));
    let id = id.filter(|id| is_id(id)).map(str::to_owned);
    id.ok_or_else(|| {
        WiringError::mistake(format_args!(
            "{word:?} is neither a file nor projects/ID/policy, which Binary Authorization is asked for"
        ))
    })
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && !text.contains('/')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn made(policy: Option<&str>, attestors: &[&str]) -> Result<(), String> {
        let mut config = Config::default();
        config.endpoints.binary_authorization = Some("http://127.0.0.1:9".to_owned());
        let attestors: Vec<String> = attestors.iter().map(|word| (*word).to_owned()).collect();
        let environment = BTreeMap::new();
        trust(policy, &attestors, &config, &environment, None)
            .map(drop)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn words_of_another_form_are_mistakes() {
        insta::assert_snapshot!(made(Some("projects/demo-mart"), &[]).unwrap_err(), @r#""projects/demo-mart" is neither a file nor projects/ID/policy, which Binary Authorization is asked for"#);
        insta::assert_snapshot!(made(None, &["projects/demo-mart/attestors/ci"]).unwrap_err(), @r#""projects/demo-mart/attestors/ci" is neither a file nor projects/ID, whose attestors Binary Authorization is asked for"#);
        let missing = made(Some("missing.yaml"), &[]).unwrap_err();
        assert!(missing.contains("does not exist"), "{missing}");
    }

    #[cfg(feature = "gcp")]
    #[tokio::test]
    async fn an_authority_that_is_down_is_an_outage_and_never_none() {
        let mut config = Config::default();
        config.endpoints.binary_authorization = Some("http://127.0.0.1:9".to_owned());
        let attestors = ["projects/demo-mart".to_owned()];
        let environment = BTreeMap::new();
        let material = trust(None, &attestors, &config, &environment, None).unwrap();
        assert_eq!(material.policy(Some("demo-mart")).await, Ok(None));
        let name = "projects/other/attestors/ci".parse().unwrap();
        assert!(material.attestor(&name).await.is_err());
    }

    #[cfg(not(feature = "gcp"))]
    #[test]
    fn an_authority_is_said_not_to_be_built() {
        let error = made(Some("projects/demo-mart/policy"), &[]).unwrap_err();
        insta::assert_snapshot!(error, @"asking Binary Authorization for projects/… needs the cargo feature `gcp`, which this build was made without; build with --features gcp (or full)");
    }
}
