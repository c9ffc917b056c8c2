//! Secrets, by reference.

mod managed;

use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;

use crate::config::SecretReference;
use crate::environment::Environment;

pub use managed::{Managed, is_managed};

/// The environment variable with the passphrase of an encrypted private key.
pub const KEY_PASSPHRASE: &str = "POSTERN_KEY_PASSPHRASE";

/// The longest secret that is read from a file or a manager of secrets, in bytes.
pub const LIMIT: u64 = 64 * 1024;

/// Why a secret cannot be had. The secret itself is never in it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The reference has none of the known schemes; it may be the secret itself, so it is not shown.
    #[error(
        "a secret is written as `env:NAME`, `file:PATH`, `gcpsm://projects/P/secrets/S` or \
         `awssm://ARN-or-name`, never as itself"
    )]
    NotAReference,
    /// Its manager was not asked: only what stands in the configuration is fetched.
    #[error("`{0}` was not fetched: secrets of a manager are read once, with the configuration")]
    NotFetched(String),
    /// Its manager has no such secret for us.
    #[error("`{reference}`: {reason}")]
    Refused {
        /// The reference.
        reference: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The environment variable is not set.
    #[error("the environment variable `{0}` is not set")]
    Unset(String),
    /// The file cannot be read.
    #[error("the file {path:?} cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// What the reference points at is empty.
    #[error("`{0}` is empty")]
    Empty(String),
}

/// A secret reference, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Variable(String),
    File(PathBuf),
    Manager(String),
}

impl Place {
    /// Takes a reference apart without looking at what it points to.
    pub(crate) fn of(reference: &str) -> Result<Self, SecretError> {
        if let Some(name) = reference
            .strip_prefix("env:")
            .filter(|name| !name.is_empty())
        {
            Ok(Self::Variable(name.to_owned()))
        } else if let Some(path) = reference
            .strip_prefix("file:")
            .filter(|path| !path.is_empty())
        {
            Ok(Self::File(path.into()))
        } else if is_managed(reference) {
            Ok(Self::Manager(reference.to_owned()))
        } else {
            Err(SecretError::NotAReference)
        }
    }
}

/// Reads the secret that a reference points at. One trailing line break, of a file or of what a
/// manager of secrets keeps, is not part of it.
///
/// # Errors
///
/// [`SecretError`], where there is no such secret, or it is empty.
pub fn resolve(
    reference: &SecretReference,
    environment: &dyn Environment,
) -> Result<SecretString, SecretError> {
    let secret = match Place::of(&reference.0)? {
        Place::Variable(name) => environment.get(&name).ok_or(SecretError::Unset(name))?,
        Place::File(path) => read(path)?,
        Place::Manager(reference) => match environment.managed(&reference) {
            Some(Ok(secret)) => without_line_break(secret.expose_secret().to_owned()),
            Some(Err(reason)) => return Err(SecretError::Refused { reference, reason }),
            None => return Err(SecretError::NotFetched(reference)),
        },
    };
    match secret.is_empty() {
        true => Err(SecretError::Empty(reference.0.clone())),
        false => Ok(secret.into()),
    }
}

fn read(path: PathBuf) -> Result<String, SecretError> {
    use std::io::Read as _;
    let mut text = String::new();
    let read =
        std::fs::File::open(&path).and_then(|file| file.take(LIMIT).read_to_string(&mut text));
    match read {
        Err(error) => Err(SecretError::Unreadable {
            path,
            reason: error.to_string(),
        }),
        Ok(length) if length as u64 == LIMIT => Err(SecretError::Unreadable {
            path,
            reason: "it is over 64 KiB".to_owned(),
        }),
        Ok(_) => Ok(without_line_break(text)),
    }
}

fn without_line_break(mut text: String) -> String {
    let end = text.strip_suffix('\n').map_or(text.len(), str::len);
    let end = text[..end].strip_suffix('\r').map_or(end, str::len);
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const NEVER: &str = "a secret is written as `env:NAME`, `file:PATH`, \
        `gcpsm://projects/P/secrets/S` or `awssm://ARN-or-name`, never as itself";

    fn resolved(reference: &str) -> Result<String, String> {
        let environment = BTreeMap::from([
            ("HOOK".to_owned(), "s3cret".to_owned()),
            ("EMPTY".to_owned(), String::new()),
        ]);
        resolve(&SecretReference(reference.to_owned()), &environment)
            .map(|secret| secret.expose_secret().to_owned())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_variable_is_read() {
        assert_eq!(resolved("env:HOOK").unwrap(), "s3cret");
    }

    #[test]
    fn a_file_is_read_without_its_last_line_break() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "s3cret\r\n").unwrap();
        assert_eq!(
            resolved(&format!("file:{}", file.path().display())).unwrap(),
            "s3cret"
        );
    }

    #[rstest::rstest]
    #[case::unset("env:NOPE", "the environment variable `NOPE` is not set")]
    #[case::empty("env:EMPTY", "`env:EMPTY` is empty")]
    #[case::bare("hunter2", NEVER)]
    #[case::no_name("env:", NEVER)]
    #[case::no_manager("gcpsm:projects/p/secrets/s", NEVER)]
    #[case::not_fetched(
        "awssm://name",
        "`awssm://name` was not fetched: secrets of a manager are read once, with the configuration"
    )]
    fn mistakes_are_named_and_never_show_a_secret(#[case] reference: &str, #[case] expected: &str) {
        assert_eq!(resolved(reference).unwrap_err(), expected);
    }
}
