//! Fetches the secrets that a configuration refers to by their manager, before it is loaded.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use postern_core::ports::Unavailable;
use postern_host::environment::Environment;
use postern_host::load::references;
use postern_host::secret::{LIMIT, Managed};
use secrecy::SecretString;

use crate::WiringError;

/// All of them together take at most this long.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Why the secrets of a configuration could not be fetched. What a manager refuses is none of these:
/// that is a mistake of the configuration, which loading it tells with all others.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretsError {
    /// This build cannot ask, or has nobody to ask as.
    #[error("`{reference}`: {error}")]
    Mistake {
        /// The first such reference.
        reference: String,
        /// What is wrong, and what to do.
        error: WiringError,
    },
    /// A manager of secrets could not be asked.
    #[error(
        "`{reference}` cannot be fetched now, which is an outage and no mistake in it: {error}"
    )]
    Outage {
        /// The first such reference.
        reference: String,
        /// What happened.
        error: Unavailable,
    },
}

/// What a manager of secrets said of one reference.
#[cfg_attr(
    not(any(feature = "aws", feature = "gcp")),
    expect(dead_code, reason = "nobody can be asked, so nobody answers")
)]
enum Answer {
    Secret(Vec<u8>),
    Refused(String),
    Outage(Unavailable),
    Mistake(WiringError),
}

/// The environment, with every secret of a manager that stands in the configuration which
/// `postern_host::load::load` reads of `file`.
///
/// # Errors
/// [`SecretsError`].
pub async fn with_secrets<E: Environment>(
    file: Option<&Path>,
    environment: E,
) -> Result<Managed<E>, SecretsError> {
    let wanted = references(file, &environment);
    let mut answers = BTreeMap::new();
    let mut managers = built::Managers::default();
    let deadline = tokio::time::Instant::now() + TIMEOUT;
    for reference in wanted {
        let asked = managers.ask(&reference, &environment);
        let answer = match tokio::time::timeout_at(deadline, asked).await {
            Ok(answer) => answer,
            Err(_) => {
                let late = format!("no answer within {} seconds", TIMEOUT.as_secs());
                Answer::Outage(Unavailable::new("the manager of secrets", late))
            }
        };
        let answer = match answer {
            Answer::Secret(secret) => text(secret),
            Answer::Refused(why) => Err(why),
            Answer::Outage(error) => return Err(SecretsError::Outage { reference, error }),
            Answer::Mistake(error) => return Err(SecretsError::Mistake { reference, error }),
        };
        answers.insert(reference, answer);
    }
    Ok(Managed::new(environment, answers))
}

fn text(secret: Vec<u8>) -> Result<SecretString, String> {
    if secret.len() as u64 > LIMIT {
        return Err(format!("it has more than the {LIMIT} bytes of a secret"));
    }
    match String::from_utf8(secret) {
        Ok(text) => Ok(text.into()),
        Err(_) => Err("it is no text in UTF-8: keep it as text, or as base64".to_owned()),
    }
}

mod built {
    use super::Answer;
    use postern_host::environment::Environment;

    /// Who is asked; made when first needed.
    #[derive(Default)]
    pub(super) struct Managers {
        #[cfg(feature = "aws")]
        aws: Option<postern_aws::Session>,
        #[cfg(feature = "gcp")]
        gcp: Option<postern_gcp::SecretManager>,
    }

    impl Managers {
        pub(super) async fn ask(
            &mut self,
            reference: &str,
            environment: &dyn Environment,
        ) -> Answer {
            if reference.starts_with("awssm://") {
                self.ask_aws(reference).await
            } else {
                self.ask_google(reference, environment).await
            }
        }

        #[cfg(feature = "aws")]
        async fn ask_aws(&mut self, reference: &str) -> Answer {
            let session = match &self.aws {
                Some(session) => session,
                None => {
                    let session = postern_aws::Session::from_environment().await;
                    self.aws.insert(session)
                }
            };
            let secret = match reference.parse() {
                Ok(reference) => postern_aws::secret(session, &reference).await,
                Err(error) => Err(error),
            };
            match secret {
                Ok(secret) => Answer::Secret(secret),
                Err(postern_aws::SecretError::Outage(error)) => Answer::Outage(error),
                Err(refused) => Answer::Refused(refused.to_string()),
            }
        }

        #[cfg(not(feature = "aws"))]
        async fn ask_aws(&mut self, _: &str) -> Answer {
            let what = "a secret of AWS Secrets Manager";
            Answer::Mistake(crate::WiringError::not_built(what, "aws"))
        }

        #[cfg(feature = "gcp")]
        async fn ask_google(&mut self, reference: &str, environment: &dyn Environment) -> Answer {
            let reference = match reference.parse() {
                Ok(reference) => reference,
                Err(postern_gcp::SecretError::Outage(error)) => return Answer::Outage(error),
                Err(refused) => return Answer::Refused(refused.to_string()),
            };
            let manager = match &self.gcp {
                Some(manager) => manager,
                None => match manager(environment) {
                    Ok(manager) => self.gcp.insert(manager),
                    Err(mistake) => return Answer::Mistake(mistake),
                },
            };
            match manager.secret(&reference).await {
                Ok(secret) => Answer::Secret(secret),
                Err(postern_gcp::SecretError::Outage(error)) => Answer::Outage(error),
                Err(refused) => Answer::Refused(refused.to_string()),
            }
        }

        #[cfg(not(feature = "gcp"))]
        async fn ask_google(&mut self, _: &str, _: &dyn Environment) -> Answer {
            let what = "a secret of Google Secret Manager";
            Answer::Mistake(crate::WiringError::not_built(what, "gcp"))
        }
    }

    /// Secret Manager where Google has it, or where `gcloud` is told that it is: the configuration's
    /// own `endpoints` cannot be read yet.
    #[cfg(feature = "gcp")]
    fn manager(
        environment: &dyn Environment,
    ) -> Result<postern_gcp::SecretManager, crate::WiringError> {
        use crate::WiringError;
        use postern_gcp::{Endpoint, GoogleCredentials, SECRET_MANAGER, SecretManager};

        const OVERRIDE: &str = "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER";
        let set = environment.get(OVERRIDE).filter(|url| !url.is_empty());
        let endpoint = Endpoint::parse(set.as_deref().unwrap_or(SECRET_MANAGER));
        let endpoint =
            endpoint.map_err(|error| WiringError::mistake(format_args!("{OVERRIDE}: {error}")))?;
        let credentials = match endpoint.is_anonymous() {
            true => None,
            false => Some(GoogleCredentials::from_environment().map_err(WiringError::mistake)?),
        };
        SecretManager::new(endpoint, credentials).map_err(WiringError::mistake)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(reference: &str) -> BTreeMap<String, String> {
        [("POSTERN__STORE".to_owned(), reference.to_owned())].into()
    }

    #[tokio::test]
    async fn without_references_nobody_is_asked() {
        let environment = with_secrets(None, environment("env:STORE")).await.unwrap();
        assert!(environment.managed("env:STORE").is_none());
    }

    #[cfg(not(feature = "aws"))]
    #[tokio::test]
    async fn the_missing_feature_is_named() {
        let error = with_secrets(None, environment("awssm://store"))
            .await
            .unwrap_err();
        insta::assert_snapshot!(error, @"`awssm://store`: a secret of AWS Secrets Manager needs the cargo feature `aws`, which this build was made without; build with --features aws (or full)");
    }

    #[test]
    fn secrets_are_text_of_a_bounded_size() {
        assert!(text(vec![b'a'; 64 * 1024]).is_ok());
        assert!(text(vec![b'a'; 64 * 1024 + 1]).is_err());
        assert!(text(vec![0xff]).unwrap_err().contains("base64"));
    }
}
