//! An issuer of OIDC tokens: a stand-in, with a real key.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postern_tests::openssl::{KeyPair, Padding, rsa_key, sign};
use serde_json::{Value, json};

use super::{Reply, StandIn};

/// An issuer with its discovery document and its keys.
pub(crate) struct Issuer {
    server: StandIn,
    key: KeyPair,
}

/// The `aud` of its tokens.
pub(crate) const AUDIENCE: &str = "https://gate.example";

impl Issuer {
    /// Makes its key and starts it.
    pub(crate) fn start(folder: &Path) -> Self {
        let key = rsa_key(folder, 2048);
        let keys = json!({"keys": [jwk(&key)]});
        let server = StandIn::start(move |request| match request.target.as_str() {
            "/.well-known/openid-configuration" => {
                let host = request.headers.get("host").unwrap();
                let issuer = format!("http://{host}");
                Reply::json(&json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")}))
            }
            "/keys" => Reply::json(&keys),
            _ => Reply::status(404),
        });
        Self { server, key }
    }

    /// Its name.
    pub(crate) fn name(&self) -> String {
        self.server.url()
    }

    /// A token for [`AUDIENCE`] that is good for ten minutes, with this e-mail address.
    pub(crate) fn token(&self, email: &str) -> String {
        self.token_with(email, &json!({}))
    }

    /// The same, with other claims in place of some.
    pub(crate) fn token_with(&self, email: &str, others: &Value) -> String {
        let now = now();
        let mut claims = json!({
            "iss": self.name(), "aud": AUDIENCE, "sub": "1", "email": email,
            "email_verified": true, "iat": now, "exp": now + 600,
        });
        for (name, value) in others.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let header = json!({"alg": "RS256", "kid": "synthetic", "typ": "JWT"});
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let signature = sign(&self.key, "sha256", Padding::None, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The time, in seconds since 1970.
pub(crate) fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs()
}

fn jwk(key: &KeyPair) -> Value {
    let output = postern_tests::run(
        Command::new("openssl")
            .args(["rsa", "-pubin", "-noout", "-modulus", "-in"])
            .arg(&key.public),
    );
    let text = String::from_utf8(output).unwrap();
    let hex = text.trim().strip_prefix("Modulus=").unwrap();
    let modulus: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect();
    json!({
        "kty": "RSA", "alg": "RS256", "use": "sig", "kid": "synthetic",
        "n": URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB",
    })
}
