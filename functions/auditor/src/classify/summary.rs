//! The one sentence of a finding.

use std::borrow::Cow;

use postern_core::finding::Finding;
use postern_host::problem::quoted;

use crate::subject::truncate;

/// The most characters of what a platform said.
const REASON_LIMIT: usize = 600;
/// What can stand in braces.
const PLACEHOLDERS: [&str; 8] = [
    "actor", "target", "image", "resource", "method", "why", "id", "reason",
];

/// What a summary may say besides what stands in the finding.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Words<'a> {
    /// What the platform said about the outcome.
    pub(crate) reason: &'a str,
    /// What the call was made on.
    pub(crate) resource: &'a str,
    /// What was called.
    pub(crate) method: &'a str,
    /// Whether it is told as an attempt that was refused.
    pub(crate) refused: bool,
}

/// Fills the placeholders of a summary that is about no call.
pub(crate) fn rendered(template: &str, finding: &Finding, reason: &str) -> String {
    let words = Words {
        reason,
        ..Words::default()
    };
    words.rendered(template, finding)
}

/// The first name in braces that stands for nothing.
pub(crate) fn unknown_placeholder(template: &str) -> Option<&str> {
    pieces(template)
        .filter_map(|(_, place)| place)
        .find(|place| !PLACEHOLDERS.contains(place))
}

impl Words<'_> {
    /// Fills the placeholders of a summary, once each, so that braces in what an actor wrote stay as
    /// they are. What an actor wrote is shortened.
    pub(crate) fn rendered(&self, template: &str, finding: &Finding) -> String {
        let mut sentence = String::new();
        if self.refused {
            sentence.push_str("Refused: ");
        }
        for (text, place) in pieces(template) {
            sentence.push_str(text);
            if let Some(place) = place {
                sentence.push_str(&self.filled(place, finding));
            }
        }
        sentence
    }

    fn filled(&self, place: &str, finding: &Finding) -> Cow<'static, str> {
        let or = |text: Option<&str>, otherwise: &'static str| match text {
            Some(text) if !text.is_empty() => Cow::Owned(quoted(text)),
            _ => Cow::Borrowed(otherwise),
        };
        match place {
            "actor" => or(finding.actor.principal.as_deref(), "someone unknown"),
            "target" => or(finding.target.as_deref(), "an unknown target"),
            "image" => or(
                finding.images.first().map(String::as_str),
                "an unknown image",
            ),
            "resource" => or(Some(self.resource), "an unknown resource"),
            "method" => or(Some(self.method), "an unknown method"),
            "id" => Cow::Owned(quoted(&finding.source.id)),
            "reason" => Cow::Owned(one_line(self.reason)),
            "why" => match finding.justification.as_deref() {
                Some(text) => Cow::Owned(format!("because {:?}", quoted(text))),
                None => Cow::Borrowed("without a justification"),
            },
            _ => Cow::Borrowed(""),
        }
    }
}

/// A template as texts, each with the name in braces behind it.
fn pieces(template: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    template.split('{').enumerate().flat_map(|(n, piece)| {
        let (place, text) = match piece.split_once('}') {
            Some((place, text)) if n > 0 => (Some(("", Some(place))), text),
            // A brace that nothing closes.
            None if n > 0 => (Some(("", Some(""))), piece),
            _ => (None, piece),
        };
        place.into_iter().chain([(text, None)])
    })
}

/// What a platform said, on one line and not endless.
fn one_line(text: &str) -> String {
    let mut text = text.replace(char::is_control, " ");
    truncate(&mut text, REASON_LIMIT);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::classify;
    use crate::testing::{catalogue, entry, read};

    #[test]
    fn each_place_is_filled_once_and_from_no_other() {
        let mut finding = classify(&catalogue(), &read(&entry("cloud-run-break-glass")))
            .remove(0)
            .finding;
        finding.justification = Some("{actor} {reason}".to_owned());
        let words = Words {
            reason: "{id}\nsaid",
            resource: "projects/demo-mart/{actor}",
            method: "",
            refused: true,
        };
        let template = "{actor} called {method} on {resource} of {target}, {why}: {reason} ({id})";
        insta::assert_snapshot!(words.rendered(template, &finding), @r#"Refused: night-duty@example.com called an unknown method on projects/demo-mart/{actor} of cloud-run:acme-shop/europe-west1/checkout, because "{actor} {reason}": {id} said (run-bg-1)"#);
    }

    #[test]
    fn names_in_braces_are_checked() {
        assert_eq!(unknown_placeholder("{actor} did {it}"), Some("it"));
        assert_eq!(unknown_placeholder("{actor} did {resource}"), None);
        assert_eq!(unknown_placeholder("{actor did"), Some(""));
        assert_eq!(unknown_placeholder("nothing"), None);
    }
}
