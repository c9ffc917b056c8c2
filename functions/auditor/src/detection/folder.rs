//! A directory of detections.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::catalogue::Mistake;

/// The most files that are read.
const FILES_LIMIT: usize = 500;
/// The largest file that is read, in bytes.
const SIZE_LIMIT: u64 = 256 * 1024;

/// The `*.yaml` files of a directory, by name and in that order: (path, text), and what is wrong with
/// the others.
pub(super) fn read(directory: &Path) -> (Vec<(String, String)>, Vec<Mistake>) {
    let paths = match paths(directory) {
        Ok(paths) => paths,
        Err(error) => return (Vec::new(), vec![mistake(directory, error.to_string())]),
    };
    if paths.len() > FILES_LIMIT {
        let reason = format!("there are more than {FILES_LIMIT} files in it");
        return (Vec::new(), vec![mistake(directory, reason)]);
    }
    let mut files = Vec::new();
    let mut mistakes = Vec::new();
    for path in paths {
        match text(&path) {
            Ok(text) => files.push((path.display().to_string(), text)),
            Err(error) => mistakes.push(mistake(&path, error.to_string())),
        }
    }
    (files, mistakes)
}

fn paths(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            paths.push(path);
        }
        // One more than there may be is enough to know.
        if paths.len() > FILES_LIMIT {
            break;
        }
    }
    paths.sort();
    Ok(paths)
}

fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(SIZE_LIMIT + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > SIZE_LIMIT {
        let reason = format!("it is larger than {SIZE_LIMIT} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(text)
}

fn mistake(path: &Path, reason: String) -> Mistake {
    Mistake::File {
        file: path.display().to_string(),
        reason,
    }
}
