//! Which alerts go where, and which go nowhere for a while.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use jiff::Timestamp;
use postern_core::finding::{Category, Severity};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, IntoDeserializer as _, SeqAccess, Visitor};
use serde::{Deserialize, de};

/// Which alerts go to which outputs.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Route {
    /// All that is named must hold.
    #[serde(default, rename = "match")]
    pub matches: RouteMatch,
    /// Names of outputs.
    pub to: Vec<String>,
}

/// What a route asks of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RouteMatch {
    /// One: at least this severe. A list: of one of these.
    pub severity: Option<OneOrMore<Severity>>,
    /// Of this category, or of one of these.
    pub category: Option<OneOrMore<Category>>,
    /// In this project; `*` stands for any characters.
    pub project: Option<String>,
    /// At this target; `*` stands for any characters.
    pub target: Option<String>,
    /// Of this owner, who may have been found by a label; `*` stands for any characters.
    pub owner: Option<String>,
    /// With all of these labels; `*` in a value stands for any characters.
    pub label: BTreeMap<String, String>,
}

/// Alerts that are not sent for a while. Their cases are kept as ever.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Silence {
    /// All that is named must hold, and something is.
    #[serde(rename = "match")]
    pub matches: RouteMatch,
    /// Who answers for it.
    pub owner: String,
    /// Its end: alerts that are written from then on are sent.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

/// A value, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OneOrMore<T> {
    /// It stands by itself.
    One(T),
    /// It is a list.
    More(Vec<T>),
}

impl<T> OneOrMore<T> {
    /// The one, or all of the list.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        match self {
            Self::One(one) => std::slice::from_ref(one).iter(),
            Self::More(list) => list.iter(),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMore<T> {
    /// By hand, so that a mistake in it is told as where there is no list.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either(PhantomData))
    }
}

struct Either<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
    type Value = OneOrMore<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a word or a list of words")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Self::Value, E> {
        T::deserialize(word.into_deserializer()).map(OneOrMore::One)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(OneOrMore::More)
    }
}
