//! Signed checkpoints, appended to a file. On another machine's disk, or one that is written once, it is
//! an anchor; beside the database it is only a copy.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use postern_core::ledger::checkpoint::says_the_same;
use postern_core::ledger::{Checkpoint, SignedNote};
use postern_core::ports::{Anchor, Unavailable};

/// As much of the end of the file as is read to find its last note; no note is as long.
const TAIL: u64 = 64 * 1024;

/// A file of notes, one after the other, as `tee -a` leaves them.
#[derive(Debug)]
pub struct FileAnchor {
    name: String,
    path: PathBuf,
}

impl FileAnchor {
    /// The file at this path, which is made with the first note.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self {
            name: format!("file:{}", path.display()),
            path,
        }
    }
}

#[async_trait]
impl Anchor for FileAnchor {
    fn name(&self) -> &str {
        &self.name
    }

    async fn publish(&self, size: u64, note: &str) -> Result<String, Unavailable> {
        let (path, note) = (self.path.clone(), note.to_owned());
        let appended = tokio::task::spawn_blocking(move || append(&path, size, &note)).await;
        let appended = appended.map_err(|error| Unavailable::new(&self.name, error))?;
        match appended {
            Ok(()) => Ok(self.name.clone()),
            Err(NotAppended::Io(error)) => Err(Unavailable::new(&self.name, error)),
            Err(NotAppended::Other(why)) => Err(Unavailable::permanent(&self.name, why)),
        }
    }
}

enum NotAppended {
    Io(std::io::Error),
    Other(String),
}

impl From<std::io::Error> for NotAppended {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// Appends a note durably, unless it is there. Only one process at a time does.
fn append(path: &Path, size: u64, note: &str) -> Result<(), NotAppended> {
    let new = !path.exists();
    let mut options = OpenOptions::new();
    let mut file = options.create(true).append(true).read(true).open(path)?;
    file.lock()?;
    if let Some((last_size, last)) = last_note(&mut file)? {
        if last_size == size && !says_the_same(&last, note) {
            return Err(NotAppended::Other(format!(
                "it holds another checkpoint of {size} entries"
            )));
        }
        if last_size >= size {
            return Ok(());
        }
    }
    file.write_all(note.as_bytes())?;
    file.sync_all()?;
    if let (true, Some(folder)) = (new, path.parent()) {
        let folder = match folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => folder,
        };
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// The last note of the file, and the size it says.
fn last_note(file: &mut File) -> Result<Option<(u64, String)>, NotAppended> {
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    let tail = String::from_utf8_lossy(&tail);
    // The first note of a tail may have lost its beginning.
    let whole = match length > TAIL {
        true => tail.split_once("\n\n").map_or("", |(_, rest)| rest),
        false => &*tail,
    };
    let whole = match length > TAIL {
        true => after_signatures(whole),
        false => whole,
    };
    let broken = |error: &dyn std::fmt::Display| {
        NotAppended::Other(format!(
            "what is at its end is no whole checkpoint ({error}); move the file away, and keep it"
        ))
    };
    let notes = SignedNote::parse_all(whole).map_err(|error| broken(&error))?;
    let Some(last) = notes.last() else {
        return Ok(None);
    };
    let checkpoint = Checkpoint::parse(&last.text).map_err(|error| broken(&error))?;
    Ok(Some((checkpoint.size, last.to_string())))
}

/// What follows the lines of signatures that a text begins with.
fn after_signatures(text: &str) -> &str {
    let mut rest = text;
    while rest.starts_with('\u{2014}') {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
    }
    rest
}

#[cfg(test)]
mod tests {
    use postern_core::ledger::checkpoint::NoteSignature;

    use super::*;

    fn note(size: u64, root: u8) -> String {
        let name = "postern.example.com/demo".to_owned();
        let checkpoint = Checkpoint {
            origin: name.clone(),
            size,
            root: [root; 32],
        };
        let signature = NoteSignature {
            name,
            key_id: [1, 2, 3, 4],
            signature: vec![root; 70],
        };
        SignedNote {
            text: checkpoint.to_string(),
            signatures: vec![signature],
        }
        .to_string()
    }

    #[tokio::test]
    async fn notes_are_appended_once_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchored.txt");
        let anchor = FileAnchor::new(&path);
        for size in [5, 5, 7, 5] {
            anchor.publish(size, &note(size, 1)).await.unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, note(5, 1) + &note(7, 1));
        let forked = anchor.publish(7, &note(7, 2)).await.unwrap_err();
        assert!(forked.permanent && forked.message.contains("another checkpoint of 7"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }

    #[tokio::test]
    async fn a_long_file_is_read_from_its_end_and_a_torn_one_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchored.txt");
        let many: String = (1..=600).map(|size| note(size, 1)).collect();
        assert!(many.len() as u64 > TAIL);
        std::fs::write(&path, &many).unwrap();
        let anchor = FileAnchor::new(&path);
        anchor.publish(600, &note(600, 1)).await.unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), many);
        std::fs::write(&path, &many[..many.len() - 9]).unwrap();
        let torn = anchor.publish(601, &note(601, 1)).await.unwrap_err();
        assert!(torn.message.contains("no whole checkpoint"), "{torn}");
    }

    #[tokio::test]
    async fn a_folder_that_is_missing_is_an_outage() {
        let anchor = FileAnchor::new("/nowhere/anchored.txt");
        assert!(!anchor.publish(1, &note(1, 1)).await.unwrap_err().permanent);
    }
}
