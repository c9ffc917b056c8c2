//! Attestors as Binary Authorization writes them (`projects.attestors`, REST v1 and v1beta1).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::bytes::Base64;

/// `projects/P/attestors/A`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AttestorName {
    /// Project id or number.
    pub project: String,
    /// The attestor's id.
    pub id: String,
}

/// `projects/P/notes/N`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NoteName {
    /// Project id or number.
    pub project: String,
    /// The note's id.
    pub id: String,
}

/// A resource name that is not of the form `projects/P/COLLECTION/ID`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not of the form projects/PROJECT/{collection}/ID")]
pub struct ResourceNameError {
    name: String,
    collection: &'static str,
}

fn split_name(name: &str, collection: &'static str) -> Result<(String, String), ResourceNameError> {
    let parts: Vec<&str> = name.split('/').collect();
    match parts[..] {
        ["projects", project, kind, id]
            if kind == collection && !project.is_empty() && !id.is_empty() =>
        {
            Ok((project.to_owned(), id.to_owned()))
        }
        _ => Err(ResourceNameError {
            name: crate::image::shortened(name),
            collection,
        }),
    }
}

macro_rules! resource_name {
    ($type:ident, $collection:literal) => {
        impl FromStr for $type {
            type Err = ResourceNameError;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                let (project, id) = split_name(name, $collection)?;
                Ok(Self { project, id })
            }
        }

        impl TryFrom<String> for $type {
            type Error = ResourceNameError;

            fn try_from(name: String) -> Result<Self, Self::Error> {
                name.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.to_string()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(
                    f,
                    concat!("projects/{}/", $collection, "/{}"),
                    self.project, self.id
                )
            }
        }
    };
}

resource_name!(AttestorName, "attestors");
resource_name!(NoteName, "notes");

/// An attestor: whose word counts, and by which keys it is recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attestor {
    /// `projects/P/attestors/A`.
    pub name: AttestorName,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The note that attestations hang on, and the keys.
    pub user_owned_grafeas_note: UserOwnedGrafeasNote,
    /// Version of the resource; set by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Time of the last change; set by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_time: Option<jiff::Timestamp>,
}

/// An attestor as the trust function keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PinnedAttestor {
    /// The resource, with every key's id.
    pub attestor: Attestor,
    /// When its note was made, if that was there: a note that was deleted and made again is another one,
    /// to which others may attach.
    pub note_created: Option<jiff::Timestamp>,
}

impl PinnedAttestor {
    /// Why its note, made at that time, or not there, is not the one that it was made for.
    pub fn wrong_note(&self, created: Option<jiff::Timestamp>) -> Option<String> {
        let pinned = self.note_created?;
        let note = &self.attestor.user_owned_grafeas_note.note_reference;
        let name = &self.attestor.name;
        match created {
            Some(created) if created == pinned => None,
            Some(created) => Some(format!(
                "{note} was deleted and made again at {created}: it is not the note that {name} was made for"
            )),
            None => Some(format!("{note}, the note of {name}, was deleted")),
        }
    }
}

/// A Container Analysis note owned by the user, and the public keys that attest to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserOwnedGrafeasNote {
    /// `projects/P/notes/N`; never changes after creation.
    pub note_reference: NoteName,
    /// With none, the attestor can never be satisfied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub public_keys: Vec<AttestorPublicKey>,
    /// The account that Binary Authorization reads occurrences as; set by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegation_service_account_email: Option<String>,
}

/// One key of an attestor: a PKIX key or an OpenPGP key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttestorPublicKey {
    /// What signatures call the key. A PKIX key without one gets `ni:///sha-256;…`; an OpenPGP
    /// key's is always its fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// A SubjectPublicKeyInfo with its algorithm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pkix_public_key: Option<PkixPublicKey>,
    /// An armored OpenPGP public key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ascii_armored_pgp_public_key: Option<String>,
}

/// A PKIX public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PkixPublicKey {
    /// PEM of the SubjectPublicKeyInfo.
    pub public_key_pem: String,
    /// The one algorithm that this key verifies.
    pub signature_algorithm: SignatureAlgorithm,
    /// Blank, or equal to the wrapper's `id` (v1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
}

impl PkixPublicKey {
    /// The DER of the SubjectPublicKeyInfo that the PEM holds (RFC 7468, section 13); `None` if it is
    /// no such PEM. It says nothing of what the DER is.
    pub fn der(&self) -> Option<Vec<u8>> {
        let (_, rest) = self
            .public_key_pem
            .split_once("-----BEGIN PUBLIC KEY-----")?;
        let (body, _) = rest.split_once("-----END PUBLIC KEY-----")?;
        let body: String = body.split_ascii_whitespace().collect();
        Base64::decode(&body).ok()
    }
}

/// The signature algorithms of Binary Authorization. Both spellings of each are read, because
/// `gcloud` writes either; the one of the API reference is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SignatureAlgorithm {
    /// ECDSA on NIST P-256 with SHA-256.
    #[serde(rename = "ECDSA_P256_SHA256", alias = "EC_SIGN_P256_SHA256")]
    EcdsaP256Sha256,
    /// ECDSA on NIST P-384 with SHA-384.
    #[serde(rename = "ECDSA_P384_SHA384", alias = "EC_SIGN_P384_SHA384")]
    EcdsaP384Sha384,
    /// ECDSA on NIST P-521 with SHA-512.
    #[serde(rename = "ECDSA_P521_SHA512", alias = "EC_SIGN_P521_SHA512")]
    EcdsaP521Sha512,
    /// RSASSA-PSS, 2048-bit key, SHA-256.
    #[serde(rename = "RSA_PSS_2048_SHA256", alias = "RSA_SIGN_PSS_2048_SHA256")]
    RsaPss2048Sha256,
    /// RSASSA-PSS, 3072-bit key, SHA-256.
    #[serde(rename = "RSA_PSS_3072_SHA256", alias = "RSA_SIGN_PSS_3072_SHA256")]
    RsaPss3072Sha256,
    /// RSASSA-PSS, 4096-bit key, SHA-256.
    #[serde(rename = "RSA_PSS_4096_SHA256", alias = "RSA_SIGN_PSS_4096_SHA256")]
    RsaPss4096Sha256,
    /// RSASSA-PSS, 4096-bit key, SHA-512.
    #[serde(rename = "RSA_PSS_4096_SHA512", alias = "RSA_SIGN_PSS_4096_SHA512")]
    RsaPss4096Sha512,
    /// RSASSA-PKCS1-v1_5, 2048-bit key, SHA-256.
    #[serde(rename = "RSA_SIGN_PKCS1_2048_SHA256")]
    RsaPkcs1_2048Sha256,
    /// RSASSA-PKCS1-v1_5, 3072-bit key, SHA-256.
    #[serde(rename = "RSA_SIGN_PKCS1_3072_SHA256")]
    RsaPkcs1_3072Sha256,
    /// RSASSA-PKCS1-v1_5, 4096-bit key, SHA-256.
    #[serde(rename = "RSA_SIGN_PKCS1_4096_SHA256")]
    RsaPkcs1_4096Sha256,
    /// RSASSA-PKCS1-v1_5, 4096-bit key, SHA-512.
    #[serde(rename = "RSA_SIGN_PKCS1_4096_SHA512")]
    RsaPkcs1_4096Sha512,
}

impl SignatureAlgorithm {
    /// Every algorithm, in the order of the API reference.
    pub const ALL: [Self; 11] = [
        Self::EcdsaP256Sha256,
        Self::EcdsaP384Sha384,
        Self::EcdsaP521Sha512,
        Self::RsaPss2048Sha256,
        Self::RsaPss3072Sha256,
        Self::RsaPss4096Sha256,
        Self::RsaPss4096Sha512,
        Self::RsaPkcs1_2048Sha256,
        Self::RsaPkcs1_3072Sha256,
        Self::RsaPkcs1_4096Sha256,
        Self::RsaPkcs1_4096Sha512,
    ];
}

impl fmt::Display for SignatureAlgorithm {
    /// The API's spelling.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl FromStr for SignatureAlgorithm {
    type Err = UnknownAlgorithm;

    /// Reads either API spelling, and `gcloud`'s lower-case one (`ecdsa-p256-sha256`).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use serde::de::IntoDeserializer as _;
        let name = text.to_ascii_uppercase().replace('-', "_");
        let name: serde::de::value::StrDeserializer<'_, serde::de::value::Error> =
            name.as_str().into_deserializer();
        Self::deserialize(name).map_err(|_| UnknownAlgorithm {
            name: crate::image::shortened(text),
        })
    }
}

/// A name that is no signature algorithm of Binary Authorization.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no signature algorithm; one of: {}", algorithm_names())]
pub struct UnknownAlgorithm {
    name: String,
}

fn algorithm_names() -> String {
    SignatureAlgorithm::ALL
        .map(|algorithm| algorithm.to_string())
        .join(", ")
}

/// Which project number belongs to which project id: Google writes either in resource names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProjectNumbers(
    /// Project id to project number.
    pub BTreeMap<String, u64>,
);

impl ProjectNumbers {
    /// Whether two spellings, id or number, mean one project.
    pub fn same_project(&self, a: &str, b: &str) -> bool {
        a == b
            || self
                .number(a)
                .is_some_and(|number| Some(number) == self.number(b))
    }

    /// Whether two names mean one note.
    pub fn same_note(&self, a: &NoteName, b: &NoteName) -> bool {
        a.id == b.id && self.same_project(&a.project, &b.project)
    }

    fn number(&self, project: &str) -> Option<u64> {
        project
            .parse()
            .ok()
            .or_else(|| self.0.get(project).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_reads_both_spellings_and_gclouds() {
        for (text, algorithm) in [
            ("EC_SIGN_P256_SHA256", SignatureAlgorithm::EcdsaP256Sha256),
            ("ecdsa-p521-sha512", SignatureAlgorithm::EcdsaP521Sha512),
            (
                "RSA_SIGN_PSS_4096_SHA512",
                SignatureAlgorithm::RsaPss4096Sha512,
            ),
            (
                "rsa-sign-pkcs1-3072-sha256",
                SignatureAlgorithm::RsaPkcs1_3072Sha256,
            ),
        ] {
            assert_eq!(text.parse(), Ok(algorithm), "{text}");
        }
        for algorithm in SignatureAlgorithm::ALL {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
        }
        assert!("EC_SIGN_ED25519".parse::<SignatureAlgorithm>().is_err());
    }

    #[test]
    fn a_project_is_its_number() {
        let numbers = ProjectNumbers([("demo".to_owned(), 111)].into());
        assert!(numbers.same_project("demo", "111"));
        assert!(!numbers.same_project("demo", "112"));
        assert!(
            !numbers.same_project("other", "another"),
            "two unknown ids are not one project"
        );
    }

    #[test]
    fn unknown_fields_are_errors() {
        let text = r#"{"name":"projects/p/attestors/a","userOwnedGrafeasNote":
            {"noteReference":"projects/p/notes/n","publicKey":[]}}"#;
        let error = serde_json::from_str::<Attestor>(text)
            .unwrap_err()
            .to_string();
        assert!(error.contains("unknown field `publicKey`"), "{error}");
    }
}
