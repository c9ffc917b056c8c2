//! `POST /v1/imagereview`: Kubernetes' ImagePolicyWebhook (`imagepolicy.k8s.io/v1alpha1`).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::routing::post;
use axum::{Json, Router};
use postern_core::decision::BreakGlassSource;
use postern_core::request::{BreakGlassRequest, DeployRequest, RequestedImage};
use postern_host::auth::Identity;
use postern_host::config::Right;
use postern_host::deadline::Deadline;
use postern_host::problem::Problem;
use serde::{Deserialize, Serialize};

use crate::admission::{explanation, unrecorded};
use crate::cluster::Cluster;
use crate::decisions::{now, problem};
use crate::gate::{Asked, Gate};
use crate::request::{MAX_IMAGES, RequestError};

pub(crate) fn routes() -> Router<Arc<Gate>> {
    Router::new().route("/v1/imagereview", post(review))
}

#[derive(Deserialize)]
struct Review {
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    containers: Vec<Container>,
    /// Only annotations matching `*.image-policy.k8s.io/*` are sent.
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    namespace: String,
}

#[derive(Deserialize)]
struct Container {
    image: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    api_version: &'static str,
    kind: &'static str,
    status: Status,
}

#[derive(Serialize)]
struct Status {
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

async fn review(
    State(gate): State<Arc<Gate>>,
    identity: Identity,
    deadline: Deadline,
    Query(cluster): Query<Cluster>,
    body: Bytes,
) -> Result<Json<Answer>, Problem> {
    identity.require(Right::Decide)?;
    let review: Review = serde_json::from_slice(&body)
        .map_err(|error| problem(RequestError::Malformed(error.to_string())))?;
    let request = deploy_request(review.spec, &cluster).map_err(problem)?;
    let asked = Asked::now(now(), deadline.0);
    let status = match gate.decide(&request, &identity, asked).await {
        Ok(decision) => Status {
            allowed: decision.allowed,
            reason: (!decision.allowed).then(|| explanation(&decision)),
        },
        // A failing webhook may be ignored (`defaultAllow: true`); a refusal is not.
        Err(error) => Status {
            allowed: false,
            reason: Some(unrecorded(&error)),
        },
    };
    Ok(Json(Answer {
        api_version: "imagepolicy.k8s.io/v1alpha1",
        kind: "ImageReview",
        status,
    }))
}

fn deploy_request(spec: Spec, cluster: &Cluster) -> Result<DeployRequest, RequestError> {
    let target = cluster.namespace(&spec.namespace)?;
    if spec.containers.is_empty() {
        return Err(RequestError::NoImages("ImageReview".to_owned()));
    }
    if spec.containers.len() > MAX_IMAGES {
        return Err(RequestError::TooManyImages(spec.containers.len()));
    }
    let images = spec
        .containers
        .into_iter()
        .map(|container| RequestedImage {
            image: container.image,
            container: String::new(),
            target: target.clone(),
        })
        .collect();
    // Labels are not sent in a review, so the legacy annotation is the only marker there is.
    let marked = spec
        .annotations
        .get("alpha.image-policy.k8s.io/break-glass");
    let break_glass = marked
        .filter(|value| *value == "true")
        .map(|_| BreakGlassRequest {
            justification: None,
            source: BreakGlassSource::Annotation,
        });
    Ok(DeployRequest {
        images,
        target,
        break_glass,
        ..DeployRequest::default()
    })
}
