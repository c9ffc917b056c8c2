//! The platform's own words in a status message.

/// Words after which a platform puts a name that somebody chose.
const BEFORE_NAMES: [&str; 7] = [
    "revision",
    "service",
    "job",
    "execution",
    "workerpool",
    "image",
    "attestor",
];

/// A status message in lower case without what an actor chose: the subject's name in front, quoted
/// values, references, and names.
///
/// The parts are found by their place, never by their value: an actor who chooses the name
/// `breakglass` must not be able to take the platform's own word out of the message with it.
pub(super) fn platform_words(message: &str) -> String {
    let said = said(message);
    let mut words: Vec<String> = Vec::new();
    let mut before_name = false;
    for token in said.split_whitespace() {
        let bare = token.trim_matches(|c: char| c.is_ascii_punctuation());
        let chosen = before_name || quoted(token);
        before_name = false;
        if chosen {
            continue;
        }
        let Some(own) = without_reference(bare) else {
            continue;
        };
        let word = own.to_ascii_lowercase();
        let goes_on = own == bare && token.ends_with(char::is_alphanumeric);
        before_name = goes_on && BEFORE_NAMES.contains(&word.as_str());
        words.push(word);
    }
    words.join(" ")
}

/// What a condition's change is about: the part after the subject's name in `Ready condition status
/// changed to True for Revision NAME with message: …`. Any other message says all of it itself: its
/// ` with message: ` can only be an actor's.
pub(crate) fn said(message: &str) -> &str {
    let prefix = message.split_once(" condition status changed to ");
    let is_change = prefix.is_some_and(|(condition, _)| {
        !condition.is_empty() && condition.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    match message.split_once(" with message: ") {
        Some((_, said)) if is_change => said,
        _ => message,
    }
}

fn quoted(token: &str) -> bool {
    let token = token
        .trim_end_matches(['.', ',', ':', ';', ')'])
        .trim_start_matches('(');
    token.len() > 1
        && ['\'', '"', '`']
            .iter()
            .any(|quote| token.starts_with(*quote) && token.ends_with(*quote))
}

/// A token without the image reference, resource name, annotation name or address in it: nothing is
/// left of one that is such a reference, and of `word=…` and `word:…` the word.
fn without_reference(bare: &str) -> Option<&str> {
    if !bare.contains(['/', '@', ':']) {
        return Some(bare);
    }
    let (word, _) = bare.split_once(['=', ':'])?;
    (!word.is_empty() && !word.contains(['/', '@'])).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::word("Deployed with breakglass justification: x", true)]
    #[case::capital("Breakglass was used", true)]
    #[case::in_front(
        "Ready condition status changed to True for Revision breakglass-1 with message: Deployed with breakglass.",
        true
    )]
    #[case::image("Image nginx:breakglass denied", false)]
    #[case::bare_image("Image breakglass denied by attestor breakglass", false)]
    #[case::quoted("Container image 'breakglass' is not authorized by policy.", false)]
    #[case::name(
        "Revision breakglass-00001 uses an unauthorized container image.",
        false
    )]
    #[case::annotation("run.googleapis.com/binary-authorization-breakglass changed", false)]
    #[case::no_prefix(
        "Deployed with breakglass justification: see the ticket with message: x",
        true
    )]
    #[case::later_prefix(
        "Deployed with breakglass: a condition status changed to with message: x",
        true
    )]
    #[case::address("Deployed with breakglass=https://example.org/INC-1", true)]
    #[case::glued_quote("Deployed with breakglass:'x'", true)]
    #[case::digest("nginx@sha256:breakglass was pulled", false)]
    #[case::path("example.org/breakglass:1 was pulled", false)]
    #[case::prefix(
        "Ready condition status changed to True for Service breakglass with message: Ready",
        false
    )]
    fn only_the_platforms_own_word_counts(#[case] message: &str, #[case] expected: bool) {
        let words = platform_words(message);
        assert_eq!(words.contains("breakglass"), expected, "{words:?}");
    }

    #[test]
    fn no_choice_of_names_hides_the_platforms_word() {
        for name in [
            "breakglass",
            "'breakglass",
            "with message: ",
            "a' breakglass 'b",
            "service",
        ] {
            let message = format!(
                "Ready condition status changed to True for Revision {} with message: Deployed \
                 with breakglass justification: {name}",
                name.replace(' ', "-")
            );
            assert!(
                platform_words(&message).contains("with breakglass"),
                "{message}"
            );
        }
    }
}
