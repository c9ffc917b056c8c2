//! Who is calling, and what they may do.
//!
//! Callers prove themselves by an OpenID Connect token of an issuer that the configuration names.
//! A token that proves nothing is 401; keys that cannot be had are 503, because then nobody knows.

mod authenticator;
mod claims;
mod identity;
mod key;
mod keys;
mod token;

pub use authenticator::{
    Authenticator, AuthenticatorError, Clock, Unguarded, authenticated, guard,
};
pub use claims::PlatformClaims;
pub use identity::Identity;
pub(crate) use keys::is_confidential;

#[cfg(test)]
mod tests;
