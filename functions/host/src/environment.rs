//! The environment as an argument, so that tests can bring their own.

use std::collections::BTreeMap;

use secrecy::SecretString;

/// Where environment variables come from.
pub trait Environment: Send + Sync {
    /// The value of one variable; `None` where it is not set or not Unicode.
    fn get(&self, name: &str) -> Option<String>;

    /// Every variable whose name and value are Unicode, ordered by name.
    fn vars(&self) -> BTreeMap<String, String>;

    /// What a manager of secrets answered for a reference (`gcpsm://…`, `awssm://…`): the secret, or
    /// why there is none. `None` where it was not asked.
    fn managed(&self, _reference: &str) -> Option<Result<SecretString, String>> {
        None
    }
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Process;

impl Environment for Process {
    fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn vars(&self) -> BTreeMap<String, String> {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }
}

impl Environment for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<String> {
        BTreeMap::get(self, name).cloned()
    }

    fn vars(&self) -> BTreeMap<String, String> {
        self.clone()
    }
}

/// What this process runs on, as its platform says in the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// A Cloud Run service: `K_SERVICE` is set.
    CloudRun,
    /// An AWS Lambda function: `AWS_LAMBDA_FUNCTION_NAME` is set.
    Lambda,
    /// Anything else.
    Other,
}

impl Platform {
    /// Reads what the platform set (Cloud Run container contract, Lambda runtime variables).
    pub fn detect(environment: &dyn Environment) -> Self {
        let set = |name| environment.get(name).is_some_and(|value| !value.is_empty());
        if set("AWS_LAMBDA_FUNCTION_NAME") {
            Self::Lambda
        } else if set("K_SERVICE") {
            Self::CloudRun
        } else {
            Self::Other
        }
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::CloudRun => "Cloud Run",
            Self::Lambda => "Lambda",
            Self::Other => "this host",
        })
    }
}
