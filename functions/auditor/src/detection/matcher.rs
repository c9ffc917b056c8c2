//! What a detection recognises.

use std::collections::BTreeSet;

use postern_core::event::Stream;
use serde::Deserialize;

use super::condition::{Condition, OneOrMore, RawCondition, Scene, compile_all};
use super::method::is_called;
use super::needles::Needles;
use super::{DetectionError, Own};
use crate::parse::Head;

/// One of the program's own findings, or entries of a log.
#[derive(Debug, Clone)]
pub(super) enum Matcher {
    Own(Own),
    Entry(EntryMatcher),
}

/// Entries of a log.
#[derive(Debug, Clone)]
pub(super) struct EntryMatcher {
    pub(super) streams: Vec<Stream>,
    /// Any of these; empty: whichever.
    pub(super) services: BTreeSet<String>,
    /// Kinds of monitored resources; empty: whichever.
    pub(super) resources: BTreeSet<String>,
    /// Ends of method names; empty: whichever.
    pub(super) methods: Vec<String>,
    pub(super) conditions: Vec<Condition>,
    /// Without these in its bytes no entry fulfils the conditions.
    pub(super) needles: Needles,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawMatch {
    own: Option<Own>,
    #[serde(default)]
    log: OneOrMore<Stream>,
    #[serde(default)]
    service: OneOrMore<String>,
    #[serde(default)]
    resource: OneOrMore<String>,
    #[serde(default)]
    method: OneOrMore<String>,
    #[serde(default, rename = "where")]
    conditions: Vec<RawCondition>,
}

impl EntryMatcher {
    /// Whether stream, service and method are such that it may fire.
    pub(super) fn concerns(&self, head: &Head<'_>) -> bool {
        let called = |name: &String| is_called(head.stream, head.method, name);
        self.streams.contains(&head.stream)
            && (self.services.is_empty() || self.services.contains(head.service))
            && (self.methods.is_empty() || self.methods.iter().any(called))
    }

    pub(super) fn fires(&self, scene: Scene<'_>) -> bool {
        let event = scene.event;
        self.concerns(&Head::of(event))
            && (self.resources.is_empty() || self.resources.contains(&event.resource_kind))
            && self.conditions.iter().all(|c| c.holds(scene))
    }
}

impl RawMatch {
    pub(super) fn compile(self) -> Result<Matcher, DetectionError> {
        let streams = self.log.list();
        let services = self.service.list();
        let resources = self.resource.list();
        let methods = self.method.list();
        let nothing = services.is_empty()
            && resources.is_empty()
            && methods.is_empty()
            && self.conditions.is_empty();
        match self.own {
            Some(own) if streams.is_empty() && nothing => Ok(Matcher::Own(own)),
            None if !streams.is_empty() && !streams.contains(&Stream::Other) && !nothing => {
                let conditions = compile_all(self.conditions)?;
                if let Some(field) = conditions.iter().find_map(Condition::quieted_by) {
                    return Err(DetectionError::Quieted(field.to_string()));
                }
                Ok(Matcher::Entry(EntryMatcher {
                    streams,
                    services: services.into_iter().collect(),
                    resources: resources.into_iter().collect(),
                    methods,
                    needles: Needles::of(&conditions),
                    conditions,
                }))
            }
            _ => Err(DetectionError::Match),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(yaml: &str) -> Result<Matcher, DetectionError> {
        serde_saphyr::from_str::<RawMatch>(yaml).unwrap().compile()
    }

    #[rstest::rstest]
    #[case("{service: x}")]
    #[case("{log: activity}")]
    #[case("{log: other, service: x}")]
    #[case("{own: revoked, log: activity}")]
    #[case("{own: revoked, method: x}")]
    #[case("{}")]
    fn what_matches_nothing_or_everything_is_refused(#[case] yaml: &str) {
        assert_eq!(compile(yaml).unwrap_err(), DetectionError::Match);
    }

    #[test]
    fn no_text_of_an_actor_makes_it_quiet() {
        for (condition, field) in [
            (
                "{not: {field: userAgent, contains: terraform}}",
                "userAgent",
            ),
            (
                "{not: {all: [{configured: ci}, {field: via, in: ci}]}}",
                "via",
            ),
            (
                "{any: [{field: justification, present: false}]}",
                "justification",
            ),
        ] {
            let expected = DetectionError::Quieted(field.to_owned());
            let yaml = format!("{{log: activity, where: [{condition}]}}");
            assert_eq!(compile(&yaml).unwrap_err(), expected);
        }
    }

    #[test]
    fn one_log_and_one_service_may_be_several() {
        let yaml = "{log: [activity, data_access], service: [a, b], method: x}";
        let Matcher::Entry(matcher) = compile(yaml).unwrap() else {
            panic!("reads entries")
        };
        let concerned = |stream, service, method| {
            matcher.concerns(&Head {
                stream,
                service,
                method,
                has_key: false,
            })
        };
        assert!(concerned(Stream::Activity, "a", "y.x"));
        assert!(concerned(Stream::DataAccess, "b", "x"));
        assert!(!concerned(Stream::SystemEvent, "a", "x"));
        assert!(!concerned(Stream::Activity, "c", "x"));
        assert!(!concerned(Stream::Activity, "a", "yx"));
    }
}
