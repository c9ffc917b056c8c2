//! Signatures of webhooks (Standard Webhooks, "Signature scheme").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The keys that a webhook's messages are signed with: one, or while it is changed the new and the old one.
#[derive(Clone)]
pub(crate) struct Secret(Vec<Vec<u8>>);

/// Why a text is no secret. It never shows the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a webhook's secret is `whsec_` and the base64 of 24 to 64 bytes, or several of these with blanks between them; make one with: echo whsec_$(openssl rand -base64 32)"
)]
pub struct SecretError;

impl Secret {
    /// Reads `whsec_…`, or several with blanks between them.
    pub(crate) fn parse(text: &str) -> Result<Self, SecretError> {
        let keys: Vec<_> = text.split_whitespace().map(key).collect::<Result<_, _>>()?;
        match keys.is_empty() {
            true => Err(SecretError),
            false => Ok(Self(keys)),
        }
    }

    /// The `webhook-signature` of a message: a signature by each key, any of which is enough.
    pub(crate) fn sign(
        &self,
        id: &str,
        timestamp: i64,
        body: &[u8],
    ) -> Result<String, SecretError> {
        let signature = |key: &Vec<u8>| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| SecretError)?;
            mac.update(format!("{id}.{timestamp}.").as_bytes());
            mac.update(body);
            let mac = mac.finalize().into_bytes();
            Ok(format!("v1,{}", STANDARD.encode(mac)))
        };
        let signatures: Vec<_> = self.0.iter().map(signature).collect::<Result<_, _>>()?;
        Ok(signatures.join(" "))
    }
}

fn key(text: &str) -> Result<Vec<u8>, SecretError> {
    let encoded = text.strip_prefix("whsec_").ok_or(SecretError)?;
    let bytes = STANDARD.decode(encoded).map_err(|_| SecretError)?;
    match bytes.len() {
        24..=64 => Ok(bytes),
        _ => Err(SecretError),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    #[test]
    fn the_specifications_example_is_signed_as_there() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = secret
            .sign(
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                br#"{"test": 2432232314}"#,
            )
            .unwrap();
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn while_a_key_is_changed_both_sign() {
        let (new, old) = (
            format!("whsec_{}", STANDARD.encode([1; 32])),
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        );
        let sign = |text: &str| {
            Secret::parse(text)
                .unwrap()
                .sign("msg_1", 1, b"{}")
                .unwrap()
        };
        let both = sign(&format!("{new} {old}\n"));
        assert_eq!(both, format!("{} {}", sign(&new), sign(old)));
    }

    #[test]
    fn what_is_no_secret_is_not_shown() {
        for text in [
            "",
            "hunter2",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw hunter2",
            "whsec_",
            "whsec_c2hvcnQ=",
            "whsec_***",
        ] {
            let message = Secret::parse(text).err().unwrap().to_string();
            assert!(!message.contains("hunter2") && message.contains("openssl rand"));
        }
    }
}
