//! Armored OpenPGP messages, as attached signatures.

#![no_main]

use std::sync::LazyLock;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use postern_verify::PgpKey;

const PAYLOAD: &[u8] = include_bytes!("../fixtures/payload.json");

static KEY: LazyLock<PgpKey> =
    LazyLock::new(|| PgpKey::from_armored(include_str!("../fixtures/ed.asc")).unwrap());

fuzz_target!(|message: &[u8]| {
    let at = Timestamp::from_second(1_900_000_000).unwrap();
    let _ = KEY.verify(PAYLOAD, message, at);
});
