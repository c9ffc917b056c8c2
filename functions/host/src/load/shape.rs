//! Gives a configuration its shape, and finds everything that has not got it.
//!
//! A serde type gives up at its first mistake. So the part that is wrong is noted and left out, and
//! the type is tried again, until nothing is wrong any more.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{
    self, DeserializeSeed, Deserializer, IntoDeserializer as _, MapAccess, SeqAccess, Visitor,
};
use serde_json::Value;

use super::path::{Place, Step};
use super::tree::{Content, Origin, Tree};
use crate::config::Config;

/// More mistakes than anybody reads.
const MAX_FAULTS: usize = 100;

/// What became of a tree.
pub(super) struct Shaped {
    /// The configuration without the parts that are wrong; absent where nothing is left of it.
    pub(super) config: Option<Config>,
    /// What is wrong, and where.
    pub(super) faults: Vec<(Place, String)>,
    left_out: BTreeSet<Place>,
}

impl Shaped {
    /// Where in the tree a place of the configuration is: elements that were left out of lists
    /// count there.
    pub(super) fn in_file(&self, place: &Place) -> Place {
        let mut found = Place::default();
        for step in &place.0 {
            found = match step {
                Step::Key(key) => found.key(key),
                Step::Index(wanted) => {
                    let mut kept =
                        (0..).filter(|index| !self.left_out.contains(&found.index(*index)));
                    let index = kept.nth(*wanted).unwrap_or(*wanted);
                    found.index(index)
                }
            };
        }
        found
    }

    /// Whether something in that section was left out, so that what is missing in it means nothing.
    pub(super) fn is_partial(&self, section: &Place) -> bool {
        self.left_out.iter().any(|place| place.is_within(section))
    }
}

/// Shapes a tree, leaving out what is wrong.
pub(super) fn shape(tree: &Tree) -> Shaped {
    let mut shaped = Shaped {
        config: None,
        faults: Vec::new(),
        left_out: BTreeSet::new(),
    };
    while shaped.faults.len() < MAX_FAULTS {
        let root = Node {
            tree,
            place: Place::default(),
            left_out: &shaped.left_out,
        };
        let fault = match Config::deserialize(root) {
            Ok(config) => {
                shaped.config = Some(config);
                break;
            }
            Err(fault) => fault,
        };
        let place = fault.place.unwrap_or_default();
        // What is missing only because it was wrong has been told already.
        let told = fault
            .missing
            .is_some_and(|key| shaped.left_out.contains(&place.key(key)));
        if !told {
            shaped.faults.push((place.clone(), fault.message));
        }
        if place == Place::default() || !shaped.left_out.insert(place) {
            break;
        }
    }
    shaped
}

/// A mistake on its way up.
#[derive(Debug)]
struct Fault {
    message: String,
    missing: Option<&'static str>,
    place: Option<Place>,
}

impl Fault {
    /// The innermost place is the one that is told.
    fn at(mut self, place: &Place) -> Self {
        self.place.get_or_insert_with(|| place.clone());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            message: message.to_string(),
            missing: None,
            place: None,
        }
    }

    fn missing_field(field: &'static str) -> Self {
        let message = format!("`{field}` is missing");
        Self {
            message,
            missing: Some(field),
            place: None,
        }
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        let known = expected.join(", ");
        Self::custom(format_args!("this should be one of {known}"))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        let known = expected.join(", ");
        Self::custom(format_args!(
            "there is no such key here; there are: {known}"
        ))
    }
}

/// A part of a tree, on its way into a type.
struct Node<'a> {
    tree: &'a Tree,
    place: Place,
    left_out: &'a BTreeSet<Place>,
}

impl<'a> Node<'a> {
    fn items(&self, items: &'a [Tree]) -> impl Iterator<Item = Node<'a>> + use<'a> {
        let (place, left_out) = (self.place.clone(), self.left_out);
        items
            .iter()
            .enumerate()
            .map(move |(index, tree)| Node {
                tree,
                place: place.index(index),
                left_out,
            })
            .filter(|node| !node.left_out.contains(&node.place))
    }

    /// The entries of a mapping; names from variables are written as the known key that they spell.
    /// An entry without a value is no entry.
    fn entries(
        &self,
        entries: &'a [(String, Tree)],
        known: &'static [&'static str],
    ) -> impl Iterator<Item = (String, Node<'a>)> + use<'a> {
        let (place, left_out) = (self.place.clone(), self.left_out);
        entries
            .iter()
            .filter(|(_, tree)| !tree.is_null())
            .map(move |(name, tree)| {
                let key = known
                    .iter()
                    .find(|key| tree.spells(name, key))
                    .map_or(&**name, |key| key);
                (
                    key.to_owned(),
                    Node {
                        tree,
                        place: place.key(key),
                        left_out,
                    },
                )
            })
            .filter(|(_, node)| !node.left_out.contains(&node.place))
    }

    fn visit<'de, V: Visitor<'de>>(
        self,
        visitor: V,
        known: &'static [&'static str],
    ) -> Result<V::Value, Fault> {
        let result = match &self.tree.content {
            Content::Scalar(Value::Null) => visitor.visit_unit(),
            Content::Scalar(Value::Bool(value)) => visitor.visit_bool(*value),
            Content::Scalar(Value::String(text)) => visitor.visit_str(text),
            Content::Scalar(value) => visit_number(value, visitor),
            Content::Sequence(items) => visitor.visit_seq(Items {
                rest: Box::new(self.items(items)),
            }),
            Content::Mapping(entries) => {
                let rest = Box::new(self.entries(entries, known));
                visitor.visit_map(Entries { rest, value: None })
            }
        };
        result.map_err(|fault| fault.at(&self.place))
    }
}

fn visit_number<'de, V: Visitor<'de>>(value: &Value, visitor: V) -> Result<V::Value, Fault> {
    match (value.as_u64(), value.as_i64(), value.as_f64()) {
        (Some(number), ..) => visitor.visit_u64(number),
        (_, Some(number), _) => visitor.visit_i64(number),
        (.., Some(number)) => visitor.visit_f64(number),
        _ => Err(de::Error::custom("this is no number")),
    }
}

impl<'de> Deserializer<'de> for Node<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.visit(visitor, &[])
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match (&self.tree.content, &self.tree.origin) {
            // A variable is text, whatever YAML takes it for: `POSTERN__POLICY=on`.
            (Content::Scalar(value), Origin::Variable { text, .. }) if !value.is_string() => {
                visitor
                    .visit_str(text)
                    .map_err(|fault: Fault| fault.at(&self.place))
            }
            _ => self.visit(visitor, &[]),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.tree.content {
            Content::Mapping(_) => self.visit(visitor, fields),
            _ => {
                let known = fields.join(", ");
                let message = format_args!("this should be a mapping with the keys {known}");
                Err(<Fault as de::Error>::custom(message).at(&self.place))
            }
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let result = match &self.tree.content {
            Content::Scalar(Value::String(text)) if variants.contains(&text.as_str()) => {
                visitor.visit_enum(text.as_str().into_deserializer())
            }
            _ => Err(de::Error::unknown_variant("", variants)),
        };
        result.map_err(|fault: Fault| fault.at(&self.place))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct
        seq tuple tuple_struct map identifier ignored_any
    }
}

struct Items<'a> {
    rest: Box<dyn Iterator<Item = Node<'a>> + 'a>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some(node) = self.rest.next() else {
            return Ok(None);
        };
        let place = node.place.clone();
        seed.deserialize(node)
            .map(Some)
            .map_err(|fault| fault.at(&place))
    }
}

struct Entries<'a> {
    rest: Box<dyn Iterator<Item = (String, Node<'a>)> + 'a>,
    value: Option<Node<'a>>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some((key, node)) = self.rest.next() else {
            return Ok(None);
        };
        let place = node.place.clone();
        self.value = Some(node);
        seed.deserialize(key.into_deserializer())
            .map(Some)
            .map_err(|fault: Fault| fault.at(&place))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some(node) = self.value.take() else {
            return Err(de::Error::custom("a key has no value"));
        };
        let place = node.place.clone();
        seed.deserialize(node).map_err(|fault| fault.at(&place))
    }
}
