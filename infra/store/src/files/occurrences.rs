//! Attestations from a file of occurrences.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use postern_core::attestor::NoteName;
use postern_core::image::{Digest, ImageReference};
use postern_core::occurrence::{Occurrence, digests_beside};
use postern_core::ports::{AttestationSource, Unavailable};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::FileError;
use super::watched::Watched;
use crate::attestations::{MOST_OCCURRENCES, flood, without_digest};

const MAX_BYTES: u64 = 64 << 20;

/// A file of occurrences: the reply of `occurrences.list` (`{"occurrences": […]}`), an array as
/// `gcloud --format=json` prints it, one occurrence, or one on each line.
#[derive(Debug)]
pub struct FileAttestations {
    name: String,
    file: Arc<Watched<Occurrences>>,
}

impl FileAttestations {
    /// Reads the file; at most 64 MiB. An occurrence that is malformed is passed over and counted
    /// in the log. Blocks.
    ///
    /// # Errors
    /// If the file is missing, or is no file of occurrences.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        Ok(Self {
            name: path.display().to_string(),
            file: Watched::open(path, MAX_BYTES, read_logged)?,
        })
    }
}

#[async_trait]
impl AttestationSource for FileAttestations {
    fn name(&self) -> &str {
        &self.name
    }

    async fn occurrences(
        &self,
        image: &ImageReference,
        note: &NoteName,
    ) -> Result<Vec<Occurrence>, Unavailable> {
        let digest = image
            .digest()
            .ok_or_else(|| without_digest(&self.name, image.written()))?;
        let current = self.file.current().await;
        let current = current.map_err(|error| Unavailable::new(&self.name, error))?;
        let about = current.by_digest.get(&digest).into_iter().flatten();
        let found: Vec<Occurrence> = about
            .filter(|occurrence| occurrence.note_name.id == note.id)
            .take(MOST_OCCURRENCES + 1)
            .cloned()
            .collect();
        if found.len() > MOST_OCCURRENCES {
            return Err(flood(&self.name, &digest));
        }
        Ok(found)
    }

    async fn attested_beside(
        &self,
        image: &ImageReference,
        note: &NoteName,
        limit: usize,
    ) -> Result<Vec<Digest>, Unavailable> {
        let current = self.file.current().await;
        let current = current.map_err(|error| Unavailable::new(&self.name, error))?;
        let on_note = current.by_digest.values().flatten();
        let on_note = on_note.filter(|occurrence| occurrence.note_name.id == note.id);
        Ok(digests_beside(image, on_note, limit))
    }
}

/// The occurrences of a file that are about a digest.
#[derive(Debug, Default)]
struct Occurrences {
    by_digest: HashMap<Digest, Vec<Occurrence>>,
    /// What is no occurrence, and why the first of them is not.
    malformed: usize,
    first_error: Option<String>,
}

#[derive(Deserialize)]
struct Listed<'a> {
    #[serde(borrow)]
    occurrences: Vec<&'a RawValue>,
}

fn read_logged(text: &str) -> Result<Occurrences, String> {
    let occurrences = read(text)?;
    if let Some(error) = &occurrences.first_error {
        let malformed = occurrences.malformed;
        tracing::warn!(malformed, error, "occurrences in a file are passed over");
    }
    Ok(occurrences)
}

fn read(text: &str) -> Result<Occurrences, String> {
    let whole = text.trim();
    if whole.is_empty() {
        return Ok(Occurrences::default());
    }
    let mut occurrences = Occurrences::default();
    match elements(whole) {
        Ok(elements) => {
            for element in elements {
                occurrences.add(element.get());
            }
        }
        Err(error) => {
            let lines = whole.lines().filter(|line| !line.trim().is_empty());
            let added = lines.filter(|line| occurrences.add(line)).count();
            if added == 0 {
                return Err(format!("no occurrences as JSON: {error}"));
            }
        }
    }
    Ok(occurrences)
}

/// The elements of what is one JSON document.
fn elements(text: &str) -> Result<Vec<&RawValue>, serde_json::Error> {
    if text.starts_with('[') {
        return serde_json::from_str(text);
    }
    let one: &RawValue = serde_json::from_str(text)?;
    match serde_json::from_str::<Listed<'_>>(text) {
        Ok(listed) => Ok(listed.occurrences),
        // A reply without any is `{}`.
        Err(_) if is_empty_object(text) => Ok(Vec::new()),
        Err(_) if serde_json::from_str::<Occurrence>(text).is_ok() => Ok(vec![one]),
        Err(error) => Err(error),
    }
}

fn is_empty_object(text: &str) -> bool {
    serde_json::from_str::<HashMap<String, &RawValue>>(text).is_ok_and(|object| object.is_empty())
}

impl Occurrences {
    /// `false`: it is no occurrence.
    fn add(&mut self, json: &str) -> bool {
        match serde_json::from_str::<Occurrence>(json) {
            Ok(occurrence) => {
                // What is about no digest can match no image.
                let image = ImageReference::parse_artifact_url(&occurrence.resource_uri).ok();
                if let Some(digest) = image.and_then(|image| image.digest()) {
                    self.by_digest.entry(digest).or_default().push(occurrence);
                }
                true
            }
            Err(error) => {
                self.malformed += 1;
                self.first_error.get_or_insert_with(|| error.to_string());
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::testing;

    fn occurrence() -> String {
        serde_json::to_string(&testing::occurrence("key-1", b"sig")).unwrap()
    }

    const MALFORMED: &str = r#"{"noteName":"projects/p/notes/n","resourceUri":7}"#;

    #[rstest]
    #[case::a_reply(format!(r#"{{"occurrences":[{0},{MALFORMED},{0}],"nextPageToken":""}}"#, occurrence()))]
    #[case::an_array(format!("[{0},\n{MALFORMED},{0}]", occurrence()))]
    #[case::lines(format!("{0}\n{MALFORMED}\n\n{0}\n", occurrence()))]
    #[case::a_broken_line(format!("{0}\n{{\"noteName\n{0}", occurrence()))]
    fn one_malformed_occurrence_does_not_spoil_the_others(#[case] text: String) {
        let read = read(&text).unwrap();
        assert_eq!(read.by_digest[&testing::digest()].len(), 2);
        assert_eq!(read.malformed, 1);
        assert!(read.first_error.is_some());
    }

    #[test]
    fn one_occurrence_alone_is_a_file_too() {
        let value: serde_json::Value = serde_json::from_str(&occurrence()).unwrap();
        let text = serde_json::to_string_pretty(&value).unwrap();
        assert_eq!(read(&text).unwrap().by_digest.len(), 1);
    }

    #[tokio::test]
    async fn what_else_is_attested_in_a_repository_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), occurrence()).unwrap();
        let source = FileAttestations::open(file.path()).unwrap();
        let occurrence = testing::occurrence("key-1", b"sig");
        let attested = ImageReference::parse_artifact_url(&occurrence.resource_uri).unwrap();
        let note = &occurrence.note_name;
        let manifest = attested.pinned(Digest::of(b"manifest"));
        let beside = source.attested_beside(&manifest, note, 8).await.unwrap();
        assert_eq!(beside, [testing::digest()]);
        // Not itself, not more than asked for, not of another repository.
        assert_eq!(
            source.attested_beside(&attested, note, 8).await.unwrap(),
            []
        );
        assert_eq!(
            source.attested_beside(&manifest, note, 0).await.unwrap(),
            []
        );
        let other = format!("synthetic.example/other@{}", Digest::of(b"manifest"));
        let other = ImageReference::parse(&other).unwrap();
        assert_eq!(source.attested_beside(&other, note, 8).await.unwrap(), []);
    }

    #[rstest]
    #[case("")]
    #[case(" \n")]
    #[case("[]")]
    #[case("{}")]
    #[case(r#"{"occurrences":[]}"#)]
    fn none_at_all_is_not_a_mistake(#[case] text: &str) {
        let read = read(text).unwrap();
        assert!(read.by_digest.is_empty());
        assert_eq!(read.malformed, 0);
    }

    #[rstest]
    #[case::cut_off(format!("[{},", occurrence()))]
    #[case::something_else(r#"{"name":"projects/p/attestors/a"}"#.to_owned())]
    #[case::no_json("not JSON".to_owned())]
    #[case::a_list_that_is_none(r#"{"occurrences":{}}"#.to_owned())]
    fn what_is_no_file_of_occurrences_is_an_error(#[case] text: String) {
        let error = read(&text).unwrap_err();
        assert!(error.starts_with("no occurrences as JSON: "), "{error}");
    }

    #[tokio::test]
    async fn occurrences_are_found_by_digest_and_note() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("occurrences.json");
        assert_eq!(
            FileAttestations::open(&path).unwrap_err(),
            FileError::Missing(path.clone())
        );
        std::fs::write(&path, format!("[{}]", occurrence())).unwrap();
        let source = FileAttestations::open(&path).unwrap();
        assert_eq!(source.name(), path.display().to_string());

        let note = testing::occurrence("key-1", b"sig").note_name;
        let image = testing::image();
        assert_eq!(source.occurrences(&image, &note).await.unwrap().len(), 1);
        let other = "projects/demo-project/notes/other".parse().unwrap();
        assert_eq!(source.occurrences(&image, &other).await, Ok(vec![]));
        let other = image.pinned(Digest::of(b"other"));
        assert_eq!(source.occurrences(&other, &note).await, Ok(vec![]));

        let many = vec![occurrence(); MOST_OCCURRENCES + 1];
        std::fs::write(&path, many.join("\n")).unwrap();
        assert!(source.occurrences(&image, &note).await.unwrap_err().limit);
        std::fs::write(&path, "[").unwrap();
        assert!(source.occurrences(&image, &note).await.is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            let _ = read(&text);
        }
    }
}
