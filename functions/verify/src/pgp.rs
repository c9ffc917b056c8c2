//! OpenPGP attestors: armored V4 keys, and messages as `gpg --armor --sign` makes them.
//!
//! rPGP reads packets and does the arithmetic. What a signature means is decided here: which of a
//! certificate's keys may sign, whether one has expired or was revoked, which algorithms are good
//! enough, and that the message holds exactly the payload and nothing around it.

mod armor;
mod certificate;
mod message;

use ::pgp::composed::SignedPublicKey;
use ::pgp::crypto::hash::HashAlgorithm;
use ::pgp::packet::{Signature, SignatureType, SignatureVersion, SubpacketData};
use ::pgp::types::KeyDetails;
use jiff::Timestamp;

use crate::error::{KeyError, SignatureError};
use certificate::Component;

pub(crate) use armor::{PUBLIC_KEY, SECRET_KEY, dearmor};
pub(crate) use certificate::{components, read_certificate};

/// An OpenPGP certificate that an attestor trusts: its primary key and its signing subkeys.
///
/// An owner's revocation counts for all time, whatever its reason and date: an attestor that holds a
/// revoked key is out of date.
#[derive(Clone)]
pub struct PgpKey {
    fingerprint: String,
    components: Vec<Component>,
}

impl PgpKey {
    /// Reads one armored V4 certificate. Its self-signatures must be by SHA-2 or SHA-3, because
    /// expiry and subkeys are taken from them.
    ///
    /// # Errors
    /// Says what is wrong with the key. A key that is expired or revoked is read: that is said when
    /// a signature by it turns up.
    pub fn from_armored(text: &str) -> Result<Self, KeyError> {
        let certificate = read_certificate(text).map_err(KeyError::Pgp)?;
        let components = components(&certificate).map_err(KeyError::Pgp)?;
        Ok(Self {
            fingerprint: fingerprint(&certificate.primary_key),
            components,
        })
    }

    /// The V4 fingerprint of the primary key: 40 upper-case hex digits.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Verifies an armored attached message whose text must be the payload, to the byte. Answers
    /// until when the key that made it is valid.
    ///
    /// # Errors
    /// Says why the message does not count. Expiry and revocation are only looked at once the
    /// signature is right.
    pub fn verify(
        &self,
        payload: &[u8],
        message: &[u8],
        at: Timestamp,
    ) -> Result<Option<Timestamp>, SignatureError> {
        self.verify_counting(payload, message, at, &mut 0)
    }

    /// The same, and adds to `work` how often arithmetic was done: a message may have several
    /// signatures, and each may be by any of several keys.
    pub(crate) fn verify_counting(
        &self,
        payload: &[u8],
        message: &[u8],
        at: Timestamp,
        work: &mut usize,
    ) -> Result<Option<Timestamp>, SignatureError> {
        let message = message::read(message).map_err(SignatureError::Malformed)?;
        if message.text != payload {
            return Err(invalid(
                "the message signs other bytes than the stored payload",
            ));
        }
        let mut failure = None;
        for signature in &message.signatures {
            match self.verify_one(signature, &message.text, at, work) {
                Ok(valid_until) => return Ok(valid_until),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Err(failure.unwrap_or_else(|| invalid("the message has no signature")))
    }

    fn verify_one(
        &self,
        signature: &Signature,
        text: &[u8],
        at: Timestamp,
        work: &mut usize,
    ) -> Result<Option<Timestamp>, SignatureError> {
        let made = check_kind(signature)?;
        let mut maker = None;
        for component in &self.components {
            *work += 1;
            if component.verify(signature, text) {
                maker = Some(component);
                break;
            }
        }
        let Some(maker) = maker else {
            return Err(invalid("not by this key, nor by a signing subkey of it"));
        };
        maker.check(made, at)?;
        let expiry = signature
            .signature_expiration_time()
            .filter(|d| d.as_secs() != 0);
        let ends = expiry.map(|after| seconds(u64::from(made) + u64::from(after.as_secs())));
        if let Some(end) = ends.filter(|end| *end <= at) {
            return Err(invalid(format!("the signature itself expired at {end}")));
        }
        Ok([maker.expires, ends].into_iter().flatten().min())
    }
}

impl std::fmt::Debug for PgpKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PgpKey({})", self.fingerprint)
    }
}

/// The fingerprint of the primary key of an armored certificate, without judging the certificate.
pub(crate) fn fingerprint_of_armored(text: &str) -> Result<String, KeyError> {
    let certificate: SignedPublicKey = read_certificate(text).map_err(KeyError::Pgp)?;
    Ok(fingerprint(&certificate.primary_key))
}

/// Upper-case hex, as Binary Authorization writes it.
pub(crate) fn fingerprint(key: &impl KeyDetails) -> String {
    hex::encode_upper(key.fingerprint().as_bytes())
}

/// Whether a digest is good enough to sign with (RFC 9580, section 9.5).
pub(crate) const fn is_strong(hash: HashAlgorithm) -> bool {
    matches!(
        hash,
        HashAlgorithm::Sha256
            | HashAlgorithm::Sha384
            | HashAlgorithm::Sha512
            | HashAlgorithm::Sha3_256
            | HashAlgorithm::Sha3_512
    )
}

/// A V4 signature of bytes by a strong digest, understood in full; answers when it was made, in
/// seconds since 1970.
fn check_kind(signature: &Signature) -> Result<u32, SignatureError> {
    let Some(config) = signature
        .config()
        .filter(|c| c.version() == SignatureVersion::V4)
    else {
        return Err(SignatureError::Malformed(
            "not a version 4 signature".to_owned(),
        ));
    };
    if config.typ != SignatureType::Binary {
        return Err(SignatureError::Malformed(
            "not a signature of bytes; sign without --textmode".to_owned(),
        ));
    }
    if !is_strong(config.hash_alg) {
        return Err(invalid(format!(
            "made with {}; at least SHA256 is required (gpg: --digest-algo SHA256)",
            config.hash_alg
        )));
    }
    let unknown = |data: &SubpacketData| {
        matches!(
            data,
            SubpacketData::Other(..) | SubpacketData::Experimental(..) | SubpacketData::Notation(_)
        )
    };
    if config
        .hashed_subpackets()
        .any(|packet| packet.is_critical && unknown(&packet.data))
    {
        return Err(invalid(
            "it has a critical part that this program does not understand",
        ));
    }
    let made = config
        .created()
        .ok_or_else(|| SignatureError::Malformed("it does not say when it was made".to_owned()))?;
    Ok(made.as_secs())
}

/// A time in seconds since 1970. Beyond the year 9999 is as good as the year 9999.
fn seconds(since_1970: u64) -> Timestamp {
    i64::try_from(since_1970)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .unwrap_or(Timestamp::MAX)
}

fn invalid(why: impl Into<String>) -> SignatureError {
    SignatureError::Invalid(why.into())
}

#[cfg(test)]
mod tests;
