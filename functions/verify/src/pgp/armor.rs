//! ASCII armor (RFC 9580, section 6): exactly one block, of the expected kind, and bounded.

use std::io::Read as _;

use ::pgp::armor::{Dearmor, DearmorOptions};

/// The block of a certificate.
pub(crate) const PUBLIC_KEY: &str = "PGP PUBLIC KEY BLOCK";
/// The block of a secret key.
pub(crate) const SECRET_KEY: &str = "PGP PRIVATE KEY BLOCK";
/// The block of an attached message.
pub(crate) const MESSAGE: &str = "PGP MESSAGE";

/// The largest text that is read, in bytes: a certificate with several subkeys and user ids fits.
const MAX_TEXT: usize = 64 * 1024;

/// The packets inside the one block of a text.
pub(crate) fn dearmor(text: &str, label: &str) -> Result<Vec<u8>, String> {
    if text.len() > MAX_TEXT {
        return Err(format!("more than {MAX_TEXT} bytes of armor"));
    }
    let begin = format!("-----BEGIN {label}-----");
    let end = format!("-----END {label}-----");
    let start = text
        .find(&begin)
        .ok_or_else(|| format!("there is no {begin} line"))?;
    let block = &text[start..];
    let length = block
        .find(&end)
        .ok_or_else(|| format!("the {end} line is missing"))?
        + end.len();
    if text[..start].contains("-----BEGIN ") || block[length..].contains("-----BEGIN ") {
        return Err("more than one armored block".to_owned());
    }
    let armored = format!("{}\n", &block[..length]);
    // The checksum guards nothing that a signature does not, and need not be there (RFC 9580, 6.1).
    let options = DearmorOptions::new().set_limit(MAX_TEXT);
    let mut reader = Dearmor::with_options(armored.as_bytes(), options);
    let mut packets = Vec::new();
    reader
        .read_to_end(&mut packets)
        .map_err(|error| format!("the armor is damaged: {error}"))?;
    Ok(packets)
}
