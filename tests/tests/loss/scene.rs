//! A data directory, receivers, and `postern` working with them.

use std::path::PathBuf;
use std::process::Command;

use postern_tests::Postgres;
use postern_tests::openssl::{KeyPair, ec_key};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::disk::{Disk, Tricks};
use crate::instance::Instance;
use crate::receivers::{Receivers, Taken};

/// A folder with everything in it, gone when dropped.
pub(crate) struct Scene {
    folder: TempDir,
    key: KeyPair,
    /// Where the store is no file of the data directory.
    pub(crate) server: Option<Postgres>,
    pub(crate) disk: Disk,
    pub(crate) receivers: Receivers,
}

const ATTESTOR: &str = "projects/demo-mart/attestors/built-by-ci";
const ORIGIN: &str = "postern.example.com/synthetic";

/// What a scene needs of the machine.
pub(crate) const TOOLS: [&str; 2] = ["cc", "openssl"];

impl Scene {
    /// A new one with SQLite in the data directory; nothing runs yet but the receivers.
    pub(crate) fn set() -> Self {
        Self::over(None)
    }

    /// The same, with the store in a server of PostgreSQL.
    pub(crate) fn over(server: Option<Postgres>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let scene = Self {
            key: ec_key(folder.path(), "P-256"),
            disk: Disk::build(folder.path(), &data),
            receivers: Receivers::start(),
            folder,
            server,
        };
        scene.write("policy.json", policy().to_string());
        scene.write("attestors.json", attestor().to_string());
        scene.write("postern.yaml", scene.config().to_string());
        scene
    }

    fn config(&self) -> Value {
        let mut outputs: Vec<_> = self
            .receivers
            .urls()
            .map(|(name, url)| json!({"name": name, "type": "webhook", "url": url, "allowPrivate": true}))
            .collect();
        outputs.push(json!({"name": FILE, "type": "file", "path": self.alerts()}));
        json!({
            "store": self.store(),
            "policy": self.path("policy.json"),
            "attestors": self.path("attestors.json"),
            "attestations": ["store"],
            "breakGlass": {"ticket": "^INC-[0-9]+"},
            "gate": {"spool": self.data().join("spool")},
            "ledger": {"origin": ORIGIN, "key": self.private_key()},
            "outputs": outputs,
        })
    }

    fn store(&self) -> String {
        match &self.server {
            Some(server) => server.url().to_owned(),
            None => format!("sqlite:{}", self.data().join("postern.db").display()),
        }
    }

    /// Changes the configuration of what is started from now on.
    pub(crate) fn configure(&self, change: impl FnOnce(&mut Value)) {
        let mut config = self.config();
        change(&mut config);
        self.write("postern.yaml", config.to_string());
    }

    /// Starts a server, and does not wait until it listens.
    pub(crate) fn start(&self, tricks: Tricks) -> Instance {
        let mut command = postern_tests::postern();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(self.path("postern.yaml"))
            .envs(self.disk.environment(tricks));
        Instance::start(&mut command)
    }

    /// Starts a server that listens.
    pub(crate) fn serve(&self, tricks: Tricks) -> Instance {
        self.start(tricks).listening()
    }

    /// A file of the folder, of outside the data directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// `postern ledger` with these words, about this store.
    pub(crate) fn ledger(&self, words: &[&str]) -> Command {
        let mut command = postern_tests::postern();
        command.arg("ledger").args(words).arg("--data");
        match &self.server {
            Some(server) => command.arg(server.url()),
            None => command.arg(self.data()),
        };
        command
    }

    /// Signs everything that was recorded.
    pub(crate) fn sign(&self) {
        let key = self.private_key();
        let words = ["checkpoint", "--origin", ORIGIN, "--key", &key];
        postern_tests::run(&mut self.ledger(&words));
    }

    /// `postern ledger verify` of the data directory: that all is as recorded, and begins with these
    /// checkpoints.
    ///
    /// # Panics
    /// If it is not.
    pub(crate) fn verify(&self, kept: &[PathBuf]) {
        let key = self.key.public.display().to_string();
        let mut command = self.ledger(&["verify", "--key", &key]);
        for kept in kept {
            command.arg("--checkpoint").arg(kept);
        }
        postern_tests::run(&mut command);
    }

    /// What the output of type `file` holds. Lines that were cut off are none.
    pub(crate) fn taken_by_file(&self) -> Taken {
        let mut taken = Taken::default();
        let text = std::fs::read(self.alerts()).unwrap_or_default();
        for line in text.split(|byte| *byte == b'\n') {
            if let Ok(alert) = serde_json::from_slice(line) {
                taken.take(None, alert);
            }
        }
        taken
    }

    fn alerts(&self) -> PathBuf {
        self.data().join("alerts.ndjson")
    }

    fn private_key(&self) -> String {
        format!("file:{}", self.key.private.display())
    }
}

/// The output of type `file`.
pub(crate) const FILE: &str = "file";

/// Attestations are required, and there are none.
fn policy() -> Value {
    json!({
        "name": "projects/demo-mart/policy",
        "globalPolicyEvaluationMode": "ENABLE",
        "defaultAdmissionRule": {
            "evaluationMode": "REQUIRE_ATTESTATION",
            "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
            "requireAttestationsBy": [ATTESTOR],
        },
    })
}

fn attestor() -> Value {
    json!({
        "name": ATTESTOR,
        "userOwnedGrafeasNote": {"noteReference": "projects/demo-mart/notes/built-by-ci", "publicKeys": []},
    })
}
