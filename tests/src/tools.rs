//! Tools from outside: found, or said to be missing.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output};

/// Whether all of these commands are here. If not, the calling test has nothing to do: it is noted
/// as skipped in the file that `POSTERN_SKIPPED` names, and the test returns.
///
/// # Panics
/// With `CI=true`, where every tool is required.
pub fn have(tools: &[&str]) -> bool {
    let missing = tools.iter().filter(|tool| find(tool).is_none());
    let missing: Vec<&str> = missing.copied().collect();
    if missing.is_empty() {
        return true;
    }
    note_missing(&missing);
    false
}

/// Notes the calling test as skipped for want of these tools.
pub(crate) fn note_missing(missing: &[&str]) {
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "CI=true requires {missing:?}; see tests/tools/install"
    );
    let test = std::thread::current().name().unwrap_or("?").to_owned();
    if let Ok(path) = std::env::var("POSTERN_SKIPPED") {
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .unwrap();
        writeln!(file, "{test}: {missing:?}").unwrap();
    }
}

/// Runs a command to its end and gives back its standard output.
///
/// # Panics
/// If it cannot be started or exits with an error, with what it said.
pub fn run(command: &mut Command) -> Vec<u8> {
    let output = output(command);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// Runs a command to its end, whatever that is.
///
/// # Panics
/// If it cannot be started.
pub fn output(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// A command by its name: in `PATH`, or where `tests/tools/install` puts what it builds.
pub(crate) fn find(tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/bin");
    std::env::split_paths(&path)
        .chain([PathBuf::from(built)])
        .map(|folder| folder.join(tool))
        .find(|file| file.is_file())
}

/// A command by its name.
///
/// # Panics
/// If it is not here: ask [`have`] first.
pub(crate) fn command(tool: &str) -> Command {
    Command::new(find(tool).unwrap_or_else(|| panic!("{tool} is missing; see tests/tools/install")))
}
