//! The disk under a server: it can be full, and it remembers what a power failure would leave.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The library of `disk.c`, and the files by which it is told what to do.
pub(crate) struct Disk {
    library: PathBuf,
    data: PathBuf,
    full: PathBuf,
    shadow: PathBuf,
    log: PathBuf,
}

/// What the library does to one process.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tricks {
    /// Keep what a power failure would leave.
    pub(crate) shadow: bool,
    /// Write down what happens to the write-ahead log.
    pub(crate) log: bool,
    /// So many seconds is the wall clock ahead.
    pub(crate) ahead: u64,
}

impl Disk {
    /// Builds the library in a folder, for a data directory.
    pub(crate) fn build(folder: &Path, data: &Path) -> Self {
        let library = folder.join("disk.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/loss/disk.c");
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]);
        compile.arg("-o").arg(&library).args([source, "-ldl"]);
        postern_tests::run(&mut compile);
        Self {
            library,
            data: data.to_owned(),
            full: folder.join("full"),
            shadow: folder.join("shadow"),
            log: folder.join("log"),
        }
    }

    /// The environment of a process that it is under.
    pub(crate) fn environment(&self, tricks: Tricks) -> Vec<(&'static str, OsString)> {
        let mut environment: Vec<(_, OsString)> = vec![
            ("LD_PRELOAD", self.library.clone().into()),
            ("LOSS_DATA", self.data.clone().into()),
            ("LOSS_FULL", self.full.clone().into()),
            ("LOSS_AHEAD", tricks.ahead.to_string().into()),
        ];
        if tricks.shadow {
            environment.push(("LOSS_SHADOW", self.shadow.clone().into()));
        }
        if tricks.log {
            environment.push(("LOSS_LOG", self.log.clone().into()));
        }
        environment
    }

    /// Says whether it is full from now on.
    pub(crate) fn fill(&self, full: bool) {
        match full {
            true => std::fs::write(&self.full, "").unwrap(),
            false => std::fs::remove_file(&self.full).unwrap(),
        }
    }

    /// The lines that were written down.
    pub(crate) fn log(&self) -> Vec<String> {
        let log = std::fs::read_to_string(&self.log).unwrap();
        log.lines().map(str::to_owned).collect()
    }

    /// Takes what is there as synced: the state of a machine that was just started.
    pub(crate) fn settle(&self) {
        let _ = std::fs::remove_dir_all(&self.shadow);
        for folder in ["content", "names", "graves"] {
            std::fs::create_dir_all(self.shadow.join(folder)).unwrap();
        }
        self.settle_directory(&self.data);
    }

    fn settle_directory(&self, directory: &Path) {
        let mut names = String::new();
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let (inode, name) = (inode(&path), path.file_name().unwrap().to_str().unwrap());
            let kind = if path.is_dir() {
                self.settle_directory(&path);
                "directory"
            } else {
                std::fs::copy(&path, self.content(inode)).unwrap();
                "file"
            };
            names.push_str(&format!("{inode} {kind} {name}\n"));
        }
        std::fs::write(self.names(inode(directory)), names).unwrap();
    }

    /// The power fails: replaces the data directory by what was synced. Its processes have ended.
    pub(crate) fn fail(&self) {
        let lost = self.data.with_extension("lost");
        let root = inode(&self.data);
        std::fs::rename(&self.data, &lost).unwrap();
        self.restore(root, &self.data);
        std::fs::remove_dir_all(lost).unwrap();
        self.settle();
    }

    fn restore(&self, directory: u64, to: &Path) {
        std::fs::create_dir(to).unwrap();
        let names = std::fs::read_to_string(self.names(directory)).unwrap_or_default();
        for line in names.lines() {
            let mut words = line.splitn(3, ' ');
            let inode = words.next().unwrap().parse().unwrap();
            let kind = words.next().unwrap();
            let path = to.join(words.next().unwrap());
            match kind {
                "directory" => self.restore(inode, &path),
                _ if self.content(inode).exists() => {
                    std::fs::copy(self.content(inode), path).unwrap();
                }
                _ => std::fs::write(path, "").unwrap(),
            }
        }
    }

    fn content(&self, inode: u64) -> PathBuf {
        self.shadow.join("content").join(inode.to_string())
    }

    fn names(&self, inode: u64) -> PathBuf {
        self.shadow.join("names").join(inode.to_string())
    }
}

fn inode(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().ino()
}
