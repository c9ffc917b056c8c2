//! A file that is read again when it changes.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use postern_core::image::Digest;

use super::FileError;

/// A file that was written more recently than this may be written again without another time
/// stamp or size to show for it.
const SETTLES_IN: Duration = Duration::from_secs(2);

/// What a file says, parsed once for each content.
#[derive(Debug)]
pub(super) struct Watched<T> {
    path: PathBuf,
    limit: u64,
    parse: fn(&str) -> Result<T, String>,
    seen: Mutex<Seen<T>>,
}

type Outcome<T> = Result<Arc<T>, FileError>;

/// What was read, and what the file looked like.
#[derive(Debug)]
struct Seen<T> {
    stamp: Stamp,
    content: Digest,
    outcome: Outcome<T>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stamp {
    /// A regular file that has been left alone for a while.
    Settled(SystemTime, u64),
    /// It may change unseen: it is read again.
    Unsettled,
    /// A pipe, which can be read only once.
    Stream,
}

impl<T: Send + Sync + 'static> Watched<T> {
    /// Reads the file for the first time. Blocks.
    pub(super) fn open(
        path: &Path,
        limit: u64,
        parse: fn(&str) -> Result<T, String>,
    ) -> Result<Arc<Self>, FileError> {
        let (stamp, text) = read(path, limit)?;
        let value = parse(&text).map_err(|reason| invalid(path, reason))?;
        Ok(Arc::new(Self {
            path: path.to_owned(),
            limit,
            parse,
            seen: Mutex::new(Seen {
                stamp,
                content: Digest::of(text.as_bytes()),
                outcome: Ok(Arc::new(value)),
            }),
        }))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the file says now.
    pub(super) async fn current(self: &Arc<Self>) -> Outcome<T> {
        if let Some(outcome) = self.unchanged() {
            return outcome;
        }
        let this = Arc::clone(self);
        let reloaded = tokio::task::spawn_blocking(move || this.reload()).await;
        reloaded.unwrap_or_else(|error| {
            Err(FileError::Unreadable {
                path: self.path.clone(),
                reason: error.to_string(),
            })
        })
    }

    /// What was read, if the file shows no change: one `stat`, short enough for an async task.
    fn unchanged(&self) -> Option<Outcome<T>> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let unchanged = match seen.stamp {
            Stamp::Stream => true,
            Stamp::Unsettled => false,
            Stamp::Settled(modified, length) => std::fs::metadata(&self.path).is_ok_and(|now| {
                now.len() == length && now.modified().is_ok_and(|time| time == modified)
            }),
        };
        unchanged.then(|| seen.outcome.clone())
    }

    fn reload(&self) -> Outcome<T> {
        let (stamp, text) = read(&self.path, self.limit)?;
        let content = Digest::of(text.as_bytes());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if content != seen.content {
            seen.outcome = (self.parse)(&text)
                .map(Arc::new)
                .map_err(|reason| invalid(&self.path, reason));
            seen.content = content;
            match &seen.outcome {
                Ok(_) => tracing::info!(file = %self.path.display(), "file has changed"),
                Err(error) => tracing::error!(%error, "file has changed and is wrong"),
            }
        }
        seen.stamp = stamp;
        seen.outcome.clone()
    }
}

fn invalid(path: &Path, reason: String) -> FileError {
    FileError::Invalid {
        path: path.to_owned(),
        reason,
    }
}

/// Reads a file up to a limit.
fn read(path: &Path, limit: u64) -> Result<(Stamp, String), FileError> {
    let failed = |error: std::io::Error| FileError::reading(path, &error);
    let file = File::open(path).map_err(failed)?;
    // Looked at before it is read: a change in between shows as a change later.
    let stamp = stamp(&file.metadata().map_err(failed)?);
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(FileError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| invalid(path, "the file is not UTF-8 text".to_owned()))?;
    Ok((stamp, text))
}

fn stamp(metadata: &Metadata) -> Stamp {
    if !metadata.is_file() {
        return Stamp::Stream;
    }
    let settled = |modified: &SystemTime| {
        let age = SystemTime::now().duration_since(*modified);
        age.is_ok_and(|age| age > SETTLES_IN)
    };
    match metadata.modified().ok().filter(settled) {
        Some(modified) => Stamp::Settled(modified, metadata.len()),
        None => Stamp::Unsettled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Result<u32, String> {
        text.trim()
            .parse()
            .map_err(|error| format!("{text:?}: {error}"))
    }

    fn write(path: &Path, text: &str, age: Duration) {
        std::fs::write(path, text).unwrap();
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }

    const OLD: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn a_change_is_seen_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("number");
        for age in [Duration::ZERO, OLD] {
            write(&path, "1", age);
            let watched = Watched::open(&path, 10, number).unwrap();
            assert_eq!(watched.current().await.map(|n| *n), Ok(1));
            write(&path, "2", age + Duration::from_secs(10));
            assert_eq!(watched.current().await.map(|n| *n), Ok(2), "{age:?}");
        }
    }

    #[tokio::test]
    async fn a_fresh_file_is_read_again_even_if_it_looks_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("number");
        write(&path, "1", Duration::ZERO);
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        let watched = Watched::open(&path, 10, number).unwrap();
        std::fs::write(&path, "2").unwrap();
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(modified)
            .unwrap();
        assert_eq!(watched.current().await.map(|n| *n), Ok(2));
    }

    #[tokio::test]
    async fn a_file_that_breaks_no_longer_counts_until_it_is_mended() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("number");
        write(&path, "1", OLD);
        let watched = Watched::open(&path, 10, number).unwrap();

        write(&path, "one", OLD);
        let error = watched.current().await.unwrap_err();
        assert!(matches!(error, FileError::Invalid { .. }), "{error}");
        assert_eq!(watched.current().await, Err(error), "and stays so");

        std::fs::remove_file(&path).unwrap();
        assert_eq!(
            watched.current().await,
            Err(FileError::Missing(path.clone()))
        );

        write(&path, "1", OLD);
        assert_eq!(watched.current().await.map(|n| *n), Ok(1));
        write(&path, "12345678901", OLD);
        assert!(matches!(
            watched.current().await,
            Err(FileError::TooLarge { limit: 10, .. })
        ));
    }

    #[test]
    fn what_is_wrong_from_the_start_is_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("number");
        let open = || Watched::open(&path, 10, number).map(|_| ()).unwrap_err();
        assert_eq!(open(), FileError::Missing(path.clone()));
        write(&path, "x", OLD);
        assert!(matches!(open(), FileError::Invalid { .. }));
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(open().to_string().ends_with("the file is not UTF-8 text"));
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(matches!(open(), FileError::Unreadable { .. }));
    }
}
