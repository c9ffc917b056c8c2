//! Text of others in messages for people: on one line, escaped, and never longer than its place.

/// What is left out ends with it.
const ELLIPSIS: char = '…';

/// The text on one line, each character as `escape` writes it, in at most `limit` UTF-16 units: some
/// receivers count these, and those that count characters count fewer. An escape is never cut apart.
pub(crate) fn fit(text: &str, limit: usize, escape: fn(char, &mut String)) -> String {
    let mut fitted = String::new();
    let mut left = limit;
    // Where to cut if the rest does not fit.
    let mut room_for_ellipsis = 0;
    let mut piece = String::new();
    for char in line(text) {
        piece.clear();
        escape(char, &mut piece);
        let length = piece.encode_utf16().count();
        if length > left {
            fitted.truncate(room_for_ellipsis);
            fitted.push(ELLIPSIS);
            break;
        }
        left -= length;
        fitted.push_str(&piece);
        if left > 0 {
            room_for_ellipsis = fitted.len();
        }
    }
    fitted
}

/// Without line breaks and other control characters, and without those that reorder or hide text.
fn line(text: &str) -> impl Iterator<Item = char> + '_ {
    text.trim().chars().filter_map(|char| match char {
        '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}' => None,
        '\u{2028}' | '\u{2029}' => Some(' '),
        char if char.is_control() => Some(' '),
        char => Some(char),
    })
}

/// As it is.
pub(crate) fn plain(char: char, into: &mut String) {
    into.push(char);
}

/// For Slack and for HTML: `&`, `<` and `>` begin everything that is more than text there.
pub(super) fn entities(char: char, into: &mut String) {
    match char {
        '&' => into.push_str("&amp;"),
        '<' => into.push_str("&lt;"),
        '>' => into.push_str("&gt;"),
        other => into.push(other),
    }
}

/// For Markdown: punctuation that may begin something is escaped (CommonMark, "Backslash escapes").
pub(super) fn markdown(char: char, into: &mut String) {
    if matches!(
        char,
        '\\' | '*'
            | '_'
            | '['
            | ']'
            | '('
            | ')'
            | '<'
            | '>'
            | '`'
            | '#'
            | '~'
            | '|'
            | '!'
            | '{'
            | '}'
            | '&'
    ) {
        into.push('\\');
    }
    into.push(char);
}

/// For places that know no escape: what looks like a mention or a tag is none.
pub(super) fn no_tags(char: char, into: &mut String) {
    into.push(match char {
        '<' => '‹',
        '>' => '›',
        other => other,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("a < b & c", "a &lt; b &amp; c", 20)]
    #[case("a < b", "a …", 5)]
    #[case("a < b", "a &lt; b", 8)]
    #[case("a < b", "a &lt;…", 7)]
    #[case("<<<", "…", 4)]
    #[case("<", "…", 3)]
    #[case("<!channel>", "&lt;!channel&gt;", 40)]
    #[case("two\r\nlines\u{202e}x", "two  linesx", 40)]
    #[case("🦀🦀", "🦀…", 3)]
    fn text_fits_and_is_escaped(#[case] text: &str, #[case] expected: &str, #[case] limit: usize) {
        let fitted = fit(text, limit, entities);
        assert_eq!(fitted, expected);
        assert!(fitted.encode_utf16().count() <= limit);
    }

    #[test]
    fn markdown_and_tags_are_text() {
        assert_eq!(
            fit("[x](https://e.example) **b** <at>all</at>", 100, markdown),
            r"\[x\]\(https://e.example\) \*\*b\*\* \<at\>all\</at\>"
        );
        assert_eq!(fit("<users/all> hi", 100, no_tags), "‹users/all› hi");
    }
}
