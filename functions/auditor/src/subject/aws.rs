//! What AWS's records have in common.

use postern_core::event::AuditEvent;
use serde_json::Value;

use super::{Subject, ecs, lambda, list_at};

/// The tag whose value says why somebody breaks the glass: AWS has no such switch itself.
const BREAK_GLASS: &str = "postern/break-glass";

pub(super) fn subject(event: &AuditEvent) -> Subject {
    let mut subject = match event.service.as_str() {
        "lambda.amazonaws.com" => lambda::subject(event),
        "ecs.amazonaws.com" => ecs::subject(event),
        _ => Subject::default(),
    };
    subject.justification = tag(event.request.as_ref(), BREAK_GLASS).map(str::to_owned);
    subject
}

/// The value of a tag that a call sets: `tags` is an object, or a list of `key` and `value`.
fn tag<'a>(request: Option<&'a Value>, name: &str) -> Option<&'a str> {
    let tags = |list: &'a str| request.and_then(|r| r.get(list));
    let member = ["tags", "Tags", "tagSet"]
        .into_iter()
        .find_map(|list| tags(list)?.get(name)?.as_str());
    member.or_else(|| {
        let listed = list_at(request, &["tags"]).chain(list_at(request, &["Tags"]));
        let text = |tag: &'a Value, names: [&str; 2]| {
            names.into_iter().find_map(|name| tag.get(name)?.as_str())
        };
        listed
            .filter(|tag| text(tag, ["key", "Key"]) == Some(name))
            .find_map(|tag| text(tag, ["value", "Value"]))
    })
}

/// A name of the form `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`.
pub(super) struct Arn<'a> {
    /// The service, such as `lambda`.
    pub(super) service: &'a str,
    /// The region.
    pub(super) region: &'a str,
    /// The rest, which has colons and slashes of its own.
    pub(super) resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Reads one; `None` for any other name.
    pub(super) fn parse(name: &'a str) -> Option<Self> {
        let mut parts = name.splitn(6, ':');
        let ("arn", _, service, region, _, resource) = (
            parts.next()?,
            parts.next()?,
            parts.next()?,
            parts.next()?,
            parts.next()?,
            parts.next()?,
        ) else {
            return None;
        };
        Some(Self {
            service,
            region,
            resource,
        })
    }
}

/// The region of the record.
pub(super) fn region(event: &AuditEvent) -> &str {
    event
        .resource_labels
        .get("region")
        .map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[rstest::rstest]
    #[case(json!({"tags": {"postern/break-glass": "INC-7"}}), Some("INC-7"))]
    #[case(json!({"tags": [{"key": "a", "value": "b"}, {"key": "postern/break-glass", "value": "INC-7"}]}), Some("INC-7"))]
    #[case(json!({"Tags": [{"Key": "postern/break-glass", "Value": "INC-7"}]}), Some("INC-7"))]
    #[case(json!({"tags": [{"key": "postern/break-glass"}]}), None)]
    #[case(json!({"tags": {"other": "INC-7"}}), None)]
    #[case(json!({"tagKeys": ["postern/break-glass"]}), None)]
    #[case(json!("tags"), None)]
    fn a_tag_says_why(#[case] request: Value, #[case] expected: Option<&str>) {
        assert_eq!(tag(Some(&request), BREAK_GLASS), expected);
    }

    #[test]
    fn arns_keep_what_is_in_their_resource() {
        let arn = Arn::parse("arn:aws:lambda:eu-west-1:111122223333:function:a:live").unwrap();
        assert_eq!(
            (arn.service, arn.region, arn.resource),
            ("lambda", "eu-west-1", "function:a:live")
        );
        assert!(Arn::parse("arn:aws:lambda:eu-west-1:111122223333").is_none());
        assert!(Arn::parse("checkout").is_none());
    }
}
