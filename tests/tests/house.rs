//! The house rules that no compiler checks: which way dependencies point, what stands at the top
//! of the tree, and what no file may contain.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{Dependency, DependencyKind, MetadataCommand, Package, TargetKind};

/// What `core` may be built on. Short and closed: adding to it is a decision, not a convenience.
const CORE_DEPENDENCIES: [&str; 11] = [
    "async-trait",
    "base64",
    "ct-merkle",
    "hex",
    "jiff",
    "regex",
    "serde",
    "serde-saphyr",
    "serde_json",
    "sha2",
    "thiserror",
];

/// What `core` never says outside of its tests, because it would be I/O, a clock, a runtime or chance.
const IMPURE: [&str; 9] = [
    "std::env",
    "std::fs",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "Timestamp::now",
    "tokio::",
    "println!",
];

/// The folders at the top; hidden ones hold tooling.
const FOLDERS: [&str; 4] = ["functions", "infra", "terraform", "tests"];

/// The files at the top.
const ROOT_FILES: [&str; 15] = [
    ".editorconfig",
    ".gitattributes",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "clippy.toml",
    "deny.toml",
    "rust-toolchain.toml",
    "rustfmt.toml",
];

const LONGEST_RUST_FILE: usize = 900;

/// Where a crate stands in the house, by its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Core,
    Verify,
    Host,
    Function,
    /// What the binaries share: words of a configuration into adapters.
    Wiring,
    Cli,
    Infra,
    Tests,
}

impl Room {
    fn of(package: &Package) -> Self {
        let folder = package
            .manifest_path
            .parent()
            .unwrap()
            .strip_prefix(root())
            .unwrap();
        match folder.as_str() {
            "functions/core" => Self::Core,
            "functions/verify" => Self::Verify,
            "functions/host" => Self::Host,
            "functions/wiring" => Self::Wiring,
            "functions/cli" => Self::Cli,
            "tests" => Self::Tests,
            function if function.starts_with("functions/") => Self::Function,
            adapter if adapter.starts_with("infra/") => Self::Infra,
            elsewhere => panic!("{elsewhere} is no place for a crate"),
        }
    }

    /// Whether a crate standing here may name one standing there.
    fn may_depend_on(self, there: Self, dependency: &Dependency) -> bool {
        let only_in_main = dependency.optional || dependency.kind == DependencyKind::Development;
        match self {
            Self::Core => false,
            Self::Verify => there == Self::Core,
            Self::Host => matches!(there, Self::Core | Self::Verify),
            Self::Infra => match there {
                Self::Core | Self::Verify => true,
                // The servers that an adapter is tested with.
                Self::Tests => dependency.kind == DependencyKind::Development,
                _ => false,
            },
            Self::Function => match there {
                Self::Core | Self::Verify | Self::Host => true,
                // A binary joins what its library does not know of.
                Self::Infra | Self::Wiring | Self::Function => only_in_main,
                Self::Cli | Self::Tests => false,
            },
            Self::Wiring => {
                matches!(there, Self::Core | Self::Verify | Self::Host | Self::Infra)
            }
            Self::Cli => there != Self::Tests,
            Self::Tests => true,
        }
    }
}

#[test]
fn dependencies_point_one_way() {
    let packages = packages();
    let rooms: BTreeMap<_, _> = packages
        .iter()
        .map(|package| (package.name.as_str(), Room::of(package)))
        .collect();
    let mut wrong = Vec::new();
    for package in &packages {
        for dependency in &package.dependencies {
            let Some(there) = rooms.get(dependency.name.as_str()) else {
                continue;
            };
            if !rooms[package.name.as_str()].may_depend_on(*there, dependency) {
                wrong.push(format!("{} -> {}", package.name, dependency.name));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "against the direction of dependencies:\n{wrong:#?}"
    );
}

#[test]
fn the_list_of_cores_dependencies_is_closed() {
    let packages = packages();
    let core = named(&packages, "postern-core");
    let dependencies: BTreeSet<_> = core
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind == DependencyKind::Normal)
        .map(|dependency| dependency.name.as_str())
        .collect();
    assert_eq!(dependencies, BTreeSet::from(CORE_DEPENDENCIES));
}

#[test]
fn a_functions_library_brings_no_adapter() {
    let packages = packages();
    for function in packages
        .iter()
        .filter(|package| Room::of(package) == Room::Function)
    {
        let by_default = enabled(function, "default");
        assert!(
            !by_default.contains("main"),
            "{}: feature `main` is on by default",
            function.name
        );
        for dependency in function.dependencies.iter().filter(|d| d.optional) {
            assert!(
                !by_default.contains(&format!("dep:{}", dependency.name)),
                "{}: {} is an adapter that is on by default",
                function.name,
                dependency.name
            );
        }
        for target in function
            .targets
            .iter()
            .filter(|t| t.kind.contains(&TargetKind::Bin))
        {
            assert!(
                target.required_features.iter().any(|f| f == "main"),
                "{}: binary {} does not require feature `main`",
                function.name,
                target.name
            );
        }
    }
}

#[test]
fn core_does_nothing_but_think() {
    for path in rust_files()
        .iter()
        .filter(|path| path.starts_with("functions/core/src"))
    {
        let text = read(path);
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in (1..).zip(code.lines()) {
            let line = line.split("//").next().unwrap_or_default();
            for word in IMPURE {
                assert!(
                    !line.contains(word),
                    "{}:{number} says {word}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn every_crate_takes_the_workspaces_lints_and_is_not_published() {
    for package in packages() {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{} has lints of its own",
            package.name
        );
        assert_eq!(
            package.publish.as_deref(),
            Some(&[][..]),
            "{} could be published",
            package.name
        );
    }
}

#[test]
fn the_top_of_the_tree_is_the_promised_one() {
    let strangers: BTreeSet<_> = files()
        .iter()
        .filter_map(|path| {
            let mut parts = path.iter();
            let first = parts.next()?.to_str()?.to_owned();
            let known = if parts.next().is_some() {
                FOLDERS.contains(&first.as_str()) || first.starts_with('.')
            } else {
                ROOT_FILES.contains(&first.as_str())
            };
            (!known).then_some(first)
        })
        .collect();
    assert!(
        strangers.is_empty(),
        "not in the house's plan: {strangers:?}"
    );
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    // Put together here, so that this file passes its own test.
    let homes = ["home", "Users"].map(|folder| format!("/{folder}/"));
    let superuser = format!("/{}/.", "root");
    let here = root().display().to_string();
    for path in files() {
        let text =
            String::from_utf8_lossy(&std::fs::read(root().join(&path)).unwrap()).into_owned();
        for word in homes.iter().chain([&superuser, &here]) {
            assert!(
                !text.contains(word.as_str()),
                "{} mentions {word}",
                path.display()
            );
        }
    }
}

#[test]
fn no_private_key_is_committed() {
    // Put together here, so that this file passes its own test.
    let marker = format!("-----BEGIN {}", "");
    for path in files() {
        let bytes = std::fs::read(root().join(&path)).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for line in text.lines() {
            let line = line.trim();
            let key = line.starts_with(&marker)
                && line.contains("PRIVATE KEY")
                && line.ends_with("-----");
            assert!(!key, "{} holds a private key", path.display());
        }
    }
}

#[test]
fn rust_files_stay_readable() {
    for path in rust_files() {
        let lines = read(&path).lines().count();
        assert!(
            lines <= LONGEST_RUST_FILE,
            "{} has {lines} lines; split it by concept",
            path.display()
        );
    }
}

#[test]
fn what_is_run_can_be_run() {
    let listed = git(&["ls-files", "--stage", ".ci/run", "tests/run"]);
    for line in listed.lines() {
        assert!(line.starts_with("100755 "), "no run bit: {line}");
    }
}

/// The features and optional dependencies that one feature turns on, however indirectly.
fn enabled(package: &Package, feature: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut todo = vec![feature.to_owned()];
    while let Some(next) = todo.pop() {
        if seen.insert(next.clone()) {
            todo.extend(package.features.get(&next).into_iter().flatten().cloned());
        }
    }
    seen
}

fn packages() -> Vec<Package> {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap();
    metadata.packages
}

fn named<'a>(packages: &'a [Package], name: &str) -> &'a Package {
    packages
        .iter()
        .find(|package| package.name.as_str() == name)
        .unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn rust_files() -> Vec<PathBuf> {
    let mut files = files();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files
}

/// The project's files, relative to its root: what git has, and what it would add.
fn files() -> Vec<PathBuf> {
    let listed = git(&[
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    listed
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
        .filter(|path| root().join(path).is_file())
        .collect()
}

fn git(arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(root())
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}
