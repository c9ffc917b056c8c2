//! A stand-in for where people sign in: an issuer of OIDC tokens in this process, with a key of its
//! own. What the functions make of its tokens is no stand-in.

use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use postern_core::bytes::Base64;
use postern_host::config::{Access, Auth, Issuer, Right};
use postern_verify::signer::{SoftwareSigner, generate_p256};
use serde_json::{Value, json};

use crate::outcome::Failure;

/// The pipeline.
pub(crate) const CI: &str = "ci@demo-project.iam.gserviceaccount.com";
/// Who delivers the audit log.
pub(crate) const PUSH: &str = "push@demo-project.iam.gserviceaccount.com";
/// Who opens the emergency door.
pub(crate) const ONCALL: &str = "oncall@example.com";
/// Who looks at it next morning.
pub(crate) const LEAD: &str = "lead@example.com";

/// The `aud` of the tokens.
const AUDIENCE: &str = "https://postern.example";
const KEY_ID: &str = "demo";
/// Seconds that a token is good for.
const GOOD_FOR: i64 = 600;
/// Bytes of one number of a P-256 key or signature.
const NUMBER: usize = 32;

/// The stand-in: its key, and where it answers.
pub(crate) struct SignIn {
    signer: SoftwareSigner,
    public: [String; 2],
    url: String,
}

impl SignIn {
    /// With a new key. `url` is where [`Self::router`] answers.
    pub(crate) fn new(url: String) -> Result<Self, Failure> {
        let (private, public) = generate_p256().map_err(Failure::undetermined)?;
        let signer = SoftwareSigner::from_pem(&private, None, None);
        let lines = public.lines().filter(|line| !line.starts_with("-----"));
        let spki = Base64::decode(&lines.collect::<String>()).map_err(Failure::undetermined)?;
        // The point stands at the end of it, uncompressed (RFC 5480, section 2.2).
        let point = spki.len().checked_sub(2 * NUMBER);
        let point = point.and_then(|start| spki.get(start..));
        let (x, y) = point
            .unwrap_or_default()
            .split_at_checked(NUMBER)
            .ok_or_else(odd)?;
        Ok(Self {
            signer: signer.map_err(Failure::undetermined)?,
            public: [base64url(x), base64url(y)],
            url,
        })
    }

    /// The keys (RFC 7517).
    pub(crate) fn router(&self) -> Router {
        let [x, y] = &self.public;
        let keys = json!({"keys": [
            {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": KEY_ID, "x": x, "y": y},
        ]});
        Router::new().route("/keys", get(move || std::future::ready(Json(keys.clone()))))
    }

    /// A token that says who somebody is.
    pub(crate) fn token(&self, email: &str) -> Result<String, Failure> {
        let now = Timestamp::now();
        let claims = json!({
            "iss": self.url, "aud": AUDIENCE, "sub": email, "email": email, "email_verified": true,
            "iat": now.as_second(), "exp": now.as_second() + GOOD_FOR,
        });
        let header = json!({"alg": "ES256", "kid": KEY_ID, "typ": "JWT"});
        let part = |value: &Value| base64url(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let der = self.signer.sign_at(signed.as_bytes(), now);
        let signature = fixed(&der.map_err(Failure::undetermined)?).ok_or_else(odd)?;
        Ok(format!("{signed}.{}", base64url(&signature)))
    }

    /// Who may do what, as an operator would write it.
    pub(crate) fn access(&self) -> Auth {
        let may = |people: &[(&str, &[Right])]| {
            let issuers = people.iter().map(|(email, may)| Issuer {
                issuer: self.url.clone(),
                audience: AUDIENCE.to_owned(),
                claims: [("email".to_owned(), json!(email))].into(),
                jwks_uri: Some(format!("{}/keys", self.url)),
                may: may.to_vec(),
            });
            Some(Access::Issuers(issuers.collect()))
        };
        Auth {
            gate: may(&[
                (CI, &[Right::Decide]),
                (ONCALL, &[Right::Decide, Right::BreakGlass]),
            ]),
            attestor: may(&[(CI, &[Right::Attest])]),
            trust: None,
            auditor: may(&[(PUSH, &[Right::Ingest])]),
            cases: may(&[
                (ONCALL, &[Right::View, Right::Respond]),
                (LEAD, &[Right::View, Right::Respond, Right::Approve]),
            ]),
        }
    }
}

fn odd() -> Failure {
    Failure::undetermined("a key of the demo is not what it should be")
}

/// A signature as tokens have it (RFC 7518, section 3.4): two numbers of a fixed length, from the
/// sequence of two integers that ECDSA keys write (RFC 3279, section 2.2.3).
fn fixed(der: &[u8]) -> Option<[u8; 2 * NUMBER]> {
    let [0x30, _, integers @ ..] = der else {
        return None;
    };
    let (r, rest) = integer(integers)?;
    let (s, _) = integer(rest)?;
    let mut both = [0; 2 * NUMBER];
    for (number, end) in [(r, NUMBER), (s, 2 * NUMBER)] {
        let start = end.checked_sub(number.len())?;
        both.get_mut(start..end)?.copy_from_slice(number);
    }
    Some(both)
}

/// The first integer, without a sign, and what follows it.
fn integer(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let [0x02, length, rest @ ..] = der else {
        return None;
    };
    let (number, rest) = rest.split_at_checked(usize::from(*length))?;
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = number
        .get(zeros..)
        .filter(|number| number.len() <= NUMBER)?;
    Some((number, rest))
}

fn base64url(bytes: &[u8]) -> String {
    let text = Base64::encode(bytes).replace('+', "-").replace('/', "_");
    text.trim_end_matches('=').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_filled_up_and_signs_taken_off() {
        let mut expected = [0; 64];
        expected[31] = 0x81;
        expected[62] = 1;
        expected[63] = 2;
        let der = [0x30, 8, 0x02, 2, 0, 0x81, 0x02, 2, 1, 2];
        assert_eq!(fixed(&der), Some(expected));
        assert_eq!(fixed(&der[..6]), None);
        assert_eq!(fixed(&[0x30, 36, 0x02, 33, 1]), None);
        assert_eq!(fixed(b""), None);
    }

    #[test]
    fn a_key_and_a_token_are_made() {
        let sign_in = SignIn::new("http://127.0.0.1:1".to_owned()).unwrap();
        assert!(sign_in.public.iter().all(|number| number.len() == 43));
        for _ in 0..50 {
            let token = sign_in.token(LEAD).unwrap();
            let (_, signature) = token.rsplit_once('.').unwrap();
            assert_eq!(signature.len(), 86);
        }
    }
}
