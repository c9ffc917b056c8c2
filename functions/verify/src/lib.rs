//! From bytes, trust material and a time to evidence, or to a typed reason why not. No network, no
//! clock: what is verified comes in as arguments, and so does the moment it is verified for.
//!
//! * [`TrustedAttestor`] holds an attestor's keys, parsed once.
//! * [`verify_attestor`] looks at everything that was found for one attestor and says whether it is
//!   met. A signature is checked over the stored bytes before they are parsed.
//! * [`EvidenceCache`] is where a caller may keep what became of one blob.
//! * [`signer`] makes signatures with keys that are held in software.
//! * [`Vault`] makes such keys, and seals them for whoever keeps them.
//!
//! aws-lc-rs does the arithmetic of PKIX keys; OpenPGP (feature `pgp`) is rPGP's.

mod attestation;
mod attestor;
mod cache;
mod certificate;
mod error;
mod key_id;
mod note;
mod pem;
#[cfg(feature = "pgp")]
mod pgp;
mod pkix;
mod reasons;
pub mod signer;
mod vault;

pub use attestation::{
    Found, MAX_PAYLOAD, MAX_SIGNATURE, MAX_VERIFICATIONS, Subject, Terms, verify_attestor,
};
pub use attestor::{TrustedAttestor, TrustedKey, UnusableKey};
pub use cache::{Checked, EvidenceCache, EvidenceKey, Rejection, Verified};
pub use certificate::RsaCertificate;
pub use error::{KeyError, SignatureError};
pub use key_id::{KeyId, key_id, pkix_key_id};
pub use note::{Author, NoteKey};
#[cfg(feature = "pgp")]
pub use pgp::PgpKey;
pub use pkix::PkixKey;
pub use vault::{Vault, VaultError};
