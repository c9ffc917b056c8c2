//! PEM (RFC 7468), as lenient about white space as people's editors, and strict about the rest.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// The largest text that is read, in bytes: an RSA 16384 private key fits.
pub(crate) const MAX_TEXT: usize = 64 * 1024;

/// One `BEGIN`/`END` pair.
pub(crate) struct Block {
    /// Such as `PUBLIC KEY`.
    pub(crate) label: String,
    /// Whether the headers of OpenSSL's old format say that the content is encrypted.
    pub(crate) legacy_encrypted: bool,
    /// The content. It may be a private key, so it is wiped.
    pub(crate) content: Zeroizing<Vec<u8>>,
}

/// Every block of the text, in order; text around them is passed over.
pub(crate) fn blocks(text: &str) -> Result<Vec<Block>, String> {
    if text.len() > MAX_TEXT {
        return Err(format!("more than {MAX_TEXT} bytes"));
    }
    let mut blocks = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if let Some(label) = boundary(line, "BEGIN") {
            blocks.push(block(label, &mut lines)?);
        }
    }
    if blocks.is_empty() {
        return Err("there is no -----BEGIN …----- line".to_owned());
    }
    Ok(blocks)
}

/// A block with lines of 64 characters.
pub(crate) fn encode(label: &str, content: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(content));
    let mut text = Zeroizing::new(String::with_capacity(body.len() * 66 / 64 + 80));
    text.push_str(&format!("-----BEGIN {label}-----\n"));
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

fn boundary<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    line.strip_prefix("-----")?
        .strip_prefix(word)?
        .strip_prefix(' ')?
        .strip_suffix("-----")
}

fn block<'a>(label: &str, lines: &mut impl Iterator<Item = &'a str>) -> Result<Block, String> {
    let mut legacy_encrypted = false;
    let mut body = Zeroizing::new(String::new());
    for line in lines {
        if let Some(end) = boundary(line, "END") {
            if end != label {
                return Err("the END line does not match the BEGIN line".to_owned());
            }
            let content = STANDARD
                .decode(body.as_bytes())
                .map_err(|error| format!("between BEGIN and END is no base64: {error}"))?;
            return Ok(Block {
                label: label.to_owned(),
                legacy_encrypted,
                content: Zeroizing::new(content),
            });
        }
        if line.contains(':') {
            legacy_encrypted |= line.starts_with("Proc-Type:") && line.contains("ENCRYPTED");
        } else {
            body.push_str(line);
        }
    }
    Err("the END line is missing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let content: Vec<u8> = (0..200).collect();
        let text = encode("PUBLIC KEY", &content);
        assert!(text.lines().all(|line| line.len() <= 64));
        let with_windows_ends = format!("a comment\r\n{}\r\n", text.replace('\n', "\r\n"));
        let blocks = blocks(&with_windows_ends).unwrap();
        assert_eq!(blocks.len(), 1);
        assert_eq!(blocks[0].label, "PUBLIC KEY");
        assert_eq!(*blocks[0].content, content);
    }

    #[test]
    fn what_is_no_pem_says_why() {
        for (text, why) in [
            ("", "no -----BEGIN"),
            ("-----BEGIN X-----\nAAAA\n", "END line is missing"),
            (
                "-----BEGIN X-----\nAAAA\n-----END Y-----\n",
                "does not match",
            ),
            ("-----BEGIN X-----\n*\n-----END X-----\n", "no base64"),
            (&"x".repeat(MAX_TEXT + 1), "more than 65536 bytes"),
        ] {
            let error = blocks(text).err().unwrap();
            assert!(error.contains(why), "{error}");
        }
    }
}
