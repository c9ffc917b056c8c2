//! Policy and attestors from files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use postern_core::attestor::{Attestor, AttestorName, ProjectNumbers};
use postern_core::policy::{MAX_BYTES, Policy, parse_attestors};
use postern_core::ports::{SourcedPolicy, TrustMaterial, Unavailable};

use super::FileError;
use super::watched::Watched;

/// A policy file that holds for every project, and files of attestors.
#[derive(Debug)]
pub struct TrustFiles {
    policy: Option<Arc<Watched<Policy>>>,
    attestors: Vec<Arc<Watched<Vec<Attestor>>>>,
    projects: ProjectNumbers,
}

impl TrustFiles {
    /// Reads the files, YAML or JSON as `gcloud` writes them. Without a policy file there is no
    /// policy for any project. Blocks.
    ///
    /// # Errors
    /// If a file is missing or wrong.
    pub fn open(
        policy: Option<&Path>,
        attestors: &[PathBuf],
        projects: ProjectNumbers,
    ) -> Result<Self, FileError> {
        let attestors = attestors
            .iter()
            .map(|path| Watched::open(path, MAX_BYTES as u64, read_attestors));
        Ok(Self {
            policy: policy
                .map(|path| Watched::open(path, MAX_BYTES as u64, read_policy))
                .transpose()?,
            attestors: attestors.collect::<Result<_, _>>()?,
            projects,
        })
    }

    fn is_named(&self, attestor: &Attestor, name: &AttestorName) -> bool {
        attestor.name.id == name.id
            && self
                .projects
                .same_project(&attestor.name.project, &name.project)
    }
}

#[async_trait]
impl TrustMaterial for TrustFiles {
    async fn policy(&self, _project: Option<&str>) -> Result<Option<SourcedPolicy>, Unavailable> {
        let Some(file) = &self.policy else {
            return Ok(None);
        };
        let policy = current(file).await?;
        Ok(Some(SourcedPolicy {
            name: match &policy.name {
                Some(name) => name.clone(),
                None => file.path().display().to_string(),
            },
            policy: Policy::clone(&policy),
        }))
    }

    async fn attestor(&self, name: &AttestorName) -> Result<Option<Attestor>, Unavailable> {
        let mut found: Option<Attestor> = None;
        for file in &self.attestors {
            for attestor in current(file).await?.iter() {
                if !self.is_named(attestor, name) {
                    continue;
                }
                if found.as_ref().is_some_and(|other| other != attestor) {
                    let message = format!("{name} is described twice, differently");
                    return Err(Unavailable::new(file.path().display().to_string(), message));
                }
                found = Some(attestor.clone());
            }
        }
        Ok(found)
    }
}

async fn current<T: Send + Sync + 'static>(file: &Arc<Watched<T>>) -> Result<Arc<T>, Unavailable> {
    let current = file.current().await;
    current.map_err(|error| Unavailable::new(file.path().display().to_string(), error))
}

fn read_policy(text: &str) -> Result<Policy, String> {
    Policy::parse(text).map_err(|error| error.to_string())
}

fn read_attestors(text: &str) -> Result<Vec<Attestor>, String> {
    parse_attestors(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const POLICY: &str = "defaultAdmissionRule:\n  evaluationMode: ALWAYS_DENY\n  \
                          enforcementMode: ENFORCED_BLOCK_AND_AUDIT_LOG\n";

    fn attestor(note: &str) -> String {
        format!(
            "name: projects/demo-project/attestors/built-by-ci\nuserOwnedGrafeasNote:\n  \
             noteReference: projects/demo-project/notes/{note}\n"
        )
    }

    fn file(directory: &TempDir, name: &str, text: &str) -> PathBuf {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn name(project: &str) -> AttestorName {
        format!("projects/{project}/attestors/built-by-ci")
            .parse()
            .unwrap()
    }

    #[tokio::test]
    async fn a_policy_is_named_by_itself_or_by_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = file(&directory, "policy.yaml", POLICY);
        let files = TrustFiles::open(Some(&path), &[], ProjectNumbers::default()).unwrap();
        let policy = files.policy(Some("any-project")).await.unwrap().unwrap();
        assert_eq!(policy.name, path.display().to_string());

        let named = format!("name: projects/demo-project/policy\n{POLICY}");
        std::fs::write(&path, named).unwrap();
        let policy = files.policy(None).await.unwrap().unwrap();
        assert_eq!(policy.name, "projects/demo-project/policy");

        std::fs::write(&path, "defaultAdmissionRule: [").unwrap();
        let error = files.policy(None).await.unwrap_err();
        assert_eq!(error.source_name, path.display().to_string());

        let none = TrustFiles::open(None, &[], ProjectNumbers::default()).unwrap();
        assert_eq!(none.policy(None).await, Ok(None));
    }

    #[tokio::test]
    async fn an_attestor_is_found_by_project_id_and_number() {
        let directory = tempfile::tempdir().unwrap();
        let path = file(&directory, "attestors.yaml", &attestor("ci"));
        let projects = ProjectNumbers([("demo-project".to_owned(), 111)].into());
        let files = TrustFiles::open(None, &[path], projects).unwrap();
        for project in ["demo-project", "111"] {
            let found = files.attestor(&name(project)).await.unwrap();
            assert!(found.is_some(), "{project}");
        }
        assert_eq!(files.attestor(&name("112")).await, Ok(None));
    }

    #[tokio::test]
    async fn an_attestor_of_two_minds_is_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let paths = [
            file(&directory, "a.yaml", &attestor("ci")),
            file(&directory, "b.yaml", &attestor("ci")),
        ];
        let files = TrustFiles::open(None, &paths, ProjectNumbers::default()).unwrap();
        assert!(
            files
                .attestor(&name("demo-project"))
                .await
                .unwrap()
                .is_some()
        );
        std::fs::write(&paths[1], attestor("other")).unwrap();
        let error = files.attestor(&name("demo-project")).await.unwrap_err();
        assert!(
            error.message.ends_with("is described twice, differently"),
            "{error}"
        );
    }

    #[test]
    fn a_wrong_file_is_an_error_from_the_start() {
        let directory = tempfile::tempdir().unwrap();
        let wrong = file(&directory, "wrong.yaml", "unknownField: 1\n");
        let open = |policy: Option<&Path>, attestors: &[PathBuf]| {
            TrustFiles::open(policy, attestors, ProjectNumbers::default()).unwrap_err()
        };
        assert!(matches!(open(Some(&wrong), &[]), FileError::Invalid { .. }));
        assert!(matches!(
            open(None, std::slice::from_ref(&wrong)),
            FileError::Invalid { .. }
        ));
        let missing = directory.path().join("missing.yaml");
        assert_eq!(
            open(Some(&missing), &[]),
            FileError::Missing(missing.clone())
        );
    }
}
