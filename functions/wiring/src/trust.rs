//! Policy and attestors.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use postern_core::attestor::{Attestor, AttestorName, ProjectNumbers};
use postern_core::policy::Policy;
use postern_core::ports::{SourcedPolicy, TrustMaterial, Unavailable};
use postern_store::Store;
use postern_store::files::TrustFiles;

use crate::WiringError;

/// Policy and attestors: from the files that the words name; where none is named, as the trust function keeps
/// them in the store.
///
/// # Errors
/// If a file is missing or wrong, or a word names something that this version cannot read.
pub fn trust(
    policy: Option<&str>,
    attestors: &[String],
    projects: &ProjectNumbers,
    store: Option<&Store>,
) -> Result<Arc<dyn TrustMaterial>, WiringError> {
    if let Some(name) = policy
        .into_iter()
        .chain(attestors.iter().map(String::as_str))
        .find(|word| is_resource(word))
    {
        return Err(WiringError::mistake(format_args!(
            "{name} is not read from Google's API by this version; export it to a file \
             (gcloud container binauthz policy export, … attestors describe) and name the file"
        )));
    }
    let paths: Vec<PathBuf> = attestors.iter().map(PathBuf::from).collect();
    let files = TrustFiles::open(policy.map(Path::new), &paths, projects.clone())?;
    Ok(match store {
        Some(store) => Arc::new(FilesOrStore {
            has_policy: policy.is_some(),
            files,
            store: store.clone(),
        }),
        None => Arc::new(files),
    })
}

/// A policy file holds for every project, and an attestor in a file is the one of its name; the rest is as
/// the store has it.
struct FilesOrStore {
    has_policy: bool,
    files: TrustFiles,
    store: Store,
}

#[async_trait]
impl TrustMaterial for FilesOrStore {
    async fn policy(&self, project: Option<&str>) -> Result<Option<SourcedPolicy>, Unavailable> {
        match self.has_policy {
            true => self.files.policy(project).await,
            false => self.store.policy(project).await,
        }
    }

    async fn attestor(&self, name: &AttestorName) -> Result<Option<Attestor>, Unavailable> {
        match self.files.attestor(name).await? {
            Some(attestor) => Ok(Some(attestor)),
            None => self.store.attestor(name).await,
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
fn is_resource(word: &str) -> bool {
    word.starts_with("projects/") && !Path::new(word).exists()
}
