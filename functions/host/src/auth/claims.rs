//! The claims of a token, once somebody vouches for them.

use jiff::Timestamp;
use postern_core::decision::Caller;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::config::Issuer;

/// How far an issuer's clock and ours may be apart, in seconds.
const LEEWAY: f64 = 60.0;

/// Why a token is not accepted; ordered by how far it came.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Error)]
pub(super) enum Rejection {
    #[error("the token cannot be read: {0}")]
    Malformed(&'static str),
    #[error("tokens of the algorithm `{0}` are not accepted")]
    Algorithm(String),
    #[error("tokens of the issuer `{0}` are not accepted here")]
    Issuer(String),
    #[error("the issuer has no key of the id that the token names")]
    KeyUnknown,
    #[error("the signature of the token is not valid")]
    Signature,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYet,
    #[error("the token is meant for somebody else: its `aud` is not accepted here")]
    Audience,
    #[error("the e-mail address of the token is not verified by its issuer")]
    EmailNotVerified,
    #[error("no entry of the configuration takes a token with this `{0}`")]
    Claim(String),
}

impl Rejection {
    /// The stable code of the problem.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "TOKEN_MALFORMED",
            Self::Algorithm(_) => "TOKEN_ALGORITHM",
            Self::Issuer(_) => "TOKEN_ISSUER",
            Self::KeyUnknown => "TOKEN_KEY_UNKNOWN",
            Self::Signature => "TOKEN_SIGNATURE",
            Self::Expired => "TOKEN_EXPIRED",
            Self::NotYet => "TOKEN_NOT_YET_VALID",
            Self::Audience => "TOKEN_AUDIENCE",
            Self::EmailNotVerified => "TOKEN_EMAIL_NOT_VERIFIED",
            Self::Claim(_) => "TOKEN_CLAIM",
        }
    }
}

/// Claims that the platform in front has proven by other means than a token, such as the signature
/// of an AWS request. Only the code that takes events from a platform puts it into a request.
#[derive(Debug, Clone)]
pub struct PlatformClaims(pub(super) Claims);

impl PlatformClaims {
    /// The proven claims: `iss`, `sub`, `aud` and whatever else there is.
    pub fn new(claims: Map<String, Value>) -> Self {
        Self(Claims {
            claims,
            bounded: false,
        })
    }
}

/// Claims whose origin is proven: by a signature checked here, or by the platform in front.
#[derive(Debug, Clone)]
pub(super) struct Claims {
    claims: Map<String, Value>,
    /// Whether they must say until when they hold.
    bounded: bool,
}

impl Claims {
    /// The claims of a token, which must have an end.
    pub(super) fn of_token(claims: Map<String, Value>) -> Self {
        Self {
            claims,
            bounded: true,
        }
    }

    /// Checks `exp`, `nbf` and `iat` with a leeway of a minute (RFC 7519 §4.1.4 to 4.1.6).
    pub(super) fn check_time(&self, now: Timestamp) -> Result<(), Rejection> {
        let now = now.as_second() as f64;
        let seconds = |name| match self.claims.get(name) {
            None => Ok(None),
            Some(value) => match value.as_f64() {
                Some(seconds) => Ok(Some(seconds)),
                None => Err(Rejection::Malformed("a time is not a number")),
            },
        };
        match seconds("exp")? {
            Some(end) if now >= end + LEEWAY => return Err(Rejection::Expired),
            None if self.bounded => return Err(Rejection::Malformed("it has no `exp`")),
            _ => {}
        }
        for start in [seconds("nbf")?, seconds("iat")?].into_iter().flatten() {
            if start > now + LEEWAY {
                return Err(Rejection::NotYet);
            }
        }
        Ok(())
    }

    /// Whether issuer, audience and claims are exactly what an entry of the configuration asks for.
    pub(super) fn meet(&self, entry: &Issuer) -> Result<(), Rejection> {
        if self.text("iss") != Some(&entry.issuer) {
            let issuer = self.text("iss").unwrap_or_default();
            return Err(Rejection::Issuer(crate::problem::quoted(issuer)));
        }
        if !self.is_for(&entry.audience) {
            return Err(Rejection::Audience);
        }
        for (name, expected) in &entry.claims {
            if name == "email" && !self.email_is_verified() {
                return Err(Rejection::EmailNotVerified);
            }
            if self.claims.get(name) != Some(expected) {
                return Err(Rejection::Claim(name.clone()));
            }
        }
        Ok(())
    }

    /// Who it is: issuer, subject, and the e-mail address if the issuer has verified it.
    pub(super) fn caller(&self) -> Result<Caller, Rejection> {
        let email = self.text("email").filter(|_| self.email_is_verified());
        match (self.text("iss"), self.text("sub")) {
            (Some(issuer), Some(subject)) if !subject.is_empty() => Ok(Caller {
                issuer: issuer.to_owned(),
                subject: subject.to_owned(),
                email: email.map(str::to_owned),
            }),
            _ => Err(Rejection::Malformed("it has no `iss` or no `sub`")),
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }

    /// `aud` is one string, or several of which one must be it (RFC 7519 §4.1.3).
    fn is_for(&self, audience: &str) -> bool {
        match self.claims.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(several)) => several.iter().any(|one| one == audience),
            _ => false,
        }
    }

    fn email_is_verified(&self) -> bool {
        self.claims.get("email_verified") == Some(&Value::Bool(true))
    }
}
