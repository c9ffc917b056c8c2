//! Cloud Run's entries: system events carry the Knative v1 shape of a revision, service or execution
//! (even for calls of the v2 API), activity entries the request as it was made, in camelCase or
//! snake_case.

mod running;

use postern_core::event::{AuditEvent, Stream};
use postern_core::finding::Actor;
use postern_core::target::Target;
use serde_json::Value;

use super::{Subject, images, list_at, text, text_at};

const BREAK_GLASS: &str = "run.googleapis.com/binary-authorization-breakglass";
const OPERATION: &str = "run.googleapis.com/operation-id";

pub(super) fn subject(event: &AuditEvent) -> Subject {
    let response = event.response.as_ref();
    let annotation = |name| text_at(response, &["metadata", "annotations", name]);
    let modifier = [
        "serving.knative.dev/lastModifier",
        "serving.knative.dev/creator",
    ];
    let modifier = modifier
        .map(annotation)
        .into_iter()
        .find(|name| !name.is_empty());
    let operation = match annotation(OPERATION) {
        "" => event.operation.clone(),
        id => Some(id.to_owned()),
    };
    Subject {
        target: target(event),
        revision: revision(event),
        images: images(event),
        deployed: running::deployed(event, went_through(event)),
        traffic_to: running::traffic_to(event),
        justification: justification(event),
        text: platform_text(event),
        went_through: went_through(event),
        actor: Actor {
            principal: modifier.map(str::to_owned),
            ..Actor::default()
        },
        operation,
        ..Subject::default()
    }
}

/// Kinds of resources: the monitored resource, the platform of targets, the label with the name, and
/// the collection in resource names.
const KINDS: [(&str, &str, &str, &str); 3] = [
    ("cloud_run_job", "cloud-run-job", "job_name", "jobs"),
    (
        "cloud_run_worker_pool",
        "cloud-run-worker-pool",
        "worker_pool_name",
        "workerPools",
    ),
    (
        "cloud_run_revision",
        "cloud-run",
        "service_name",
        "services",
    ),
];

fn target(event: &AuditEvent) -> Option<String> {
    let label = |name: &str| {
        let label = event.resource_labels.get(name).map(String::as_str);
        label.filter(|text| !text.is_empty())
    };
    let by_kind = KINDS.iter().find(|kind| kind.0 == event.resource_kind);
    // Some calls are logged under a resource of no special kind.
    let by_name = || KINDS.iter().find(|k| after(&event.resource, k.3).is_some());
    let (_, platform, name_label, collection) = by_kind.or_else(by_name)?;
    let name = label(name_label).or_else(|| after(&event.resource, collection))?;
    let location = label("location").or_else(|| after(&event.resource, "locations"))?;
    let target = format!("{platform}:{}/{location}/{name}", event.project);
    target.parse::<Target>().is_ok().then_some(target)
}

/// The segment after a collection's name in a resource name.
pub(super) fn after<'a>(resource: &'a str, collection: &str) -> Option<&'a str> {
    let mut segments = resource
        .split('/')
        .skip_while(|segment| *segment != collection);
    segments.nth(1).filter(|name| !name.is_empty())
}

/// The revision or execution itself, or the one that a service's entry is about.
fn revision(event: &AuditEvent) -> Option<String> {
    let own = event
        .resource_labels
        .get("revision_name")
        .map(String::as_str);
    let own = own
        .filter(|name| !name.is_empty())
        .or_else(|| after(&event.resource, "revisions"))
        .or_else(|| after(&event.resource, "executions"));
    let response = event.response.as_ref();
    let created = || match text_at(response, &["status", "latestCreatedRevisionName"]) {
        "" => rejected_revision(event),
        name => Some(name),
    };
    let name = match event.stream {
        Stream::SystemEvent => own.or_else(created),
        _ => own,
    }?;
    (name.len() <= 253).then(|| name.to_owned())
}

/// `Revision NAME uses unauthorized container image`, in the entry of the service: revisions are
/// named after their service.
fn rejected_revision(event: &AuditEvent) -> Option<&str> {
    let service = event.resource_labels.get("service_name")?;
    let (_, rest) = event.status_message.split_once(": Revision ")?;
    let (name, rest) = rest.split_once(' ')?;
    let own = name
        .strip_prefix(service.as_str())
        .is_some_and(|rest| rest.starts_with('-'));
    (own && rest.starts_with("uses ")).then_some(name)
}

fn images(event: &AuditEvent) -> Vec<String> {
    let found = images::images_in(event.response.iter().chain(&event.request));
    if found.is_empty() {
        images::images_quoted(&event.status_message)
    } else {
        found
    }
}

/// The annotation (v1) or field (v2) of what was asked for, or of what came of it; or else what the
/// message says.
fn justification(event: &AuditEvent) -> Option<String> {
    let asked = event
        .request
        .iter()
        .filter_map(Value::as_object)
        .flat_map(|r| r.values());
    let places = asked.chain(&event.response);
    for resource in places {
        let resource = Some(resource);
        let found = [
            text_at(resource, &["metadata", "annotations", BREAK_GLASS]),
            text_at(
                resource,
                &["binaryAuthorization", "breakglassJustification"],
            ),
            text_at(
                resource,
                &["binary_authorization", "breakglass_justification"],
            ),
        ];
        if let Some(text) = found.into_iter().find(|text| !text.is_empty()) {
            return Some(text.to_owned());
        }
    }
    let (_, text) = event.status_message.split_once("justification:")?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The words of the status and of every condition.
fn platform_text(event: &AuditEvent) -> String {
    let mut texts = vec![text::platform_words(&event.status_message)];
    texts.extend(conditions(event).map(|c| text::platform_words(text_at(Some(c), &["message"]))));
    texts.retain(|text| !text.is_empty());
    texts.dedup();
    texts.join("\n")
}

fn conditions(event: &AuditEvent) -> impl Iterator<Item = &Value> {
    list_at(event.response.as_ref(), &["status", "conditions"])
}

/// What the condition that stands for the whole says, or else the message about it.
fn went_through(event: &AuditEvent) -> Option<bool> {
    let whole = conditions(event)
        .find(|c| matches!(text_at(Some(c), &["type"]), "Ready" | "Completed"))
        .map(|c| text_at(Some(c), &["status"]));
    match whole {
        Some("True") => Some(true),
        Some("False") => Some(false),
        _ => {
            let message = &event.status_message;
            let (_, rest) = message.split_once(" condition status changed to ")?;
            match rest.split_whitespace().next() {
                Some("True") => Some(true),
                Some("False") => Some(false),
                _ => None,
            }
        }
    }
}
