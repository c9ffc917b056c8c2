//! The file that says whose case it is.

use std::fs::File;
use std::io::Read as _;

use crate::WiringError;

/// The longest file that is read, in bytes.
const LIMIT: u64 = 256 * 1024;

/// The text of the file that `owners` names; what it says is the auditor's to read.
///
/// # Errors
/// If it cannot be read, or is too long.
pub fn owners_file(path: &str) -> Result<String, WiringError> {
    let wrong = |error: &dyn std::fmt::Display| {
        WiringError::mistake(format_args!("the owners {path}: {error}"))
    };
    let mut text = String::new();
    let file = File::open(path).map_err(|error| wrong(&error))?;
    let read = file.take(LIMIT + 1).read_to_string(&mut text);
    match read.map_err(|error| wrong(&error))? as u64 {
        length if length > LIMIT => Err(wrong(&format_args!("it has more than {LIMIT} bytes"))),
        _ => Ok(text),
    }
}
