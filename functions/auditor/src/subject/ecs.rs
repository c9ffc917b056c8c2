//! Amazon ECS's records. A task definition names images, a service names a task definition: what a
//! service runs is not in one record.

use postern_core::event::AuditEvent;
use postern_core::target::Target;

use super::aws::{Arn, region};
use super::{Subject, images, text_at};

/// The cluster of calls that name none.
const DEFAULT_CLUSTER: &str = "default";

pub(super) fn subject(event: &AuditEvent) -> Subject {
    let deploys = matches!(
        event.short_method(),
        "CreateService" | "UpdateService" | "RegisterTaskDefinition" | "RunTask" | "StartTask"
    );
    Subject {
        target: target(event),
        revision: revision(event),
        images: images::images_in(event.request.iter().chain(&event.response)),
        went_through: deploys.then_some(event.status_code == 0),
        ..Subject::default()
    }
}

fn target(event: &AuditEvent) -> Option<String> {
    let request = event.request.as_ref();
    let name = ["service", "serviceName", "resourceArn"]
        .into_iter()
        .map(|member| text_at(request, &[member]))
        .find(|name| !name.is_empty())?;
    let cluster = match text_at(request, &["cluster"]) {
        "" => DEFAULT_CLUSTER,
        cluster => last(cluster),
    };
    let target = match Arn::parse(name) {
        None => format!("ecs:{}/{cluster}/{name}", region(event)),
        Some(arn) => {
            let own = arn.resource.strip_prefix("service/")?;
            // Old ARNs of services do not name their cluster.
            let (cluster, name) = own.split_once('/').unwrap_or((cluster, own));
            format!("ecs:{}/{cluster}/{name}", arn.region)
        }
    };
    target.parse::<Target>().is_ok().then_some(target)
}

/// The task definition: the one that came of it, or the one that was asked for.
fn revision(event: &AuditEvent) -> Option<String> {
    let (request, response) = (event.request.as_ref(), event.response.as_ref());
    let name = [
        text_at(response, &["taskDefinition", "taskDefinitionArn"]),
        text_at(response, &["service", "taskDefinition"]),
        text_at(request, &["taskDefinition"]),
    ];
    let name = name.into_iter().find(|name| !name.is_empty())?;
    (name.len() <= 253).then(|| last(name).to_owned())
}

/// The last part of a name with slashes.
fn last(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, last)| last)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::parse::{Form, event};

    /// A synthetic record.
    fn subject(method: &str, request: Value, response: Value) -> Subject {
        let record = json!({
            "eventVersion": "1.11", "eventID": "e-1", "eventTime": "2026-03-03T03:10:00Z",
            "eventSource": "ecs.amazonaws.com", "eventName": method, "awsRegion": "eu-west-1",
            "recipientAccountId": "111122223333",
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/dana"},
            "requestParameters": request, "responseElements": response
        });
        Subject::of(&event(record.to_string().as_bytes(), Form::CloudTrail).unwrap())
    }

    #[rstest::rstest]
    #[case::names(json!({"service": "web", "cluster": "shop"}), Some("ecs:eu-west-1/shop/web"))]
    #[case::created(json!({"serviceName": "web"}), Some("ecs:eu-west-1/default/web"))]
    #[case::cluster_arn(
        json!({"service": "web", "cluster": "arn:aws:ecs:eu-west-1:111122223333:cluster/shop"}),
        Some("ecs:eu-west-1/shop/web")
    )]
    #[case::arn(
        json!({"service": "arn:aws:ecs:us-east-1:111122223333:service/shop/web"}),
        Some("ecs:us-east-1/shop/web")
    )]
    #[case::old_arn(
        json!({"service": "arn:aws:ecs:us-east-1:111122223333:service/web", "cluster": "shop"}),
        Some("ecs:us-east-1/shop/web")
    )]
    #[case::tagged(
        json!({"resourceArn": "arn:aws:ecs:us-east-1:111122223333:service/shop/web", "tags": []}),
        Some("ecs:us-east-1/shop/web")
    )]
    #[case::cluster(json!({"resourceArn": "arn:aws:ecs:us-east-1:111122223333:cluster/shop"}), None)]
    #[case::task(json!({"cluster": "shop", "taskDefinition": "web:7"}), None)]
    fn services_have_many_names(#[case] request: Value, #[case] expected: Option<&str>) {
        let found = subject("UpdateService", request, json!(null));
        assert_eq!(found.target.as_deref(), expected);
    }

    #[test]
    fn a_task_definition_names_its_images() {
        let request = json!({
            "family": "web",
            "containerDefinitions": [{"name": "a", "image": "r/a:v1"}, {"name": "b", "image": "r/b@sha256:1"}],
            "tags": [{"key": "postern/break-glass", "value": "INC-7"}]
        });
        let arn = "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:8";
        let response = json!({"taskDefinition": {"taskDefinitionArn": arn, "revision": 8}});
        let found = subject("RegisterTaskDefinition", request, response);
        assert_eq!(found.images, ["r/a:v1", "r/b@sha256:1"]);
        assert_eq!(found.revision.as_deref(), Some("web:8"));
        assert_eq!(found.justification.as_deref(), Some("INC-7"));
        assert_eq!(found.went_through, Some(true));
        assert!(found.deployed.is_empty());
    }
}
