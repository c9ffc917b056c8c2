//! Cloud Run functions (second generation): each one is a Cloud Run service.

use postern_core::event::AuditEvent;
use postern_core::target::Target;
use serde_json::Value;

use super::{Subject, cloud_run, images, text_at};

pub(super) fn subject(event: &AuditEvent) -> Subject {
    Subject {
        target: target(event),
        images: images::images_in(event.response.iter().chain(&event.request)),
        operation: event.operation.clone(),
        ..Subject::default()
    }
}

/// Functions of the first generation are no services; they have an API of their own.
const FIRST_GENERATION: &str = ".functions.v1.";

/// The service that the function says it has, or else the one that is made for it: of the same name,
/// as far as services can have it.
fn target(event: &AuditEvent) -> Option<String> {
    let label = |name: &str| event.resource_labels.get(name).filter(|l| !l.is_empty());
    if event.method.contains(FIRST_GENERATION) {
        return None;
    }
    let stated = stated(event).and_then(|service| {
        let location = cloud_run::after(service, "locations")?;
        Some((location, cloud_run::after(service, "services")?.to_owned()))
    });
    let (location, name) = stated.or_else(|| {
        let location = cloud_run::after(&event.resource, "locations")
            .or_else(|| label("region").map(String::as_str))?;
        let name = cloud_run::after(&event.resource, "functions")
            .or_else(|| label("function_name").map(String::as_str))?;
        Some((location, name.to_ascii_lowercase().replace('_', "-")))
    })?;
    let target = format!("cloud-run:{}/{location}/{name}", event.project);
    target.parse::<Target>().is_ok().then_some(target)
}

/// `serviceConfig.service` of the function, or of the one that is asked for.
fn stated(event: &AuditEvent) -> Option<&str> {
    let asked = event.request.as_ref().and_then(|r| r.get("function"));
    let places: [Option<&Value>; 2] = [event.response.as_ref(), asked];
    let names = places.into_iter().flat_map(|function| {
        [
            text_at(function, &["serviceConfig", "service"]),
            text_at(function, &["service_config", "service"]),
        ]
    });
    names.into_iter().find(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{entry, patched, read};

    #[rstest::rstest]
    #[case::named(json!({}), "cloud-run:acme-shop/europe-west1/resize-image")]
    #[case::camel(
        json!({"function": {"serviceConfig": {"service": "projects/acme-shop/locations/europe-west4/services/resize"}}}),
        "cloud-run:acme-shop/europe-west4/resize"
    )]
    #[case::snake(
        json!({"function": {"service_config": {"service": "projects/acme-shop/locations/europe-west4/services/resize"}}}),
        "cloud-run:acme-shop/europe-west4/resize"
    )]
    fn a_function_is_its_service(#[case] request: Value, #[case] expected: &str) {
        let function = patched(
            &entry("cloud-run-request-v2"),
            &[
                (
                    "/protoPayload/serviceName",
                    json!("cloudfunctions.googleapis.com"),
                ),
                (
                    "/protoPayload/resourceName",
                    json!("projects/acme-shop/locations/europe-west1/functions/Resize_Image"),
                ),
                ("/resource", json!({"type": "audited_resource"})),
                ("/protoPayload/request", request),
            ],
        );
        let subject = Subject::of(&read(&function));
        assert_eq!(subject.target.as_deref(), Some(expected));
        let first = patched(
            &function,
            &[(
                "/protoPayload/methodName",
                json!("google.cloud.functions.v1.CloudFunctionsService.UpdateFunction"),
            )],
        );
        assert_eq!(Subject::of(&read(&first)).target, None);
    }
}
