//! All detections together.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use postern_host::config::{Audit, TrustSet};

use super::index::Index;
use super::needles::may_hide;
use super::{Detection, DetectionError, Own, Trust, embedded, folder};
use crate::parse::Head;

/// The detections of this program, and what is ours.
#[derive(Debug, Clone)]
pub struct Catalogue {
    detections: Vec<Detection>,
    own: BTreeMap<Own, usize>,
    trust: Trust,
    index: Index,
}

/// Everything for which files make no catalogue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct CatalogueError(pub Vec<Mistake>);

/// A reason for which files make no catalogue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mistake {
    /// A file is no detection.
    #[error("{file}: {error}")]
    Detection {
        /// The file.
        file: String,
        /// Why.
        error: DetectionError,
    },
    /// A file's name is not the id in it, or the id is there twice.
    #[error("{file}: its id {id:?} must be the name of its file, and stand in no other")]
    Id {
        /// The file.
        file: String,
        /// The id in it.
        id: String,
    },
    /// A file stands instead of one of the program's own findings, and describes another or none.
    #[error("{file}: it stands instead of a built-in one, whose `match` has to stay `own: …`")]
    Replaced {
        /// The file.
        file: String,
    },
    /// Nothing describes one of the program's own findings, or two do.
    #[error("the program's own finding {0:?} is to be described by exactly one detection")]
    Own(Own),
    /// A directory or a file that cannot be read, or is too large.
    #[error("{file}: {reason}")]
    File {
        /// The file or directory.
        file: String,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for CatalogueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mistakes: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&mistakes.join("\n"))
    }
}

impl Catalogue {
    /// Compiles the embedded files. Nothing is known to be ours.
    ///
    /// # Errors
    /// If a file is wrong. The tests of this crate compile all of them.
    pub fn embedded() -> Result<Self, CatalogueError> {
        Self::load(None, &TrustSet::default())
    }

    /// Compiles what a configuration says.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn configured(audit: &Audit) -> Result<Self, CatalogueError> {
        Self::load(audit.detections.as_deref().map(Path::new), &audit.trust)
    }

    /// Compiles the embedded files together with the `*.yaml` of a directory: they are added, or stand
    /// instead of the embedded one of the same id. Reads at most 500 files of at most 256 KiB.
    ///
    /// # Errors
    /// If the directory cannot be read or a file is wrong: all mistakes at once, by their files.
    pub fn load(directory: Option<&Path>, trust: &TrustSet) -> Result<Self, CatalogueError> {
        let (files, mut mistakes) = directory.map(folder::read).unwrap_or_default();
        let mut detections = compiled(embedded_files(), &mut mistakes);
        let files = files.into_iter();
        let files = files.map(|(file, yaml)| (file, Detection::parse(&yaml)));
        for detection in compiled(files, &mut mistakes) {
            let known = detections
                .iter_mut()
                .find(|(_, known)| known.id == detection.1.id);
            match known {
                Some((_, known)) if known.own().is_some() && known.own() != detection.1.own() => {
                    mistakes.push(Mistake::Replaced { file: detection.0 });
                }
                Some(known) => *known = detection,
                None => detections.push(detection),
            }
        }
        Self::of(detections, mistakes, trust)
    }

    /// The same detections where this is what is ours.
    pub fn trusting(self, trust: &TrustSet) -> Self {
        let trust = Trust::from(trust);
        Self {
            index: Index::new(&self.detections, &trust),
            trust,
            ..self
        }
    }

    fn of(
        detections: Vec<(String, Detection)>,
        mut mistakes: Vec<Mistake>,
        trust: &TrustSet,
    ) -> Result<Self, CatalogueError> {
        let detections: Vec<_> = detections.into_iter().map(|(_, d)| d).collect();
        let of = |own: &Own| {
            let mut places = detections
                .iter()
                .enumerate()
                .filter(|(_, d)| d.own() == Some(*own));
            let (place, _) = places.next()?;
            places.next().is_none().then_some((*own, place))
        };
        let own: BTreeMap<_, _> = ALL_OWN.iter().filter_map(of).collect();
        // Where a file could not be understood, what it describes is not missing besides.
        if mistakes.is_empty() {
            let missing = ALL_OWN.into_iter().filter(|known| !own.contains_key(known));
            mistakes.extend(missing.map(Mistake::Own));
        }
        if !mistakes.is_empty() {
            return Err(CatalogueError(mistakes));
        }
        let trust = Trust::from(trust);
        Ok(Self {
            index: Index::new(&detections, &trust),
            detections,
            own,
            trust,
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

    /// What is ours.
    pub(crate) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The description of one of the program's own findings.
    pub(crate) fn own(&self, own: Own) -> &Detection {
        // `of` refuses a catalogue that lacks one.
        &self.detections[self.own[&own]]
    }

    /// The detections that may fire on an entry with this head. Allocates nothing.
    pub(crate) fn candidates(&self, head: Head<'_>) -> impl Iterator<Item = &Detection> {
        let places = self.index.places(head);
        places
            .map(|place| &self.detections[place])
            .filter(move |detection| detection.concerns(&head))
    }

    /// Whether there are any [`candidates`](Self::candidates).
    pub(crate) fn concerns(&self, head: Head<'_>) -> bool {
        self.candidates(head).next().is_some()
    }

    /// Whether one of the [`candidates`](Self::candidates) may fire on a whole entry with these bytes.
    pub(crate) fn may_fire(&self, head: Head<'_>, bytes: &[u8]) -> bool {
        let mut candidates = self.candidates(head).peekable();
        candidates.peek().is_some()
            && (candidates.any(|detection| detection.may_fire_on(bytes)) || may_hide(bytes))
    }
}

type Parsed = Result<Detection, DetectionError>;

fn embedded_files() -> impl Iterator<Item = (String, Parsed)> {
    let files = embedded::FILES.iter();
    files.map(|(id, yaml)| (format!("{id}.yaml"), Detection::embedded(yaml)))
}

/// What each file says, by its name; mistakes are put with the others.
fn compiled(
    files: impl IntoIterator<Item = (String, Parsed)>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<(String, Detection)> {
    let mut detections: Vec<(String, Detection)> = Vec::new();
    for (file, parsed) in files {
        match parsed {
            Err(error) => mistakes.push(Mistake::Detection { file, error }),
            Ok(Detection { id, .. }) if file_stem(&file) != id => {
                mistakes.push(Mistake::Id { file, id });
            }
            Ok(detection) => detections.push((file, detection)),
        }
    }
    detections
}

fn file_stem(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.strip_suffix(".yaml").unwrap_or(name)
}

const ALL_OWN: [Own; 19] = [
    Own::UnreadableEntry,
    Own::ReusedId,
    Own::Gap,
    Own::GateBreakGlass,
    Own::GateFailOpen,
    Own::Revoked,
    Own::Unrevoked,
    Own::StickyBreakGlass,
    Own::NeverAttested,
    Own::NotVerified,
    Own::OpenDeployClose,
    Own::DeployedWithoutDecision,
    Own::DeployedAfterDenial,
    Own::TrafficToUnverified,
    Own::UnreconciledSignature,
    Own::Silence,
    Own::IncompleteEntry,
    Own::CaseOverdue,
    Own::ExceptionLapsed,
];

#[cfg(test)]
mod tests;
