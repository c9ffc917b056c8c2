//! The key in an X.509 certificate (RFC 5280 §4.1) that somebody else vouches for, such as the TLS
//! connection that it came over. No chain is built here.

use der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use der::{Decode as _, Header, Reader, SliceReader, Tag};
use postern_core::attestor::SignatureAlgorithm;

use crate::error::KeyError;
use crate::pem;
use crate::pkix::{KeyKind, PkixKey};

/// An RSA certificate, as far as it matters here.
#[derive(Debug, Clone)]
pub struct RsaCertificate {
    key: PkixKey,
    /// Seconds since 1970, both included.
    valid: (u64, u64),
}

impl RsaCertificate {
    /// Reads the first certificate of a PEM text: the leaf, where others follow. Its key must be RSA
    /// of 2048, 3072 or 4096 bits, and is then one that verifies PKCS #1 v1.5 with SHA-256.
    ///
    /// # Errors
    /// If it is none, or has another kind of key.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let blocks = pem::blocks(text).map_err(KeyError::NotPem)?;
        let first = blocks.first().filter(|block| block.label == "CERTIFICATE");
        let Some(block) = first else {
            return Err(KeyError::NotPem("it is no CERTIFICATE".to_owned()));
        };
        let (spki, valid) =
            parts(&block.content).map_err(|error| KeyError::NotSpki(error.to_string()))?;
        let algorithm = match KeyKind::of_spki(spki)? {
            KeyKind::Rsa(3072) => SignatureAlgorithm::RsaPkcs1_3072Sha256,
            KeyKind::Rsa(4096) => SignatureAlgorithm::RsaPkcs1_4096Sha256,
            // Others are told apart from what is expected most.
            _ => SignatureAlgorithm::RsaPkcs1_2048Sha256,
        };
        Ok(Self {
            key: PkixKey::from_spki(spki, algorithm)?,
            valid,
        })
    }

    /// Its key.
    pub const fn key(&self) -> &PkixKey {
        &self.key
    }

    /// Whether it is valid at that time, in seconds since 1970.
    pub fn is_valid_at(&self, second: i64) -> bool {
        let (from, to) = self.valid;
        u64::try_from(second).is_ok_and(|second| (from..=to).contains(&second))
    }
}

/// The SubjectPublicKeyInfo, and the validity in seconds since 1970.
fn parts(certificate: &[u8]) -> der::Result<(&[u8], (u64, u64))> {
    let mut reader = SliceReader::new(certificate)?;
    let to_be_signed = inner(&mut reader)?;
    let mut fields = SliceReader::new(to_be_signed)?;
    let mut fields = SliceReader::new(inner(&mut fields)?)?;
    // version, serialNumber, signature, issuer
    for _ in 0..4 {
        AnyRef::decode(&mut fields)?;
    }
    let mut validity = SliceReader::new(inner(&mut fields)?)?;
    let valid = (time(&mut validity)?, time(&mut validity)?);
    AnyRef::decode(&mut fields)?;
    Ok((fields.tlv_bytes()?, valid))
}

/// The content of the next SEQUENCE.
fn inner<'r>(reader: &mut SliceReader<'r>) -> der::Result<&'r [u8]> {
    let header = Header::decode(reader)?;
    header.tag().assert_eq(Tag::Sequence)?;
    reader.read_slice(header.length())
}

fn time(reader: &mut SliceReader<'_>) -> der::Result<u64> {
    let time = match Tag::peek(reader)? {
        Tag::UtcTime => UtcTime::decode(reader)?.to_unix_duration(),
        _ => GeneralizedTime::decode(reader)?.to_unix_duration(),
    };
    Ok(time.as_secs())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize, SigningKey as _};

    use super::*;

    fn made(key: &KeyPair) -> String {
        let mut params = CertificateParams::new(["sns.amazonaws.com".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        // A GeneralizedTime, as RFC 5280 has it from 2050 on.
        params.not_after = rcgen::date_time_ymd(2051, 1, 1);
        params.self_signed(key).unwrap().pem()
    }

    #[test]
    fn its_key_verifies_while_it_is_valid() {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let certificate = RsaCertificate::from_pem(&made(&key)).unwrap();
        let signature = key.sign(b"synthetic").unwrap();
        assert!(certificate.key().verify(b"synthetic", &signature).is_ok());
        assert!(certificate.key().verify(b"another", &signature).is_err());
        // 2026-01-01 and 2051-01-01.
        for (second, valid) in [
            (1_767_225_599, false),
            (1_767_225_600, true),
            (2_556_144_000, true),
            (2_556_144_001, false),
            (-1, false),
        ] {
            assert_eq!(certificate.is_valid_at(second), valid, "{second}");
        }
    }

    #[test]
    fn others_are_refused() {
        let elliptic = made(&KeyPair::generate().unwrap());
        assert!(RsaCertificate::from_pem(&elliptic).is_err());
        let key = KeyPair::generate().unwrap().serialize_pem();
        assert!(RsaCertificate::from_pem(&key).is_err());
        let nonsense = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        assert!(RsaCertificate::from_pem(nonsense).is_err());
        assert!(RsaCertificate::from_pem("").is_err());
    }
}
