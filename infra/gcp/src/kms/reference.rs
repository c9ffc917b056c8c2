//! Names of keys of Cloud KMS.

use std::str::FromStr;

use crate::resource::is_word;

/// A version of a key: `gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/V`.
/// `versions` in place of `cryptoKeyVersions` is read as well, as other tools write it.
///
/// A key without a version is none: each version has a public half of its own, and an attestor or a
/// checkpoint names that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KmsReference(String);

/// Why a text is no such reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KmsReferenceError {
    /// Not of the form.
    #[error(
        "a key of Cloud KMS is written \
         gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/V"
    )]
    Form,
    /// The key is named, and no version of it.
    #[error(
        "{0:?} has no version, and each has a public key of its own: add /cryptoKeyVersions/1, or the \
         one that is meant"
    )]
    NoVersion(String),
}

impl KmsReference {
    /// The resource's name, from `projects/` on.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl FromStr for KmsReference {
    type Err = KmsReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.strip_prefix("gcpkms://");
        let parts: Vec<_> = name.ok_or(KmsReferenceError::Form)?.split('/').collect();
        let (key, version) = match parts[..] {
            [
                "projects",
                p,
                "locations",
                l,
                "keyRings",
                r,
                "cryptoKeys",
                k,
            ] => ([p, l, r, k], None),
            [
                "projects",
                p,
                "locations",
                l,
                "keyRings",
                r,
                "cryptoKeys",
                k,
                "cryptoKeyVersions" | "versions",
                v,
            ] => ([p, l, r, k], Some(v)),
            _ => return Err(KmsReferenceError::Form),
        };
        if !key.into_iter().chain(version).all(is_word) {
            return Err(KmsReferenceError::Form);
        }
        let [p, l, r, k] = key;
        let key = format!("projects/{p}/locations/{l}/keyRings/{r}/cryptoKeys/{k}");
        match version {
            Some(version) => Ok(Self(format!("{key}/cryptoKeyVersions/{version}"))),
            None => Err(KmsReferenceError::NoVersion(key)),
        }
    }
}

impl std::fmt::Display for KmsReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "gcpkms://{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "gcpkms://projects/demo-mart/locations/europe-west1/keyRings/trust/cryptoKeys/ci";

    #[test]
    fn both_spellings_of_a_version_are_the_same() {
        let name = "projects/demo-mart/locations/europe-west1/keyRings/trust/cryptoKeys/ci/cryptoKeyVersions/3";
        for version in ["cryptoKeyVersions/3", "versions/3"] {
            let reference: KmsReference = format!("{KEY}/{version}").parse().unwrap();
            assert_eq!(reference.name(), name);
            assert_eq!(reference.to_string(), format!("gcpkms://{name}"));
        }
    }

    #[test]
    fn a_key_without_a_version_is_named_as_such() {
        let error = KEY.parse::<KmsReference>().unwrap_err();
        insta::assert_snapshot!(error, @r#""projects/demo-mart/locations/europe-west1/keyRings/trust/cryptoKeys/ci" has no version, and each has a public key of its own: add /cryptoKeyVersions/1, or the one that is meant"#);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "awskms:///alias/ci",
            "gcpkms://",
            "gcpkms:///projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
            "gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/",
            "gcpkms://projects/p/locations/l/keyRings/../cryptoKeys/k/cryptoKeyVersions/1",
            "gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1?x",
            "gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1/x",
            "gcpkms://projects/p/locations/l b/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
        ] {
            assert_eq!(
                text.parse::<KmsReference>(),
                Err(KmsReferenceError::Form),
                "{text}"
            );
        }
    }
}
