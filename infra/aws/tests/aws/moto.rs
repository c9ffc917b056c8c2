//! moto as a child process.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use aws_sdk_kms::types::{KeySpec, KeyUsageType};
use postern_aws::Session;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::session::{config, session};

const PATIENCE: Duration = Duration::from_secs(60);

/// A running moto, ended when it is dropped.
pub(crate) struct Moto {
    child: Child,
    address: SocketAddr,
}

impl Moto {
    /// Starts moto on a port that the system chooses and waits until it says which. `None` if moto
    /// is missing: the test is noted as skipped, and has nothing to do.
    pub(crate) async fn start() -> Option<Self> {
        let mut child = Command::new(find()?)
            .args(["-H", "127.0.0.1", "-p", "0"])
            .env("PYTHONUNBUFFERED", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = timeout(PATIENCE, async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some((_, address)) = line.split_once("Running on http://") {
                    return address.trim().parse().unwrap();
                }
            }
            panic!("moto_server ended");
        });
        let address = address.await.expect("moto_server listens");
        // Read on, so that it never waits for a reader of its log.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Some(Self { child, address })
    }

    /// Ends it.
    pub(crate) async fn stop(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A session that talks to it.
    pub(crate) fn session(&self) -> Session {
        session(&format!("http://{}", self.address))
    }

    /// Makes a key and answers its id.
    pub(crate) async fn create_key(&self, spec: KeySpec, usage: KeyUsageType) -> String {
        let client = self.kms();
        let answer = client
            .create_key()
            .key_spec(spec)
            .key_usage(usage)
            .send()
            .await
            .unwrap();
        answer.key_metadata.unwrap().key_id
    }

    /// Gives a key another name.
    pub(crate) async fn alias(&self, name: &str, key_id: &str) {
        let request = self
            .kms()
            .create_alias()
            .alias_name(name)
            .target_key_id(key_id);
        request.send().await.unwrap();
    }

    fn kms(&self) -> aws_sdk_kms::Client {
        aws_sdk_kms::Client::new(&config(&format!("http://{}", self.address)))
    }
}

/// moto's server: on the path, or where `tests/tools/install` puts it. If it is missing, the calling
/// test is noted as skipped in the file that `POSTERN_SKIPPED` names; with `CI=true`, where every
/// tool is required, it fails.
fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tools/bin");
    let found = std::env::split_paths(&path)
        .chain([PathBuf::from(built)])
        .map(|folder| folder.join("moto_server"))
        .find(|program| program.is_file());
    if found.is_some() {
        return found;
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "CI=true requires moto_server; see tests/tools/install"
    );
    let test = std::thread::current().name().unwrap_or("?").to_owned();
    if let Some(path) = std::env::var_os("POSTERN_SKIPPED") {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.append(true).create(true).open(path).unwrap();
        writeln!(file, "{test}: [\"moto_server\"]").unwrap();
    }
    None
}
