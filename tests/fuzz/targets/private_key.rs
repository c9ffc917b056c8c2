//! Software keys, which come from files and from the environment.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_verify::signer::SoftwareSigner;

fuzz_target!(|text: &str| {
    // A passphrase would make the derivation's cost, which the file chooses, what is measured.
    if let Ok(signer) = SoftwareSigner::from_pem(text, None, None) {
        let _ = signer.public_half();
    }
});
