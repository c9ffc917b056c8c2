//! Image references, canonical before anything looks at them.
//!
//! The grammar is that of the `distribution` project's `reference` package, with Docker's two
//! defaults spelled out: a name without a registry belongs to `docker.io`, and a `docker.io` name
//! without a namespace to `library/`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest repository path a registry accepts (OCI distribution specification, "Pull").
const MAX_NAME: usize = 255;
/// The longest tag (OCI distribution specification, "Pull").
const MAX_TAG: usize = 128;

/// A SHA-256 content digest, written `sha256:` and 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest whose 32 bytes are already known.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest of some content.
    pub fn of(content: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(content).into())
    }

    /// The 64 hex digits, without the algorithm.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = ImageReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || ImageReferenceError::Digest(shortened(text));
        let hex_digits = text.strip_prefix("sha256:").ok_or_else(bad)?;
        if hex_digits.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(bad());
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(hex_digits, &mut bytes).map_err(|_| bad())?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = ImageReferenceError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// A canonical image reference: registry host (lower case, without the default port), repository
/// path, and a tag or a digest.
///
/// Where both are given the digest decides and the tag is dropped, as `gcloud` does.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageReference {
    written: String,
    registry: String,
    repository: String,
    version: Version,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Version {
    /// Neither tag nor digest was written: `latest` is meant.
    None,
    Tag(String),
    Digest(Digest),
}

impl ImageReference {
    /// Reads what an API, a manifest or a command line calls an image.
    ///
    /// # Errors
    /// Says which part cannot be made canonical; a reference with a scheme is refused.
    pub fn parse(written: &str) -> Result<Self, ImageReferenceError> {
        if written.is_empty() {
            return Err(ImageReferenceError::Empty);
        }
        if written.contains("://") {
            return Err(ImageReferenceError::Scheme(shortened(written)));
        }
        let (rest, digest) = match written.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse::<Digest>()?)),
            None => (written, None),
        };
        let (name, tag) = split_tag(rest);
        if let Some(tag) = tag {
            check_tag(tag)?;
        }
        let (registry, repository) = canonical_name(name)?;
        let version = match (digest, tag) {
            (Some(digest), _) => Version::Digest(digest),
            (None, Some(tag)) => Version::Tag(tag.to_owned()),
            (None, None) => Version::None,
        };
        Ok(Self {
            written: written.to_owned(),
            registry,
            repository,
            version,
        })
    }

    /// Reads an artifact URL, in which `https://` may stand in front, as in an occurrence's
    /// `resourceUri` and in `gcloud`'s `--artifact-url`.
    ///
    /// # Errors
    /// As [`ImageReference::parse`].
    pub fn parse_artifact_url(url: &str) -> Result<Self, ImageReferenceError> {
        let bare = url
            .strip_prefix("https://")
            .or_else(|| url.strip_prefix("http://"));
        Self::parse(bare.unwrap_or(url))
    }

    /// The reference as it was written by whoever asked.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Registry host, with the port where it is not the default, such as `us-docker.pkg.dev`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path within the registry, such as `demo-project/repo/app`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Registry and path: `us-docker.pkg.dev/demo-project/repo/app`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The digest, where the reference is pinned.
    pub fn digest(&self) -> Option<Digest> {
        match self.version {
            Version::Digest(digest) => Some(digest),
            Version::Tag(_) | Version::None => None,
        }
    }

    /// The tag to resolve, where the reference is not pinned; `latest` where none was written.
    pub fn tag(&self) -> Option<&str> {
        match &self.version {
            Version::Digest(_) => None,
            Version::Tag(tag) => Some(tag),
            Version::None => Some("latest"),
        }
    }

    /// The same repository, pinned to a digest.
    #[must_use]
    pub fn pinned(&self, digest: Digest) -> Self {
        Self {
            written: self.written.clone(),
            registry: self.registry.clone(),
            repository: self.repository.clone(),
            version: Version::Digest(digest),
        }
    }

    /// Every spelling that a policy's pattern may have meant: the canonical one, and for Docker Hub
    /// the bare one that was written (`nginx:latest`).
    pub fn spellings(&self) -> Vec<String> {
        let canonical = self.to_string();
        let short = self.registry == DOCKER_HUB && !self.written.starts_with(DOCKER_HUB);
        if !short {
            return vec![canonical];
        }
        let path = self
            .repository
            .strip_prefix("library/")
            .unwrap_or(&self.repository);
        let bare = match &self.version {
            Version::None => path.to_owned(),
            Version::Tag(tag) => format!("{path}:{tag}"),
            Version::Digest(digest) => format!("{path}@{digest}"),
        };
        vec![canonical, bare]
    }
}

impl fmt::Display for ImageReference {
    /// The canonical spelling.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        match &self.version {
            Version::None => Ok(()),
            Version::Tag(tag) => write!(f, ":{tag}"),
            Version::Digest(digest) => write!(f, "@{digest}"),
        }
    }
}

impl fmt::Debug for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ImageReference {
    type Err = ImageReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for ImageReference {
    type Error = ImageReferenceError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<ImageReference> for String {
    fn from(reference: ImageReference) -> Self {
        reference.to_string()
    }
}

/// Why a text is no image reference. The text itself is quoted at most 120 characters long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageReferenceError {
    /// Nothing was written.
    #[error("the image reference is empty")]
    Empty,
    /// A scheme such as `https://` stands in front.
    #[error("{0:?} has a scheme; write the image as HOST/PATH[:TAG|@DIGEST]")]
    Scheme(String),
    /// The part after `@` is not `sha256:` and 64 lower-case hex digits.
    #[error("{0:?} is no digest; write sha256: and 64 lower-case hex digits")]
    Digest(String),
    /// The part after the last `:` is no tag.
    #[error("{0:?} is no tag; up to 128 of letters, digits, `_`, `.`, `-`")]
    Tag(String),
    /// The registry is no host name with an optional port.
    #[error("{0:?} is no registry host")]
    Registry(String),
    /// The repository path has a part that no registry accepts.
    #[error(
        "{0:?} is no repository path; lower-case letters, digits and `.`, `_`, `-` between them"
    )]
    Repository(String),
}

pub(crate) const DOCKER_HUB: &str = "docker.io";

fn split_tag(rest: &str) -> (&str, Option<&str>) {
    match rest.rsplit_once(':') {
        // A colon before the last slash belongs to a port.
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (rest, None),
    }
}

fn check_tag(tag: &str) -> Result<(), ImageReferenceError> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let ok = tag.len() <= MAX_TAG
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-');
    if ok {
        Ok(())
    } else {
        Err(ImageReferenceError::Tag(shortened(tag)))
    }
}

fn canonical_name(name: &str) -> Result<(String, String), ImageReferenceError> {
    let (host, path) = match name.split_once('/') {
        Some((first, path)) if is_host(first) => (first, path),
        _ => (DOCKER_HUB, name),
    };
    let registry = canonical_host(host)?;
    let repository = if registry == DOCKER_HUB && !path.contains('/') {
        format!("library/{path}")
    } else {
        path.to_owned()
    };
    check_repository(&repository)?;
    Ok((registry, repository))
}

/// The first part of a name is a host only if it looks like one: Docker's own rule.
pub(crate) fn is_host(part: &str) -> bool {
    part.contains(['.', ':']) || part == "localhost" || part.bytes().any(|b| b.is_ascii_uppercase())
}

pub(crate) fn canonical_host(host: &str) -> Result<String, ImageReferenceError> {
    let bad = || ImageReferenceError::Registry(shortened(host));
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    };
    let port = match port {
        // Not `+443`, which the number's parser takes too.
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(digits.parse::<u16>().map_err(|_| bad())?)
        }
        Some(_) => return Err(bad()),
        None => None,
    };
    let name = name.to_ascii_lowercase();
    let bracketed = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    let name = match bracketed {
        Some(v6) => format!("[{}]", v6.parse::<std::net::Ipv6Addr>().map_err(|_| bad())?),
        None if name.len() <= 253 && name.split('.').all(is_label) => name,
        None => return Err(bad()),
    };
    let default_port = matches!(port, None | Some(443));
    if default_port && matches!(name.as_str(), "index.docker.io" | "registry-1.docker.io") {
        return Ok(DOCKER_HUB.to_owned());
    }
    let canonical = match port {
        // A single label is a host only by its port: without one it would be a path of Docker Hub.
        Some(443) if is_host(&name) => name,
        Some(port) => format!("{name}:{port}"),
        None => name,
    };
    if is_host(&canonical) {
        Ok(canonical)
    } else {
        Err(bad())
    }
}

fn is_label(label: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&label.len())
        && label.bytes().all(inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn check_repository(path: &str) -> Result<(), ImageReferenceError> {
    let ok = path.len() <= MAX_NAME && path.split('/').all(is_path_part);
    if ok {
        Ok(())
    } else {
        Err(ImageReferenceError::Repository(shortened(path)))
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, the OCI distribution specification's path component.
fn is_path_part(part: &str) -> bool {
    let alnum = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = part.as_bytes();
    let ends = bytes.first().is_some_and(alnum) && bytes.last().is_some_and(alnum);
    ends && bytes
        .split(|b| alnum(b))
        .all(|run| matches!(run, b"" | b"." | b"_" | b"__") || run.iter().all(|b| *b == b'-'))
}

/// At most 120 characters of a foreign text, for quoting in an error.
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    const HEX: &str = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";

    #[rstest]
    #[case::bare("nginx", "docker.io/library/nginx")]
    #[case::bare_tag("nginx:1.27", "docker.io/library/nginx:1.27")]
    #[case::hub_user("grafana/grafana", "docker.io/grafana/grafana")]
    #[case::hub_alias("index.docker.io/library/nginx", "docker.io/library/nginx")]
    #[case::host_case("GCR.io/p/app:V1", "gcr.io/p/app:V1")]
    #[case::default_port("gcr.io:443/p/app", "gcr.io/p/app")]
    #[case::port("localhost:5000/app", "localhost:5000/app")]
    #[case::port_with_zeros("gcr.io:0443/p/app", "gcr.io/p/app")]
    #[case::one_label_default_port("registry:443/app", "registry:443/app")]
    #[case::v6("[::1]:5000/app:x", "[::1]:5000/app:x")]
    #[case::v6_with_zeros("[0:0::1]:5000/app", "[::1]:5000/app")]
    #[case::separators("gcr.io/a__b/c--d/e.f_g", "gcr.io/a__b/c--d/e.f_g")]
    fn canonical_spelling(#[case] written: &str, #[case] canonical: &str) {
        assert_eq!(
            ImageReference::parse(written).unwrap().to_string(),
            canonical
        );
    }

    #[test]
    fn a_digest_wins_over_a_tag() {
        let image = ImageReference::parse(&format!("gcr.io/p/app:v1@sha256:{HEX}")).unwrap();
        assert_eq!(image.to_string(), format!("gcr.io/p/app@sha256:{HEX}"));
        assert_eq!(image.tag(), None);
        assert_eq!(image.digest().unwrap().hex(), HEX);
    }

    #[rstest]
    #[case::empty("")]
    #[case::scheme("https://gcr.io/p/app")]
    #[case::upper_path("gcr.io/P/app")]
    #[case::upper_label("GCR/p/app")]
    #[case::short_digest("gcr.io/p/app@sha256:2d71")]
    #[case::other_algorithm("gcr.io/p/app@sha512:2d71")]
    #[case::two_digests("gcr.io/p/app@sha256:2d71@sha256:2d71")]
    #[case::dot_dot("gcr.io/p/../app")]
    #[case::empty_part("gcr.io//app")]
    #[case::empty_tag("gcr.io/p/app:")]
    #[case::space("gcr.io/p/a pp")]
    #[case::port_too_large("gcr.io:99999/p/app")]
    #[case::user_info("user@gcr.io/p/app")]
    #[case::three_underscores("gcr.io/a___b")]
    fn refused(#[case] written: &str) {
        assert!(ImageReference::parse(written).is_err(), "{written}");
    }

    #[test]
    fn upper_case_digests_are_refused() {
        let upper = format!("gcr.io/p/app@sha256:{}", HEX.to_uppercase());
        assert!(ImageReference::parse(&upper).is_err());
    }

    #[test]
    fn docker_hub_names_keep_the_spelling_that_a_pattern_may_mean() {
        let bare = ImageReference::parse("nginx:latest").unwrap();
        assert_eq!(
            bare.spellings(),
            ["docker.io/library/nginx:latest", "nginx:latest"]
        );
        let full = ImageReference::parse("docker.io/library/nginx:latest").unwrap();
        assert_eq!(full.spellings(), ["docker.io/library/nginx:latest"]);
    }

    proptest! {
        #[test]
        fn parsing_is_idempotent_and_never_panics(text in "\\PC{0,80}") {
            if let Ok(image) = ImageReference::parse(&text) {
                let again = ImageReference::parse(&image.to_string()).unwrap();
                prop_assert_eq!(again.to_string(), image.to_string());
            }
        }
    }
}
