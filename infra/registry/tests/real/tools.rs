//! The programs that these tests start: found, or the test is skipped.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// These programs. If one is missing, the calling test is noted as skipped in the file that
/// `POSTERN_SKIPPED` names; with `CI=true`, where every tool is required, it fails.
pub(crate) fn find_all<const N: usize>(names: [&str; N]) -> Option<[PathBuf; N]> {
    let found = names.map(find);
    let missing: Vec<_> = std::iter::zip(names, &found)
        .filter_map(|(name, program)| program.is_none().then_some(name))
        .collect();
    if missing.is_empty() {
        return Some(found.map(Option::unwrap));
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "CI=true requires {missing:?}; see tests/tools/install"
    );
    let test = std::thread::current().name().unwrap_or("?").to_owned();
    if let Some(path) = std::env::var_os("POSTERN_SKIPPED") {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.append(true).create(true).open(path).unwrap();
        writeln!(file, "{test}: {missing:?}").unwrap();
    }
    None
}

/// A program on the path, where `tests/tools/install` puts what it builds, or where Go does.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tools/bin");
    let home = std::env::var_os("HOME").unwrap_or_default();
    let go = std::env::var_os("GOPATH").map_or_else(|| Path::new(&home).join("go"), PathBuf::from);
    std::env::split_paths(&path)
        .chain([PathBuf::from(built), go.join("bin")])
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}
