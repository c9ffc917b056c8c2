//! Debian's registry, with its access log.

use std::path::{Path, PathBuf};
use std::process::Command;

use postern_tests::{Layout, Server, Stream, write_layout};
use serde_json::json;

/// A running registry.
pub(crate) struct LoggedRegistry {
    server: Server,
    log: PathBuf,
}

impl LoggedRegistry {
    /// Starts one that keeps its data in this folder.
    pub(crate) fn start(folder: &Path) -> Self {
        let config = json!({
            "version": "0.1",
            "storage": {"filesystem": {"rootdirectory": folder.join("registry")}},
            "http": {"addr": "127.0.0.1:0"},
        });
        let config_file = folder.join("registry.yml");
        std::fs::write(&config_file, config.to_string()).unwrap();
        let log = folder.join("access.log");
        let mut command = Command::new("sh");
        command.arg("-c");
        command.arg(r#"exec docker-registry serve "$1" >"$2""#);
        command.arg("sh").arg(config_file).arg(&log);
        let server = Server::start(command, Stream::Stderr, "listening on ");
        Self { server, log }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        self.server.address()
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        self.server.kill();
    }

    /// Stops it in its tracks: connections are taken, and nothing is answered.
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.server.id().to_string();
        postern_tests::run(Command::new("kill").args([signal, &id]));
    }

    /// Pushes an image that differs by this word, and gives back its name with the digest.
    pub(crate) fn push(&self, folder: &Path, word: &str, tag: &str) -> String {
        layout(folder, word).push(self.address(), "demo/app", tag)
    }

    /// The requests that Postern made so far: method and path.
    pub(crate) fn requests(&self) -> Vec<String> {
        let log = std::fs::read_to_string(&self.log).unwrap();
        let requests = log.lines().filter(|line| line.contains("postern"));
        let request = |line: &str| line.split('"').nth(1).unwrap().to_owned();
        requests.map(request).collect()
    }
}

/// An OCI layout with one image that differs by this word.
pub(crate) fn layout(folder: &Path, word: &str) -> Layout {
    write_layout(&folder.join(format!("layout-{word}")), word)
}
