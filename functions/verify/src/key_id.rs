//! The id that Binary Authorization gives a public key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::KeyError;
use crate::pkix;

/// What signatures call a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyId {
    /// `ni:///sha-256;…` of a PKIX key for which no id was chosen.
    Pkix(String),
    /// The V4 fingerprint of an OpenPGP key, 40 upper-case hex digits.
    Pgp(String),
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pkix(id) | Self::Pgp(id) => f.write_str(id),
        }
    }
}

/// The id of the public key in a file: PEM of a SubjectPublicKeyInfo, or an armored OpenPGP key.
///
/// # Errors
/// If the bytes are neither.
pub fn key_id(file: &[u8]) -> Result<KeyId, KeyError> {
    let text = std::str::from_utf8(file)
        .map_err(|_| KeyError::NotPem("the bytes are no text".to_owned()))?;
    if text.contains("-----BEGIN PGP ") {
        return pgp_key_id(text);
    }
    let spki = pkix::spki_of_pem(text)?;
    // Also refuses what is PEM of a key that no attestor can hold.
    pkix::KeyKind::of_spki(&spki)?;
    Ok(KeyId::Pkix(pkix_key_id(&spki)))
}

/// The id of a PKIX key for which no id was chosen: the digest URI (RFC 6920) of the SHA-256 of the
/// DER SubjectPublicKeyInfo.
pub fn pkix_key_id(spki: &[u8]) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(spki);
    format!("ni:///sha-256;{}", URL_SAFE_NO_PAD.encode(digest))
}

#[cfg(feature = "pgp")]
fn pgp_key_id(text: &str) -> Result<KeyId, KeyError> {
    crate::pgp::fingerprint_of_armored(text).map(KeyId::Pgp)
}

#[cfg(not(feature = "pgp"))]
fn pgp_key_id(_text: &str) -> Result<KeyId, KeyError> {
    Err(KeyError::PgpNotBuilt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_pkix_key_is_the_digest_uri_of_its_der() {
        // The SHA-256 of the empty string, so that the form is seen without a key.
        assert_eq!(
            pkix_key_id(b""),
            "ni:///sha-256;47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
        );
    }

    #[test]
    fn a_private_key_is_refused() {
        let (private, public) = crate::signer::generate_p256().unwrap();
        assert!(matches!(key_id(public.as_bytes()), Ok(KeyId::Pkix(_))));
        let error = key_id(private.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("PRIVATE KEY"), "{error}");
    }
}
