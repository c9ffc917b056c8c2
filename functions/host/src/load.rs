//! Reads the configuration: one YAML file, then the environment over it, then every mistake in it
//! at once.

mod check;
mod overrides;
mod path;
mod references;
mod shape;
mod store;
mod tree;

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::environment::{Environment, Platform};
use path::Place;
pub use references::references;
use tree::{Origin, Tree};

/// The longest configuration that is read, in bytes.
const LIMIT: u64 = 1024 * 1024;

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    /// The file, or what stands in its place.
    pub source: String,
    /// At least one.
    pub mistakes: Vec<Mistake>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What it comes from, if that is known.
    pub source: Option<Source>,
    /// Where in the configuration, such as `auth.gate[0].issuer`; empty for the whole.
    pub place: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// What a part of a configuration comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A line of the file, counted from 1.
    Line(u64),
    /// An environment variable.
    Variable(String),
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mistakes.len() {
            1 => write!(f, "{} has a mistake:", self.source)?,
            count => write!(f, "{} has {count} mistakes:", self.source)?,
        }
        self.mistakes
            .iter()
            .try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = &self.source {
            write!(f, "{source}: ")?;
        }
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConfigErrors {}

/// Reads the file at `path`, else the one that `POSTERN_CONFIG` names, else nothing but defaults,
/// and lays the variables `POSTERN__SECTION__KEY` over it.
///
/// Names of variables are matched to keys whatever their case; their values are YAML, as they would
/// stand in the file (`POSTERN__GATE__MAXCONCURRENCY=8`, `POSTERN__ATTESTATIONS='[store]'`).
///
/// # Errors
///
/// [`ConfigErrors`] with every mistake there is: in what was read, and in what it means on the
/// platform that this runs on. Secrets that cannot be had are mistakes, too.
pub fn load(path: Option<&Path>, environment: &dyn Environment) -> Result<Config, ConfigErrors> {
    match file(path, environment) {
        None => parse("the configuration", "", environment),
        Some(path) => {
            let source = path.display().to_string();
            match read(&path) {
                Ok(text) => parse(&source, &text, environment),
                Err(message) => {
                    let mistake = Mistake {
                        source: None,
                        place: String::new(),
                        message,
                    };
                    Err(ConfigErrors {
                        source,
                        mistakes: vec![mistake],
                    })
                }
            }
        }
    }
}

/// The file that is read.
fn file(path: Option<&Path>, environment: &dyn Environment) -> Option<PathBuf> {
    match path {
        Some(path) => Some(path.to_owned()),
        None => environment
            .get("POSTERN_CONFIG")
            .filter(|path| !path.is_empty())
            .map(Into::into),
    }
}

fn read(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    match std::fs::File::open(path).and_then(|file| file.take(LIMIT).read_to_string(&mut text)) {
        Ok(length) if length as u64 == LIMIT => Err("it is over 1 MiB".to_owned()),
        Ok(_) => Ok(text),
        Err(error) => Err(format!("it cannot be read: {error}")),
    }
}

/// As [`load`], of a text; `source` is what errors call it.
fn parse(source: &str, text: &str, environment: &dyn Environment) -> Result<Config, ConfigErrors> {
    let failed = |mut mistakes: Vec<Mistake>| {
        mistakes.sort_by(|a, b| a.source.cmp(&b.source));
        ConfigErrors {
            source: source.to_owned(),
            mistakes,
        }
    };
    let mut tree = Tree::parse(text).map_err(|mistake| failed(vec![mistake]))?;
    let mut mistakes = overrides::apply(&mut tree, environment);
    let mut shaped = shape::shape(&tree);
    mistakes.extend(
        shaped
            .faults
            .iter()
            .map(|(place, message)| locate(&tree, place, message)),
    );
    if let Some(config) = &mut shaped.config {
        let store = store::resolved(&config.store, environment);
        match store.map_err(|message| locate(&tree, &path::at("store"), &message)) {
            Ok(store) => config.store = store,
            Err(mistake) => return Err(failed(vec![mistake])),
        }
    }
    if let Some(config) = &shaped.config {
        let platform = Platform::detect(environment);
        for (place, message) in check::check(config, platform, environment, &shaped) {
            mistakes.push(locate(&tree, &shaped.in_file(&place), &message));
        }
    }
    match shaped.config {
        Some(config) if mistakes.is_empty() => Ok(config),
        _ => Err(failed(mistakes)),
    }
}

fn locate(tree: &Tree, place: &Place, message: &str) -> Mistake {
    let source = match tree.origin(place) {
        Origin::Line(line) => Some(Source::Line(*line)),
        Origin::Variable { name, .. } => Some(Source::Variable(name.clone())),
        Origin::Nowhere => None,
    };
    Mistake {
        source,
        place: place.to_string(),
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests;
