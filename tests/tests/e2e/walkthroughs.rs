//! The walkthroughs of `infra/pipelines/walkthroughs`: the commands that they show, run as they stand there.

mod cloud_run;
mod trust;

use std::path::{Path, PathBuf};
use std::process::Command;

use postern_tests::document::{Step, script, steps};
use postern_tests::output;

use crate::support::{Process, World, ours};

/// What every walkthrough takes.
const TOOLS: [&str; 4] = ["gcloud", "bash", "curl", "jq"];

/// A server in an empty folder, and whoever follows a document there.
struct Reader {
    world: World,
    _server: Process,
    shell: Command,
}

impl Reader {
    /// Starts `postern serve`, as the documents say, with more in its environment.
    fn new(configured: &[(&str, &str)]) -> Self {
        Self::in_world(World::new(), configured)
    }

    fn in_world(world: World, configured: &[(&str, &str)]) -> Self {
        let mut command = ours("postern");
        command
            .current_dir(world.folder())
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env("POSTERN__ATTESTATIONS", "[store]")
            .envs(configured.iter().copied());
        let server = Process::serve(&mut command);
        let shell = shell(&world, &server);
        Self {
            world,
            _server: server,
            shell,
        }
    }

    /// Gives the shell a variable.
    fn with(&mut self, name: &str, value: &str) {
        self.shell.env(name, value);
    }

    /// Follows what is to be done first, then a document.
    ///
    /// # Panics
    /// Where a step does not do what the document says.
    fn follow(&mut self, document: &str) {
        let documents = ["README.md", document];
        let all: Vec<(&str, Step)> = documents.into_iter().flat_map(of).collect();
        let script = script(all.iter().map(|(_, step)| step));
        let shell = self.shell.args(["-c", &script]);
        let ran = output(shell);
        let broken = String::from_utf8_lossy(&ran.stderr).into_owned();
        for (index, (document, step)) in all.iter().enumerate() {
            let left = |end: &str| self.left(&format!("{index}.{end}"));
            let at = format!("{document}:{} ({})", step.line, step.heading);
            let said = left("said");
            let seen = format!("{}\n{said}\n{broken}", step.commands);
            assert_eq!(left("exit").trim(), step.exit.to_string(), "{at}\n{seen}");
            assert_eq!(step.unsaid(&said), None, "{at}: this was not said\n{seen}");
        }
    }

    fn left(&self, name: &str) -> String {
        let bytes = std::fs::read(self.world.path(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

fn shell(world: &World, server: &Process) -> Command {
    let postern = postern_tests::binary("postern");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::split_paths(&path);
    let path = std::iter::once(postern.parent().unwrap().to_owned()).chain(path);
    let mut bash = Command::new("bash");
    bash.current_dir(world.folder())
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("HOME", world.folder())
        .env("TMPDIR", world.folder())
        .env("NO_COLOR", "1")
        // gcloud writes no bold words there.
        .env("TERM", "dumb")
        .env("SERVER", format!("http://{}", server.address()))
        .env("CLOUDSDK_CORE_DISABLE_USAGE_REPORTING", "true")
        .env("CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK", "true");
    bash
}

/// The steps of a document, and its name beside each.
fn of(document: &str) -> Vec<(&str, Step)> {
    let text = std::fs::read_to_string(folder().join(document)).unwrap();
    let steps = steps(&text);
    steps.into_iter().map(|step| (document, step)).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/pipelines/walkthroughs")
}

/// No document is left out.
#[test]
fn every_walkthrough_is_followed() {
    let mut documents: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    documents.sort();
    let mut followed = [&trust::FOLLOWED[..], &cloud_run::FOLLOWED, &["README.md"]].concat();
    followed.sort_unstable();
    assert_eq!(documents, followed);
}
