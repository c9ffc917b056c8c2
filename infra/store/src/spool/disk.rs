//! The three steps that make a file outlive a crash.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

/// What the spool asks of a file system.
pub(super) trait Disk: std::fmt::Debug + Send + Sync {
    /// Writes a new file and syncs it.
    fn write_synced(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()>;

    /// Gives a file its final name.
    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()>;

    /// Syncs the names in a directory.
    fn sync_directory(&self, path: &Path) -> std::io::Result<()>;
}

#[derive(Debug)]
pub(super) struct RealDisk;

impl Disk for RealDisk {
    fn write_synced(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        std::fs::rename(from, to)
    }

    fn sync_directory(&self, path: &Path) -> std::io::Result<()> {
        File::open(path)?.sync_all()
    }
}
