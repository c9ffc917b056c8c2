//! Policies, attestors and attestations that are plain files.
//!
//! They are read once at the start, where a mistake is the user's ([`FileError`]), and again
//! whenever they change. A file that has become unreadable or wrong is an outage from then on: what
//! it said before no longer counts.

mod anchor;
mod occurrences;
mod trust;
mod watched;

use std::path::{Path, PathBuf};

pub use anchor::FileAnchor;
pub use occurrences::FileAttestations;
pub use trust::TrustFiles;

/// A local file that is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It is not there.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    /// It cannot be read.
    #[error("{} cannot be read: {reason}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// It is larger than what is ever read.
    #[error("{} is larger than {limit} bytes", .path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// What is read at most, in bytes.
        limit: u64,
    },
    /// It does not hold what it should.
    #[error("{}: {reason}", .path.display())]
    Invalid {
        /// Which.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
}

impl FileError {
    fn reading(path: &Path, error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::Missing(path.to_owned()),
            _ => Self::Unreadable {
                path: path.to_owned(),
                reason: error.to_string(),
            },
        }
    }
}

/// Makes a directory that only its owner can read, where there is none.
pub(crate) fn make_private_directory(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
