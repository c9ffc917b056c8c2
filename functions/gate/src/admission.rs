//! `POST /v1/admission`: a Kubernetes validating webhook (`admission.k8s.io/v1`).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::routing::post;
use axum::{Json, Router};
use http::StatusCode;
use postern_core::decision::Decision;
use postern_core::reason::{Reason, ReasonCode, Verdict};
use postern_core::request::DeployRequest;
use postern_host::auth::Identity;
use postern_host::config::Right;
use postern_host::deadline::Deadline;
use postern_host::problem::Problem;
use postern_host::unique::UniqueJson;
use serde::{Deserialize, Serialize};

use crate::cluster::Cluster;
use crate::decisions::{now, problem};
use crate::gate::{Asked, Gate, NotRecorded};
use crate::request::{ManifestContext, RequestError, kubernetes_workload};

/// A review holds the old object beside the new one; etcd takes 1.5 MiB of either.
const MAX_BODY: usize = 4 << 20;

pub(crate) fn routes() -> Router<Arc<Gate>> {
    Router::new()
        .route("/v1/admission", post(review))
        .layer(DefaultBodyLimit::max(MAX_BODY))
}

#[derive(Deserialize)]
struct Review {
    #[serde(rename = "apiVersion")]
    api_version: String,
    request: Request,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    uid: String,
    #[serde(default)]
    operation: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    object: UniqueJson,
    #[serde(default)]
    user_info: UserInfo,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Default, Deserialize)]
struct UserInfo {
    #[serde(default)]
    username: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    api_version: &'static str,
    kind: &'static str,
    response: Response,
}

impl Answer {
    const fn new(response: Response) -> Self {
        Self {
            api_version: "admission.k8s.io/v1",
            kind: "AdmissionReview",
            response,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    uid: String,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    audit_annotations: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct Status {
    code: u16,
    reason: &'static str,
    message: String,
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
    if review.api_version != "admission.k8s.io/v1" {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "REQUEST_INVALID",
            "only AdmissionReview of admission.k8s.io/v1 is understood",
        )
        .remedy("set admissionReviewVersions: [v1] in the webhook configuration"));
    }
    let review = review.request;
    let Some(mut request) = deploy_request(&review, &cluster).map_err(problem)? else {
        return Ok(answer(review.uid, None));
    };
    request.requester = Some(review.user_info.username).filter(|name| !name.is_empty());
    let asked = Asked::now(now(), deadline.0);
    let asked = if review.dry_run {
        asked.on_trial()
    } else {
        asked
    };
    Ok(match gate.decide(&request, &identity, asked).await {
        Ok(decision) => answer(review.uid, Some(&decision)),
        Err(error) => refusal(review.uid, &error),
    })
}

/// A failing webhook may be ignored (`failurePolicy: Ignore`); a refusal is not.
fn refusal(uid: String, error: &NotRecorded) -> Json<Answer> {
    let status = Status {
        code: 503,
        reason: "ServiceUnavailable",
        message: short(&unrecorded(error)),
    };
    Json(Answer::new(Response {
        uid,
        allowed: false,
        status: Some(status),
        warnings: Vec::new(),
        audit_annotations: BTreeMap::new(),
    }))
}

/// What is said where no decision could be recorded.
pub(crate) fn unrecorded(error: &NotRecorded) -> String {
    format!("Postern: {} ({error})", ReasonCode::JournalUnavailable)
}

/// `None` if nothing would run: a deletion, or an object that carries no Pod.
fn deploy_request(
    review: &Request,
    cluster: &Cluster,
) -> Result<Option<DeployRequest>, RequestError> {
    if matches!(review.operation.as_str(), "DELETE" | "CONNECT") {
        return Ok(None);
    }
    let namespace = if review.namespace.is_empty() {
        "default"
    } else {
        &review.namespace
    };
    let target = cluster.namespace(namespace)?;
    kubernetes_workload(
        &review.object.0,
        &ManifestContext {
            target: Some(target),
        },
        true,
    )
}

fn answer(uid: String, decision: Option<&Decision>) -> Json<Answer> {
    let denied = decision.filter(|decision| !decision.allowed);
    let status = denied.map(|decision| match decision.verdict {
        Verdict::Undetermined => Status {
            code: 503,
            reason: "ServiceUnavailable",
            message: explanation(decision),
        },
        _ => Status {
            code: 403,
            reason: "Forbidden",
            message: explanation(decision),
        },
    });
    let mut warnings = decision
        .map(|decision| decision.warnings.clone())
        .unwrap_or_default();
    if let Some(decision) = decision.filter(|d| d.allowed && d.verdict != Verdict::Conformant) {
        warnings.push(explanation(decision));
    }
    let audit_annotations = decision
        .map(|decision| [("decision", decision.id.clone())].into())
        .unwrap_or_default();
    Json(Answer::new(Response {
        uid,
        allowed: denied.is_none(),
        status,
        warnings: warnings
            .into_iter()
            .map(|warning| short(&warning))
            .collect(),
        audit_annotations,
    }))
}

/// What `kubectl` shows: every image that failed, with its reasons.
pub(crate) fn explanation(decision: &Decision) -> String {
    let of_image = |reason: &Reason, image: &str| match &reason.remedy {
        Some(remedy) => format!("{image}: {} ({}; {remedy})", reason.code, reason.message),
        None => format!("{image}: {} ({})", reason.code, reason.message),
    };
    let failing = decision
        .images
        .iter()
        .filter(|image| image.verdict != Verdict::Conformant);
    let lines: Vec<String> = failing
        .flat_map(|image| {
            image
                .reasons
                .iter()
                .map(|reason| of_image(reason, &image.image))
        })
        .chain(
            decision
                .reasons
                .iter()
                .map(|reason| of_image(reason, "request")),
        )
        .chain(decision.warnings.iter().cloned())
        .collect();
    short(&format!("Postern: {}", lines.join("; ")))
}

/// The API server drops warnings beyond 4,096 bytes in sum; a message has no need of more either.
fn short(text: &str) -> String {
    text.char_indices()
        .nth(2000)
        .map_or_else(|| text.to_owned(), |(end, _)| format!("{}…", &text[..end]))
}
