//! The spool of the emergency door: entries that could not go into the journal, one file each, in a
//! directory that needs nothing but a disk. They are taken in later under the same id.

mod disk;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use postern_core::entry::Entry;
use postern_core::image::shortened;
use postern_core::ports::{EmergencySpool, Unavailable};
use ulid::Ulid;

use self::disk::{Disk, RealDisk};

/// Files in the directory, so that nobody fills the disk by breaking the glass.
const MOST_FILES: usize = 10_000;
/// The largest entry, in bytes.
const MOST_BYTES: usize = 4 << 20;
/// Entries that may fail in one drain: the journal is down, and the rest would fail as well. One that
/// the journal will never take says nothing about the rest.
const MOST_FAILURES: usize = 3;

/// A directory of entries that wait for the journal.
#[derive(Debug, Clone)]
pub struct Spool {
    directory: PathBuf,
    most_files: usize,
    disk: Arc<dyn Disk>,
}

/// Why an entry could not be spooled, or the spool not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// There are as many files as there may be.
    #[error("the spool is full with {0} entries: start the auditor, so that it takes them in")]
    Full(usize),
    /// The entry's id cannot be a file's name.
    #[error("{0:?} is no ULID")]
    Id(String),
    /// The entry is larger than what is ever read back.
    #[error("the entry has {0} bytes, too many for the spool")]
    TooLarge(usize),
    /// The id was used before, for something else.
    #[error("entry {0} is in the spool already, with other content")]
    Conflict(String),
    /// The disk does not take it.
    #[error("{}: {reason}", .path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
}

/// What became of the entries of a spool.
#[derive(Debug, Default)]
pub struct Drained {
    /// Ids of those that were taken in; they are gone from the spool.
    pub taken: Vec<String>,
    /// Those that could not be taken in; they stay.
    pub failed: Vec<(String, Unavailable)>,
    /// Files that are no entries; they stay as they are, for a person to look at.
    pub unreadable: Vec<Unreadable>,
}

/// A file in the spool that is no entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

impl Spool {
    /// A spool in this directory, which is made if it is missing. Blocks.
    ///
    /// # Errors
    /// If the directory cannot be made.
    pub fn open(directory: &Path) -> Result<Self, SpoolError> {
        crate::files::make_private_directory(directory)
            .map_err(|error| SpoolError::disk(directory, &error))?;
        let spool = Self {
            directory: directory.to_owned(),
            most_files: MOST_FILES,
            disk: Arc::new(RealDisk),
        };
        // The new directory must outlive a crash as well as what is in it.
        if let Some(parent) = directory
            .canonicalize()
            .ok()
            .as_deref()
            .and_then(Path::parent)
        {
            let synced = spool.disk.sync_directory(parent);
            synced.map_err(|error| SpoolError::disk(parent, &error))?;
        }
        Ok(spool)
    }

    /// Records an entry. When this returns, file and directory are synced: no crash loses it. The
    /// same entry again changes nothing. It is finished even if the caller stops waiting.
    ///
    /// # Errors
    /// If it is not certain that the entry is on the disk.
    pub async fn write(&self, entry: &Entry) -> Result<(), SpoolError> {
        let (spool, entry) = (self.clone(), entry.clone());
        let written = tokio::task::spawn_blocking(move || spool.write_blocking(&entry)).await;
        written.unwrap_or_else(|error| {
            Err(SpoolError::Disk {
                path: self.directory.clone(),
                reason: error.to_string(),
            })
        })
    }

    /// Hands every entry to `take`, oldest first, and deletes those that it took. An entry may be
    /// handed over again after a crash, so `take` must be idempotent by id, as the journal is.
    ///
    /// # Errors
    /// If the directory cannot be read; what happens to single entries is in the result.
    pub async fn drain<F, T>(&self, mut take: F) -> Result<Drained, SpoolError>
    where
        F: FnMut(Entry) -> T,
        T: Future<Output = Result<(), Unavailable>>,
    {
        let mut drained = Drained::default();
        let mut outages = 0;
        for path in self.files().await? {
            let entry = match read(&path).await {
                Ok(Some(entry)) => entry,
                // Somebody else drains, too.
                Ok(None) => continue,
                Err(reason) => {
                    tracing::error!(file = %path.display(), reason, "spooled file is no entry");
                    drained.unreadable.push(Unreadable { path, reason });
                    continue;
                }
            };
            let id = entry.id.clone();
            if let Err(error) = take(entry).await {
                outages += usize::from(!error.permanent);
                drained.failed.push((id, error));
                if outages == MOST_FAILURES {
                    break;
                }
                continue;
            }
            remove(&path).await?;
            drained.taken.push(id);
        }
        Ok(drained)
    }

    /// Written beside, synced, renamed, and the directory synced: a file of the final name is
    /// always whole.
    fn write_blocking(&self, entry: &Entry) -> Result<(), SpoolError> {
        let (path, bytes) = (self.path_of(&entry.id)?, bytes_of(entry)?);
        let failed = |error: std::io::Error| SpoolError::disk(&path, &error);
        match std::fs::read(&path) {
            Ok(there) if there == bytes => {
                // Whoever wrote it may have died before this.
                return self.disk.sync_directory(&self.directory).map_err(failed);
            }
            Ok(_) => return Err(SpoolError::Conflict(entry.id.clone())),
            Err(_) => self.check_room()?,
        }
        let temporary = path.with_extension(format!("{}.tmp", Ulid::new()));
        let written = self
            .disk
            .write_synced(&temporary, &bytes)
            .and_then(|()| self.disk.rename(&temporary, &path))
            .and_then(|()| self.disk.sync_directory(&self.directory));
        written.map_err(|error| {
            // Only tidiness: what is left behind is never taken for an entry.
            let _ = std::fs::remove_file(&temporary);
            failed(error)
        })
    }

    fn path_of(&self, id: &str) -> Result<PathBuf, SpoolError> {
        match Ulid::from_string(id) {
            Ok(_) => Ok(self.directory.join(format!("{id}.json"))),
            Err(_) => Err(SpoolError::Id(shortened(id))),
        }
    }

    fn check_room(&self) -> Result<(), SpoolError> {
        let files = std::fs::read_dir(&self.directory)
            .map_err(|error| SpoolError::disk(&self.directory, &error))?
            .take(self.most_files)
            .count();
        if files == self.most_files {
            return Err(SpoolError::Full(files));
        }
        Ok(())
    }

    /// The entries' files, oldest first; the unfinished ones are none.
    async fn files(&self) -> Result<Vec<PathBuf>, SpoolError> {
        let failed = |error: std::io::Error| SpoolError::disk(&self.directory, &error);
        let mut directory = tokio::fs::read_dir(&self.directory).await.map_err(failed)?;
        let mut files = Vec::new();
        while let Some(file) = directory.next_entry().await.map_err(failed)? {
            let path = file.path();
            if path.extension() != Some(OsStr::new("tmp")) {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }
}

#[async_trait]
impl EmergencySpool for Spool {
    async fn record(&self, entry: &Entry) -> Result<(), Unavailable> {
        let name = || format!("spool {}", self.directory.display());
        self.write(entry)
            .await
            .map_err(|error| Unavailable::new(name(), error))
    }
}

impl SpoolError {
    fn disk(path: &Path, error: &std::io::Error) -> Self {
        Self::Disk {
            path: path.to_owned(),
            reason: error.to_string(),
        }
    }
}

fn bytes_of(entry: &Entry) -> Result<Vec<u8>, SpoolError> {
    let bytes = serde_json_canonicalizer::to_vec(entry).map_err(|error| SpoolError::Disk {
        path: PathBuf::from(&entry.id),
        reason: error.to_string(),
    })?;
    if bytes.len() > MOST_BYTES {
        return Err(SpoolError::TooLarge(bytes.len()));
    }
    Ok(bytes)
}

/// The entry in a file; `None` if the file is gone.
async fn read(path: &Path) -> Result<Option<Entry>, String> {
    use tokio::io::AsyncReadExt as _;
    let file = match tokio::fs::File::open(path).await {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| error.to_string())?,
    };
    let mut bytes = Vec::new();
    let mut bounded = file.take(MOST_BYTES as u64 + 1);
    let read = bounded.read_to_end(&mut bytes).await;
    read.map_err(|error| error.to_string())?;
    if bytes.len() > MOST_BYTES {
        return Err(format!("it is larger than {MOST_BYTES} bytes"));
    }
    let entry: Entry = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    if path.file_name() != Some(OsStr::new(&format!("{}.json", entry.id))) {
        return Err(format!("it holds entry {:?}", shortened(&entry.id)));
    }
    Ok(Some(entry))
}

async fn remove(path: &Path) -> Result<(), SpoolError> {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(SpoolError::disk(path, &error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
