//! Name patterns of exempt images.
//!
//! As the policy reference has it (`namePattern`): a wildcard stands only at the end and only after
//! `REGISTRY/`; `*` is any run of characters except `/`, `**` any run at all. Without a wildcard
//! only that exact text matches.

use crate::image::{DOCKER_HUB, ImageReference, canonical_host, is_host, shortened};

/// A pattern, canonical as image names are: host in lower case, without the default port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// What a name must start with, in each of the pattern's spellings.
    stems: Vec<String>,
    wildcard: Wildcard,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wildcard {
    /// Nothing may follow.
    None,
    /// `*`: anything without a slash may follow.
    Segment,
    /// `**`: anything may follow.
    Everything,
}

impl Pattern {
    /// Reads a `namePattern`.
    ///
    /// # Errors
    /// For patterns that Google refuses; one that cannot be read must match nothing.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.contains("://") {
            return Err(PatternError::Scheme(shortened(text)));
        }
        if text.contains(char::is_whitespace) {
            return Err(PatternError::Space(shortened(text)));
        }
        let (stem, wildcard) = split_wildcard(text);
        check_stem(text, stem, wildcard)?;
        Ok(Self {
            stems: canonical_stems(stem, wildcard),
            wildcard,
        })
    }

    /// Whether an image is exempt by this pattern, in any spelling it may have been meant by.
    pub fn matches(&self, image: &ImageReference) -> bool {
        image.spellings().iter().any(|name| self.matches_name(name))
    }

    /// Whether one spelling of a name matches.
    pub fn matches_name(&self, name: &str) -> bool {
        self.stems
            .iter()
            .filter_map(|stem| name.strip_prefix(stem.as_str()))
            .any(|rest| match self.wildcard {
                Wildcard::None => rest.is_empty(),
                Wildcard::Segment => !rest.contains('/'),
                Wildcard::Everything => true,
            })
    }
}

/// Why a text is no pattern. The text is quoted at most 120 characters long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// Nothing is written.
    #[error("the pattern is empty")]
    Empty,
    /// A scheme stands in front.
    #[error("{0:?} has a scheme; image names have none")]
    Scheme(String),
    /// There is a space in it.
    #[error("{0:?} has a space in it")]
    Space(String),
    /// A wildcard stands before the first slash.
    #[error("{0:?} has a wildcard in the registry; wildcards may stand only after REGISTRY/")]
    WildcardInRegistry(String),
    /// A wildcard stands somewhere in the middle, or more than two stand at the end.
    #[error("{0:?} has a wildcard before its end; only a final * or ** is one")]
    WildcardInMiddle(String),
}

fn split_wildcard(text: &str) -> (&str, Wildcard) {
    if let Some(stem) = text.strip_suffix("**") {
        (stem, Wildcard::Everything)
    } else if let Some(stem) = text.strip_suffix('*') {
        (stem, Wildcard::Segment)
    } else {
        (text, Wildcard::None)
    }
}

fn check_stem(text: &str, stem: &str, wildcard: Wildcard) -> Result<(), PatternError> {
    let registry = stem.split_once('/').map(|(registry, _)| registry);
    let in_registry = match registry {
        Some(registry) => registry.is_empty() || registry.contains('*'),
        None => wildcard != Wildcard::None || stem.contains('*'),
    };
    if in_registry {
        Err(PatternError::WildcardInRegistry(shortened(text)))
    } else if stem.contains('*') {
        Err(PatternError::WildcardInMiddle(shortened(text)))
    } else {
        Ok(())
    }
}

/// Image names are canonical before a pattern sees them, so the pattern must be too. A bare Docker
/// name (`nginx:1`, `myorg/*`) stays as it is: it is compared with the name as it was written.
fn canonical_stems(stem: &str, wildcard: Wildcard) -> Vec<String> {
    let Some((first, path)) = stem.split_once('/').filter(|(first, _)| is_host(first)) else {
        return vec![stem.to_owned()];
    };
    if wildcard == Wildcard::None
        && let Ok(image) = ImageReference::parse(stem)
    {
        return vec![image.to_string()];
    }
    let host = canonical_host(first).unwrap_or_else(|_| first.to_owned());
    let mut stems = vec![format!("{host}/{path}")];
    if host == DOCKER_HUB && !path.contains('/') {
        stems.push(format!("{host}/library/{path}"));
    }
    stems
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    const DIGEST: &str = "sha256:4fb7a2dfb0e4f0f7d9e3b0f9f7cfa3e6d7b1ed0b9a1a4a1d2f35a2e4a1c0b9d8";

    fn matches(pattern: &str, image: &str) -> bool {
        let image = image.replace("DIGEST", DIGEST);
        let pattern = pattern.replace("DIGEST", DIGEST);
        Pattern::parse(&pattern)
            .unwrap()
            .matches(&image.parse().unwrap())
    }

    #[rstest]
    #[case("gcr.io/p/nginx*", "gcr.io/p/nginx", true)]
    #[case("gcr.io/p/nginx*", "gcr.io/p/nginx:latest", true)]
    #[case("gcr.io/p/nginx*", "gcr.io/p/nginx@DIGEST", true)]
    #[case("gcr.io/p/nginx*", "gcr.io/p/nginx-images", true)]
    #[case("gcr.io/p/nginx*", "gcr.io/p/nginx-images/nginx", false)]
    #[case("gcr.io/p/nginx**", "gcr.io/p/nginx-images/nginx", true)]
    #[case("gcr.io/my-project**", "gcr.io/my-project-exploit/x", true)]
    #[case("gcr.io/my-project/**", "gcr.io/my-project-exploit/x", false)]
    #[case("gcr.io/my-project/**", "gcr.io/my-project/a/b@DIGEST", true)]
    #[case("gcr.io/*", "gcr.io/p/app", false)]
    #[case("gcr.io/**", "gcr.io/p/app", true)]
    #[case("gcr.io/p/app", "gcr.io/p/app", true)]
    #[case("gcr.io/p/app", "gcr.io/p/app:latest", false)]
    #[case("gcr.io/p/app", "gcr.io/p/app@DIGEST", false)]
    #[case("gcr.io/p/app@*", "gcr.io/p/app@DIGEST", true)]
    #[case("gcr.io/p/app@*", "gcr.io/p/app:v1", false)]
    #[case("gcr.io/p/app:v1.*", "gcr.io/p/app:v1.2", true)]
    #[case("gcr.io/p/app:v1.*", "gcr.io/p/app:v10", false)]
    #[case("gcr.io/p/app@DIGEST", "gcr.io/p/app@DIGEST", true)]
    #[case("gcr.io/p/app@sha256:4fb7*", "gcr.io/p/app@DIGEST", true)]
    fn as_documented(#[case] pattern: &str, #[case] image: &str, #[case] expected: bool) {
        assert_eq!(matches(pattern, image), expected);
    }

    #[rstest]
    #[case("GCR.IO/p/*", "gcr.io/p/app", true)]
    #[case("gcr.io:443/p/*", "gcr.io/p/app", true)]
    #[case("gcr.io/p/*", "GCR.io:443/p/app", true)]
    #[case("nginx:latest", "nginx:latest", true)]
    #[case("nginx", "nginx@DIGEST", false)]
    #[case("myorg/*", "myorg/app:v1", true)]
    #[case("myorg/*", "myorg.example/app:v1", false)]
    #[case("docker.io/nginx*", "nginx:latest", true)]
    #[case("docker.io/*", "nginx", true)]
    #[case("docker.io/*", "myorg/app", false)]
    #[case("docker.io/library/nginx*", "nginx@DIGEST", true)]
    #[case("index.docker.io/library/*", "nginx", true)]
    #[case("docker.io/nginx", "nginx", true)]
    #[case("localhost:5000/app*", "localhost:5000/app:v1", true)]
    fn names_are_canonical_on_both_sides(
        #[case] pattern: &str,
        #[case] image: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(matches(pattern, image), expected);
    }

    #[rstest]
    #[case("")]
    #[case("*")]
    #[case("**")]
    #[case("nginx*")]
    #[case("gcr.io*")]
    #[case("*/p/app")]
    #[case("*.gcr.io/p/app")]
    #[case("/p/*")]
    #[case("gcr.io/*/app")]
    #[case("gcr.io/p/**/app")]
    #[case("gcr.io/p/***")]
    #[case("https://gcr.io/p/*")]
    #[case("gcr.io/p/app *")]
    fn refused(#[case] pattern: &str) {
        assert!(Pattern::parse(pattern).is_err(), "{pattern}");
    }

    proptest! {
        /// The documented meaning, as a regular expression.
        #[test]
        fn a_pattern_means_its_regular_expression(
            stem in "gcr\\.io/[a-b/]{0,4}[@:a-b-]{0,2}",
            wildcard in prop::sample::select(vec!["", "*", "**"]),
            name in "gcr\\.io/[a-b/]{0,6}[@:a-b-]{0,3}",
        ) {
            // An exact pattern may be canonicalised as an image name; the oracle knows only text.
            prop_assume!(!wildcard.is_empty() || ImageReference::parse(&stem).is_err());
            let pattern = Pattern::parse(&format!("{stem}{wildcard}")).unwrap();
            let tail = match wildcard { "" => "", "*" => "[^/]*", _ => ".*" };
            let oracle = regex::Regex::new(&format!("^{}{tail}$", regex::escape(&stem))).unwrap();
            prop_assert_eq!(pattern.matches_name(&name), oracle.is_match(&name));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,60}", star in "[a-z./:*@]{0,30}") {
            let image: ImageReference = "gcr.io/p/app:v1".parse().unwrap();
            for text in [text, star] {
                if let Ok(pattern) = Pattern::parse(&text) {
                    pattern.matches(&image);
                }
            }
        }

        #[test]
        fn two_stars_match_whatever_one_star_does(
            stem in "gcr\\.io/[a-b/]{1,4}",
            path in "[a-b]{1,3}(/[a-b]{1,3}){0,2}",
        ) {
            let image: ImageReference = format!("gcr.io/{path}").parse().unwrap();
            let one = Pattern::parse(&format!("{stem}*")).unwrap();
            let two = Pattern::parse(&format!("{stem}**")).unwrap();
            prop_assert!(!one.matches(&image) || two.matches(&image));
        }
    }
}
