//! Entries that Cloud Logging split because they were too large.
//!
//! Source: Cloud Logging, "Split audit log entries". Every part repeats the entry, but of the
//! payload's `request`, `response` and `metadata` it has only a piece: members are distributed over
//! the parts, texts are cut between two characters, and a list that goes on in a later part begins
//! there with empty elements in the place of those that are complete. So pieces are joined by their
//! place: members by name, elements by position, texts end to end.
//!
//! Nothing here keeps state outside the values it is given: [`part`] and [`join`] are for a collector
//! that stores parts wherever they arrive, [`Assembly`] is one in memory, for files.

mod assembly;

use serde_json::{Map, Value};

pub use self::assembly::{Assembly, GivenUp, Taken};
use super::cloud_logging::log_entry;
use super::entry::LogEntry;
use super::{ENTRY_LIMIT, Unreadable};

/// The most parts of one entry.
pub const PARTS_LIMIT: usize = 64;

/// Where pieces of an entry are: all else is the same in every part.
const SPLIT: [&str; 3] = ["metadata", "request", "response"];

/// What a part says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The same in all parts of one entry; Google's.
    pub uid: String,
    /// Its place, from 0.
    pub index: usize,
    /// How many parts there are.
    pub total: usize,
    /// The log that it stands in. Parts of different logs do not belong together, whatever their id.
    pub log: String,
}

impl Part {
    /// Names the entry that it is a part of: parts with the same group are to be joined.
    pub fn group(&self) -> String {
        format!("{}|{}|{}", self.log, self.uid, self.total)
    }

    /// Whether it can be a part at all: there is a place for it, and not too many others.
    pub fn is_sound(&self) -> bool {
        self.index < self.total && self.total <= PARTS_LIMIT && !self.uid.is_empty()
    }
}

/// What these bytes are a part of; `None` for a whole entry, and for anything else.
pub fn part(bytes: &[u8]) -> Option<Part> {
    part_of(&log_entry(bytes).ok()?)
}

/// As [`part`]. An entry that is split into one part is whole.
pub(crate) fn part_of(entry: &LogEntry<'_>) -> Option<Part> {
    let split = entry.split.as_ref()?;
    let whole = split.index == 0 && split.total_splits <= 1;
    (!whole).then(|| Part {
        uid: split.uid.to_string(),
        index: split.index as usize,
        total: split.total_splits as usize,
        log: entry.log_name.to_string(),
    })
}

/// Joins all parts of one entry, in any order, into the entry as it was. It has the `insertId` of the
/// first part, by which it can be found, and no `split`.
///
/// # Errors
/// If parts are missing, one is there twice, they are not of one entry, or they are too much together.
pub fn join(parts: &[Vec<u8>]) -> Result<Vec<u8>, Unreadable> {
    let size = parts.iter().map(Vec::len).sum();
    if size > ENTRY_LIMIT {
        return Err(Unreadable::TooLarge(size));
    }
    let mut sorted: Vec<(Part, Value)> = Vec::new();
    for bytes in parts {
        let part = part(bytes).ok_or_else(|| misfit("", "one is no part"))?;
        let value =
            serde_json::from_slice(bytes).map_err(|e| Unreadable::NotAnEntry(e.to_string()))?;
        sorted.push((part, value));
    }
    sorted.sort_by_key(|(part, _)| part.index);
    complete(&sorted)?;
    let mut values = sorted.into_iter().map(|(_, value)| value);
    let mut entry = values.next().unwrap_or_default();
    for next in values {
        absorb(&mut entry, next);
    }
    if let Some(entry) = entry.as_object_mut() {
        entry.remove("split");
    }
    let bytes = entry.to_string().into_bytes();
    // Escapes can be longer than what they stand for in the parts.
    if bytes.len() > ENTRY_LIMIT {
        return Err(Unreadable::TooLarge(bytes.len()));
    }
    Ok(bytes)
}

fn misfit(uid: &str, reason: &'static str) -> Unreadable {
    Unreadable::Split {
        uid: postern_host::problem::quoted(uid),
        reason,
    }
}

fn complete(sorted: &[(Part, Value)]) -> Result<(), Unreadable> {
    let Some((first, _)) = sorted.first() else {
        return Err(misfit("", "there is none"));
    };
    if sorted.iter().any(|(part, _)| part.group() != first.group()) {
        return Err(misfit(&first.uid, "they are of different entries"));
    }
    if !sorted.iter().all(|(part, _)| part.is_sound()) {
        return Err(misfit(&first.uid, "there is no place for one"));
    }
    if sorted
        .windows(2)
        .any(|pair| pair[0].0.index == pair[1].0.index)
    {
        return Err(misfit(&first.uid, "one is there twice"));
    }
    if sorted.len() < first.total {
        return Err(Unreadable::Incomplete {
            uid: postern_host::problem::quoted(&first.uid),
            have: sorted.len(),
            total: first.total,
        });
    }
    let same = |at: &str| {
        let of = |(_, value): &(Part, Value)| value.pointer(at).cloned();
        let expected = sorted.first().map(of);
        sorted.iter().all(|part| Some(of(part)) == expected)
    };
    let fixed = [
        "/timestamp",
        "/resource",
        "/protoPayload/@type",
        "/protoPayload/serviceName",
        "/protoPayload/methodName",
        "/protoPayload/authenticationInfo",
    ];
    if fixed.into_iter().all(same) {
        Ok(())
    } else {
        Err(misfit(&first.uid, "what is the same in all parts differs"))
    }
}

/// Adds the pieces of the next part.
fn absorb(entry: &mut Value, next: Value) {
    let (Some(Value::Object(into)), Value::Object(mut next)) =
        (entry.get_mut("protoPayload"), next)
    else {
        return;
    };
    let Some(Value::Object(mut payload)) = next.remove("protoPayload") else {
        return;
    };
    for member in SPLIT {
        if let Some(piece) = payload.remove(member) {
            add(into, member.to_owned(), piece);
        }
    }
}

fn add(into: &mut Map<String, Value>, name: String, piece: Value) {
    // The type of what is split is repeated in every piece.
    if name == "@type" && into.contains_key(&name) {
        return;
    }
    match into.get_mut(&name) {
        Some(value) => merge(value, piece),
        None => {
            into.insert(name, piece);
        }
    }
}

/// Joins two values in the same place. What cannot be split is in one part only; if it is in two,
/// the first counts: so an empty text that only holds the place of a number changes nothing.
fn merge(value: &mut Value, piece: Value) {
    match (value, piece) {
        (Value::String(text), Value::String(piece)) => text.push_str(&piece),
        (Value::Object(members), Value::Object(pieces)) => {
            for (name, piece) in pieces {
                add(members, name, piece);
            }
        }
        (Value::Array(elements), Value::Array(pieces)) => {
            let mut pieces = pieces.into_iter();
            for (element, piece) in elements.iter_mut().zip(&mut pieces) {
                merge(element, piece);
            }
            elements.extend(pieces);
        }
        (value @ Value::Null, piece) => *value = piece,
        _ => {}
    }
}

#[cfg(test)]
mod tests;
