//! The list of a pack's files, each with its hash.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::at;
use crate::commands::key::read;
use crate::outcome::Failure;

/// What a pack is recognised by.
pub(in super::super) const MANIFEST: &str = "manifest.json";
/// The largest manifest that is read, in bytes.
const LIMIT: u64 = 64 * 1024;
const API_VERSION: &str = "postern/v1";
const KIND: &str = "EvidencePack";

/// What is in a pack.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Manifest {
    api_version: String,
    kind: String,
    /// The version of postern that wrote it.
    version: String,
    /// SHA-256 of each file, in hexadecimal digits.
    files: BTreeMap<String, String>,
}

impl Manifest {
    /// Of what is in a folder.
    pub(super) fn of(folder: &Path) -> Result<Self, Failure> {
        Ok(Self {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            files: hashes(folder)?,
        })
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), Failure> {
        let mut text = serde_json::to_vec_pretty(self).map_err(Failure::undetermined)?;
        text.push(b'\n');
        super::keep(&folder.join(MANIFEST), &text)
    }

    pub(super) fn read(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(MANIFEST);
        let manifest: Self =
            serde_json::from_slice(&read(&path, LIMIT)?).map_err(|error| at(&path, error))?;
        match manifest.kind == KIND && manifest.api_version == API_VERSION {
            true => Ok(manifest),
            false => Err(at(&path, "it is of no evidence pack of postern/v1")),
        }
    }

    /// Whether the files of a folder are these, all of them and no more.
    pub(super) fn compare(&self, folder: &Path) -> Result<(), Failure> {
        let there = hashes(folder)?;
        let names = self.files.keys().chain(there.keys());
        for name in names {
            if self.files.get(name) != there.get(name) {
                let name = crate::escape::terminal(name);
                return Err(Failure::not_so(format_args!(
                    "{name} is not the file that {MANIFEST} lists: it was changed, added or removed"
                )));
            }
        }
        Ok(())
    }

    pub(super) fn is_of_this_version(&self) -> bool {
        self.version == env!("CARGO_PKG_VERSION")
    }
}

fn hashes(folder: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let mut hashes = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(|error| at(folder, error))? {
        let path = entry.map_err(|error| at(folder, error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name != MANIFEST {
            hashes.insert(name.into_owned(), hash(&path)?);
        }
    }
    Ok(hashes)
}

fn hash(path: &Path) -> Result<String, Failure> {
    let mut file = File::open(path).map_err(|error| at(path, error))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer).map_err(|error| at(path, error))? {
            0 => return Ok(hex::encode(hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}
