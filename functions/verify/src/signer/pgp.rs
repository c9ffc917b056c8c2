//! OpenPGP secret keys in memory.

use ::pgp::armor::{self, BlockType};
use ::pgp::bytes::Bytes;
use ::pgp::composed::{ArmorOptions, Deserializable as _, SignedSecretKey};
use ::pgp::crypto::hash::HashAlgorithm;
use ::pgp::packet::{
    LiteralData, OnePassSignature, Packet, SecretKey, SecretSubkey, SignatureConfig, SignatureType,
    Subpacket, SubpacketData,
};
use ::pgp::types::{Password, SigningKey, Timestamp as PgpTimestamp};
use jiff::Timestamp;

use super::SignerError;
use crate::pgp::{SECRET_KEY, components, dearmor, fingerprint, is_strong};

/// A secret key and the certificate around it.
pub(super) struct PrivateKey {
    certificate: SignedSecretKey,
    /// The fingerprint of the key that signs: the newest signing subkey, else the primary key.
    signing: String,
    passphrase: Password,
}

impl PrivateKey {
    /// Reads an armored secret key, and makes sure that the passphrase opens it.
    pub(super) fn from_armored(text: &str, passphrase: Option<&str>) -> Result<Self, SignerError> {
        let packets = dearmor(text, SECRET_KEY).map_err(SignerError::NotAKey)?;
        let certificate = SignedSecretKey::from_bytes(&packets[..])
            .map_err(|error| SignerError::Unusable(error.to_string()))?;
        let passphrase_given = passphrase.is_some();
        let key = Self {
            signing: signing_key(&certificate)?,
            certificate,
            passphrase: passphrase.map_or_else(Password::empty, Password::from),
        };
        key.unlock(passphrase_given)?;
        Ok(key)
    }

    pub(super) fn public_armored(&self) -> Result<String, SignerError> {
        self.certificate
            .to_public_key()
            .to_armored_string(ArmorOptions::default())
            .map_err(|error| SignerError::Unusable(error.to_string()))
    }

    /// One-pass signature, literal, signature: the message of `gpg --armor --sign --compress-algo
    /// none`.
    pub(super) fn sign(&self, payload: &[u8], at: Timestamp) -> Result<Vec<u8>, SignerError> {
        let message = match self.key()? {
            SecretPart::Primary(key) => self.message(key, payload, at),
            SecretPart::Subkey(key) => self.message(key, payload, at),
        };
        message.map_err(|error| SignerError::Signing(error.to_string()))
    }

    fn message(
        &self,
        key: &impl SigningKey,
        payload: &[u8],
        at: Timestamp,
    ) -> ::pgp::errors::Result<Vec<u8>> {
        let hash = Some(key.hash_alg()).filter(|hash| is_strong(*hash));
        let hash = hash.unwrap_or(HashAlgorithm::Sha256);
        let seconds = u32::try_from(at.as_second()).unwrap_or(u32::MAX);
        let mut config = SignatureConfig::v4(SignatureType::Binary, key.algorithm(), hash);
        config.hashed_subpackets = vec![
            Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint()))?,
            Subpacket::regular(SubpacketData::SignatureCreationTime(
                PgpTimestamp::from_secs(seconds),
            ))?,
        ];
        config.unhashed_subpackets = vec![Subpacket::regular(SubpacketData::IssuerKeyId(
            key.legacy_key_id(),
        ))?];
        let signature = config.sign(key, &self.passphrase, payload)?;
        let announcement = OnePassSignature::v3(
            SignatureType::Binary,
            hash,
            key.algorithm(),
            key.legacy_key_id(),
        );
        let packets = vec![
            Packet::from(announcement),
            Packet::from(LiteralData::from_bytes(
                "",
                Bytes::copy_from_slice(payload),
            )?),
            Packet::from(signature),
        ];
        let mut armored = Vec::new();
        armor::write(&packets, BlockType::Message, &mut armored, None, true)?;
        Ok(armored)
    }

    fn unlock(&self, passphrase_given: bool) -> Result<(), SignerError> {
        let opened = match self.key()? {
            SecretPart::Primary(key) => key.unlock(&self.passphrase, |_, _| Ok(())),
            SecretPart::Subkey(key) => key.unlock(&self.passphrase, |_, _| Ok(())),
        };
        match opened {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) if !passphrase_given => Err(SignerError::PassphraseNeeded),
            Ok(Err(error)) | Err(error) => Err(SignerError::Decryption(error.to_string())),
        }
    }

    fn key(&self) -> Result<SecretPart<'_>, SignerError> {
        let primary = &self.certificate.primary_key;
        if fingerprint(primary) == self.signing {
            return Ok(SecretPart::Primary(primary));
        }
        let subkeys = self
            .certificate
            .secret_subkeys
            .iter()
            .map(|subkey| &subkey.key);
        subkeys
            .into_iter()
            .find(|subkey| fingerprint(*subkey) == self.signing)
            .map(SecretPart::Subkey)
            .ok_or_else(|| {
                SignerError::Unusable("the secret of its signing key is missing".to_owned())
            })
    }
}

enum SecretPart<'a> {
    Primary(&'a SecretKey),
    Subkey(&'a SecretSubkey),
}

/// As gpg chooses: the newest signing subkey that was not revoked and whose secret is there, else
/// the primary key.
fn signing_key(certificate: &SignedSecretKey) -> Result<String, SignerError> {
    let components = components(&certificate.to_public_key()).map_err(SignerError::Unusable)?;
    let primary = fingerprint(&certificate.primary_key);
    let has_secret = |id: &String| {
        *id == primary
            || certificate
                .secret_subkeys
                .iter()
                .any(|s| fingerprint(&s.key) == *id)
    };
    components
        .into_iter()
        .filter(|component| !component.revoked && has_secret(&component.fingerprint))
        .max_by_key(|component| (component.fingerprint != primary, component.created))
        .map(|component| component.fingerprint)
        .ok_or_else(|| SignerError::Unusable("none of its keys may sign".to_owned()))
}
