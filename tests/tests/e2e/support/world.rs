//! A folder with a policy, attestors and occurrences, and `postern` working in it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use postern_tests::openssl::{KeyPair, ec_key};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A synthetic digest: that of the one byte `x`.
pub(crate) const DIGEST: &str =
    "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
/// An image of that digest.
pub(crate) const IMAGE: &str = "us-central1-docker.pkg.dev/demo-project/repo/app@sha256:\
                                2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
/// The attestor that every policy here requires.
pub(crate) const ATTESTOR: &str = "projects/demo-project/attestors/built-by-ci";
/// Its note.
pub(crate) const NOTE: &str = "projects/demo-project/notes/built-by-ci";

/// A folder, gone when dropped.
pub(crate) struct World {
    folder: TempDir,
}

impl World {
    /// A folder whose policy requires [`ATTESTOR`].
    pub(crate) fn new() -> Self {
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        world.require(&[ATTESTOR]);
        world
    }

    /// A folder in which [`ATTESTOR`] has a P-256 key, which is given back, too.
    pub(crate) fn with_key() -> (Self, KeyPair) {
        let world = Self::new();
        let key = ec_key(world.folder(), "P-256");
        world.trust(&ecdsa_attestor(&key.public));
        (world, key)
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Writes the policy: attestations by all of these, and nothing is exempt.
    pub(crate) fn require(&self, attestors: &[&str]) {
        let policy = json!({
            "name": "projects/demo-project/policy",
            "globalPolicyEvaluationMode": "ENABLE",
            "defaultAdmissionRule": {
                "evaluationMode": "REQUIRE_ATTESTATION",
                "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
                "requireAttestationsBy": attestors,
            },
        });
        self.write("policy.json", policy.to_string());
    }

    /// Writes the attestors.
    pub(crate) fn trust(&self, attestor: &Value) {
        self.write("attestors.json", attestor.to_string());
    }

    /// Writes the occurrences.
    pub(crate) fn attested(&self, occurrences: &Value) {
        self.write("occurrences.json", occurrences.to_string());
    }

    /// `postern` with these words, in this folder.
    pub(crate) fn postern(&self, words: &[&str]) -> Command {
        let mut command = postern_tests::postern();
        command.current_dir(self.folder()).args(words);
        command
    }

    /// `postern check` by the files of this folder, with further words.
    pub(crate) fn check(&self, image: &str, further: &[&str]) -> Checked {
        let mut words = vec!["check", image, "--policy", "policy.json"];
        words.extend(["--attestors", "attestors.json", "--format", "json"]);
        if !further.contains(&"--attestations") {
            words.extend(["--attestations", "occurrences.json"]);
        }
        words.extend(further);
        Checked::of(&postern_tests::output(&mut self.postern(&words)))
    }

    /// The payload of an image.
    pub(crate) fn payload(&self, image: &str) -> Vec<u8> {
        postern_tests::run(&mut self.postern(&["payload", image]))
    }

    /// What attestors call a public key.
    pub(crate) fn key_id(&self, public: &Path) -> String {
        let id = postern_tests::run(self.postern(&["key", "id"]).arg(public));
        String::from_utf8(id).unwrap().trim().to_owned()
    }

    /// `postern signature verify`: the exit code, and what went to stdout.
    pub(crate) fn verify(
        &self,
        algorithm: &str,
        public: &Path,
        payload: &[u8],
        signature: &[u8],
    ) -> (Option<i32>, String) {
        let mut command = self.postern(&["signature", "verify", "--algorithm", algorithm]);
        command.arg("--public-key").arg(public);
        self.verified(command, payload, signature)
    }

    /// The same with an armored OpenPGP key.
    pub(crate) fn verify_pgp(
        &self,
        public: &Path,
        payload: &[u8],
        message: &[u8],
    ) -> (Option<i32>, String) {
        let mut command = self.postern(&["signature", "verify"]);
        command.arg("--pgp-public-key").arg(public);
        self.verified(command, payload, message)
    }

    fn verified(
        &self,
        mut command: Command,
        payload: &[u8],
        signature: &[u8],
    ) -> (Option<i32>, String) {
        let payload = self.write("verify.payload", payload);
        let signature = self.write("verify.signature", signature);
        command.arg("--payload").arg(payload);
        let output = postern_tests::output(command.arg("--signature").arg(signature));
        let said = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), said.trim().to_owned())
    }

    /// `postern attest` in the name of [`ATTESTOR`], with further words.
    pub(crate) fn attest(&self, image: &str, key: &str, further: &[&str]) -> Output {
        let mut words = vec!["attest", image, "--attestor", ATTESTOR, "--key", key];
        words.extend(["--attestors", "attestors.json"]);
        words.extend(further);
        postern_tests::output(&mut self.postern(&words))
    }
}

/// [`ATTESTOR`], with these public keys.
pub(crate) fn attestor(keys: &[Value]) -> Value {
    json!({
        "name": ATTESTOR,
        "userOwnedGrafeasNote": {"noteReference": NOTE, "publicKeys": keys},
        "updateTime": "2026-01-02T03:04:05.678901Z",
    })
}

/// [`ATTESTOR`] with one P-256 key, without an id, as gcloud sends it.
pub(crate) fn ecdsa_attestor(public: &Path) -> Value {
    let pem = std::fs::read_to_string(public).unwrap();
    attestor(&[json!({
        "pkixPublicKey": {"publicKeyPem": pem, "signatureAlgorithm": "ECDSA_P256_SHA256"},
    })])
}

/// What `postern check` said.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The exit code.
    pub(crate) exit: Option<i32>,
    /// The decision, `null` where there is none.
    pub(crate) decision: Value,
    /// What went to stderr.
    pub(crate) said: String,
}

impl Checked {
    /// What it said, by its output.
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            exit: output.status.code(),
            decision: serde_json::from_slice(&output.stdout).unwrap_or_default(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The codes of the first image's reasons.
    pub(crate) fn codes(&self) -> Vec<&str> {
        let reasons = self.decision["images"][0]["reasons"].as_array();
        let codes = reasons.into_iter().flatten();
        codes.filter_map(|reason| reason["code"].as_str()).collect()
    }

    /// Fails unless the deployment may go on because of an attestation.
    pub(crate) fn is_attested(&self) {
        assert_eq!(self.exit, Some(0), "{self:#?}");
        assert_eq!(self.decision["verdict"], "CONFORMANT", "{self:#?}");
        assert_eq!(self.codes(), ["ATTESTED"]);
    }

    /// Fails unless the policy says no, and this is the first reason.
    pub(crate) fn is_denied(&self, code: &str) {
        assert_eq!(self.exit, Some(1), "{self:#?}");
        assert_eq!(self.decision["verdict"], "NON_CONFORMANT", "{self:#?}");
        assert_eq!(self.codes().first(), Some(&code), "{self:#?}");
    }

    /// Fails unless nothing could be decided, and this is the first reason.
    pub(crate) fn is_undetermined(&self, code: &str) {
        assert_eq!(self.exit, Some(3), "{self:#?}");
        assert_eq!(self.decision["verdict"], "UNDETERMINED", "{self:#?}");
        assert_eq!(self.decision["allowed"], false);
        assert_eq!(self.codes().first(), Some(&code), "{self:#?}");
    }
}

/// `sha256:…` of some bytes, computed by `openssl`.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let mut openssl = Command::new("openssl");
    let hash = postern_tests::run(openssl.args(["dgst", "-sha256", "-r"]).arg(file.path()));
    format!("sha256:{}", &String::from_utf8(hash).unwrap()[..64])
}
