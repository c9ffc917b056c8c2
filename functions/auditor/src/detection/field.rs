//! Places in an event that a condition looks at.

use std::fmt;

use postern_core::event::AuditEvent;
use serde_json::Value;

use super::condition::ConditionError;
use super::method::undated;
use super::path::{self, Seen, Segment};
use crate::subject::Lazily;

/// A place: a fact about the event, a label, or a path into foreign JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Field {
    Fact(Fact),
    /// A label of the entry.
    Labels(Segment),
    /// A label of the monitored resource.
    ResourceLabels(Segment),
    Path(Root, Vec<Segment>),
}

/// What an event says in one place, whatever its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fact {
    /// The platform's own words, [`Subject::text`].
    Text,
    Method,
    Service,
    Resource,
    Project,
    StatusCode,
    /// `success` or `failed`.
    Outcome,
    /// Whether the deployment went through: `true`, `false`, or nothing.
    WentThrough,
    Justification,
    UserAgent,
    Principal,
    Via,
    KeyName,
    Ip,
    Operation,
    ReadOnly,
}

/// Where a path starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    Request,
    Response,
    ServiceData,
    Metadata,
}

const FACTS: [(&str, Fact); 16] = [
    ("text", Fact::Text),
    ("method", Fact::Method),
    ("service", Fact::Service),
    ("resource", Fact::Resource),
    ("project", Fact::Project),
    ("statusCode", Fact::StatusCode),
    ("outcome", Fact::Outcome),
    ("wentThrough", Fact::WentThrough),
    ("justification", Fact::Justification),
    ("userAgent", Fact::UserAgent),
    ("principal", Fact::Principal),
    ("via", Fact::Via),
    ("keyName", Fact::KeyName),
    ("ip", Fact::Ip),
    ("operation", Fact::Operation),
    ("readOnly", Fact::ReadOnly),
];

const ROOTS: [(&str, Root); 4] = [
    ("request", Root::Request),
    ("response", Root::Response),
    ("serviceData", Root::ServiceData),
    ("metadata", Root::Metadata),
];

/// Members that hold what somebody wrote for people to read.
const FREE_TEXT: [&str; 5] = [
    "description",
    "displayName",
    "display_name",
    "comment",
    "justification",
];

impl Field {
    /// Reads `text`, `labels["a.b/c"]`, `request.*.metadata.annotations["k"]`,
    /// `response.status.conditions.reason`.
    pub(super) fn parse(written: &str) -> Result<Self, ConditionError> {
        let unknown = || ConditionError::Field(written.to_owned());
        let segments = path::segments(written).ok_or_else(unknown)?;
        let Some((Segment::Name(first), rest)) = segments.split_first() else {
            return Err(unknown());
        };
        let root = ROOTS.iter().find(|(name, _)| name == first);
        let fact = FACTS.iter().find(|(name, _)| name == first);
        match (first.as_str(), rest) {
            ("labels", [key]) => Ok(Self::Labels(key.clone())),
            ("resourceLabels", [key]) => Ok(Self::ResourceLabels(key.clone())),
            (_, [_, ..]) => root
                .map(|(_, root)| Self::Path(*root, rest.to_vec()))
                .ok_or_else(unknown),
            (_, []) => fact.map(|(_, fact)| Self::Fact(*fact)).ok_or_else(unknown),
        }
    }

    /// Whether any value at this place passes.
    pub(super) fn any(
        &self,
        event: &AuditEvent,
        subject: &Lazily<'_>,
        passes: &dyn Fn(Seen<'_>) -> bool,
    ) -> bool {
        let labelled = |labels: &std::collections::BTreeMap<String, String>, key: &Segment| {
            labels
                .iter()
                .any(|(name, value)| key.names(name) && passes(value.as_str().into()))
        };
        match self {
            Self::Fact(fact) => fact.any(event, subject, passes),
            Self::Labels(key) => labelled(&event.labels, key),
            Self::ResourceLabels(key) => labelled(&event.resource_labels, key),
            Self::Path(root, path) => path::any(root.of(event), path, passes),
        }
    }

    /// Whether what stands there is text that the actor is free to choose.
    pub(super) fn is_actors_text(&self) -> bool {
        match self {
            Self::Fact(fact) => {
                matches!(fact, Fact::Justification | Fact::UserAgent | Fact::Via)
            }
            Self::Labels(_) | Self::ResourceLabels(_) => true,
            Self::Path(_, path) => path
                .iter()
                .filter_map(Segment::name)
                .any(|name| FREE_TEXT.contains(&name)),
        }
    }
}

impl Fact {
    fn any(
        self,
        event: &AuditEvent,
        subject: &Lazily<'_>,
        passes: &dyn Fn(Seen<'_>) -> bool,
    ) -> bool {
        let passes = |text: &str| passes(text.into());
        let maybe = |text: Option<&str>| text.is_some_and(passes);
        let flag = |flag: Option<bool>| flag.is_some_and(|yes| passes(word(yes)));
        match self {
            Self::Text => passes(&subject.text),
            // By its name as logged, and by the one without the date of the interface.
            Self::Method => {
                let bare = undated(event.stream, &event.method);
                passes(&event.method) || (bare != event.method && passes(bare))
            }
            Self::Service => passes(&event.service),
            Self::Resource => passes(&event.resource),
            Self::Project => passes(&event.project),
            Self::StatusCode => passes(&event.status_code.to_string()),
            Self::Outcome => passes(if refused(event) { "failed" } else { "success" }),
            Self::WentThrough => flag(subject.went_through),
            Self::Justification => maybe(subject.justification.as_deref()),
            Self::UserAgent => maybe(event.user_agent.as_deref()),
            Self::Principal => maybe(event.actor.principal.as_deref()),
            Self::Via => event.actor.via.iter().any(|name| passes(name)),
            Self::KeyName => maybe(event.actor.key_name.as_deref()),
            Self::Ip => maybe(event.actor.ip.as_deref()),
            Self::Operation => maybe(event.operation.as_deref()),
            Self::ReadOnly => flag(event.read_only),
        }
    }
}

/// Whether the platform refused the call.
pub(crate) const fn refused(event: &AuditEvent) -> bool {
    event.status_code != 0
}

const fn word(yes: bool) -> &'static str {
    if yes { "true" } else { "false" }
}

impl Root {
    const fn of(self, event: &AuditEvent) -> Option<&Value> {
        match self {
            Self::Request => event.request.as_ref(),
            Self::Response => event.response.as_ref(),
            Self::ServiceData => event.service_data.as_ref(),
            Self::Metadata => event.metadata.as_ref(),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |fact: &Fact| FACTS.iter().find(|(_, known)| known == fact);
        match self {
            Self::Fact(fact) => f.write_str(named(fact).map_or("", |(name, _)| name)),
            Self::Labels(key) => write!(f, "labels{key}"),
            Self::ResourceLabels(key) => write!(f, "resourceLabels{key}"),
            Self::Path(root, path) => {
                let known = ROOTS.iter().find(|(_, known)| known == root);
                f.write_str(known.map_or("", |(name, _)| name))?;
                path.iter().try_for_each(|segment| segment.fmt(f))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_it_was_read() {
        for written in [
            "method",
            "readOnly",
            "labels[\"a.b/c\"]",
            "resourceLabels[\"k\"]",
            "request.*.metadata.annotations[\"x.y/z-*\"]",
            "serviceData.policyDelta",
        ] {
            assert_eq!(Field::parse(written).unwrap().to_string(), written);
        }
    }

    #[test]
    fn unknown_places_are_refused() {
        for field in [
            "",
            "nothing",
            "labels",
            "response",
            "text.more",
            "request..a",
            "labels[\"a",
        ] {
            assert!(Field::parse(field).is_err(), "{field}");
        }
    }
}
