//! A configuration before it has a shape: YAML whose every part knows where it stands.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::Spanned;

use super::path::{Place, Step};
use super::{Mistake, Source};
use crate::problem::quoted;

/// A part of a configuration.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) origin: Origin,
    pub(super) content: Content,
}

/// What a part consists of.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// Neither a sequence nor a mapping.
    Scalar(Value),
    Sequence(Vec<Tree>),
    Mapping(Vec<(String, Tree)>),
}

/// Where a part comes from.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    Line(u64),
    /// An environment variable, with the text that it holds.
    Variable {
        name: String,
        text: String,
    },
    Nowhere,
}

impl Tree {
    /// A configuration that leaves everything at its default.
    pub(super) fn empty() -> Self {
        Self {
            origin: Origin::Nowhere,
            content: Content::Mapping(Vec::new()),
        }
    }

    /// Reads YAML. Nothing at all is an empty configuration.
    pub(super) fn parse(text: &str) -> Result<Self, Mistake> {
        let tree = serde_saphyr::from_str::<Option<Self>>(text).map_err(|error| Mistake {
            source: error
                .location()
                .map(|location| Source::Line(location.line())),
            place: String::new(),
            message: first_line(&error),
        })?;
        Ok(tree
            .filter(|tree| !tree.is_null())
            .unwrap_or_else(Self::empty))
    }

    /// Reads the YAML in a variable; all of it comes from there.
    pub(super) fn of_variable(name: &str, text: &str) -> Result<Self, String> {
        let mut tree = Self::parse_value(text)?;
        tree.set_origin(&Origin::Variable {
            name: name.to_owned(),
            text: text.to_owned(),
        });
        Ok(tree)
    }

    fn parse_value(text: &str) -> Result<Self, String> {
        match serde_saphyr::from_str::<Option<Self>>(text) {
            Ok(tree) => Ok(tree.unwrap_or_else(|| Self::scalar(Value::Null))),
            Err(error) => Err(first_line(&error)),
        }
    }

    fn scalar(value: Value) -> Self {
        Self {
            origin: Origin::Nowhere,
            content: Content::Scalar(value),
        }
    }

    fn set_origin(&mut self, origin: &Origin) {
        self.origin = origin.clone();
        match &mut self.content {
            Content::Scalar(_) => {}
            Content::Sequence(items) => items.iter_mut().for_each(|item| item.set_origin(origin)),
            Content::Mapping(entries) => {
                entries
                    .iter_mut()
                    .for_each(|(_, value)| value.set_origin(origin));
            }
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.content, Content::Scalar(Value::Null))
    }

    /// Where the part at that place comes from, or else what is around it.
    pub(super) fn origin(&self, place: &Place) -> &Origin {
        let mut part = self;
        for step in &place.0 {
            let inner = match (&part.content, step) {
                (Content::Mapping(entries), Step::Key(key)) => entries
                    .iter()
                    .find(|(name, value)| name == key || value.spells(name, key))
                    .map(|(_, value)| value),
                (Content::Sequence(items), Step::Index(index)) => items.get(*index),
                _ => None,
            };
            match inner {
                Some(inner) => part = inner,
                None => break,
            }
        }
        &part.origin
    }

    /// Whether this part's name, as it stands, is another way to write the key: variables have no
    /// case.
    pub(super) fn spells(&self, name: &str, key: &str) -> bool {
        matches!(self.origin, Origin::Variable { .. }) && name.eq_ignore_ascii_case(key)
    }
}

/// Reads the line of every part along with it.
impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Content>::deserialize(deserializer)?;
        Ok(Self {
            origin: Origin::Line(spanned.referenced.line()),
            content: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML that JSON can hold, too")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_none<E: de::Error>(self) -> Result<Content, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Content, D::Error> {
        inner.deserialize_any(self)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Content, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Content::Sequence(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Content::Mapping(entries))
    }
}

fn first_line(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    quoted(text.lines().next().unwrap_or("it is not YAML"))
}
