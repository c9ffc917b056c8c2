//! What a revision that is there runs.

use postern_core::image::ImageReference;
use serde_json::{Value, json};

use crate::asked::Dialect;

/// A revision as a template that the gate reads: its containers, with the digests that Cloud Run says they
/// run where they are named by tag.
pub(crate) struct Revision {
    pub(crate) name: String,
    pub(crate) template: Value,
}

impl Revision {
    /// Reads a revision (v1: Knative's, with `status.containerStatuses`; v2: `containers`).
    ///
    /// # Errors
    /// With the image, where it is named by a tag of which nobody says what it stood for.
    pub(crate) fn of(name: &str, dialect: Dialect, revision: &Value) -> Result<Self, String> {
        let spec = match dialect {
            Dialect::V1 => revision.get("spec"),
            Dialect::V2 => Some(revision),
        };
        let mut containers = spec.and_then(|spec| spec.get("containers")).cloned();
        let list = containers.as_mut().and_then(Value::as_array_mut);
        for container in list.into_iter().flatten() {
            let image = container
                .get("image")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if is_by_digest(image) {
                continue;
            }
            let image = image.to_owned();
            match run_as(revision, container) {
                Some(digest) => container["image"] = json!(digest),
                None => return Err(image),
            }
        }
        let template = json!({
            "metadata": {"annotations": revision.pointer("/metadata/annotations")},
            "spec": {"containers": containers},
        });
        Ok(Self {
            name: name.to_owned(),
            template,
        })
    }
}

/// The digest that a container of a revision runs.
fn run_as(revision: &Value, container: &Value) -> Option<String> {
    let status = revision.get("status")?;
    let name = container.get("name").and_then(Value::as_str);
    let statuses = status.get("containerStatuses").and_then(Value::as_array);
    let of_this = statuses.into_iter().flatten().find(|status| {
        status
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            == name.unwrap_or_default()
    });
    let alone = revision.pointer("/spec/containers")?.as_array()?.len() == 1;
    let digest = match of_this {
        Some(status) => status.get("imageDigest"),
        None => status.get("imageDigest").filter(|_| alone),
    };
    let digest = digest?.as_str()?;
    is_by_digest(digest).then(|| digest.to_owned())
}

pub(crate) fn is_by_digest(image: &str) -> bool {
    ImageReference::parse(image).is_ok_and(|image| image.digest().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "us-docker.pkg.dev/demo-mart/apps/web@sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";

    fn image_of(revision: &Value) -> Result<Value, String> {
        let revision = Revision::of("web-1", Dialect::V1, revision)?;
        Ok(revision.template["spec"]["containers"][0]["image"].clone())
    }

    #[test]
    fn a_tag_is_what_the_platform_says_it_stood_for() {
        let tag = "us-docker.pkg.dev/demo-mart/apps/web:v1";
        let by_name = json!({"spec": {"containers": [{"name": "web", "image": tag}, {"image": DIGEST}]},
            "status": {"containerStatuses": [{"name": "web", "imageDigest": DIGEST}]}});
        assert_eq!(image_of(&by_name), Ok(json!(DIGEST)));
        let alone =
            json!({"spec": {"containers": [{"image": tag}]}, "status": {"imageDigest": DIGEST}});
        assert_eq!(image_of(&alone), Ok(json!(DIGEST)));
        let unknown = json!({"spec": {"containers": [{"image": tag}]}, "status": {}});
        assert_eq!(image_of(&unknown), Err(tag.to_owned()));
        let of_another = json!({"spec": {"containers": [{"name": "a", "image": tag}, {"image": DIGEST}]},
            "status": {"imageDigest": DIGEST}});
        assert_eq!(image_of(&of_another), Err(tag.to_owned()));
    }
}
