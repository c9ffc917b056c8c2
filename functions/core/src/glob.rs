//! Names in which `*` stands for any run of characters.

use std::fmt;

/// A name with stars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    /// What stands between the stars, in order; a single part is a name without stars.
    parts: Vec<String>,
}

impl Glob {
    /// As it is written: `*` stands for any run of characters, none included.
    pub fn new(written: &str) -> Self {
        Self {
            parts: written.split('*').map(str::to_owned).collect(),
        }
    }

    /// What stands between the stars, in order.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(String::as_str)
    }

    /// Whether the whole text is such a name.
    pub fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = self.parts.as_slice() else {
            return self.parts.first().is_some_and(|only| only == text);
        };
        let Some(mut rest) = text
            .strip_prefix(first.as_str())
            .and_then(|rest| rest.strip_suffix(last.as_str()))
        else {
            return false;
        };
        for part in middle {
            match rest.split_once(part.as_str()) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        true
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts.join("*"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("a", "a", true)]
    #[case("a", "ab", false)]
    #[case("a*", "ab", true)]
    #[case("a*", "ba", false)]
    #[case("*", "", true)]
    #[case("*b*d", "abcd", true)]
    #[case("*b*d", "adcb", false)]
    #[case("a*a", "a", false)]
    #[case("*a*b*", "xbxa", false)]
    #[case("a*c*e", "abcde", true)]
    #[case("ab*ba", "aba", false)]
    fn stars_stand_for_any_run(#[case] glob: &str, #[case] text: &str, #[case] expected: bool) {
        assert_eq!(Glob::new(glob).matches(text), expected);
    }
}
