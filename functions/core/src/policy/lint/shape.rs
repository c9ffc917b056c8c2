//! Fields: unknown, repeated, missing, of the wrong type.

use super::Report;
use crate::image::shortened;
use crate::policy::document::{Kind, Node};
use crate::policy::parse::suggestion;

/// What a field may hold.
enum Type {
    Text,
    Choice(&'static [&'static str]),
    Texts,
    Objects(&'static Object),
    Object(&'static Object),
    /// A map from any key.
    MapOf(&'static Object),
}

struct Object {
    name: &'static str,
    fields: &'static [(&'static str, Type)],
    required: &'static [&'static str],
}

static POLICY: Object = Object {
    name: "a policy",
    fields: &[
        ("name", Type::Text),
        ("description", Type::Text),
        ("globalPolicyEvaluationMode", Type::Choice(GLOBAL_MODES)),
        ("admissionWhitelistPatterns", Type::Objects(&PATTERN)),
        ("clusterAdmissionRules", Type::MapOf(&RULE)),
        ("kubernetesNamespaceAdmissionRules", Type::MapOf(&RULE)),
        ("kubernetesServiceAccountAdmissionRules", Type::MapOf(&RULE)),
        ("istioServiceIdentityAdmissionRules", Type::MapOf(&RULE)),
        ("defaultAdmissionRule", Type::Object(&RULE)),
        ("etag", Type::Text),
        ("updateTime", Type::Text),
    ],
    required: &["defaultAdmissionRule"],
};

static PATTERN: Object = Object {
    name: "an exempt pattern",
    fields: &[("namePattern", Type::Text)],
    required: &["namePattern"],
};

static RULE: Object = Object {
    name: "an admission rule",
    fields: &[
        (
            "evaluationMode",
            Type::Choice(&["ALWAYS_ALLOW", "REQUIRE_ATTESTATION", "ALWAYS_DENY"]),
        ),
        (
            "enforcementMode",
            Type::Choice(&["ENFORCED_BLOCK_AND_AUDIT_LOG", "DRYRUN_AUDIT_LOG_ONLY"]),
        ),
        ("requireAttestationsBy", Type::Texts),
    ],
    required: &["evaluationMode", "enforcementMode"],
};

const GLOBAL_MODES: &[&str] = &[
    "ENABLE",
    "DISABLE",
    "GLOBAL_POLICY_EVALUATION_MODE_UNSPECIFIED",
];

/// Compares a document with the resource's shape.
pub(super) fn check(policy: &Node, report: &mut Report) {
    object(policy, &POLICY, report);
}

fn value(node: &Node, expected: &Type, report: &mut Report) {
    match (expected, &node.kind) {
        (Type::Text, Kind::Scalar(_)) => {}
        (Type::Choice(words), Kind::Scalar(text)) => choice(node, text, words, report),
        (Type::Texts, Kind::Sequence(items)) => {
            items
                .iter()
                .for_each(|item| value(item, &Type::Text, report));
        }
        (Type::Objects(item_type), Kind::Sequence(items)) => {
            items
                .iter()
                .for_each(|item| object(item, item_type, report));
        }
        (Type::Object(object_type), _) => object(node, object_type, report),
        (Type::MapOf(value_type), Kind::Mapping(entries)) => {
            repeated_keys(node, report);
            entries
                .iter()
                .for_each(|entry| object(&entry.value, value_type, report));
        }
        // An empty value is left to the parser, which knows which fields take one.
        (_, Kind::Null) => {}
        (expected, _) => {
            let wanted = match expected {
                Type::Text | Type::Choice(_) => "a text",
                Type::Texts | Type::Objects(_) => "a list",
                Type::Object(_) | Type::MapOf(_) => "a map",
            };
            wrong_type(node, wanted, report);
        }
    }
}

fn object(node: &Node, expected: &Object, report: &mut Report) {
    let Kind::Mapping(entries) = &node.kind else {
        wrong_type(node, expected.name, report);
        return;
    };
    repeated_keys(node, report);
    for entry in entries {
        let key = entry.key.text().unwrap_or_default();
        match expected.fields.iter().find(|(name, _)| *name == key) {
            Some((_, field_type)) => value(&entry.value, field_type, report),
            None => {
                let names: Vec<&str> = expected.fields.iter().map(|(name, _)| *name).collect();
                let message = format!("{} has no field {:?}", expected.name, shortened(key));
                report.error(
                    "unknown-field",
                    &entry.key,
                    message,
                    suggestion(key, &names),
                );
            }
        }
    }
    for field in expected.required {
        if node.get(field).is_none() {
            let message = format!("{} needs the field {field}", expected.name);
            report.error("missing-field", node, message, format!("add {field}"));
        }
    }
}

fn choice(node: &Node, text: &str, words: &[&str], report: &mut Report) {
    if !words.contains(&text) {
        let message = format!("{:?} is no value of this field", shortened(text));
        report.error("unknown-value", node, message, suggestion(text, words));
    }
}

fn wrong_type(node: &Node, wanted: &str, report: &mut Report) {
    let message = format!("{wanted} belongs here, and this is {}", node.describe());
    report.error(
        "wrong-type",
        node,
        message,
        format!("write {wanted}; mind the indentation"),
    );
}

fn repeated_keys(node: &Node, report: &mut Report) {
    let entries = node.entries();
    for (index, entry) in entries.iter().enumerate() {
        let first = entries[..index]
            .iter()
            .find(|earlier| earlier.key.text().is_some() && earlier.key.text() == entry.key.text());
        if let Some(first) = first {
            let key = shortened(entry.key.text().unwrap_or_default());
            let message = format!("the key {key:?} is also on line {}", first.key.at.line);
            report.error("duplicate-key", &entry.key, message, "keep one of them");
        }
    }
}
