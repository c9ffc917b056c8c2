//! A JSON Web Token in its parts (RFC 7515 §7.1), and what is believed of it when.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::claims::{Claims, Rejection};
use super::key::Key;
use crate::problem::quoted;

/// The longest token that is looked at, in bytes. The longest real ones, of GitLab, have some 2 KB.
const LIMIT: usize = 16 * 1024;

/// The algorithms that are accepted: signatures by RSA and ECDSA keys. Never `none`, and never a
/// shared secret, which a public key could be passed off as.
fn algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "RS256" => Some(Algorithm::RS256),
        "RS384" => Some(Algorithm::RS384),
        "RS512" => Some(Algorithm::RS512),
        "PS256" => Some(Algorithm::PS256),
        "PS384" => Some(Algorithm::PS384),
        "PS512" => Some(Algorithm::PS512),
        "ES256" => Some(Algorithm::ES256),
        "ES384" => Some(Algorithm::ES384),
        _ => None,
    }
}

/// A token, taken apart. Nothing in it is proven.
pub(super) struct Token<'a> {
    header: Header,
    /// Header and payload as they are signed.
    message: &'a str,
    payload: &'a str,
    signature: &'a str,
}

/// What of a token can be read before it is verified: which issuer's keys to verify it by.
pub(super) struct UnverifiedClaims {
    /// The issuer that the token claims to be of.
    pub(super) issuer: String,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<Value>,
}

impl<'a> Token<'a> {
    pub(super) fn parse(token: &'a str) -> Result<Self, Rejection> {
        if token.len() > LIMIT {
            return Err(Rejection::Malformed("it is too long"));
        }
        let parts = token.rsplit_once('.').and_then(|(message, signature)| {
            let (header, payload) = message.split_once('.')?;
            (!payload.contains('.')).then_some((message, header, payload, signature))
        });
        let Some((message, header, payload, signature)) = parts else {
            return Err(Rejection::Malformed("it does not have three parts"));
        };
        let header: Header = json(header, "its header is not base64url of JSON")?;
        if header.crit.is_some() {
            return Err(Rejection::Malformed(
                "it demands an extension that is not known here",
            ));
        }
        Ok(Self {
            header,
            message,
            payload,
            signature,
        })
    }

    /// The id of the key that it claims to be signed by.
    pub(super) fn key_id(&self) -> &str {
        self.header.kid.as_deref().unwrap_or_default()
    }

    pub(super) fn unverified_claims(&self) -> Result<UnverifiedClaims, Rejection> {
        match self.claims()?.remove("iss") {
            Some(Value::String(issuer)) => Ok(UnverifiedClaims { issuer }),
            _ => Err(Rejection::Malformed("it has no `iss`")),
        }
    }

    /// Verifies the signature by a key of the issuer.
    pub(super) fn verify(&self, key: &Key) -> Result<Claims, Rejection> {
        let algorithm = algorithm(&self.header.alg)
            .filter(|algorithm| key.takes(*algorithm))
            .ok_or_else(|| Rejection::Algorithm(quoted(&self.header.alg)))?;
        if !key.verifies(self.message.as_bytes(), self.signature, algorithm) {
            return Err(Rejection::Signature);
        }
        Ok(Claims::of_token(self.claims()?))
    }

    /// The claims as they stand, for a token whose signature the platform in front has verified,
    /// and replaced by `SIGNATURE_REMOVED_BY_GOOGLE`.
    pub(super) fn claims_verified_by_platform(&self) -> Result<Claims, Rejection> {
        Ok(Claims::of_token(self.claims()?))
    }

    fn claims(&self) -> Result<Map<String, Value>, Rejection> {
        let claims: UniqueMembers = json(self.payload, "its claims are not base64url of JSON")?;
        Ok(claims.0)
    }
}

fn json<T: DeserializeOwned>(part: &str, otherwise: &'static str) -> Result<T, Rejection> {
    URL_SAFE_NO_PAD
        .decode(part)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or(Rejection::Malformed(otherwise))
}

/// An object in which no name stands twice: which of the two another reader takes is not known.
struct UniqueMembers(Map<String, Value>);

impl<'de> Deserialize<'de> for UniqueMembers {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = UniqueMembers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<UniqueMembers, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = map.next_entry()? {
                    if members.insert(name, value).is_some() {
                        return Err(serde::de::Error::custom("a name stands twice"));
                    }
                }
                Ok(UniqueMembers(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(header: &str, payload: &str) -> String {
        format!(
            "{}.{}.c2ln",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(payload)
        )
    }

    #[rstest::rstest]
    #[case::parts("a.b".to_owned(), "the token cannot be read: it does not have three parts")]
    #[case::more("a.b.c.d".to_owned(), "the token cannot be read: it does not have three parts")]
    #[case::long("a".repeat(20_000), "the token cannot be read: it is too long")]
    #[case::base64("!.b.c".to_owned(), "the token cannot be read: its header is not base64url of JSON")]
    #[case::critical(
        token(r#"{"alg":"RS256","crit":["exp"]}"#, "{}"),
        "the token cannot be read: it demands an extension that is not known here"
    )]
    fn rubbish_is_refused(#[case] token: String, #[case] expected: &str) {
        assert_eq!(Token::parse(&token).err().unwrap().to_string(), expected);
    }

    #[test]
    fn a_claim_that_stands_twice_is_refused() {
        let token = token(
            r#"{"alg":"RS256"}"#,
            r#"{"iss":"https://a","iss":"https://b"}"#,
        );
        assert!(Token::parse(&token).unwrap().unverified_claims().is_err());
    }

    #[rstest::rstest]
    #[case("none")]
    #[case("HS256")]
    #[case("EdDSA")]
    #[case("rs256")]
    fn other_algorithms_are_unknown(#[case] name: &str) {
        assert_eq!(algorithm(name), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}", header in "\\PC{0,40}") {
            let _ = Token::parse(&text);
            let nested = token(&format!(r#"{{"alg":"RS256","kid":{header:?}}}"#), &text);
            if let Ok(token) = Token::parse(&nested) {
                let _ = token.unverified_claims();
            }
        }
    }
}
