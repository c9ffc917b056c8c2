//! The binaries as they are shipped.

use std::path::PathBuf;
use std::process::Command;

/// The path of a binary of this workspace, built beside the tests.
///
/// # Panics
/// If it was not built.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.ancestors().nth(2).unwrap().join(name);
    assert!(
        built.is_file(),
        "{} is missing; run: cargo build --workspace --all-features --bins",
        built.display()
    );
    built
}

/// The `postern` command, with an environment that says nothing about the machine it runs on.
pub fn postern() -> Command {
    let mut command = Command::new(binary("postern"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("POSTERN") || name.starts_with("AWS_") || name.starts_with("GOOGLE_") {
            command.env_remove(&*name);
        }
    }
    command.env("NO_COLOR", "1");
    command
}
