//! Policy and attestors.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use postern_core::attestor::ProjectNumbers;
use postern_core::policy::Policy;
use postern_core::ports::TrustMaterial;
use postern_store::files::TrustFiles;

use crate::WiringError;

/// Policy and attestors from the files that the words name.
///
/// # Errors
/// If a file is missing or wrong, or a word names something that this version cannot read.
pub fn trust(
    policy: Option<&str>,
    attestors: &[String],
    projects: &ProjectNumbers,
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
    let attestors: Vec<PathBuf> = attestors.iter().map(PathBuf::from).collect();
    Ok(Arc::new(TrustFiles::open(
        policy.map(Path::new),
        &attestors,
        projects.clone(),
    )?))
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
