//! What counts as a justification.

use postern_core::image::Digest;

use super::{Refusal, Rules};

/// A justification that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Justification {
    /// Its text, without blanks around it.
    pub(crate) text: String,
    /// The ticket that was named.
    pub(crate) ticket: Option<String>,
}

/// Holds a text against the rules; whether it is a repeat is for whoever knows the other cases.
pub(crate) fn justification(
    text: &str,
    ticket: Option<&str>,
    rules: &Rules,
) -> Result<Justification, Refusal> {
    let normal = normal(text);
    let has = normal.chars().count();
    // Whatever the configuration says, nothing is no reason.
    let least = rules.min_length.max(1);
    if has < least {
        return Err(Refusal::JustificationTooShort { least, has });
    }
    Ok(Justification {
        text: text.trim().to_owned(),
        ticket: named_ticket(text, ticket, rules)?,
    })
}

/// What is compared with other cases: the text without regard to upper case and blanks.
pub(crate) fn hash_of(text: &str) -> Digest {
    Digest::of(normal(text).as_bytes())
}

fn named_ticket(
    text: &str,
    ticket: Option<&str>,
    rules: &Rules,
) -> Result<Option<String>, Refusal> {
    let ticket = ticket.map(str::trim).filter(|ticket| !ticket.is_empty());
    let Some(pattern) = &rules.ticket else {
        return Ok(ticket.map(str::to_owned));
    };
    if let Some(ticket) = ticket.filter(|ticket| pattern.is_match(ticket)) {
        return Ok(Some(ticket.to_owned()));
    }
    let found = pattern.find(text).filter(|found| !found.is_empty());
    match found {
        Some(found) => Ok(Some(found.as_str().to_owned())),
        None => Err(Refusal::TicketMissing {
            pattern: pattern.to_string(),
        }),
    }
}

/// What is left without regard to upper case and blanks; characters that are not seen are blanks.
fn normal(text: &str) -> String {
    let unseen = |char: char| {
        char.is_whitespace()
            || char.is_control()
            || matches!(char, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let words = text.split(unseen).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use regex::Regex;
    use rstest::rstest;

    use super::*;

    fn rules() -> Rules {
        Rules {
            ticket: Some(Regex::new("INC-[0-9]+").unwrap()),
            ..Rules::default()
        }
    }

    #[rstest]
    #[case::in_the_text("checkout was down, see INC-4711", None, Some("INC-4711"))]
    #[case::in_its_field("checkout was down", Some(" INC-4711 "), Some("INC-4711"))]
    #[case::field_first("checkout was down, not INC-1", Some("INC-4711"), Some("INC-4711"))]
    #[case::in_neither("checkout was down", Some("4711"), None)]
    #[case::blank_field("checkout was down", Some(" "), None)]
    fn a_ticket_is_found(
        #[case] text: &str,
        #[case] ticket: Option<&str>,
        #[case] found: Option<&str>,
    ) {
        match justification(text, ticket, &rules()) {
            Ok(justified) => assert_eq!(justified.ticket.as_deref(), found),
            Err(refusal) => assert_eq!((refusal.code(), found), ("TICKET_MISSING", None)),
        }
    }

    #[rstest]
    #[case("")]
    #[case(" \t\n\u{200b}\u{2060} ")]
    fn nothing_is_never_a_justification(#[case] text: &str) {
        let lenient = Rules {
            min_length: 0,
            ..Rules::default()
        };
        let refusal = justification(text, None, &lenient).unwrap_err();
        assert_eq!(refusal.code(), "JUSTIFICATION_TOO_SHORT");
    }

    #[test]
    fn blanks_make_no_text_longer() {
        let refusal = justification("a         b", None, &Rules::default()).unwrap_err();
        assert_eq!(
            refusal,
            Refusal::JustificationTooShort { least: 10, has: 3 }
        );
    }

    #[test]
    fn another_spelling_is_the_same_text() {
        assert_eq!(
            hash_of("Payment outage,\n  again"),
            hash_of(" payment OUTAGE, again\u{200b}")
        );
        assert_ne!(
            hash_of("payment outage, again"),
            hash_of("payment outage, another")
        );
    }
}
