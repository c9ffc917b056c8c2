//! Patterns of trusted directories.
//!
//! By the reference of `TrustedDirectoryCheck`: `HOST/PATH` is that one directory; a `*` in front stands for the
//! beginning of the host's first label, or for the whole of it; `/*` at the end is any one directory below, `/**` any below,
//! however deep.

use crate::image::{ImageReference, shortened};

/// A pattern, in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryPattern {
    host: Host,
    path: String,
    below: Below,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Exactly(String),
    /// What stands behind the `*`.
    Any(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Below {
    Itself,
    One,
    Any,
}

/// Why a text is no such pattern. It is quoted at most 120 characters long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no directory: write HOST/PATH, with * in front of a part of the host's first label, or /* or /** at \
     the end"
)]
pub struct DirectoryPatternError(String);

impl DirectoryPattern {
    /// Reads a pattern of `trustedDirPatterns`.
    ///
    /// # Errors
    /// For what Google refuses; one that cannot be read must match nothing.
    pub fn parse(text: &str) -> Result<Self, DirectoryPatternError> {
        Self::read(text).ok_or_else(|| DirectoryPatternError(shortened(text)))
    }

    fn read(text: &str) -> Option<Self> {
        let (host, rest) = text.split_once('/')?;
        let (path, below) = match rest {
            "*" => ("", Below::One),
            "**" => ("", Below::Any),
            rest => match (rest.strip_suffix("/**"), rest.strip_suffix("/*")) {
                (Some(path), _) => (path, Below::Any),
                (None, Some(path)) => (path, Below::One),
                (None, None) => (rest, Below::Itself),
            },
        };
        let is_path = |path: &str| path.split('/').all(|part| !part.is_empty());
        let in_order = match below {
            Below::Itself => is_path(path),
            _ => path.is_empty() || is_path(path),
        };
        let strange =
            |char: char| char == '*' || char == ':' || char == '@' || char.is_whitespace();
        if !in_order || path.contains(strange) {
            return None;
        }
        Some(Self {
            host: Host::read(host)?,
            path: path.to_owned(),
            below,
        })
    }

    /// Whether an image lies in such a directory. Its own name is no part of that.
    pub fn matches(&self, image: &ImageReference) -> bool {
        let directory = image.repository().rsplit_once('/');
        let directory = directory.map_or("", |(directory, _)| directory);
        self.host.is(image.registry()) && self.has(directory)
    }

    fn has(&self, directory: &str) -> bool {
        let below = match self.path.as_str() {
            "" => Some(directory),
            path => directory
                .strip_prefix(path)
                .and_then(|rest| rest.strip_prefix('/')),
        };
        match self.below {
            Below::Itself => directory == self.path,
            Below::One => below.is_some_and(|name| !name.is_empty() && !name.contains('/')),
            Below::Any => below.is_some_and(|name| !name.is_empty()),
        }
    }
}

impl Host {
    fn read(text: &str) -> Option<Self> {
        let is_host = |host: &str| {
            let mut labels = host.split('.');
            host.contains('.')
                && labels.all(|label| {
                    let is_part = |char: char| char.is_ascii_alphanumeric() || char == '-';
                    !label.is_empty() && label.chars().all(is_part)
                })
        };
        match text.strip_prefix('*') {
            None => is_host(text).then(|| Self::Exactly(text.to_ascii_lowercase())),
            // The `*` is a part of a subdomain: what it cannot reach is a host of its own.
            Some(rest) => {
                let own = rest.strip_prefix(['.', '-'])?;
                is_host(own).then(|| Self::Any(rest.to_ascii_lowercase()))
            }
        }
    }

    fn is(&self, host: &str) -> bool {
        match self {
            Self::Exactly(own) => own == host,
            Self::Any(end) => host
                .strip_suffix(end.as_str())
                .is_some_and(|start| !start.is_empty() && !start.contains('.')),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("gcr.io/shop/trusted", "gcr.io/shop/trusted/app:1", true)]
    #[case("gcr.io/shop/trusted", "gcr.io/shop/trusted/deep/app", false)]
    #[case("gcr.io/shop/trusted", "gcr.io/shop/trusted-not/app", false)]
    #[case("gcr.io/shop/*", "gcr.io/shop/any/app", true)]
    #[case("gcr.io/shop/*", "gcr.io/shop/app", false)]
    #[case("gcr.io/shop/*", "gcr.io/shop/any/deep/app", false)]
    #[case("gcr.io/shop/**", "gcr.io/shop/any/deep/app", true)]
    #[case("gcr.io/shop/**", "gcr.io/shopping/any/app", false)]
    #[case("gcr.io/**", "gcr.io/shop/app", true)]
    #[case("*.gcr.io/shop", "eu.gcr.io/shop/app", true)]
    #[case("*.gcr.io/shop", "gcr.io/shop/app", false)]
    #[case("*.gcr.io/shop", "a.b.gcr.io/shop/app", false)]
    #[case("*-docker.pkg.dev/shop/r", "us-docker.pkg.dev/shop/r/app", true)]
    #[case(
        "*-docker.pkg.dev/shop/r",
        "us-docker.pkg.dev.evil.example/shop/r/app",
        false
    )]
    fn directories_are_what_they_say(
        #[case] pattern: &str,
        #[case] image: &str,
        #[case] matches: bool,
    ) {
        let pattern = DirectoryPattern::parse(pattern).unwrap();
        assert_eq!(pattern.matches(&image.parse().unwrap()), matches);
    }

    #[rstest]
    #[case("gcr.i*")]
    #[case("gcr.i*/shop")]
    #[case("gcr/shop")]
    #[case("sub*domain.gcr.io/app")]
    #[case("*pkg.dev/shop/r")]
    #[case("**-docker.pkg.dev/shop")]
    #[case("**-docker.pkg.dev")]
    #[case("*.io/shop")]
    #[case("gcr.io/shop/a*")]
    #[case("gcr.io/shop/*/r")]
    #[case("gcr.io//r")]
    #[case("gcr.io/")]
    #[case("")]
    fn what_is_no_directory_is_refused(#[case] text: &str) {
        assert!(DirectoryPattern::parse(text).is_err(), "{text}");
    }
}
