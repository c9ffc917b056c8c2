//! JSON in which no key is written twice: parsers differ in which of the two counts, and what was
//! judged would not be what runs.

use std::fmt;

use postern_core::image::shortened;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// A value without repeated keys, at any depth.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UniqueJson(pub Value);

impl<'de> Deserialize<'de> for UniqueJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Unique).map(Self)
    }
}

struct Unique;

impl<'de> Visitor<'de> for Unique {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(UniqueJson(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((key, UniqueJson(value))) = fields.next_entry::<String, _>()? {
            if map.contains_key(&key) {
                let key = shortened(&key);
                return Err(A::Error::custom(format_args!(
                    "the key {key:?} is written twice"
                )));
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_key_is_an_error_at_any_depth() {
        let twice = r#"{"spec":{"a":[{"image":"good","image":"evil"}]}}"#;
        let error = serde_json::from_str::<UniqueJson>(twice)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(r#"the key "image" is written twice"#),
            "{error}"
        );
    }

    #[test]
    fn all_else_is_as_it_was() {
        let text = r#"{"a":[1,-2,2.5,true,null,"x",{}],"b":{"c":18446744073709551615}}"#;
        let unique: UniqueJson = serde_json::from_str(text).unwrap();
        assert_eq!(unique.0, serde_json::from_str::<Value>(text).unwrap());
    }
}
