//! Samples: entries, mostly written as a change to another one, so that what differs is seen.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use postern_core::finding::Severity;
use postern_host::config::TrustSet;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The samples of one detection, in the order of the file.
#[derive(Debug, Clone)]
pub struct Samples {
    /// Those of an embedded file, most of which nobody asks for, are read when somebody does.
    yaml: &'static str,
    read: OnceLock<Vec<Sample>>,
}

/// One sample. All of them are synthetic.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// What is special about it.
    pub name: String,
    /// Whether the detection must fire on it.
    pub fires: bool,
    /// The severity that it must have; absent: any.
    #[serde(default)]
    pub severity: Option<Severity>,
    /// Whether it is what somebody might try in order to slip through.
    #[serde(default)]
    pub evasion: bool,
    /// What is ours when it comes. Nothing is taken over from the sample that this one is like.
    #[serde(default)]
    pub trust: TrustSet,
    /// The entry, written out.
    #[serde(default)]
    entry: Option<Value>,
    /// Bytes as they came, where they are no entry.
    #[serde(default)]
    raw: Option<String>,
    /// The name of an earlier sample that this one differs from.
    #[serde(default)]
    like: Option<String>,
    /// JSON Pointer (RFC 6901) → the value there instead; objects on the way are made.
    #[serde(default)]
    set: BTreeMap<String, Value>,
    /// JSON Pointers of members that are not there.
    #[serde(default)]
    unset: Vec<String>,
}

/// Why a sample stands for no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    /// No YAML, or not of this form.
    #[error("{0}")]
    Yaml(String),
    /// Not exactly one of `entry`, `raw` and `like`.
    #[error("sample {0:?} needs one of `entry`, `raw` and `like`")]
    Form(String),
    /// `like` names no sample before it.
    #[error("sample {sample:?} is like {like:?}, which is not before it")]
    Like {
        /// The sample.
        sample: String,
        /// What it names.
        like: String,
    },
    /// A pointer that leads nowhere.
    #[error("sample {sample:?}: {pointer:?} leads nowhere")]
    Pointer {
        /// The sample.
        sample: String,
        /// The pointer.
        pointer: String,
    },
}

impl<'de> Deserialize<'de> for Samples {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self {
            yaml: "",
            read: Vec::deserialize(from)?.into(),
        })
    }
}

impl Samples {
    /// Those of this list, which is read later.
    pub(super) fn written(yaml: &'static str) -> Self {
        Self {
            yaml,
            read: OnceLock::new(),
        }
    }

    fn read(&self) -> Result<&[Sample], SampleError> {
        if let Some(read) = self.read.get() {
            return Ok(read);
        }
        let read =
            serde_saphyr::from_str(self.yaml).map_err(|e| SampleError::Yaml(e.to_string()))?;
        Ok(self.read.get_or_init(|| read))
    }

    /// Every sample with the bytes it stands for.
    ///
    /// # Errors
    /// If one cannot be made.
    pub fn bytes(&self) -> Result<Vec<(&Sample, Vec<u8>)>, SampleError> {
        let mut known: BTreeMap<&str, Value> = BTreeMap::new();
        let mut all = Vec::new();
        for sample in self.read()? {
            let bytes = match (&sample.entry, &sample.raw, &sample.like) {
                (None, Some(raw), None) => raw.clone().into_bytes(),
                (Some(entry), None, None) => sample.patched(entry.clone(), &mut known)?,
                (None, None, Some(like)) => {
                    let base = known.get(like.as_str()).cloned();
                    let base = base.ok_or_else(|| SampleError::Like {
                        sample: sample.name.clone(),
                        like: like.clone(),
                    })?;
                    sample.patched(base, &mut known)?
                }
                _ => return Err(SampleError::Form(sample.name.clone())),
            };
            all.push((sample, bytes));
        }
        Ok(all)
    }
}

impl Sample {
    fn patched<'a>(
        &'a self,
        mut entry: Value,
        known: &mut BTreeMap<&'a str, Value>,
    ) -> Result<Vec<u8>, SampleError> {
        let nowhere = |pointer: &str| SampleError::Pointer {
            sample: self.name.clone(),
            pointer: pointer.to_owned(),
        };
        for (pointer, value) in &self.set {
            set(&mut entry, pointer, value.clone()).ok_or_else(|| nowhere(pointer))?;
        }
        for pointer in &self.unset {
            unset(&mut entry, pointer).ok_or_else(|| nowhere(pointer))?;
        }
        let bytes = entry.to_string().into_bytes();
        known.insert(&self.name, entry);
        Ok(bytes)
    }
}

fn tokens(pointer: &str) -> Option<Vec<String>> {
    let rest = pointer.strip_prefix('/')?;
    Some(
        rest.split('/')
            .map(|token| token.replace("~1", "/").replace("~0", "~"))
            .collect(),
    )
}

pub(crate) fn set(root: &mut Value, pointer: &str, value: Value) -> Option<()> {
    let mut place = root;
    for token in tokens(pointer)? {
        place = match place {
            Value::Array(elements) => elements.get_mut(token.parse::<usize>().ok()?)?,
            Value::Object(members) => members
                .entry(token)
                .or_insert_with(|| Value::Object(Default::default())),
            _ => return None,
        };
    }
    *place = value;
    Some(())
}

fn unset(root: &mut Value, pointer: &str) -> Option<()> {
    let (parent, _) = pointer.rsplit_once('/')?;
    let last = tokens(pointer)?.pop()?;
    match root.pointer_mut(parent)? {
        Value::Object(members) => members.remove(&last).map(drop),
        Value::Array(elements) => {
            let index = last
                .parse::<usize>()
                .ok()
                .filter(|index| *index < elements.len())?;
            elements.remove(index);
            Some(())
        }
        _ => None,
    }
}
