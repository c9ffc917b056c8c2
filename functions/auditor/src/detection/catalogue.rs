//! All detections together.

use std::collections::{BTreeMap, BTreeSet};

use postern_core::event::Stream;

use super::{Detection, DetectionError, Own, embedded};

/// The detections of this program.
#[derive(Debug, Clone)]
pub struct Catalogue {
    detections: Vec<Detection>,
    own: BTreeMap<Own, usize>,
    concerned: BTreeSet<(&'static str, String)>,
}

/// Why files make no catalogue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// A file is no detection.
    #[error("detection {id}: {error}")]
    Detection {
        /// The name of its file.
        id: String,
        /// Why.
        error: DetectionError,
    },
    /// A file's name is not the id in it, or the id is there twice.
    #[error("detection {0}: its id must be the name of its file, and stand in no other")]
    Id(String),
    /// Nothing describes one of the program's own findings.
    #[error("no detection describes the program's own finding {0:?}")]
    Own(Own),
}

impl Catalogue {
    /// Compiles the embedded files.
    ///
    /// # Errors
    /// If a file is wrong. The tests of this crate compile all of them.
    pub fn embedded() -> Result<Self, CatalogueError> {
        Self::compile(embedded::FILES.iter().copied())
    }

    /// Compiles files by their names.
    ///
    /// # Errors
    /// If a file is wrong, an id is there twice, or one of the program's own findings has none.
    pub fn compile<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, CatalogueError> {
        let mut detections: Vec<Detection> = Vec::new();
        for (id, yaml) in files {
            let detection = Detection::parse(yaml).map_err(|error| CatalogueError::Detection {
                id: id.to_owned(),
                error,
            })?;
            if detection.id != id || detections.iter().any(|known| known.id == id) {
                return Err(CatalogueError::Id(id.to_owned()));
            }
            detections.push(detection);
        }
        let own: BTreeMap<_, _> = detections
            .iter()
            .enumerate()
            .filter_map(|(i, d)| Some((d.own()?, i)))
            .collect();
        if let Some(missing) = ALL_OWN.into_iter().find(|own_| !own.contains_key(own_)) {
            return Err(CatalogueError::Own(missing));
        }
        let spines = detections.iter().filter_map(Detection::spine);
        let concerned = spines
            .map(|(stream, service)| (stream.as_str(), service.to_owned()))
            .collect();
        Ok(Self {
            detections,
            own,
            concerned,
        })
    }

    /// Every detection.
    pub fn iter(&self) -> impl Iterator<Item = &Detection> {
        self.detections.iter()
    }

    /// One by its id.
    pub fn get(&self, id: &str) -> Option<&Detection> {
        self.detections.iter().find(|detection| detection.id == id)
    }

    /// The description of one of the program's own findings.
    pub(crate) fn own(&self, own: Own) -> &Detection {
        // `compile` refuses a catalogue that lacks one.
        &self.detections[self.own[&own]]
    }

    /// Whether any detection looks at entries of this stream and service.
    pub(crate) fn concerns(&self, stream: Stream, service: &str) -> bool {
        self.concerned
            .iter()
            .any(|(s, name)| *s == stream.as_str() && name == service)
    }
}

const ALL_OWN: [Own; 7] = [
    Own::UnreadableEntry,
    Own::ReusedId,
    Own::Gap,
    Own::GateBreakGlass,
    Own::GateFailOpen,
    Own::Revoked,
    Own::Unrevoked,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_embedded_and_compiles() {
        let catalogue = Catalogue::embedded().unwrap();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/detections");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned))
            .collect();
        files.sort();
        let mut ids: Vec<_> = catalogue.iter().map(|d| d.id.clone()).collect();
        ids.sort();
        assert_eq!(ids, files);
    }

    #[test]
    fn a_catalogue_without_the_programs_own_findings_is_refused() {
        let files = embedded::FILES
            .iter()
            .copied()
            .filter(|(id, _)| !id.starts_with("postern.audit"));
        assert_eq!(
            Catalogue::compile(files).unwrap_err(),
            CatalogueError::Own(Own::UnreadableEntry)
        );
    }
}
