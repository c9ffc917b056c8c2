//! Foreign text, made harmless for where it is shown: a terminal, a spreadsheet, a web page.
//!
//! Justifications, names and summaries are written by whoever deployed. None of it may move a cursor,
//! change a colour, turn the reading direction around, start a formula or open a tag.

use std::fmt::Write as _;

/// Text for a terminal, on one line: what is not seen is spelled out as `\u{…}`.
pub(crate) fn terminal(text: &str) -> String {
    visible(text)
}

/// One field of a CSV file (RFC 4180), always quoted. What a spreadsheet would take for a formula gets
/// an apostrophe in front, as spreadsheets themselves write it.
pub(crate) fn csv(text: &str) -> String {
    let text = visible(text);
    let formula = text.trim_start().starts_with(['=', '+', '-', '@']);
    let apostrophe = if formula { "'" } else { "" };
    format!("\"{apostrophe}{}\"", text.replace('"', "\"\""))
}

/// Text between tags or in a quoted attribute of HTML.
pub(crate) fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in visible(text).chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for char in text.chars() {
        if is_unseen(char) {
            // Writing into a String cannot fail.
            let _ = write!(visible, "\\u{{{:x}}}", u32::from(char));
        } else {
            visible.push(char);
        }
    }
    visible
}

/// Control characters, line and paragraph separators, marks that turn the direction of reading
/// around (Unicode UAX #9), and characters without any width.
fn is_unseen(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("plain, with ümlaut and 漢字", "plain, with ümlaut and 漢字")]
    #[case("\u{1b}[2Jgone", "\\u{1b}[2Jgone")]
    #[case("a\r\nb\tc", "a\\u{d}\\u{a}b\\u{9}c")]
    #[case("\u{9b}31m", "\\u{9b}31m")]
    #[case("txt.\u{202e}exe", "txt.\\u{202e}exe")]
    #[case(
        "\u{2066}x\u{2069}\u{200f}\u{61c}",
        "\\u{2066}x\\u{2069}\\u{200f}\\u{61c}"
    )]
    #[case("in\u{200b}visible\u{e0041}", "in\\u{200b}visible\\u{e0041}")]
    fn a_terminal_gets_nothing_that_acts(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(terminal(text), shown);
    }

    #[rstest]
    #[case("plain", "\"plain\"")]
    #[case("a \"b\", c", "\"a \"\"b\"\", c\"")]
    #[case("=HYPERLINK(1)", "\"'=HYPERLINK(1)\"")]
    #[case("  +1", "\"'  +1\"")]
    #[case("-1", "\"'-1\"")]
    #[case("@SUM(A1)", "\"'@SUM(A1)\"")]
    #[case("a\nb", "\"a\\u{a}b\"")]
    fn a_spreadsheet_gets_text_only(#[case] text: &str, #[case] field: &str) {
        assert_eq!(csv(text), field);
    }

    #[test]
    fn a_page_gets_no_tag_and_no_attribute() {
        assert_eq!(
            html("<img src=x onerror='a(\"b\")'>&\u{202e}"),
            "&lt;img src=x onerror=&#39;a(&quot;b&quot;)&#39;&gt;&amp;\\u{202e}"
        );
    }
}
