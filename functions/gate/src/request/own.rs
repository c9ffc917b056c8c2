//! Postern's own request: `POST /v1/decisions`.

use postern_core::decision::BreakGlassSource;
use postern_core::request::{BreakGlassRequest, DeployRequest, RequestedImage};
use postern_core::target::Target;
use postern_host::unique::UniqueJson;
use serde::Deserialize;

use super::manifest::{ManifestContext, manifest_request};
use super::{MAX_IMAGES, RequestError};

/// A parsed request and the time that its sender gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRequest {
    /// What is asked.
    pub request: DeployRequest,
    /// How long the sender waits for the answer, in milliseconds.
    pub timeout_ms: Option<u64>,
}

/// Reads a request body.
///
/// # Errors
/// If it is not of the documented shape; unknown fields are errors.
pub fn parse_own(body: &[u8]) -> Result<OwnRequest, RequestError> {
    let body: Body =
        serde_json::from_slice(body).map_err(|error| RequestError::Malformed(error.to_string()))?;
    let mut request = match (body.images, body.manifest) {
        (Some(images), None) => of_images(images, body.target.unwrap_or_default())?,
        (None, Some(manifest)) => manifest_request(
            &manifest.0,
            &ManifestContext {
                target: body.target,
            },
        )?,
        _ => return Err(RequestError::OneOfImagesAndManifest),
    };
    if let Some(break_glass) = body.break_glass {
        request.break_glass = Some(BreakGlassRequest {
            justification: Some(break_glass.text()),
            source: BreakGlassSource::Request,
        });
    }
    request.requester = body.requester;
    Ok(OwnRequest {
        request,
        timeout_ms: body.timeout_ms,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    images: Option<Vec<String>>,
    manifest: Option<UniqueJson>,
    target: Option<Target>,
    break_glass: Option<BreakGlass>,
    requester: Option<String>,
    timeout_ms: Option<u64>,
}

/// The object, or the bare text.
#[derive(Deserialize)]
#[serde(untagged)]
enum BreakGlass {
    Text(String),
    Object(BreakGlassObject),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BreakGlassObject {
    justification: String,
}

impl BreakGlass {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Object(object) => object.justification,
        }
    }
}

fn of_images(images: Vec<String>, target: Target) -> Result<DeployRequest, RequestError> {
    if images.is_empty() {
        return Err(RequestError::NoImages("request".to_owned()));
    }
    if images.len() > MAX_IMAGES {
        return Err(RequestError::TooManyImages(images.len()));
    }
    let images = images
        .into_iter()
        .map(|image| RequestedImage {
            image,
            container: String::new(),
            target: target.clone(),
        })
        .collect();
    Ok(DeployRequest {
        images,
        target,
        ..DeployRequest::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn the_documented_request() {
        let body = br#"{"images": ["gcr.io/p/app:v1"], "target": "cloud-run:p/us-central1/web",
            "breakGlass": {"justification": "INC-1 hotfix"}, "requester": "me", "timeoutMs": 8000}"#;
        let parsed = parse_own(body).unwrap();
        assert_eq!(parsed.timeout_ms, Some(8000));
        assert_eq!(parsed.request.images[0].image, "gcr.io/p/app:v1");
        assert_eq!(parsed.request.requester.as_deref(), Some("me"));
        let break_glass = parsed.request.break_glass.unwrap();
        assert_eq!(break_glass.justification.as_deref(), Some("INC-1 hotfix"));
        assert_eq!(break_glass.source, BreakGlassSource::Request);
    }

    #[test]
    fn break_glass_may_be_the_bare_text() {
        let body = br#"{"images": ["gcr.io/p/app:v1"], "breakGlass": "INC-2"}"#;
        let break_glass = parse_own(body).unwrap().request.break_glass.unwrap();
        assert_eq!(break_glass.justification.as_deref(), Some("INC-2"));
    }

    #[rstest]
    #[case::neither(r"{}")]
    #[case::both(r#"{"images": ["a"], "manifest": {}}"#)]
    #[case::no_images(r#"{"images": []}"#)]
    #[case::unknown_field(r#"{"images": ["a"], "image": "b"}"#)]
    #[case::repeated_key(r#"{"manifest": {"kind": "Pod", "spec": {}, "spec": {}}}"#)]
    #[case::bad_target(r#"{"images": ["a"], "target": "web"}"#)]
    #[case::not_json("images: [a]")]
    fn refused(#[case] body: &str) {
        assert!(parse_own(body.as_bytes()).is_err());
    }
}
