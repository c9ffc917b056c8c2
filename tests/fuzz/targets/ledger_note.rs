//! Checkpoints and exports of the ledger, as somebody else hands them in.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use postern_auditor::ledger::verify;
use postern_core::ledger::{Checkpoint, SignedNote};
use postern_verify::NoteKey;
use postern_verify::signer::generate_p256;

static KEY: LazyLock<NoteKey> = LazyLock::new(|| {
    let (_, public) = generate_p256().unwrap();
    NoteKey::from_pem(&public).unwrap()
});

fuzz_target!(|bytes: &[u8]| {
    let mut reader = bytes;
    assert!(
        verify(&mut reader, std::slice::from_ref(&*KEY), &[]).is_err(),
        "nobody signed it"
    );
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(note) = SignedNote::parse(text) {
        assert_eq!(SignedNote::parse(&note.to_string()), Ok(note));
    }
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(Checkpoint::parse(&checkpoint.to_string()), Ok(checkpoint));
    }
});
