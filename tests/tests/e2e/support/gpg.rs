//! GnuPG in a home of its own.

use std::io::Write as _;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A key ring, gone with its agent when dropped.
pub(crate) struct KeyRing {
    home: TempDir,
}

/// The year in which keys are made that have expired since.
const PAST: &str = "20200101T000000";

impl KeyRing {
    /// An empty one.
    pub(crate) fn new() -> Self {
        // The agent's socket needs a short path.
        let home = tempfile::Builder::new().prefix("gpg").tempdir().unwrap();
        Self { home }
    }

    /// Makes a key that can sign, and gives back its fingerprint.
    pub(crate) fn key(&self, algorithm: &str) -> String {
        self.make(&[], algorithm, "never")
    }

    /// Makes a key that has expired, and gives back its fingerprint.
    pub(crate) fn expired_key(&self, algorithm: &str) -> String {
        self.make(&["--faked-system-time", PAST], algorithm, "30d")
    }

    fn make(&self, when: &[&str], algorithm: &str, expires: &str) -> String {
        let user = format!("Synthetic {algorithm} <{algorithm}@example.com>");
        let words = ["--quick-generate-key", &user, algorithm, "sign", expires];
        postern_tests::run(self.gpg(when).args(["--passphrase", ""]).args(words));
        let listed = postern_tests::run(self.gpg(&["--with-colons", "--list-keys"]).arg(&user));
        let listed = String::from_utf8(listed).unwrap();
        let line = listed.lines().find(|line| line.starts_with("fpr:"));
        line.unwrap().split(':').nth(9).unwrap().to_owned()
    }

    /// The armored public key.
    pub(crate) fn public(&self, fingerprint: &str) -> String {
        let armored = postern_tests::run(self.gpg(&["--armor", "--export"]).arg(fingerprint));
        String::from_utf8(armored).unwrap()
    }

    /// The armored secret key, without a passphrase.
    pub(crate) fn secret(&self, fingerprint: &str) -> String {
        let words = ["--armor", "--export-secret-keys"];
        let armored = postern_tests::run(self.gpg(&words).arg(fingerprint));
        String::from_utf8(armored).unwrap()
    }

    /// Takes the revocation certificate that GnuPG made beside the key.
    pub(crate) fn revoke(&self, fingerprint: &str) {
        let file = format!("openpgp-revocs.d/{fingerprint}.rev");
        let text = std::fs::read_to_string(self.home.path().join(file)).unwrap();
        // GnuPG puts a colon in front, so that nobody does this by accident.
        let text = text.replace("\n:-----BEGIN", "\n-----BEGIN");
        self.feed(&mut self.gpg(&["--import"]), text.as_bytes());
    }

    /// An attached, armored message, as `gpg --armor --sign` makes it.
    pub(crate) fn sign(&self, fingerprint: &str, payload: &[u8]) -> Vec<u8> {
        self.feed(
            &mut self.gpg(&["--armor", "--sign", "--local-user", fingerprint]),
            payload,
        )
    }

    /// The same, in the past, when the expired key had not yet expired.
    pub(crate) fn signed_in_the_past(&self, fingerprint: &str, payload: &[u8]) -> Vec<u8> {
        let words = [
            "--faked-system-time",
            "20200102T000000",
            "--armor",
            "--sign",
        ];
        self.feed(
            self.gpg(&words).args(["--local-user", fingerprint]),
            payload,
        )
    }

    /// What GnuPG reads in a signed message, if the signature is good.
    pub(crate) fn decrypt(&self, message: &[u8]) -> Vec<u8> {
        self.feed(&mut self.gpg(&["--decrypt"]), message)
    }

    fn gpg(&self, words: &[&str]) -> Command {
        let mut command = Command::new("gpg");
        command
            .args([
                "--batch",
                "--yes",
                "--quiet",
                "--pinentry-mode",
                "loopback",
                "--homedir",
            ])
            .arg(self.home.path())
            .args(words)
            .stderr(Stdio::null());
        command
    }

    fn feed(&self, command: &mut Command, input: &[u8]) -> Vec<u8> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", output.status);
        output.stdout
    }
}

impl Drop for KeyRing {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf")
            .arg("--homedir")
            .arg(self.home.path())
            .args(["--kill", "all"])
            .output();
    }
}
