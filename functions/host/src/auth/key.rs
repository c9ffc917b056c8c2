//! One public key of an issuer.

use std::collections::BTreeMap;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// The most keys that are taken of one issuer; real ones have fewer than ten.
const MAX_KEYS: usize = 64;

/// A key and the algorithms that it may verify.
#[derive(Clone)]
pub(super) struct Key {
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

impl Key {
    /// Whether signatures by this algorithm are verified by this key at all.
    pub(super) fn takes(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Whether `signature`, in base64url, is this key's over the message.
    pub(super) fn verifies(&self, message: &[u8], signature: &str, algorithm: Algorithm) -> bool {
        jsonwebtoken::crypto::verify(signature, message, &self.key, algorithm).unwrap_or(false)
    }

    fn of(jwk: &Jwk) -> Option<Self> {
        use Algorithm::{ES256, ES384, PS256, PS384, PS512, RS256, RS384, RS512};
        let mut algorithms = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => vec![RS256, RS384, RS512, PS256, PS384, PS512],
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                vec![ES256]
            }
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => {
                vec![ES384]
            }
            _ => return None,
        };
        if let Some(only) = jwk.common.key_algorithm {
            algorithms.retain(|algorithm| KeyAlgorithm::from(*algorithm) == only);
        }
        let signs = matches!(
            jwk.common.public_key_use,
            None | Some(PublicKeyUse::Signature)
        );
        let key = DecodingKey::from_jwk(jwk).ok()?;
        (signs && !algorithms.is_empty()).then_some(Self { algorithms, key })
    }
}

/// Reads a JWK Set (RFC 7517 §5): the keys that tokens may be signed by, by their ids. Keys of other
/// kinds are left out, as the RFC asks.
pub(super) fn key_set(bytes: &[u8]) -> Result<BTreeMap<String, Key>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    let set: Set = serde_json::from_slice(bytes)?;
    let keys = set.keys.into_iter().take(MAX_KEYS).filter_map(|value| {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let id = jwk.common.key_id.clone().filter(|id| !id.is_empty())?;
        Some((id, Key::of(&jwk)?))
    });
    Ok(keys.collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_that_sign_no_tokens_are_left_out() {
        // Synthetic: the numbers are no real keys.
        let set = r#"{"keys":[
            {"kty":"RSA","kid":"encryption","use":"enc","n":"AQAB","e":"AQAB"},
            {"kty":"oct","kid":"shared","k":"c2VjcmV0"},
            {"kty":"EC","kid":"curve","crv":"P-521","x":"AQ","y":"AQ"},
            {"kty":"new","kid":"future"},
            {"kty":"RSA","n":"AQAB","e":"AQAB"},
            {"kty":"RSA","kid":"other","alg":"RSA-OAEP","n":"AQAB","e":"AQAB"},
            {"kty":"RSA","kid":"good","alg":"RS256","n":"AQAB","e":"AQAB"}]}"#;
        let keys = key_set(set.as_bytes()).unwrap();
        assert_eq!(keys.keys().collect::<Vec<_>>(), ["good"]);
        assert!(keys["good"].takes(Algorithm::RS256));
        assert!(
            !keys["good"].takes(Algorithm::PS256),
            "its `alg` names the only one"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = key_set(&bytes);
        }
    }
}
