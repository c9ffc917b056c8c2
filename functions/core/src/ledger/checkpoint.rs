//! Checkpoints: what a ledger was at one time, signed.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};

use super::tree::Hash;

/// The longest note that is read, in bytes.
const NOTE_LIMIT: usize = 16 * 1024;
/// What stands before each signature.
const SIGNATURE: &str = "\u{2014} ";
/// The bytes of a key's id.
const KEY_ID: usize = 4;

/// The size and root of a ledger (C2SP `tlog-checkpoint`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The ledger's name, such as `postern.example.com/production`.
    pub origin: String,
    /// How many entries there are.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// A text with signatures (C2SP `signed-note`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    /// What is signed, with the newline at its end.
    pub text: String,
    /// By whom.
    pub signatures: Vec<NoteSignature>,
}

/// One signature of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// The signer's name; of a ledger its origin.
    pub name: String,
    /// Names the key, as far as four bytes can.
    pub key_id: [u8; KEY_ID],
    /// Over the text: for ECDSA in ASN.1, over its SHA-256.
    pub signature: Vec<u8>,
}

/// Why a text is no checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Too long to be one.
    #[error("it has {0} bytes; a checkpoint has at most {NOTE_LIMIT}")]
    TooLarge(usize),
    /// Not of the form of a signed note.
    #[error("it is no signed note (c2sp.org/signed-note): {0}")]
    Note(&'static str),
    /// Not of the form of a checkpoint.
    #[error("it is no checkpoint (c2sp.org/tlog-checkpoint): {0}")]
    Checkpoint(&'static str),
    /// A name that would break the note.
    #[error("{0:?} is no name of a ledger: it has neither blanks nor `+`")]
    Origin(String),
}

/// The id of an ECDSA key: the first bytes of the SHA-256 of its DER SubjectPublicKeyInfo.
pub fn key_id(spki: &[u8]) -> [u8; KEY_ID] {
    let hash = Sha256::digest(spki);
    std::array::from_fn(|place| hash[place])
}

/// Whether this can be the name of a ledger and of its key.
///
/// # Errors
/// If it is empty, or has blanks or a `+` in it.
pub fn check_origin(origin: &str) -> Result<(), NoteError> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if origin.is_empty() || origin.len() > 256 || origin.contains(bad) {
        return Err(NoteError::Origin(origin.to_owned()));
    }
    Ok(())
}

/// What a checkpoint of this size is called where each is kept by itself. The names sort as the sizes.
pub fn file_name(size: u64) -> String {
    format!("{size:020}.note")
}

/// Whether two signed notes say the same; they may be signed differently.
pub fn says_the_same(one: &str, other: &str) -> bool {
    let text = |note: &str| SignedNote::parse(note).map(|note| note.text);
    matches!((text(one), text(other)), (Ok(one), Ok(other)) if one == other)
}

impl Checkpoint {
    /// Reads the text of a note. Lines after the root are extensions and say nothing here.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let wrong = NoteError::Checkpoint;
        let body = text
            .strip_suffix('\n')
            .ok_or(wrong("the last line does not end"))?;
        let mut lines = body.split('\n');
        let origin = lines.next().unwrap_or_default();
        check_origin(origin)?;
        let size = lines.next().ok_or(wrong("there is no size"))?;
        let root = lines.next().ok_or(wrong("there is no root"))?;
        if lines.any(str::is_empty) {
            return Err(wrong("there is an empty line"));
        }
        let decimal =
            size == "0" || !size.starts_with('0') && size.bytes().all(|b| b.is_ascii_digit());
        let size = decimal.then(|| size.parse().ok()).flatten();
        let root = BASE64
            .decode(root)
            .ok()
            .and_then(|root| root.try_into().ok());
        Ok(Self {
            origin: origin.to_owned(),
            size: size.ok_or(wrong("the size is no decimal number"))?,
            root: root.ok_or(wrong("the root is no SHA-256 in base64"))?,
        })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = BASE64.encode(self.root);
        write!(f, "{}\n{}\n{root}\n", self.origin, self.size)
    }
}

impl SignedNote {
    /// Reads a note.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.len() > NOTE_LIMIT {
            return Err(NoteError::TooLarge(note.len()));
        }
        let wrong = NoteError::Note;
        if note.chars().any(|c| c.is_control() && c != '\n') {
            return Err(wrong("there are control characters in it"));
        }
        let end = note
            .rfind("\n\n")
            .ok_or(wrong("no empty line stands before the signatures"))?;
        let (text, signatures) = note.split_at(end + 1);
        let signatures = signatures[1..]
            .strip_suffix('\n')
            .ok_or(wrong("the last line does not end"))?;
        let signatures: Option<Vec<_>> = signatures.split('\n').map(NoteSignature::parse).collect();
        Ok(Self {
            text: text.to_owned(),
            signatures: signatures.ok_or(wrong("a line is no signature"))?,
        })
    }
}

impl SignedNote {
    /// Reads notes that stand one after the other, as they were appended to a file. Empty lines between
    /// them say nothing.
    ///
    /// # Errors
    /// At the first that is none.
    pub fn parse_all(notes: &str) -> Result<Vec<Self>, NoteError> {
        let mut parsed = Vec::new();
        let mut note = String::new();
        let mut signatures = false;
        for line in notes.split_inclusive('\n') {
            if signatures && !line.starts_with(SIGNATURE) {
                parsed.push(Self::parse(&note)?);
                note.clear();
                signatures = false;
            }
            let empty = line.trim_end_matches('\n').is_empty();
            if empty && note.is_empty() {
                continue;
            }
            signatures |= empty;
            note.push_str(line);
        }
        if !note.is_empty() {
            parsed.push(Self::parse(&note)?);
        }
        Ok(parsed)
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|one| writeln!(f, "{one}"))
    }
}

impl NoteSignature {
    fn parse(line: &str) -> Option<Self> {
        let (name, signature) = line.strip_prefix(SIGNATURE)?.split_once(' ')?;
        check_origin(name).ok()?;
        let bytes = BASE64.decode(signature).ok()?;
        let (key_id, signature) = bytes.split_first_chunk()?;
        (!signature.is_empty()).then(|| Self {
            name: name.to_owned(),
            key_id: *key_id,
            signature: signature.to_vec(),
        })
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.key_id[..], &self.signature].concat();
        write!(f, "{SIGNATURE}{} {}", self.name, BASE64.encode(bytes))
    }
}

#[cfg(test)]
mod tests;
