//! The process-wide cryptography of TLS.

/// Makes aws-lc-rs the cryptography of every TLS connection of this process.
///
/// The first thing in every `main`: rustls refuses to guess. A second call changes nothing.
pub fn install() {
    // It fails only where a provider is installed already, and ours is the only one linked.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
