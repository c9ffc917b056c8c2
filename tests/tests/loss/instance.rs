//! One `postern serve`.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};

use crate::client::PATIENCE;

/// A running server; killed when dropped.
pub(crate) struct Instance {
    child: Child,
    address: String,
    addresses: mpsc::Receiver<String>,
    said: Arc<Mutex<VecDeque<String>>>,
}

/// So many of the lines that it said are kept.
const KEPT: usize = 400;

impl Instance {
    /// Starts a server, and does not wait until it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let said = Arc::default();
        let (sender, addresses) = mpsc::channel();
        listen(child.stdout.take().unwrap(), &said, sender.clone());
        listen(child.stderr.take().unwrap(), &said, sender);
        Self {
            child,
            address: String::new(),
            addresses,
            said,
        }
    }

    /// Waits until it listens.
    ///
    /// # Panics
    /// If it ends instead.
    pub(crate) fn listening(mut self) -> Self {
        let address = self.addresses.recv_timeout(PATIENCE);
        self.address = address.unwrap_or_else(|_| panic!("it does not listen:\n{}", self.said()));
        self
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What it said last.
    pub(crate) fn said(&self) -> String {
        let said = self.said.lock().unwrap();
        said.iter().map(|line| format!("{line}\n")).collect()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn end(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        postern_tests::run(Command::new("kill").args(["-TERM", &id]));
        self.child.wait().unwrap()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.kill();
    }
}

fn listen(
    output: impl Read + Send + 'static,
    said: &Arc<Mutex<VecDeque<String>>>,
    addresses: mpsc::Sender<String>,
) {
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let Some((_, address)) = line.split_once("listening on http://") {
                let _ = addresses.send(address.to_owned());
            }
            let mut said = said.lock().unwrap();
            said.push_back(line);
            if said.len() > KEPT {
                said.pop_front();
            }
        }
    });
}
