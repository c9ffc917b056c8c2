//! The ledger: signs what the journal is by now, exports it, and verifies an export with nothing but
//! the public key.

mod anchors;
mod broken;
mod export;
mod form;
mod gaps;
mod last;
pub mod pack;
mod verify;

use std::sync::Arc;

use jiff::Timestamp;
use postern_core::ledger::checkpoint::{NoteError, check_origin};
use postern_core::ledger::{Checkpoint, SignedNote, tree};
use postern_core::ports::{Head, LedgerStore, Signer, SignerKey, Unavailable};
use postern_verify::{Author, NoteKey};

use self::broken::key_name;

pub use self::anchors::Anchors;
pub use self::broken::Broken;
pub use self::export::{NotExported, export, export_page};
pub use self::form::Selection;
pub use self::gaps::{Gap, GapKind, Gaps};
pub use self::last::{NotSigned, last_signed};
pub use self::verify::{Earlier, NotVerified, Verified, Verifier, verify};

/// Signs checkpoints of a ledger.
pub struct Ledger {
    store: Arc<dyn LedgerStore>,
    origin: String,
    signer: Arc<dyn Signer>,
    /// The public halves of the keys that signed before.
    previous: Vec<NoteKey>,
    anchors: Anchors,
    /// When a tick last signed, in seconds. Held while one is at it, so that checkpoints are published
    /// in their order.
    ticked: tokio::sync::Mutex<i64>,
}

/// How long a tick leaves the ledger alone, in seconds.
const INTERVAL: i64 = 60;

/// Why there is no checkpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The store or the key cannot be reached.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// Its name cannot be signed.
    #[error(transparent)]
    Origin(NoteError),
    /// The key is of another kind.
    #[error("checkpoints are signed with ECDSA P-256: {0}")]
    Key(String),
    /// The signer's answer is no signature of its key.
    #[error("the key signed something else than what it was given")]
    Signature,
    /// What was signed before cannot be read.
    #[error("the checkpoint that was signed last cannot be read: {0}")]
    Last(NoteError),
    /// What is there now does not begin with what was signed before.
    #[error(
        "the journal of {now} entries does not begin with the {then} entries that were signed: it was \
         changed, cut or replaced, and is not signed again"
    )]
    Forked {
        /// Entries then.
        then: u64,
        /// Entries now.
        now: u64,
    },
    /// What was signed last is not of a key that is known here: the key was changed, or somebody put it
    /// there.
    #[error(
        "the checkpoint of {size} entries that was signed last is signed by {}, and nothing is signed \
         after it; if the ledger's key was changed, name the public half of the old one in \
         `ledger.previousKeys` (or --previous-key)",
        key_name(*key)
    )]
    UnknownKey {
        /// Its entries.
        size: u64,
        /// The id of the key that it names; nothing if nobody signed under this ledger's name.
        key: Option<[u8; 4]>,
    },
    /// What was signed last names a key that did not sign it.
    #[error(
        "the checkpoint of {0} entries that was signed last has no valid signature of the key that it \
         names: it was changed, and nothing is signed after it"
    )]
    LastForged(u64),
    /// Another ledger was signed here.
    #[error("the checkpoint that was signed last is of {0:?}")]
    OtherOrigin(String),
}

impl Ledger {
    /// Signs for this ledger, under this name, with this key.
    ///
    /// # Errors
    /// If it can be no name.
    pub fn new(
        store: Arc<dyn LedgerStore>,
        origin: impl Into<String>,
        signer: Arc<dyn Signer>,
    ) -> Result<Self, LedgerError> {
        let origin = origin.into();
        check_origin(&origin).map_err(LedgerError::Origin)?;
        Ok(Self {
            store,
            origin,
            signer,
            previous: Vec::new(),
            anchors: Anchors::default(),
            ticked: tokio::sync::Mutex::new(i64::MIN),
        })
    }

    /// Goes on from what one of these keys signed last: those that the ledger had before its key. They
    /// sign nothing any more.
    #[must_use]
    pub fn succeeding(mut self, previous: Vec<NoteKey>) -> Self {
        self.previous = previous;
        self
    }

    /// Has what is signed by a [`tick`](Self::tick) kept elsewhere as well.
    #[must_use]
    pub fn anchored(mut self, anchors: Anchors) -> Self {
        self.anchors = anchors;
        self
    }

    /// Signs what was recorded, at most once a minute: for whoever calls often.
    ///
    /// # Errors
    /// As [`checkpoint`](Self::checkpoint), which is tried again by the next call.
    pub async fn tick(&self, now: Timestamp) -> Result<(), LedgerError> {
        let mut ticked = self.ticked.lock().await;
        let last = *ticked;
        if (last..last.saturating_add(INTERVAL)).contains(&now.as_second()) {
            return Ok(());
        }
        let signed = self.checkpoint(now).await;
        // What was signed before is kept elsewhere even if nothing more is signed; what somebody else put
        // there is not.
        if let Ok(Some((note, checkpoint))) = self.last().await {
            let note = note.to_string();
            self.anchors.publish(checkpoint.size, &note, now).await;
        }
        signed?;
        *ticked = now.as_second();
        Ok(())
    }

    /// Takes in what the journal holds by now, and signs it, if it begins with what was signed before.
    /// Where nothing was added, that is what was signed.
    ///
    /// # Errors
    /// See [`LedgerError`]. Nothing is ever signed that contradicts what was signed before.
    pub async fn checkpoint(&self, now: Timestamp) -> Result<SignedNote, LedgerError> {
        let head = self.store.grow().await?;
        if let Some((note, last)) = self.last().await? {
            self.extends(head, &last).await?;
            if last.size == head.size {
                return Ok(note);
            }
        }
        let note = self.signed(head).await?;
        let text = note.to_string();
        self.store.keep_checkpoint(head.size, now, &text).await?;
        Ok(note)
    }

    /// What was signed last, if it was signed by this ledger's key, or by one that it had before.
    async fn last(&self) -> Result<Option<(SignedNote, Checkpoint)>, LedgerError> {
        let note = match last_signed(&*self.store).await {
            Ok(note) => note,
            Err(NotSigned::Yet) => return Ok(None),
            Err(NotSigned::Unavailable(error)) => return Err(error.into()),
            Err(NotSigned::Damaged(error)) => return Err(LedgerError::Last(error)),
        };
        let last = Checkpoint::parse(&note.text).map_err(LedgerError::Last)?;
        if last.origin != self.origin {
            return Err(LedgerError::OtherOrigin(last.origin));
        }
        let mut keys = vec![self.key().await?];
        keys.extend(self.previous.iter().cloned());
        match Author::of(&note, &self.origin, &keys) {
            Author::Known(_) => Ok(Some((note, last))),
            Author::Nobody => Err(LedgerError::LastForged(last.size)),
            Author::Unknown(key) => Err(LedgerError::UnknownKey {
                size: last.size,
                key,
            }),
        }
    }

    async fn key(&self) -> Result<NoteKey, LedgerError> {
        let key = match self.signer.public_key().await? {
            SignerKey::Pkix(pem) => NoteKey::from_pem(&pem),
            SignerKey::Pgp(_) => return Err(LedgerError::Key("it is an OpenPGP key".to_owned())),
        };
        key.map_err(|error| LedgerError::Key(error.to_string()))
    }

    async fn extends(&self, head: Head, last: &Checkpoint) -> Result<(), LedgerError> {
        let growth = self.store.prove_growth(last.size, head.size).await?;
        let (old, new) = ((last.size, last.root), (head.size, head.root));
        match growth {
            Some(proof) if tree::is_consistent(old, new, &proof) => Ok(()),
            _ => Err(LedgerError::Forked {
                then: last.size,
                now: head.size,
            }),
        }
    }

    async fn signed(&self, head: Head) -> Result<SignedNote, LedgerError> {
        let key = self.key().await?;
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size: head.size,
            root: head.root,
        };
        let text = checkpoint.to_string();
        let signature = self.signer.sign(text.as_bytes()).await?;
        let note = SignedNote {
            signatures: vec![key.line(&self.origin, signature)],
            text,
        };
        match key.signed(&note, &self.origin) {
            true => Ok(note),
            false => Err(LedgerError::Signature),
        }
    }
}

#[cfg(test)]
mod tests;
