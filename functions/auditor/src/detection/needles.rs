//! What has to stand in an entry's bytes for a detection to fire, so that most entries need not be
//! read whole.
//!
//! Sound by construction: a condition has a needle only where it cannot hold without it. What JSON's
//! escapes could hide ([`may_hide`]) is never judged by its bytes.

use std::sync::{LazyLock, OnceLock};

use regex::bytes::Regex;

use super::condition::{Condition, Test};
use super::field::{Fact, Field};
use super::path::Segment;

/// The fewest letters by which a value is looked for: so no number, `true`, `false` or `null` is.
const LETTERS: usize = 6;

/// What has to stand in the bytes: something of each.
#[derive(Debug, Clone, Default)]
pub(super) struct Needles(Vec<Needle>);

/// Any of some texts, as an expression that is compiled when it is first looked for.
#[derive(Debug, Clone)]
struct Needle {
    expression: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Needles {
    /// Those of conditions that all have to hold.
    pub(super) fn of(conditions: &[Condition]) -> Self {
        Self(groups(conditions).into_iter().map(Needle::of).collect())
    }

    /// Whether the conditions may hold for an entry or record with these bytes, of which none
    /// [`may hide`](may_hide) anything.
    pub(super) fn may_be_in(&self, bytes: &[u8]) -> bool {
        self.0.iter().all(|needle| needle.is_in(bytes))
    }
}

impl Needle {
    fn of(mut texts: Vec<String>) -> Self {
        texts.sort();
        texts.dedup();
        Self {
            expression: texts.join("|"),
            compiled: OnceLock::new(),
        }
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        let compile = || Regex::new(&self.expression).ok();
        let compiled = self.compiled.get_or_init(compile);
        // What is too large to compile is not looked for.
        compiled.as_ref().is_none_or(|regex| regex.is_match(bytes))
    }
}

/// Whether names and values could be spelled in these bytes in such a way that they are not seen:
/// `\u0062reak`, `a\/b`. And `İ`, which becomes two letters when it is made small.
pub(super) fn may_hide(bytes: &[u8]) -> bool {
    static ESCAPE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\\[u/]|İ").ok());
    ESCAPE.as_ref().is_none_or(|escape| escape.is_match(bytes))
}

/// For each of these: expressions of which one has to match.
fn groups(conditions: &[Condition]) -> Vec<Vec<String>> {
    conditions.iter().flat_map(groups_of).collect()
}

fn groups_of(condition: &Condition) -> Vec<Vec<String>> {
    match condition {
        Condition::All(all) => groups(all),
        Condition::Any(any) => {
            let first = |c: &Condition| groups_of(c).into_iter().next();
            let firsts: Option<Vec<_>> = any.iter().map(first).collect();
            firsts.map(|groups| groups.concat()).into_iter().collect()
        }
        Condition::Test(_, Test::Present(false)) | Condition::Not(_) | Condition::Configured(_) => {
            Vec::new()
        }
        Condition::Test(fields, test) => {
            if let ([Field::Fact(Fact::Text)], Test::Contains(texts)) = (fields.as_slice(), test) {
                let words: Option<Vec<_>> = texts.iter().map(|text| word_in(text)).collect();
                return words.into_iter().collect();
            }
            let names: Option<Vec<_>> = fields.iter().map(name_in).collect();
            let of_members = names.is_some();
            let values = of_members.then(|| values_in(test)).flatten();
            // Values first: where one of several is chosen, they say more than names.
            values.into_iter().chain(names).collect()
        }
    }
}

/// How the name of a member stands in the bytes without which a field is not there. `None` where it
/// is derived from more than one member.
fn name_in(field: &Field) -> Option<String> {
    let segments = match field {
        Field::Labels(key) => std::slice::from_ref(key),
        Field::Path(_, path) => path,
        Field::Fact(_) | Field::ResourceLabels(_) => return None,
    };
    segments
        .iter()
        .filter_map(written)
        .max_by_key(String::len)
        .filter(|expression| !expression.is_empty())
}

/// The first of the longest words of what the platform says, however it is capitalized: the text is put together
/// from whole words of its messages.
fn word_in(text: &str) -> Option<String> {
    let longest = text.split(' ').rev().max_by_key(|word| word.len())?;
    is_plain(longest).then(|| format!("(?i:{})", regex::escape(longest)))
}

/// An expression for every spelling of a member's name.
fn written(segment: &Segment) -> Option<String> {
    let (text, expression) = match segment {
        // Without the quote before it: what is sought is found fastest by rare letters.
        Segment::Quoted(name) => (name.as_str(), format!("{}\"", regex::escape(name))),
        Segment::Name(name) => (name.as_str(), format!("{}\"", spelled(name))),
        Segment::Like(glob) => {
            let longest = glob.parts().max_by_key(|part| part.len())?;
            (longest, spelled(longest))
        }
    };
    is_plain(text).then_some(expression)
}

/// A name in camelCase or snake_case, however the two are mixed.
fn spelled(name: &str) -> String {
    let camel: String = super::path::camel(name).collect();
    let letter = |(place, letter): (usize, char)| match letter {
        'A'..='Z' if place > 0 => {
            let small = letter.to_ascii_lowercase();
            format!("(?:{letter}|_[{letter}{small}])")
        }
        '0'..='9' if place > 0 => format!("_?{letter}"),
        _ => regex::escape(letter.encode_utf8(&mut [0; 4])),
    };
    camel.char_indices().map(letter).collect()
}

/// How the values stand in the bytes that a test passes, if each has to stand there as it is.
fn values_in(test: &Test) -> Option<Vec<String>> {
    let (values, after) = match test {
        Test::Equals(values) | Test::EndsWith(values) => (values, "\""),
        Test::StartsWith(values) => (values, ""),
        Test::Contains(_) | Test::Matches(_) | Test::Present(_) | Test::In(_) => return None,
    };
    let expression = |value: &String| {
        let letters = value.bytes().filter(u8::is_ascii_alphabetic).count();
        (letters >= LETTERS && is_plain(value)).then(|| format!("{}{after}", regex::escape(value)))
    };
    values.iter().map(expression).collect()
}

/// Whether JSON writes a text as it is, and no list or object contains it as a text.
fn is_plain(text: &str) -> bool {
    let plain = |b: u8| (b.is_ascii_graphic() || b == b' ') && !b"\"\\{}[],".contains(&b);
    !text.is_empty() && text.bytes().all(plain)
}

#[cfg(test)]
mod tests;
