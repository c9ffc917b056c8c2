//! What an event is about: derived once per event, from the places where each platform puts it.

mod aws;
mod cloud_functions;
mod cloud_run;
mod continuous_validation;
mod ecs;
mod gke;
mod images;
mod lambda;
mod text;

use std::cell::OnceCell;

use postern_core::event::{AuditEvent, EventSource, Stream};
use postern_core::finding::{Actor, BypassedVerdict};
use serde_json::Value;

pub(crate) use self::text::said;

/// The most characters of a justification that are kept.
const JUSTIFICATION_LIMIT: usize = 4096;

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Subject {
    /// The deployment target, in the text form of [`postern_core::target::Target`].
    pub target: Option<String>,
    /// The revision or execution.
    pub revision: Option<String>,
    /// The images, as the event names them.
    pub images: Vec<String>,
    /// Why, in the actor's words.
    pub justification: Option<String>,
    /// What the platform says about it in its own words: lower case, without names, images and
    /// quoted values, so that nothing an actor chose is in it.
    pub text: String,
    /// Whether the deployment went through, where the event says so.
    pub went_through: Option<bool>,
    /// Who did it.
    pub actor: Actor,
    /// Whether the image would have been denied, where the event says so.
    pub overridden: Option<bool>,
    /// What would have been the verdict, where the event says so.
    pub overridden_verdict: Option<BypassedVerdict>,
    /// The platform's id of the operation.
    pub operation: Option<String>,
    /// The images that, by this entry, are now running at the target: with their digest, or the digest
    /// alone where the entry does not name the image it is of. Empty says nothing: most entries are
    /// about something else, and some that are about this name no digest.
    pub deployed: Vec<String>,
    /// The revisions or versions that traffic or a tag was moved to by name.
    pub traffic_to: Vec<String>,
}

impl Subject {
    /// What this event is about.
    pub fn of(event: &AuditEvent) -> Self {
        let mut subject = match (event.service.as_str(), event.resource_kind.as_str()) {
            _ if event.source == EventSource::AwsCloudTrail => aws::subject(event),
            _ if event.stream == Stream::ContinuousValidation => {
                continuous_validation::subject(event)
            }
            ("run.googleapis.com", _) => cloud_run::subject(event),
            ("cloudfunctions.googleapis.com", _) => cloud_functions::subject(event),
            ("k8s.io", "k8s_cluster") => gke::subject(event),
            _ => Self::default(),
        };
        let known = std::mem::take(&mut subject.actor);
        subject.actor = Actor {
            principal: event.actor.principal.clone().or(known.principal),
            ..event.actor.clone()
        };
        // Blanks are no reason.
        subject.justification.take_if(|text| text.trim().is_empty());
        if let Some(text) = &mut subject.justification {
            truncate(text, JUSTIFICATION_LIMIT);
        }
        subject
    }
}

/// What an event is about, derived when it is first asked for: most detections never do.
#[derive(Debug)]
pub(crate) struct Lazily<'a> {
    event: &'a AuditEvent,
    derived: OnceCell<Subject>,
}

impl<'a> Lazily<'a> {
    pub(crate) fn of(event: &'a AuditEvent) -> Self {
        Self {
            event,
            derived: OnceCell::new(),
        }
    }
}

impl std::ops::Deref for Lazily<'_> {
    type Target = Subject;

    fn deref(&self) -> &Subject {
        self.derived.get_or_init(|| Subject::of(self.event))
    }
}

/// The text at a path of members; empty where there is none.
fn text_at<'a>(value: Option<&'a Value>, path: &[&str]) -> &'a str {
    let found = value.and_then(|value| path.iter().try_fold(value, |value, key| value.get(key)));
    found.and_then(Value::as_str).unwrap_or_default()
}

/// The members of a list at a path; none where there is no list.
fn list_at<'a>(value: Option<&'a Value>, path: &[&str]) -> impl Iterator<Item = &'a Value> {
    let found = value.and_then(|value| path.iter().try_fold(value, |value, key| value.get(key)));
    found.and_then(Value::as_array).into_iter().flatten()
}

/// Cuts a text to so many characters.
pub(crate) fn truncate(text: &mut String, limit: usize) {
    if let Some((end, _)) = text.char_indices().nth(limit) {
        text.truncate(end);
        text.push('…');
    }
}
