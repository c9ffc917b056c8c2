//! Images in OCI layout directories (OCI image specification, "Image Layout").

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use postern_core::image::{Digest, ImageReferenceError, shortened};
use postern_core::ports::ResolvedImage;
use serde::Deserialize;

use crate::content::MAX_MANIFEST;
use crate::manifest::{Manifest, ManifestError};

const SCHEME: &str = "oci:";

/// An image in a layout directory: `oci:DIR` or `oci:DIR@sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    directory: PathBuf,
    digest: Option<Digest>,
}

/// Why a layout gives no image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// It does not start with `oci:`, or names no directory.
    #[error("{0:?} is no OCI layout; write oci:DIR or oci:DIR@sha256:…")]
    Reference(String),
    /// What follows the `@` is no digest.
    #[error(transparent)]
    Digest(#[from] ImageReferenceError),
    /// A file is missing or cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
    /// A file is larger than any manifest may be.
    #[error("{path} has more than the {MAX_MANIFEST} bytes that are read", path = .0.display())]
    TooLarge(PathBuf),
    /// `index.json` or `oci-layout` is not what it should be.
    #[error("{path} is not valid: {source}", path = path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The layout is of a later version.
    #[error("{path} has an OCI layout of a version other than 1.0.0", path = .0.display())]
    Version(PathBuf),
    /// The layout holds no image, or several and none is named.
    #[error("{directory} holds {count} images; name one as oci:DIR@sha256:…", directory = directory.display())]
    Choice {
        /// The layout.
        directory: PathBuf,
        /// How many.
        count: usize,
    },
    /// A blob is not what its name says.
    #[error("{path} hashes to {actual}: it was changed", path = path.display())]
    Changed {
        /// The blob.
        path: PathBuf,
        /// Its hash.
        actual: Digest,
    },
    /// A blob is no manifest that can be judged.
    #[error("{path}: {source}", path = path.display())]
    Manifest {
        /// The blob.
        path: PathBuf,
        /// What is wrong.
        source: ManifestError,
    },
}

impl FromStr for Layout {
    type Err = LayoutError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || LayoutError::Reference(shortened(text));
        let rest = text.strip_prefix(SCHEME).ok_or_else(bad)?;
        // A directory's name may have an `@` of its own.
        let (directory, digest) = match rest.rsplit_once('@') {
            Some((directory, digest)) if digest.starts_with("sha256:") => {
                (directory, Some(digest.parse::<Digest>()?))
            }
            _ => (rest, None),
        };
        if directory.is_empty() {
            return Err(bad());
        }
        Ok(Self {
            directory: directory.into(),
            digest,
        })
    }
}

impl fmt::Display for Layout {
    /// As it is written on a command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.directory.display())?;
        self.digest.map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marker {
    image_layout_version: String,
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    digest: String,
}

impl Layout {
    /// Whether a text means a layout rather than an image in a registry.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// The image that is named, or the only one. Its manifest is read and hashed.
    ///
    /// # Errors
    /// If a file is missing, too large or changed, or if it is not clear which image is meant.
    pub fn resolve(&self) -> Result<ResolvedImage, LayoutError> {
        let marker: Marker = self.parse("oci-layout")?;
        if marker.image_layout_version != "1.0.0" {
            return Err(LayoutError::Version(self.directory.clone()));
        }
        let digest = match self.digest {
            Some(digest) => digest,
            None => self.only_image()?,
        };
        let path = self.directory.join("blobs/sha256").join(digest.hex());
        let content = read(&path)?;
        let actual = Digest::of(&content);
        if actual != digest {
            return Err(LayoutError::Changed { path, actual });
        }
        let manifest =
            Manifest::parse(&content).map_err(|source| LayoutError::Manifest { path, source })?;
        Ok(ResolvedImage {
            digest,
            children: manifest.children,
        })
    }

    fn only_image(&self) -> Result<Digest, LayoutError> {
        let index: Index = self.parse("index.json")?;
        match index.manifests.as_slice() {
            [only] => Ok(only.digest.parse::<Digest>()?),
            several => Err(LayoutError::Choice {
                directory: self.directory.clone(),
                count: several.len(),
            }),
        }
    }

    fn parse<T: for<'de> Deserialize<'de>>(&self, file: &str) -> Result<T, LayoutError> {
        let path = self.directory.join(file);
        serde_json::from_slice(&read(&path)?).map_err(|source| LayoutError::Parse { path, source })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, LayoutError> {
    let failed = |source| LayoutError::Read {
        path: path.to_owned(),
        source,
    };
    // Opening a pipe or a device would wait for somebody else.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(std::io::Error::other("it is no regular file")));
    }
    let mut content = Vec::new();
    File::open(path)
        .map_err(failed)?
        .take(MAX_MANIFEST as u64 + 1)
        .read_to_end(&mut content)
        .map_err(failed)?;
    if content.len() > MAX_MANIFEST {
        return Err(LayoutError::TooLarge(path.to_owned()));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    const IMAGE: &str = r#"{"schemaVersion":2,"config":{},"layers":[]}"#;

    /// A synthetic layout of these manifests.
    fn layout(manifests: &[&str]) -> (TempDir, Vec<Digest>) {
        let directory = tempfile::tempdir().unwrap();
        let blobs = directory.path().join("blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        let digests: Vec<Digest> = manifests.iter().map(|m| Digest::of(m.as_bytes())).collect();
        for (digest, manifest) in digests.iter().zip(manifests) {
            std::fs::write(blobs.join(digest.hex()), manifest).unwrap();
        }
        let listed: Vec<_> = digests
            .iter()
            .map(|d| serde_json::json!({"digest": d}))
            .collect();
        let index = serde_json::json!({"schemaVersion": 2, "manifests": listed}).to_string();
        std::fs::write(directory.path().join("index.json"), index).unwrap();
        let marker = r#"{"imageLayoutVersion":"1.0.0"}"#;
        std::fs::write(directory.path().join("oci-layout"), marker).unwrap();
        (directory, digests)
    }

    fn at(directory: &TempDir, digest: Option<Digest>) -> Layout {
        Layout {
            directory: directory.path().to_owned(),
            digest,
        }
    }

    #[test]
    fn the_only_image_needs_no_name() {
        let child = Digest::of(b"child");
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{{"digest":"{child}"}}]}}"#);
        let (directory, digests) = layout(&[&index]);
        let resolved = at(&directory, None).resolve().unwrap();
        assert_eq!(resolved.digest, digests[0]);
        assert_eq!(resolved.children, [child]);
    }

    #[test]
    fn of_several_one_is_named() {
        let other = r#"{"schemaVersion":2,"config":{},"layers":[1]}"#;
        let (directory, digests) = layout(&[IMAGE, other]);
        let unclear = at(&directory, None).resolve().unwrap_err();
        assert!(matches!(unclear, LayoutError::Choice { count: 2, .. }));
        let named = at(&directory, Some(digests[1])).resolve().unwrap();
        assert_eq!(named.digest, digests[1]);
        let missing = at(&directory, Some(Digest::of(b"no"))).resolve();
        assert!(matches!(missing.unwrap_err(), LayoutError::Read { .. }));
    }

    #[test]
    fn a_changed_or_giant_blob_is_refused() {
        let (directory, digests) = layout(&[IMAGE]);
        let blob = directory.path().join("blobs/sha256").join(digests[0].hex());
        std::fs::write(&blob, "{}").unwrap();
        let changed = at(&directory, None).resolve().unwrap_err();
        assert!(matches!(changed, LayoutError::Changed { .. }));
        File::create(&blob)
            .unwrap()
            .set_len(MAX_MANIFEST as u64 + 1)
            .unwrap();
        let giant = at(&directory, None).resolve().unwrap_err();
        assert!(matches!(giant, LayoutError::TooLarge(_)));
    }

    #[test]
    fn references_are_read_as_they_are_written() {
        let digest = Digest::of(b"");
        for text in ["oci:dir".to_owned(), format!("oci:/a@b/dir@{digest}")] {
            assert_eq!(text.parse::<Layout>().unwrap().to_string(), text);
        }
        assert!("oci:".parse::<Layout>().is_err());
        assert!("oci:dir@sha256:0".parse::<Layout>().is_err());
        assert!("dir".parse::<Layout>().is_err());
    }
}
