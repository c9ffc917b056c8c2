//! An attestor with its keys parsed: whom to believe.

use jiff::Timestamp;
use postern_core::attestor::{
    Attestor, AttestorName, AttestorPublicKey, NoteName, PkixPublicKey, SignatureAlgorithm,
};
use postern_core::image::Digest;
use postern_core::ports::SignerKey;
use postern_core::revocation::{Revocation, Revocations};

use crate::error::{KeyError, SignatureError};
use crate::pkix::{PkixKey, spki_of_pem};

/// An attestor, ready to verify with.
///
/// A key that cannot be used does not spoil the others; it is kept as an [`UnusableKey`] and named
/// in the reasons of every denial that it may have caused.
#[derive(Debug, Clone)]
pub struct TrustedAttestor {
    name: AttestorName,
    note: NoteName,
    keys: Vec<TrustedKey>,
    unusable: Vec<UnusableKey>,
    trust_hash: Digest,
}

impl TrustedAttestor {
    /// Parses an attestor's keys.
    pub fn new(attestor: &Attestor) -> Self {
        let owned = &attestor.user_owned_grafeas_note;
        let mut keys = Vec::new();
        let mut unusable = Vec::new();
        for (index, key) in owned.public_keys.iter().enumerate() {
            match TrustedKey::new(key) {
                Ok(key) => keys.push(key),
                Err(error) => unusable.push(UnusableKey {
                    position: index + 1,
                    id: stated_id(key),
                    error,
                }),
            }
        }
        Self {
            name: attestor.name.clone(),
            note: owned.note_reference.clone(),
            trust_hash: trust_hash(attestor, &keys),
            keys,
            unusable,
        }
    }

    /// `projects/P/attestors/A`.
    pub const fn name(&self) -> &AttestorName {
        &self.name
    }

    /// The note that its attestations hang on.
    pub const fn note(&self) -> &NoteName {
        &self.note
    }

    /// The keys that can be used.
    pub fn keys(&self) -> &[TrustedKey] {
        &self.keys
    }

    /// The keys that cannot.
    pub fn unusable_keys(&self) -> &[UnusableKey] {
        &self.unusable
    }

    /// SHA-256 over all that decides which signatures count: name, note, and every key with its id
    /// and algorithm. Descriptions, comments and versions of the resource do not change it.
    pub const fn trust_hash(&self) -> Digest {
        self.trust_hash
    }

    /// The attestor's key that a signer's public half is; `None` if it does not belong to the
    /// attestor. Ids are not compared, the keys themselves are.
    pub fn key_of(&self, signer: &SignerKey) -> Option<&TrustedKey> {
        self.keys.iter().find(|key| key.is(signer))
    }

    /// The keys that signatures may mean by an id. More than one only if the attestor has two keys
    /// under one id.
    pub(crate) fn keys_named<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a TrustedKey> {
        self.keys.iter().filter(move |key| key.id == id)
    }
}

/// A key of an attestor.
#[derive(Debug, Clone)]
pub struct TrustedKey {
    id: String,
    material: Material,
}

/// A key of an attestor that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusableKey {
    /// Its place in the attestor's list, from 1.
    pub position: usize,
    /// Its id, where one was written.
    pub id: Option<String>,
    /// Why.
    pub error: KeyError,
}

#[derive(Debug, Clone)]
enum Material {
    Pkix(PkixKey),
    #[cfg(feature = "pgp")]
    Pgp(Box<crate::pgp::PgpKey>),
}

impl TrustedKey {
    /// What signatures call it: for a PKIX key the id that was chosen, else `ni:///sha-256;…`; for
    /// an OpenPGP key always its fingerprint in upper-case hex, as Binary Authorization overwrites
    /// whatever else was written. Ids are compared exactly, upper and lower case included.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The id that Binary Authorization computes of the key itself, whatever id was chosen:
    /// `ni:///sha-256;…` or the fingerprint. The one that `postern key id` prints.
    pub fn computed_id(&self) -> String {
        match &self.material {
            Material::Pkix(key) => key.id(),
            #[cfg(feature = "pgp")]
            Material::Pgp(key) => key.fingerprint().to_owned(),
        }
    }

    /// The entry of the list that this key is on, under either of its ids.
    pub fn revoked_by<'r>(&self, revocations: &'r Revocations) -> Option<&'r Revocation> {
        let by_id = revocations.of_key(&self.id);
        by_id.or_else(|| revocations.of_key(&self.computed_id()))
    }

    /// The algorithm; `None` for OpenPGP.
    pub fn algorithm(&self) -> Option<SignatureAlgorithm> {
        match &self.material {
            Material::Pkix(key) => Some(key.algorithm()),
            #[cfg(feature = "pgp")]
            Material::Pgp(_) => None,
        }
    }

    /// Verifies a signature over a payload at a time: the bytes that Binary Authorization stores,
    /// which for OpenPGP are an armored attached message whose text is the payload.
    ///
    /// Answers until when this holds; `None` is for good, as far as this key goes.
    ///
    /// # Errors
    /// Says why the signature does not count.
    pub fn verify(
        &self,
        payload: &[u8],
        signature: &[u8],
        at: Timestamp,
    ) -> Result<Option<Timestamp>, SignatureError> {
        self.verify_counting(payload, signature, at, &mut 0)
    }

    /// The same, and adds to `work` how many signatures were verified for it.
    pub(crate) fn verify_counting(
        &self,
        payload: &[u8],
        signature: &[u8],
        at: Timestamp,
        work: &mut usize,
    ) -> Result<Option<Timestamp>, SignatureError> {
        // Even what is refused by its form takes time.
        *work += 1;
        #[cfg(not(feature = "pgp"))]
        let _ = at;
        match &self.material {
            Material::Pkix(key) => key.verify(payload, signature).map(|()| None),
            #[cfg(feature = "pgp")]
            Material::Pgp(key) => key.verify_counting(payload, signature, at, work),
        }
    }

    fn new(key: &AttestorPublicKey) -> Result<Self, KeyError> {
        match (&key.pkix_public_key, &key.ascii_armored_pgp_public_key) {
            (Some(pkix), None) => {
                let parsed = PkixKey::from_pem(&pkix.public_key_pem, pkix.signature_algorithm)?;
                Ok(Self {
                    id: chosen_id(key, pkix)?.unwrap_or_else(|| parsed.id()),
                    material: Material::Pkix(parsed),
                })
            }
            (None, Some(armored)) => Self::pgp(armored),
            _ => Err(KeyError::NotOneKey),
        }
    }

    #[cfg(feature = "pgp")]
    fn pgp(armored: &str) -> Result<Self, KeyError> {
        let key = crate::pgp::PgpKey::from_armored(armored)?;
        Ok(Self {
            id: key.fingerprint().to_owned(),
            material: Material::Pgp(Box::new(key)),
        })
    }

    #[cfg(not(feature = "pgp"))]
    fn pgp(_armored: &str) -> Result<Self, KeyError> {
        Err(KeyError::PgpNotBuilt)
    }

    fn is(&self, signer: &SignerKey) -> bool {
        match (&self.material, signer) {
            (Material::Pkix(key), SignerKey::Pkix(pem)) => {
                spki_of_pem(pem).is_ok_and(|spki| spki == key.spki())
            }
            #[cfg(feature = "pgp")]
            (Material::Pgp(key), SignerKey::Pgp(armored)) => {
                crate::pgp::fingerprint_of_armored(armored)
                    .is_ok_and(|fingerprint| fingerprint == key.fingerprint())
            }
            #[cfg(feature = "pgp")]
            (Material::Pgp(_), SignerKey::Pkix(_)) => false,
            (Material::Pkix(_), SignerKey::Pgp(_)) => false,
        }
    }

    /// The bytes that make the key what it is.
    fn fingerprint_bytes(&self) -> &[u8] {
        match &self.material {
            Material::Pkix(key) => key.spki(),
            #[cfg(feature = "pgp")]
            Material::Pgp(key) => key.fingerprint().as_bytes(),
        }
    }
}

/// The id written for a PKIX key, at either of its two places.
fn chosen_id(key: &AttestorPublicKey, pkix: &PkixPublicKey) -> Result<Option<String>, KeyError> {
    let filled = |id: &Option<String>| id.clone().filter(|id| !id.is_empty());
    match (filled(&key.id), filled(&pkix.key_id)) {
        (Some(outer), Some(inner)) if outer != inner => {
            Err(KeyError::KeyIdConflict { inner, outer })
        }
        (Some(id), _) | (None, Some(id)) => Ok(Some(id)),
        (None, None) => Ok(None),
    }
}

fn stated_id(key: &AttestorPublicKey) -> Option<String> {
    let inner = key
        .pkix_public_key
        .as_ref()
        .and_then(|pkix| pkix.key_id.as_ref());
    key.id
        .as_ref()
        .or(inner)
        .filter(|id| !id.is_empty())
        .cloned()
}

fn trust_hash(attestor: &Attestor, keys: &[TrustedKey]) -> Digest {
    let mut text = Vec::new();
    let owned = &attestor.user_owned_grafeas_note;
    let mut field = |bytes: &[u8]| {
        text.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        text.extend_from_slice(bytes);
    };
    field(b"postern trust v1");
    field(attestor.name.to_string().as_bytes());
    field(owned.note_reference.to_string().as_bytes());
    for key in keys {
        let algorithm = key
            .algorithm()
            .map_or_else(|| "PGP".to_owned(), |a| a.to_string());
        field(key.id().as_bytes());
        field(algorithm.as_bytes());
        field(key.fingerprint_bytes());
    }
    // The armored text as a whole: an expiry or a revocation changes it, a fingerprint stays.
    for armored in owned
        .public_keys
        .iter()
        .filter_map(|k| k.ascii_armored_pgp_public_key.as_ref())
    {
        field(armored.as_bytes());
    }
    Digest::of(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signer::generate_p256;

    fn pkix(id: Option<&str>, pem: &str, algorithm: SignatureAlgorithm) -> AttestorPublicKey {
        AttestorPublicKey {
            id: id.map(str::to_owned),
            comment: None,
            pkix_public_key: Some(PkixPublicKey {
                public_key_pem: pem.to_owned(),
                signature_algorithm: algorithm,
                key_id: None,
            }),
            ascii_armored_pgp_public_key: None,
        }
    }

    fn attestor(keys: Vec<AttestorPublicKey>) -> Attestor {
        let text = r#"{"name":"projects/demo-project/attestors/built-by-ci",
            "userOwnedGrafeasNote":{"noteReference":"projects/demo-project/notes/built-by-ci"}}"#;
        let mut attestor: Attestor = serde_json::from_str(text).unwrap();
        attestor.user_owned_grafeas_note.public_keys = keys;
        attestor
    }

    #[test]
    fn one_bad_key_does_not_spoil_the_others() {
        let (_, pem) = generate_p256().unwrap();
        let trusted = TrustedAttestor::new(&attestor(vec![
            pkix(Some("bad"), &pem, SignatureAlgorithm::EcdsaP384Sha384),
            pkix(None, &pem, SignatureAlgorithm::EcdsaP256Sha256),
            pkix(
                Some("//kms.example/key"),
                &pem,
                SignatureAlgorithm::EcdsaP256Sha256,
            ),
        ]));
        let ids: Vec<&str> = trusted.keys().iter().map(TrustedKey::id).collect();
        assert!(ids[0].starts_with("ni:///sha-256;"), "{ids:?}");
        assert_eq!(ids[1], "//kms.example/key");
        let [unusable] = trusted.unusable_keys() else {
            panic!("{:?}", trusted.unusable_keys());
        };
        assert_eq!(
            (unusable.position, unusable.id.as_deref()),
            (1, Some("bad"))
        );
        assert_eq!(
            unusable.error.to_string(),
            "the stated algorithm is ECDSA_P384_SHA384, but the key is EC P-256"
        );
    }

    #[test]
    fn two_ids_for_one_key_must_agree() {
        let (_, pem) = generate_p256().unwrap();
        let mut key = pkix(Some("outer"), &pem, SignatureAlgorithm::EcdsaP256Sha256);
        key.pkix_public_key.as_mut().unwrap().key_id = Some("inner".to_owned());
        assert!(matches!(
            TrustedKey::new(&key),
            Err(KeyError::KeyIdConflict { .. })
        ));
        key.id = None;
        assert_eq!(TrustedKey::new(&key).unwrap().id(), "inner");
    }

    #[test]
    fn the_trust_hash_follows_trust_and_nothing_else() {
        let (_, pem) = generate_p256().unwrap();
        let key = pkix(Some("a"), &pem, SignatureAlgorithm::EcdsaP256Sha256);
        let one = attestor(vec![key.clone()]);
        let mut described = one.clone();
        described.description = Some("for people".to_owned());
        described.etag = Some("\"2\"".to_owned());
        let mut renamed = one.clone();
        renamed.user_owned_grafeas_note.public_keys[0].id = Some("b".to_owned());
        let hash = |attestor: &Attestor| TrustedAttestor::new(attestor).trust_hash();
        assert_eq!(hash(&one), hash(&described));
        assert_ne!(hash(&one), hash(&renamed));
        assert_ne!(hash(&one), hash(&attestor(vec![])));
    }

    #[test]
    fn a_signer_is_recognised_by_its_key_not_by_an_id() {
        let (_, pem) = generate_p256().unwrap();
        let (_, other) = generate_p256().unwrap();
        let trusted = TrustedAttestor::new(&attestor(vec![pkix(
            Some("mine"),
            &pem,
            SignatureAlgorithm::EcdsaP256Sha256,
        )]));
        let found = trusted.key_of(&SignerKey::Pkix(pem)).unwrap();
        assert_eq!(found.id(), "mine");
        assert!(trusted.key_of(&SignerKey::Pkix(other)).is_none());
    }
}
