//! A server of ours as a process, with everything it says.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};

use serde_json::Value;

use super::World;
use super::http::PATIENCE;

/// A binary of this workspace, with an environment that says nothing about this machine.
pub(crate) fn ours(name: &str) -> Command {
    let mut command = Command::new(postern_tests::binary(name));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if ["POSTERN", "AWS_", "GOOGLE_", "K_", "PORT"]
            .iter()
            .any(|word| name.starts_with(word))
        {
            command.env_remove(&*name);
        }
    }
    command
}

/// Lines as they come, from stdout and stderr.
#[derive(Default)]
struct Said {
    lines: Mutex<(Vec<String>, usize)>,
    changed: Condvar,
}

/// A running process, ended when dropped.
pub(crate) struct Process {
    child: Child,
    said: Arc<Said>,
    address: String,
}

impl Process {
    /// Starts a server and waits for the line that says where it listens.
    ///
    /// # Panics
    /// If it ends before.
    pub(crate) fn serve(command: &mut Command) -> Self {
        let mut process = Self::spawn(command);
        let line = process.line("listening on http");
        let (_, address) = line.rsplit_once("://").unwrap();
        process.address = address.to_owned();
        process
    }

    /// Starts `postern serve` in this folder, with this configuration and its data in `data`.
    pub(crate) fn serve_configured(world: &World, config: &Value) -> Self {
        world.write("postern.json", config.to_string());
        let mut command = ours("postern");
        command
            .current_dir(world.folder())
            .args(["serve", "--data", "data", "--listen", "127.0.0.1:0"])
            .args(["--config", "postern.json"]);
        Self::serve(&mut command)
    }

    /// Starts a process that listens nowhere.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let said = Arc::new(Said::default());
        said.listen(child.stdout.take().unwrap());
        said.listen(child.stderr.take().unwrap());
        Self {
            child,
            said,
            address: String::new(),
        }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Waits for a line with this in it.
    ///
    /// # Panics
    /// If the process ends without it, or says nothing of the kind for a minute.
    pub(crate) fn line(&self, with: &str) -> String {
        let lines = self.said.lines.lock().unwrap();
        let missing = |(lines, open): &mut (Vec<String>, usize)| {
            *open > 0 && !lines.iter().any(|line| line.contains(with))
        };
        let waited = self
            .said
            .changed
            .wait_timeout_while(lines, PATIENCE, missing);
        let (lines, _) = waited.unwrap();
        let found = lines.0.iter().find(|line| line.contains(with));
        found
            .unwrap_or_else(|| panic!("no line with {with:?} in:\n{}", lines.0.join("\n")))
            .clone()
    }

    /// Everything said so far.
    pub(crate) fn said(&self) -> String {
        self.said.lines.lock().unwrap().0.join("\n")
    }

    /// Asks it to end.
    pub(crate) fn ask_to_end(&self) {
        let id = self.child.id().to_string();
        postern_tests::run(Command::new("kill").args(["-TERM", &id]));
    }

    /// Waits until it has ended.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Said {
    fn listen(self: &Arc<Self>, output: impl Read + Send + 'static) {
        let said = Arc::clone(self);
        said.lines.lock().unwrap().1 += 1;
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                said.lines.lock().unwrap().0.push(line);
                said.changed.notify_all();
            }
            said.lines.lock().unwrap().1 -= 1;
            said.changed.notify_all();
        });
    }
}
