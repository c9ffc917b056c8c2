//! Google Cloud behind the ports of `postern-core`: the identity this runs as.

mod access_token;

pub use access_token::GoogleCredentials;
