//! Files into documents: one per line, or values spread over lines.

use std::io::{self, BufRead, Read as _};

use serde_json::value::RawValue;

/// The longest line that is read: a batch of entries.
const LINE_LIMIT: usize = 64 * 1024 * 1024;
/// The longest text whose values are spread over several lines each.
const SPREAD_LIMIT: u64 = 1024 * 1024 * 1024;

/// Gives every document of a file, in order, until `each` says that it is enough.
///
/// # Errors
/// If the reader fails.
pub(super) fn documents(
    mut reader: &mut dyn BufRead,
    each: &mut dyn FnMut(&[u8]) -> bool,
) -> io::Result<()> {
    let mut line = Vec::new();
    let mut first = true;
    while read_line(reader, &mut line, LINE_LIMIT)? {
        let document = line.trim_ascii();
        if document.is_empty() {
            continue;
        }
        let spread = first && serde_json::from_slice::<&RawValue>(document).is_err();
        first = false;
        if spread {
            (&mut reader).take(SPREAD_LIMIT).read_to_end(&mut line)?;
            for document in values(&line) {
                if !each(document) {
                    return Ok(());
                }
            }
        } else if !each(document) {
            return Ok(());
        }
    }
    Ok(())
}

/// One line, with its end; of one that is longer than `limit` only its beginning, which is then unreadable.
///
/// As `BufRead::read_until` does it, whose search for the end would take a twentieth of all the time.
pub(crate) fn read_line(
    reader: &mut dyn BufRead,
    line: &mut Vec<u8>,
    limit: usize,
) -> io::Result<bool> {
    line.clear();
    loop {
        let read = match reader.fill_buf() {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = memchr::memchr(b'\n', read);
        let taken = end.map_or(read.len(), |end| end + 1);
        let room = limit.saturating_sub(line.len());
        line.extend_from_slice(&read[..taken.min(room)]);
        reader.consume(taken);
        if end.is_some() || taken == 0 {
            return Ok(!line.is_empty());
        }
    }
}

/// The values of a text that are spread over several lines each. Where they stop being JSON, the rest
/// is one unreadable value; where they never are, each line is.
fn values(text: &[u8]) -> Vec<&[u8]> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>();
    let mut documents = Vec::new();
    loop {
        let start = values.byte_offset();
        match values.next() {
            Some(Ok(value)) => documents.push(value.get().as_bytes()),
            Some(Err(_)) if documents.is_empty() => {
                let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
                return lines.filter(|line| !line.is_empty()).collect();
            }
            Some(Err(_)) => {
                documents.push(text[start..].trim_ascii());
                return documents;
            }
            None => return documents,
        }
    }
}
