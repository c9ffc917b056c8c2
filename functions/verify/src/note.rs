//! Signatures of notes (C2SP `signed-note`), with ECDSA P-256.

use postern_core::attestor::SignatureAlgorithm;
use postern_core::ledger::SignedNote;
use postern_core::ledger::checkpoint::{NoteSignature, key_id};

use crate::error::KeyError;
use crate::pkix::PkixKey;

/// The one algorithm of checkpoints.
const ALGORITHM: SignatureAlgorithm = SignatureAlgorithm::EcdsaP256Sha256;

/// A key that checkpoints are verified with.
#[derive(Clone)]
pub struct NoteKey(PkixKey);

impl NoteKey {
    /// Reads the PEM of a SubjectPublicKeyInfo of a P-256 key.
    ///
    /// # Errors
    /// If it is no such key.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        PkixKey::from_pem(text, ALGORITHM).map(Self)
    }

    /// A signature over a note's text as a line of the note.
    pub fn line(&self, name: &str, signature: Vec<u8>) -> NoteSignature {
        NoteSignature {
            name: name.to_owned(),
            key_id: key_id(self.0.spki()),
            signature,
        }
    }

    /// What names this key in notes, as far as four bytes can: the first of the SHA-256 of its DER
    /// SubjectPublicKeyInfo.
    pub fn id(&self) -> [u8; 4] {
        key_id(self.0.spki())
    }

    /// Whether the note has a signature of this key under this name.
    pub fn signed(&self, note: &SignedNote, name: &str) -> bool {
        let id = self.id();
        let mut own = note
            .signatures
            .iter()
            .filter(|s| s.name == name && s.key_id == id);
        own.any(|one| self.0.verify(note.text.as_bytes(), &one.signature).is_ok())
    }
}

/// Who signed a note, as far as some keys can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// The key of this id.
    Known([u8; 4]),
    /// A key of which there is no public half here, by the id in the note; without one, nobody signed
    /// under this name. Nothing is known of such a signature.
    Unknown(Option<[u8; 4]>),
    /// The note names one of the keys, which did not sign it: it was changed, or is forged.
    Nobody,
}

impl Author {
    /// Who signed a note under this name. One good signature is enough.
    pub fn of(note: &SignedNote, name: &str, keys: &[NoteKey]) -> Self {
        if let Some(key) = keys.iter().find(|key| key.signed(note, name)) {
            return Self::Known(key.id());
        }
        let mut named = note.signatures.iter().filter(|s| s.name == name);
        let first = named.clone().next().map(|s| s.key_id);
        match named.any(|s| keys.iter().any(|key| key.id() == s.key_id)) {
            true => Self::Nobody,
            false => Self::Unknown(first),
        }
    }
}

#[cfg(test)]
mod tests {
    use postern_core::ledger::Checkpoint;

    use super::*;
    use crate::signer::SoftwareSigner;

    const NAME: &str = "postern.example.com/demo";

    fn key() -> (SoftwareSigner, NoteKey) {
        let (private, public) = crate::signer::generate_p256().unwrap();
        let signer = SoftwareSigner::from_pem(&private, None, None).unwrap();
        (signer, NoteKey::from_pem(&public).unwrap())
    }

    fn note(signer: &SoftwareSigner, key: &NoteKey, size: u64) -> SignedNote {
        let checkpoint = Checkpoint {
            origin: NAME.to_owned(),
            size,
            root: [3; 32],
        };
        let text = checkpoint.to_string();
        let signature = signer
            .sign_at(text.as_bytes(), jiff::Timestamp::UNIX_EPOCH)
            .unwrap();
        SignedNote {
            signatures: vec![key.line(NAME, signature)],
            text,
        }
    }

    #[test]
    fn only_its_own_key_signed_a_note() {
        let (signer, key) = key();
        let (_, other) = self::key();
        let mut signed = note(&signer, &key, 5);
        assert!(key.signed(&signed, NAME));
        assert!(!key.signed(&signed, "somebody.example.com"));
        assert!(!other.signed(&signed, NAME));
        signed.text = note(&signer, &key, 6).text;
        assert!(!key.signed(&signed, NAME));
    }

    #[test]
    fn an_author_is_known_unknown_or_nobody() {
        let (signer, key) = key();
        let (_, other) = self::key();
        let mut signed = note(&signer, &key, 5);
        let of = |note: &SignedNote, keys: &[NoteKey]| Author::of(note, NAME, keys);
        let both = [other.clone(), key.clone()];
        assert_eq!(of(&signed, &both), Author::Known(key.id()));
        let others = std::slice::from_ref(&other);
        assert_eq!(of(&signed, others), Author::Unknown(Some(key.id())));
        assert_eq!(of(&signed, &[]), Author::Unknown(Some(key.id())));
        // A signature of another key beside a good one changes nothing.
        let extra = other.line(NAME, b"synthetic".to_vec());
        signed.signatures.insert(0, extra);
        assert_eq!(of(&signed, &both), Author::Known(key.id()));
        assert_eq!(of(&signed, others), Author::Nobody);
        signed.text = note(&signer, &key, 6).text;
        assert_eq!(of(&signed, &both), Author::Nobody);
        signed.signatures.clear();
        assert_eq!(of(&signed, &both), Author::Unknown(None));
    }

    #[test]
    fn other_kinds_of_keys_sign_no_checkpoints() {
        assert!(NoteKey::from_pem("no key").is_err());
    }
}
