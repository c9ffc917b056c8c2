//! Secrets that a manager of secrets keeps. They are fetched before the configuration is loaded,
//! because this crate asks nobody, and are then part of the environment that it is loaded in.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use secrecy::SecretString;

use crate::environment::Environment;

/// Whether a reference is one to a manager of secrets, which somebody has to ask.
pub fn is_managed(reference: &str) -> bool {
    ["gcpsm://", "awssm://"]
        .iter()
        .any(|scheme| reference.starts_with(scheme))
}

/// An environment that answers for fetched secrets, too. They are as they were when they were
/// fetched, for as long as the process lives.
#[derive(Clone)]
pub struct Managed<E> {
    environment: E,
    answers: Arc<BTreeMap<String, Result<SecretString, String>>>,
}

impl<E: Environment> Managed<E> {
    /// `answers` holds for each reference the secret, or why there is none and what to do.
    pub fn new(environment: E, answers: BTreeMap<String, Result<SecretString, String>>) -> Self {
        Self {
            environment,
            answers: Arc::new(answers),
        }
    }
}

impl<E: Environment> Environment for Managed<E> {
    fn get(&self, name: &str) -> Option<String> {
        self.environment.get(name)
    }

    fn vars(&self) -> BTreeMap<String, String> {
        self.environment.vars()
    }

    fn managed(&self, reference: &str) -> Option<Result<SecretString, String>> {
        let answer = self.answers.get(reference).cloned();
        answer.or_else(|| self.environment.managed(reference))
    }
}

impl<E> fmt::Debug for Managed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.answers.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::config::SecretReference;
    use crate::secret::resolve;

    fn environment() -> Managed<BTreeMap<String, String>> {
        let refused = "there is none; make it".to_owned();
        Managed::new(
            BTreeMap::from([("HOOK".to_owned(), "of the process".to_owned())]),
            BTreeMap::from([
                ("awssm://hook".to_owned(), Ok("s3cret\n".to_owned().into())),
                ("awssm://gone".to_owned(), Err(refused)),
                ("awssm://empty".to_owned(), Ok(String::new().into())),
            ]),
        )
    }

    fn resolved(reference: &str) -> Result<String, String> {
        resolve(&SecretReference(reference.to_owned()), &environment())
            .map(|secret| secret.expose_secret().to_owned())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_was_fetched_is_a_secret_like_any_other() {
        assert_eq!(resolved("awssm://hook").unwrap(), "s3cret");
        assert_eq!(resolved("env:HOOK").unwrap(), "of the process");
        assert_eq!(
            resolved("awssm://gone").unwrap_err(),
            "`awssm://gone`: there is none; make it"
        );
        assert_eq!(
            resolved("awssm://empty").unwrap_err(),
            "`awssm://empty` is empty"
        );
        assert!(
            resolved("awssm://other")
                .unwrap_err()
                .contains("not fetched")
        );
    }

    #[test]
    fn fetched_secrets_are_never_shown() {
        assert!(!format!("{:?}", environment()).contains("s3cret"));
    }
}
