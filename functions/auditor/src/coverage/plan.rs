//! What Terraform says there is, or will be: `terraform show -json` of a plan or a state.
//!
//! Source: Terraform, "JSON output format", format version 1.x. Values that are known only after the
//! plan is applied are followed by the references of their expressions, through variables and outputs
//! of modules.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::tree::{Owner, Unread};

/// Modules within modules, and references through them.
const DEPTH: usize = 32;

/// Resources of one or several plans, or what was [read](super::live) of what there is.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    resources: Vec<Resource>,
    /// What projects and folders are in, where that was read.
    pub(super) parents: BTreeMap<Owner, Option<Owner>>,
    /// What could not be read.
    pub(super) unread: Vec<Unread>,
    /// Whether it is what there is: then what is not in it is not there.
    pub(super) is_live: bool,
}

/// One managed resource.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    /// Where it stands, such as `module.audit.google_logging_project_sink.main[0]`.
    pub(super) address: String,
    /// Its type, such as `google_logging_project_sink`.
    pub(super) kind: String,
    values: Value,
    unknown: Value,
    /// For each argument, the resources that its expression names, without their indices.
    references: BTreeMap<String, BTreeSet<String>>,
    /// What the provider's own configuration says.
    provider_project: Option<String>,
}

/// A value of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known<T> {
    /// It is this.
    Is(T),
    /// There is none.
    Absent,
    /// It is known only after the plan is applied.
    Later,
}

/// Why a document is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Not JSON.
    #[error("it is not JSON: {0}")]
    Json(String),
    /// JSON of something else.
    #[error("it holds neither `planned_values` nor `values`")]
    Form,
    /// A later major version of the format.
    #[error("its format version is {0:?}; 1.x is known")]
    Version(String),
}

impl Plan {
    /// Reads a plan or a state.
    ///
    /// # Errors
    /// If it is neither.
    pub fn parse(json: &[u8]) -> Result<Self, PlanError> {
        let document = document(json)?;
        let values = ["planned_values", "values"];
        let values = values.iter().find_map(|name| document.get(name));
        let root = &values.ok_or(PlanError::Form)?["root_module"];
        let mut plan = Self::default();
        plan.collect(root, &document, &unknowns(&document), DEPTH);
        Ok(plan)
    }

    /// Of what there is, without anything yet.
    pub(super) fn live() -> Self {
        Self {
            is_live: true,
            ..Self::default()
        }
    }

    /// Takes in the resources of another one.
    pub fn extend(&mut self, other: Self) {
        self.resources.extend(other.resources);
        self.parents.extend(other.parents);
        self.unread.extend(other.unread);
        self.is_live |= other.is_live;
    }

    /// Takes in something that was read, in the words of Terraform.
    pub(super) fn add(&mut self, kind: &str, address: String, values: Value) {
        self.resources.push(Resource {
            address,
            kind: kind.to_owned(),
            values,
            unknown: Value::Null,
            references: BTreeMap::new(),
            provider_project: None,
        });
    }

    /// The resources of these types.
    pub(super) fn of<'a>(&'a self, kinds: &'a [&str]) -> impl Iterator<Item = &'a Resource> {
        self.resources
            .iter()
            .filter(|resource| kinds.contains(&resource.kind.as_str()))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Resource> {
        self.resources.iter()
    }

    /// The resources whose address without indices is this.
    pub(super) fn at<'a>(&'a self, base: &'a str) -> impl Iterator<Item = &'a Resource> {
        self.resources
            .iter()
            .filter(move |resource| without_indices(&resource.address) == base)
    }

    fn collect(
        &mut self,
        module: &Value,
        document: &Value,
        unknown: &BTreeMap<&str, &Value>,
        depth: usize,
    ) {
        let Some(depth) = depth.checked_sub(1) else {
            return;
        };
        for resource in elements(&module["resources"]) {
            let text = |name: &str| resource[name].as_str().unwrap_or_default().to_owned();
            if resource["mode"] != "managed" {
                continue;
            }
            let address = text("address");
            self.resources.push(Resource {
                kind: text("type"),
                values: resource["values"].clone(),
                unknown: unknown
                    .get(address.as_str())
                    .map_or(Value::Null, |value| (*value).clone()),
                references: references(document, &address),
                provider_project: provider_project(document),
                address,
            });
        }
        for child in elements(&module["child_modules"]) {
            self.collect(child, document, unknown, depth);
        }
    }
}

impl Resource {
    pub(super) fn text(&self, name: &str) -> Known<&str> {
        match self.values[name].as_str() {
            Some(text) if !text.is_empty() => Known::Is(text),
            _ if is_unknown(&self.unknown[name]) => Known::Later,
            _ => Known::Absent,
        }
    }

    /// A flag that is this where nothing is said.
    pub(super) fn flag(&self, name: &str, otherwise: bool) -> Known<bool> {
        match self.values[name].as_bool() {
            Some(yes) => Known::Is(yes),
            None if is_unknown(&self.unknown[name]) => Known::Later,
            None => Known::Is(otherwise),
        }
    }

    /// The blocks of this name; empty where there are none.
    pub(super) fn blocks(&self, name: &str) -> &[Value] {
        self.values[name].as_array().map_or(&[], Vec::as_slice)
    }

    /// Whether something within the argument is known only after the plan is applied.
    pub(super) fn has_unknown(&self, name: &str) -> bool {
        any_true(&self.unknown[name], DEPTH)
    }

    pub(super) fn value(&self, name: &str) -> &Value {
        &self.values[name]
    }

    pub(super) fn references(&self, name: &str) -> impl Iterator<Item = &str> {
        self.references
            .get(name)
            .into_iter()
            .flatten()
            .map(String::as_str)
    }

    /// The Google Cloud project, its own or the provider's.
    pub(super) fn project(&self) -> Option<&str> {
        match self.text("project") {
            Known::Is(project) => Some(project.strip_prefix("projects/").unwrap_or(project)),
            _ => self.provider_project.as_deref(),
        }
    }
}

/// A plan or a state as JSON, of a version that is known.
///
/// # Errors
/// If it is no JSON, or of another version.
pub(crate) fn document(json: &[u8]) -> Result<Value, PlanError> {
    let document: Value =
        serde_json::from_slice(json).map_err(|error| PlanError::Json(error.to_string()))?;
    let version = document["format_version"].as_str().unwrap_or_default();
    match version.starts_with("1.") {
        true => Ok(document),
        false => Err(PlanError::Version(version.chars().take(16).collect())),
    }
}

/// The resources of a module of a state, with those of the modules in it.
pub(crate) fn resources<'a>(module: &'a Value, found: &mut Vec<&'a Value>) {
    let mut modules = vec![(module, DEPTH)];
    while let Some((module, depth)) = modules.pop() {
        found.extend(elements(&module["resources"]));
        if let Some(depth) = depth.checked_sub(1) {
            let children = elements(&module["child_modules"]).iter().rev();
            modules.extend(children.map(|child| (child, depth)));
        }
    }
}

/// Whether `true` stands anywhere in a value.
pub(crate) fn has_true(value: &Value) -> bool {
    any_true(value, DEPTH)
}

/// What is known later, by address.
fn unknowns(document: &Value) -> BTreeMap<&str, &Value> {
    elements(&document["resource_changes"])
        .iter()
        .filter_map(|change| {
            Some((
                change["address"].as_str()?,
                &change["change"]["after_unknown"],
            ))
        })
        .collect()
}

fn is_unknown(value: &Value) -> bool {
    value.as_bool() == Some(true)
}

fn any_true(value: &Value, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return true;
    };
    match value {
        Value::Bool(yes) => *yes,
        Value::Array(elements) => elements.iter().any(|e| any_true(e, depth)),
        Value::Object(members) => members.values().any(|e| any_true(e, depth)),
        _ => false,
    }
}

/// `module.a[0].google_x.y["k"]` → `module.a.google_x.y`.
fn without_indices(address: &str) -> String {
    let mut plain = String::with_capacity(address.len());
    let (mut within, mut quoted) = (false, false);
    for char in address.chars() {
        match char {
            '"' if within => quoted = !quoted,
            '[' if !quoted => within = true,
            ']' if !quoted => within = false,
            _ if !within => plain.push(char),
            _ => {}
        }
    }
    plain
}

/// The names of the modules on the way to an address, and what is left of it.
fn split(address: &str) -> (Vec<String>, String) {
    let plain = without_indices(address);
    let mut modules = Vec::new();
    let mut rest = plain.as_str();
    while let Some((name, tail)) = rest
        .strip_prefix("module.")
        .and_then(|rest| rest.split_once('.'))
    {
        modules.push(name.to_owned());
        rest = tail;
    }
    (modules, rest.to_owned())
}

/// The configuration of a module.
fn configuration<'a>(document: &'a Value, modules: &[String]) -> &'a Value {
    let root = &document["configuration"]["root_module"];
    modules
        .iter()
        .fold(root, |module, name| &module["module_calls"][name]["module"])
}

fn references(document: &Value, address: &str) -> BTreeMap<String, BTreeSet<String>> {
    let (modules, own) = split(address);
    let module = configuration(document, &modules);
    let resource = elements(&module["resources"])
        .iter()
        .find(|resource| resource["address"] == own.as_str());
    let expressions = resource.and_then(|resource| resource["expressions"].as_object());
    let follow = |expression: &Value| {
        let mut found = BTreeSet::new();
        for reference in elements(&expression["references"]) {
            let reference = reference.as_str().unwrap_or_default();
            resolve(document, &modules, reference, DEPTH, &mut found);
        }
        found
    };
    expressions
        .into_iter()
        .flatten()
        .map(|(name, expression)| (name.clone(), follow(expression)))
        .filter(|(_, found)| !found.is_empty())
        .collect()
}

/// Adds the resources that a reference, made in this module, comes to.
fn resolve(
    document: &Value,
    modules: &[String],
    reference: &str,
    depth: usize,
    found: &mut BTreeSet<String>,
) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    let reference = without_indices(reference);
    let mut words = reference.split('.');
    let (Some(first), Some(second)) = (words.next(), words.next()) else {
        return;
    };
    match first {
        "var" => {
            let Some((name, parent)) = modules.split_last() else {
                return;
            };
            let call = &configuration(document, parent)["module_calls"][name];
            let expression = &call["expressions"][second];
            for reference in elements(&expression["references"]) {
                let reference = reference.as_str().unwrap_or_default();
                resolve(document, parent, reference, depth, found);
            }
        }
        "module" => {
            let mut inner = modules.to_vec();
            inner.push(second.to_owned());
            let outputs = &configuration(document, &inner)["outputs"];
            let Some(output) = words.next() else { return };
            for reference in elements(&outputs[output]["expression"]["references"]) {
                let reference = reference.as_str().unwrap_or_default();
                resolve(document, &inner, reference, depth, found);
            }
        }
        "local" | "each" | "count" | "path" | "terraform" | "self" | "data" => {}
        _ => {
            let prefix: String = modules.iter().map(|m| format!("module.{m}.")).collect();
            found.insert(format!("{prefix}{first}.{second}"));
        }
    }
}

/// The project that the Google provider is configured with, as a constant or by a variable.
fn provider_project(document: &Value) -> Option<String> {
    let provider = &document["configuration"]["provider_config"]["google"];
    let project = &provider["expressions"]["project"];
    if let Some(text) = project["constant_value"].as_str() {
        return Some(text.to_owned());
    }
    let variable = elements(&project["references"])
        .iter()
        .find_map(|reference| reference.as_str()?.strip_prefix("var."))?;
    let value = document["variables"][variable]["value"].as_str()?;
    Some(value.to_owned())
}

fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_known_later_is_followed_through_modules() {
        let plan = json!({
            "format_version": "1.2",
            "planned_values": {"root_module": {"child_modules": [{"resources": [{
                "address": "module.audit[\"a.b\"].google_logging_project_sink.main[0]",
                "mode": "managed", "type": "google_logging_project_sink", "values": {"name": "audit"},
            }]}]}},
            "resource_changes": [{
                "address": "module.audit[\"a.b\"].google_logging_project_sink.main[0]",
                "change": {"after_unknown": {"destination": true}},
            }],
            "configuration": {
                "provider_config": {"google": {"expressions": {"project": {"references": ["var.project"]}}}},
                "root_module": {"module_calls": {
                    "audit": {
                        "expressions": {"topic": {"references": ["module.bus.topic", "module.bus"]}},
                        "module": {"resources": [{
                            "address": "google_logging_project_sink.main",
                            "expressions": {"destination": {"references": ["var.topic"]}},
                        }]},
                    },
                    "bus": {"module": {"outputs": {"topic": {"expression": {
                        "references": ["google_pubsub_topic.audit.id", "google_pubsub_topic.audit"]}}}}},
                }},
            },
            "variables": {"project": {"value": "demo-mart"}},
        });
        let plan = Plan::parse(plan.to_string().as_bytes()).unwrap();
        let sink = plan.of(&["google_logging_project_sink"]).next().unwrap();
        assert_eq!(sink.text("destination"), Known::Later);
        assert_eq!(sink.text("filter"), Known::Absent);
        assert_eq!(sink.project(), Some("demo-mart"));
        let references: Vec<_> = sink.references("destination").collect();
        assert_eq!(references, ["module.bus.google_pubsub_topic.audit"]);
    }

    #[test]
    fn what_is_no_plan_is_refused() {
        let refused = |text: &str| Plan::parse(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(
            refused("{\"format_version\":\"2.0\"}"),
            "its format version is \"2.0\"; 1.x is known"
        );
        assert_eq!(
            refused("{\"format_version\":\"1.2\"}"),
            "it holds neither `planned_values` nor `values`"
        );
        assert!(refused("Terraform will perform").starts_with("it is not JSON"));
    }
}
