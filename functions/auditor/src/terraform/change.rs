//! One resource of a plan: what it was, what it will be, and what is done to it.
//!
//! Source: Terraform, "JSON output format", change representation.

use serde_json::Value;

static NOTHING: Value = Value::Null;

/// A managed resource, and what the plan does to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change<'a> {
    /// Where it stands, such as `module.shop["a"].google_cloud_run_v2_service.this`.
    pub(super) address: &'a str,
    /// Its type.
    pub(super) kind: &'a str,
    /// Before; null if it is created.
    pub(super) before: &'a Value,
    /// After; null if it goes.
    pub(super) after: &'a Value,
    /// Of `after`, what is known only once it is applied.
    unknown: &'a Value,
    deletes: bool,
    creates: bool,
    updates: bool,
    /// Whether it is taken over from what there is.
    pub(super) imports: bool,
}

/// A text within a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Text<'a> {
    /// It is this.
    Is(&'a str),
    /// There is none.
    Absent,
    /// It is known only after the plan is applied.
    Later,
}

impl<'a> Change<'a> {
    /// Reads an element of `resource_changes`; `None` for what is no managed resource.
    pub(super) fn of(element: &'a Value) -> Option<Self> {
        let change = &element["change"];
        let does = |word: &str| {
            let actions = change["actions"].as_array();
            actions.is_some_and(|actions| actions.iter().any(|action| action == word))
        };
        (element["mode"] == "managed").then_some(())?;
        Some(Self {
            address: element["address"].as_str()?,
            kind: element["type"].as_str()?,
            before: &change["before"],
            after: &change["after"],
            unknown: &change["after_unknown"],
            deletes: does("delete"),
            creates: does("create"),
            updates: does("update"),
            imports: !change["importing"].is_null(),
        })
    }

    /// Reads a resource of a state, which nothing is done to.
    pub(super) fn none(resource: &'a Value) -> Option<Self> {
        (resource["mode"] == "managed").then_some(())?;
        Some(Self {
            address: resource["address"].as_str()?,
            kind: resource["type"].as_str()?,
            before: &resource["values"],
            after: &resource["values"],
            unknown: &NOTHING,
            deletes: false,
            creates: false,
            updates: false,
            imports: false,
        })
    }

    /// Whether what there is will be deleted, be it to make it anew.
    pub(super) const fn is_destroyed(&self) -> bool {
        self.deletes
    }

    /// Whether it is deleted and made anew.
    pub(super) const fn is_replaced(&self) -> bool {
        self.deletes && self.creates
    }

    /// Whether it is changed in place.
    pub(super) const fn is_updated(&self) -> bool {
        self.updates
    }

    /// Whether it is there afterwards, as far as this plan has a say.
    pub(super) fn stays(&self) -> bool {
        self.after.is_object()
    }

    /// A text of what it will be, by its JSON pointer.
    pub(super) fn text(&self, pointer: &str) -> Text<'a> {
        match self.after.pointer(pointer).and_then(Value::as_str) {
            Some(text) if !text.is_empty() => Text::Is(text),
            _ if self.is_unknown(pointer) => Text::Later,
            _ => Text::Absent,
        }
    }

    /// Whether a value, or one that it stands in, is known only after the plan is applied.
    pub(super) fn is_unknown(&self, pointer: &str) -> bool {
        let mut value = self.unknown;
        for segment in pointer.split('/').skip(1) {
            if value.as_bool() == Some(true) {
                return true;
            }
            let next = match value {
                // As RFC 6901 has a slash in a name.
                Value::Object(members) => members.get(&segment.replace("~1", "/")),
                Value::Array(elements) => segment.parse().ok().and_then(|i: usize| elements.get(i)),
                _ => None,
            };
            let Some(next) = next else { return false };
            value = next;
        }
        value.as_bool() == Some(true)
    }

    /// Whether the value, or anything in it, is known only after the plan is applied.
    pub(super) fn has_unknown(&self, pointer: &str) -> bool {
        let within = self.unknown.pointer(pointer);
        self.is_unknown(pointer) || within.is_some_and(crate::coverage::plan::has_true)
    }

    /// What the provider does with the real thing when this is destroyed: `DELETE` where nothing is said.
    pub(super) fn deletion_policy(&self) -> &'a str {
        let said = self.before["deletion_policy"].as_str();
        said.filter(|said| !said.is_empty()).unwrap_or("DELETE")
    }
}
