//! A PostgreSQL server of a test's own.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::tools;

/// A new server, which ends with the value.
pub struct Postgres {
    directory: TempDir,
    url: String,
}

impl Postgres {
    /// Starts one. `None` if PostgreSQL is missing: the calling test is noted as skipped, and has
    /// nothing to do.
    ///
    /// # Panics
    /// If it does not start; with `CI=true` also if it is missing.
    pub fn start() -> Option<Self> {
        let mut server = Self {
            directory: tempfile::tempdir().unwrap(),
            url: String::new(),
        };
        let started = tools::output(&mut server.tool("start"));
        if started.status.code() == Some(3) {
            tools::note_missing(&["postgresql"]);
            return None;
        }
        let said = String::from_utf8_lossy(&started.stderr);
        assert!(started.status.success(), "{said}");
        server.url = String::from_utf8(started.stdout).unwrap().trim().to_owned();
        Some(server)
    }

    /// The URL of its database `postgres`, as its superuser.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same, as another of its roles.
    #[must_use]
    pub fn url_as(&self, role: &str) -> String {
        self.url.replace("//postgres@", &format!("//{role}@"))
    }

    /// Stops it at once, as a crash would.
    ///
    /// # Panics
    /// If it cannot be stopped.
    pub fn crash(&self) {
        tools::run(&mut self.tool("stop"));
    }

    /// Starts it again on what it had written.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&self) {
        tools::run(&mut self.tool("start"));
    }

    fn tool(&self, word: &str) -> Command {
        let tool = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/postgres");
        let mut command = Command::new(tool);
        command.arg(word).arg(self.server());
        command
    }

    fn server(&self) -> PathBuf {
        self.directory.path().join("server")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // It may have been stopped already; its files go with the directory.
        let _ = self.tool("stop").output();
    }
}
