//! What newly runs by a write. Only that is judged: whoever goes back to a good revision must be able to,
//! whatever the template holds.

use std::collections::BTreeSet;

use postern_core::target::CloudRunKind;

use crate::resource::Resource;

/// What newly runs, or gets traffic that it had not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Change {
    /// Whether a revision or execution will be made of the template as it then is.
    pub(crate) template: bool,
    /// Revisions that are there, and are to get traffic, instances or a tag.
    pub(crate) revisions: BTreeSet<String>,
}

impl Change {
    /// Between a resource as it is, if it is there, and as it will be.
    pub(crate) fn between(
        kind: CloudRunKind,
        current: Option<Resource<'_>>,
        after: Resource<'_>,
    ) -> Self {
        let template = current.is_none_or(|current| {
            current.template() != after.template() || current.code() != after.code()
        });
        let mut change = Self {
            template,
            ..Self::default()
        };
        if kind == CloudRunKind::Job {
            return change;
        }
        let shares = after.shares();
        if current.is_some_and(|current| current.shares() == shares) {
            return change;
        }
        for share in shares {
            match share.revision {
                // Made of the template, which is judged.
                None if template => {}
                None => change.revisions.extend(after.latest()),
                Some(name) if template && after.next_revision().as_ref() == Some(&name) => {}
                Some(name) => {
                    change.revisions.insert(name);
                }
            }
        }
        change
    }

    /// Whether nothing new runs.
    pub(crate) fn is_nothing(&self) -> bool {
        !self.template && self.revisions.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asked::Dialect;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn service(image: &str, traffic: &Value) -> Value {
        json!({"template": {"containers": [{"image": image}]}, "traffic": traffic,
            "latestReadyRevision": "web-2", "latestCreatedRevision": "web-3"})
    }

    #[rstest]
    #[case::nothing("a", json!([{"revision": "web-1", "percent": 100}]), false, &[])]
    #[case::template("b", json!([{"revision": "web-1", "percent": 100}]), true, &[])]
    #[case::back("a", json!([{"revision": "web-0", "percent": 100}]), false, &["web-0"])]
    #[case::to_the_latest("a", json!([{"percent": 100}]), false, &["web-2", "web-3"])]
    #[case::by_default("a", json!([]), false, &["web-2", "web-3"])]
    #[case::template_and_latest("b", json!([{"percent": 100}]), true, &[])]
    #[case::tagged("a", json!([{"revision": "web-1", "percent": 100}, {"revision": "web-9", "tag": "t"}]),
        false, &["web-1", "web-9"])]
    #[case::without_a_share("a",
        json!([{"revision": "web-1", "percent": 100}, {"revision": "web-9", "percent": 0}]), false, &[])]
    fn what_newly_runs(
        #[case] image: &str,
        #[case] traffic: Value,
        #[case] template: bool,
        #[case] revisions: &[&str],
    ) {
        let current = service("a", &json!([{"revision": "web-1", "percent": 100}]));
        let after = service(image, &traffic);
        let of = |value| Resource {
            dialect: Dialect::V2,
            value,
        };
        let change = Change::between(CloudRunKind::Service, Some(of(&current)), of(&after));
        assert_eq!(change.template, template);
        assert!(
            change.revisions.iter().eq(revisions),
            "{:?}",
            change.revisions
        );
    }

    #[test]
    fn what_is_created_is_its_template_and_the_revisions_it_names() {
        let after = json!({"template": {"revision": "web-new"}, "traffic":
            [{"revision": "web-new", "percent": 50}, {"revision": "web-old", "percent": 50}]});
        let after = Resource {
            dialect: Dialect::V2,
            value: &after,
        };
        let change = Change::between(CloudRunKind::Service, None, after);
        assert!(change.template && change.revisions.iter().eq(["web-old"]));
    }

    #[test]
    fn code_past_the_template_is_as_good_as_a_template() {
        let current = json!({"template": {}, "buildConfig": {"baseImage": "a"}});
        let after = json!({"template": {}, "buildConfig": {"baseImage": "b"}});
        let of = |value| Resource {
            dialect: Dialect::V2,
            value,
        };
        assert!(Change::between(CloudRunKind::Service, Some(of(&current)), of(&after)).template);
    }
}
