//! Servers from outside, each on a free port of loopback, gone when dropped.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::tools::command;

/// How long a server may take until it says where it listens. Generous: it bounds a hang, and
/// nothing waits for it to pass.
const START: Duration = Duration::from_secs(60);

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: String,
}

/// Where a server says that it is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Its standard output.
    Stdout,
    /// Its standard error.
    Stderr,
}

impl Server {
    /// Starts a server and waits for the line in which it says `marker`, followed by its address.
    ///
    /// # Panics
    /// If it cannot be started, ends, or does not say so within a minute.
    pub fn start(mut command: Command, stream: Stream, marker: &'static str) -> Self {
        let (watched, other) = (Stdio::piped(), Stdio::null());
        let mut child = match stream {
            Stream::Stdout => command.stdout(watched).stderr(other),
            Stream::Stderr => command.stderr(watched).stdout(other),
        }
        .stdin(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let output: Box<dyn Read + Send> = match stream {
            Stream::Stdout => Box::new(child.stdout.take().unwrap()),
            Stream::Stderr => Box::new(child.stderr.take().unwrap()),
        };
        let lines = lines_of(output);
        let mut said = String::new();
        let address = loop {
            match lines.recv_timeout(START) {
                Ok(line) => match line.split_once(marker) {
                    Some((_, rest)) => break address_in(rest),
                    None => said.extend([line.as_str(), "\n"]),
                },
                Err(error) => {
                    let _ = child.kill();
                    panic!("{command:?} is not ready: {error}\n{said}");
                }
            }
        };
        Self { child, address }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The process, to be paused or ended.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends the server at once, as a crash would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks the server to end, and waits until it has.
    ///
    /// # Panics
    /// If it cannot be asked.
    pub fn terminate(&mut self) -> std::process::ExitStatus {
        crate::run(Command::new("kill").args(["-TERM", &self.id().to_string()]));
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Debian's registry, `distribution` 2.8: it knows no referrers API.
pub fn docker_registry(folder: &Path) -> Server {
    distribution(command("docker-registry"), folder)
}

/// The registry of `distribution` 3: it knows no referrers API either.
pub fn registry_v3(folder: &Path) -> Server {
    distribution(command("registry"), folder)
}

/// `referrers-registry`, a registry in memory that has the referrers API of the OCI distribution
/// specification 1.1. Its source is in `infra/registry/tests`.
pub fn referrers_registry() -> Server {
    Server::start(
        command("referrers-registry"),
        Stream::Stderr,
        "listening on ",
    )
}

/// moto's server, which stands in for AWS.
pub fn moto() -> Server {
    let mut command = command("moto_server");
    command
        .args(["-H", "127.0.0.1", "-p", "0"])
        .env("PYTHONUNBUFFERED", "1");
    Server::start(command, Stream::Stderr, "Running on http://")
}

/// fake-gcs-server, which stands in for Cloud Storage, with this empty bucket.
pub fn fake_gcs(folder: &Path, bucket: &str) -> Server {
    std::fs::create_dir_all(folder.join(bucket)).unwrap();
    let address = free_address();
    let (_, port) = address.rsplit_once(':').unwrap();
    let mut command = command("fake-gcs-server");
    command.args(["-scheme", "http", "-host", "127.0.0.1", "-port", port]);
    command
        .arg("-data")
        .arg(folder)
        .args(["-backend", "memory"]);
    let mut server = Server::start(command, Stream::Stderr, "server started at ");
    server.address = address;
    server
}

/// An address whose port was free just now, for servers that take no port 0.
fn free_address() -> String {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().to_string()
}

/// A server that takes mail and writes it to a folder, one JSON file a mail, on a port or a free one; see
/// `tests/tools/smtp-receiver.py` for the further words.
pub fn smtp_receiver(folder: &Path, port: u16, words: &[&str]) -> Server {
    let mut command = command("smtp-receiver");
    let port = format!("--port={port}");
    command.arg(folder).arg(port).args(words);
    Server::start(command, Stream::Stdout, "listening on ")
}

/// Google's emulator of Pub/Sub. It takes no port 0, so the port is one that was free just now.
///
/// # Panics
/// If no port is free.
pub fn pubsub_emulator() -> Server {
    let address = free_address();
    pubsub_emulator_at(&address)
}

/// The emulator at this address of loopback.
///
/// # Panics
/// If it is no address.
pub fn pubsub_emulator_at(address: &str) -> Server {
    let (_, port) = address.rsplit_once(':').unwrap();
    let mut command = command("pubsub-emulator");
    command.args(["--host=127.0.0.1", &format!("--port={port}")]);
    let mut server = Server::start(command, Stream::Stderr, "Server started, listening on ");
    // It says the port only.
    server.address = address.to_owned();
    server
}

fn distribution(mut command: Command, folder: &Path) -> Server {
    let config = folder.join("registry.yml");
    let text = format!(
        "version: 0.1\n\
         log: {{level: info, formatter: json, accesslog: {{disabled: true}}}}\n\
         storage:\n  \
           filesystem: {{rootdirectory: {:?}}}\n  \
           delete: {{enabled: true}}\n\
         http: {{addr: '127.0.0.1:0'}}\n",
        folder.join("registry")
    );
    std::fs::write(&config, text).unwrap();
    command
        .arg("serve")
        .arg(&config)
        .env("OTEL_TRACES_EXPORTER", "none");
    Server::start(command, Stream::Stderr, "listening on ")
}

/// Lines as they come, read on to the end so that the server never blocks on a full pipe.
fn lines_of(output: Box<dyn Read + Send>) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    receiver
}

fn address_in(text: &str) -> String {
    let text = text.trim_start_matches("http://");
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || ".:[]-".contains(c)))
        .unwrap_or(text.len());
    text[..end].to_owned()
}
