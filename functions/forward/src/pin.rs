//! Tags become the digests that were judged: what a tag stands for may be another image in a second.

use std::collections::BTreeMap;

use postern_core::decision::Decision;
use serde_json::{Value, json};

use crate::revision::is_by_digest;

/// Images as they are written, and by digest as they were judged.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pins(BTreeMap<String, String>);

impl Pins {
    /// Of what was judged, what is named by tag.
    pub(crate) fn of(decision: &Decision) -> Self {
        let by_tag = decision
            .images
            .iter()
            .filter(|image| !is_by_digest(&image.image));
        let pins = by_tag
            .filter_map(|image| Some((image.image.clone(), image.resolved.as_ref()?.to_string())));
        Self(pins.collect())
    }

    /// Writes digests in place of tags, wherever a template names an image. Returns what was replaced.
    pub(crate) fn write_into(&self, template: &mut Value) -> Vec<(&str, &str)> {
        let mut written = Vec::new();
        self.write(template, &mut written);
        written
    }

    fn write<'p>(&'p self, node: &mut Value, written: &mut Vec<(&'p str, &'p str)>) {
        match node {
            Value::Object(fields) => {
                let image = fields.get("image").and_then(Value::as_str);
                if let Some((tag, digest)) = image.and_then(|image| self.0.get_key_value(image)) {
                    written.push((tag, digest));
                    fields.insert("image".to_owned(), json!(digest));
                }
                fields
                    .values_mut()
                    .for_each(|value| self.write(value, written));
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.write(item, written)),
            _ => {}
        }
    }
}

/// Whether a client keeps what it wrote and compares: a digest in place of its tag would be a difference to
/// it for ever.
pub(crate) fn keeps_state(user_agent: &str) -> bool {
    [
        "Terraform",
        "OpenTofu",
        "Pulumi",
        "KCC/",
        "config-connector",
        "crossplane",
    ]
    .iter()
    .any(|client| user_agent.contains(client))
}
