//! Google's custom methods (AIP-136): `POST /v1/things/ID:verb`.

/// Splits the last segment of a path into a name and its verb: `ID:close` is (`ID`, `close`). A name
/// may have colons of its own; without a verb, or without a name, there is nothing to split.
pub fn verb(segment: &str) -> Option<(&str, &str)> {
    let (name, verb) = segment.rsplit_once(':')?;
    let is_word = !verb.is_empty() && verb.bytes().all(|b| b.is_ascii_alphabetic());
    (is_word && !name.is_empty()).then_some((name, verb))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("01J:close", Some(("01J", "close")))]
    #[case("example.com:demo:setIamPolicy", Some(("example.com:demo", "setIamPolicy")))]
    #[case("01J", None)]
    #[case("01J:", None)]
    #[case(":close", None)]
    #[case("a:b/c", None)]
    #[case("01J:close now", None)]
    fn a_verb_follows_the_last_colon(#[case] segment: &str, #[case] split: Option<(&str, &str)>) {
        assert_eq!(verb(segment), split);
    }
}
