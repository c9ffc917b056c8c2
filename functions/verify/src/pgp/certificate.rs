//! What a certificate says about its keys, as far as its self-signatures hold.

use ::pgp::composed::{Deserializable as _, SignedPublicKey, SignedPublicSubKey};
use ::pgp::packet::{
    PacketParser, PublicKey, PublicSubkey, Signature, SignatureType, SubpacketData,
};
use ::pgp::types::{KeyDetails, KeyVersion, PublicParams, Tag};
use jiff::Timestamp;

use super::{PUBLIC_KEY, dearmor, fingerprint, invalid, is_strong, seconds};
use crate::error::SignatureError;

/// A key of a certificate that may sign.
#[derive(Clone)]
pub(crate) struct Component {
    key: Key,
    /// Upper-case hex.
    pub(crate) fingerprint: String,
    /// In seconds since 1970.
    pub(crate) created: u32,
    /// The earlier of its own end and the primary key's.
    pub(super) expires: Option<Timestamp>,
    /// Whether it or the primary key was revoked by the owner.
    pub(crate) revoked: bool,
}

#[derive(Clone)]
enum Key {
    Primary(Box<PublicKey>),
    Subkey(Box<PublicSubkey>),
}

impl Component {
    /// Whether this key made the signature.
    pub(super) fn verify(&self, signature: &Signature, text: &[u8]) -> bool {
        match &self.key {
            Key::Primary(key) => signature.verify(&**key, text).is_ok(),
            Key::Subkey(key) => signature.verify(&**key, text).is_ok(),
        }
    }

    /// Whether what it signed counts: the key must not be revoked nor expired at the time asked
    /// about, and a signature older than its key is made up.
    pub(super) fn check(&self, made: u32, at: Timestamp) -> Result<(), SignatureError> {
        let key = || self.fingerprint.clone();
        if self.revoked {
            return Err(SignatureError::KeyRevoked { key: key() });
        }
        if let Some(end) = self.expires.filter(|end| *end <= at) {
            return Err(SignatureError::KeyExpired {
                key: key(),
                at: end,
            });
        }
        if made < self.created {
            return Err(invalid("it claims to be older than its key"));
        }
        Ok(())
    }
}

/// The one certificate in an armored text.
pub(crate) fn read_certificate(text: &str) -> Result<SignedPublicKey, String> {
    let packets = dearmor(text, PUBLIC_KEY)?;
    let parser = PacketParser::new(&packets[..]);
    // What this library does not know (a new kind of packet, a curve) is passed over, as gpg does.
    let known =
        parser.filter(|packet| !matches!(packet, Err(::pgp::errors::Error::Unsupported { .. })));
    let mut certificates = SignedPublicKey::from_packets(Box::new(known).peekable());
    let first = certificates.next().ok_or("there is no public key in it")?;
    let certificate = first.map_err(|error| format!("it cannot be read: {error}"))?;
    if certificates.next().is_some() {
        return Err("there is more than one key in it; export exactly one".to_owned());
    }
    if certificate.version() != KeyVersion::V4 {
        return Err("it is not a version 4 key".to_owned());
    }
    Ok(certificate)
}

/// The keys of a certificate that may sign, the primary key first.
pub(crate) fn components(certificate: &SignedPublicKey) -> Result<Vec<Component>, String> {
    let primary = &certificate.primary_key;
    let statement = newest_statement(certificate)?;
    let revoked = certificate
        .details
        .revocation_signatures
        .iter()
        .any(|signature| {
            signature.typ() == Some(SignatureType::KeyRevocation)
                && signature.verify_key(primary).is_ok()
        });
    let expires = end_of(primary, statement);
    let mut components = Vec::new();
    // A key without flags does what its algorithm can (RFC 9580, section 5.2.3.29).
    let primary_signs = flags(statement).unwrap_or(true);
    if primary_signs && is_strong_key(primary) {
        components.push(Component {
            key: Key::Primary(Box::new(primary.clone())),
            fingerprint: fingerprint(primary),
            created: primary.created_at().as_secs(),
            expires,
            revoked,
        });
    }
    for subkey in &certificate.public_subkeys {
        let Some(binding) = signing_binding(primary, subkey) else {
            continue;
        };
        components.push(Component {
            key: Key::Subkey(Box::new(subkey.key.clone())),
            fingerprint: fingerprint(&subkey.key),
            created: subkey.key.created_at().as_secs(),
            expires: [end_of(&subkey.key, binding), expires]
                .into_iter()
                .flatten()
                .min(),
            revoked: revoked || is_revoked(primary, subkey),
        });
    }
    if components.is_empty() {
        return Err(
            "none of its keys may sign by RSA (2048 to 4096 bits), ECDSA or EdDSA".to_owned(),
        );
    }
    Ok(components)
}

/// The newest of the owner's own statements about the primary key: its expiry and its uses.
fn newest_statement(certificate: &SignedPublicKey) -> Result<&Signature, String> {
    let primary = &certificate.primary_key;
    let direct = certificate
        .details
        .direct_signatures
        .iter()
        .filter(|signature| {
            signature.typ() == Some(SignatureType::Key) && signature.verify_key(primary).is_ok()
        });
    let users = certificate.details.users.iter().flat_map(|user| {
        user.signatures.iter().filter(|signature| {
            signature.typ() != Some(SignatureType::CertRevocation)
                && signature
                    .verify_certification(primary, Tag::UserId, &user.id)
                    .is_ok()
        })
    });
    let newest = direct
        .chain(users)
        .max_by_key(|signature| signature.created());
    let newest = newest.ok_or("it has no valid self-signature")?;
    strong(newest).then_some(newest).ok_or_else(|| {
        "its newest self-signature is by a weak digest; renew it (gpg --cert-digest-algo SHA256 \
         --quick-set-expire FINGERPRINT 1y) and export the key again"
            .to_owned()
    })
}

/// The newest binding of a subkey, if by it the subkey may sign: strong, and confirmed by the subkey
/// itself, so that nobody can adopt another's key as a subkey.
fn signing_binding<'a>(
    primary: &PublicKey,
    subkey: &'a SignedPublicSubKey,
) -> Option<&'a Signature> {
    let bindings = subkey.signatures.iter().filter(|signature| {
        signature.typ() == Some(SignatureType::SubkeyBinding)
            && signature
                .verify_subkey_binding(primary, &subkey.key)
                .is_ok()
    });
    let newest = bindings.max_by_key(|signature| signature.created())?;
    let confirmation = newest.embedded_signature()?;
    let sound = strong(newest)
        && flags(newest) == Some(true)
        && strong(confirmation)
        && confirmation
            .verify_primary_key_binding(&subkey.key, primary)
            .is_ok()
        && is_strong_key(&subkey.key);
    sound.then_some(newest)
}

fn is_revoked(primary: &PublicKey, subkey: &SignedPublicSubKey) -> bool {
    subkey.signatures.iter().any(|signature| {
        signature.typ() == Some(SignatureType::SubkeyRevocation)
            && signature
                .verify_subkey_binding(primary, &subkey.key)
                .is_ok()
    })
}

fn end_of(key: &impl KeyDetails, statement: &Signature) -> Option<Timestamp> {
    let after = statement
        .key_expiration_time()
        .filter(|after| after.as_secs() != 0)?;
    Some(seconds(
        u64::from(key.created_at().as_secs()) + u64::from(after.as_secs()),
    ))
}

/// Whether the flags allow signing; `None` where there are no flags.
fn flags(statement: &Signature) -> Option<bool> {
    statement
        .config()?
        .hashed_subpackets()
        .find_map(|packet| match &packet.data {
            SubpacketData::KeyFlags(flags) => Some(flags.sign()),
            _ => None,
        })
}

fn strong(signature: &Signature) -> bool {
    signature.hash_alg().is_some_and(is_strong)
}

fn is_strong_key(key: &impl KeyDetails) -> bool {
    use rsa_size::modulus_bits;
    match key.public_params() {
        PublicParams::RSA(params) => (2048..=4096).contains(&modulus_bits(params)),
        PublicParams::ECDSA(_)
        | PublicParams::EdDSALegacy(_)
        | PublicParams::Ed25519(_)
        | PublicParams::Ed448(_) => true,
        _ => false,
    }
}

/// rPGP does not tell the size of an RSA key; its wire form does.
mod rsa_size {
    use ::pgp::ser::Serialize as _;
    use ::pgp::types::RsaPublicParams;

    /// The bit count that the modulus' MPI starts with (RFC 9580, section 3.2).
    pub(super) fn modulus_bits(params: &RsaPublicParams) -> usize {
        match params.to_bytes().as_deref() {
            Ok([high, low, ..]) => usize::from(u16::from_be_bytes([*high, *low])),
            _ => 0,
        }
    }
}
