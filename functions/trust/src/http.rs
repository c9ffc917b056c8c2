//! Which path is which call, and what it asks of its caller.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{
    DefaultBodyLimit, FromRequest as _, FromRequestParts as _, Path, Request, State,
};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::middleware::map_response;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use postern_core::ports::OccurrencesOf;
use postern_host::auth::Identity;
use serde_json::Value;

use crate::asked::{Action, asked};
use crate::call::Call;
use crate::error::{ApiError, Code};
use crate::platforms::platforms;
use crate::trust::Trust;

/// The longest request, in bytes: a thousand occurrences.
const BODY_LIMIT: usize = 16 * 1024 * 1024;
/// The longest answer of the layers in front, in bytes.
const PROBLEM_LIMIT: usize = 64 * 1024;

/// The paths of Google's APIs that are served here. Identities must have been put into the requests
/// ([`postern_host::auth::authenticated`]).
pub fn router(trust: Arc<Trust>) -> Router {
    let mut router = Router::new();
    for version in ["v1", "v1beta1", "v1alpha2"] {
        let serve = async move |State(trust): State<Arc<Trust>>,
                                Path(rest): Path<String>,
                                request: Request| {
            respond(&trust, version, &rest, request).await
        };
        router = router.route(&format!("/{version}/projects/{{*rest}}"), any(serve));
    }
    router
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(trust)
}

/// Has everything that these routes answer look as Google's APIs answer, what stands in front of them
/// included: who is refused there is told by a problem (RFC 9457).
pub fn as_google(router: Router) -> Router {
    router.route_layer(map_response(translated))
}

async fn translated(response: Response) -> Response {
    let kind = response.headers().get(CONTENT_TYPE);
    if kind.is_none_or(|kind| kind != "application/problem+json") {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let problem = axum::body::to_bytes(body, PROBLEM_LIMIT)
        .await
        .unwrap_or_default();
    let problem: Value = serde_json::from_slice(&problem).unwrap_or_default();
    let detail = problem.get("detail").and_then(Value::as_str);
    let message = detail.unwrap_or("the request was refused");
    let error = ApiError::new(Code::of(parts.status), message).into_response();
    let (said, body) = error.into_parts();
    parts.status = said.status;
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.extend(said.headers);
    Response::from_parts(parts, body)
}

async fn respond(trust: &Trust, version: &'static str, path: &str, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let identity = match Identity::from_request_parts(&mut parts, &()).await {
        Ok(identity) => identity,
        Err(problem) => return problem.into_response(),
    };
    let body = match Bytes::from_request(Request::from_parts(parts.clone(), body), &()).await {
        Ok(body) => body,
        Err(rejection) => {
            return ApiError::invalid(rejection.body_text()).into_response();
        }
    };
    let call = Call::of(version, path, &parts, body, identity.caller);
    let answered = match call {
        Ok(call) => answer(trust, &call).await,
        Err(error) => Err(error),
    };
    match answered {
        Ok(answer) => (StatusCode::OK, Json(answer)).into_response(),
        Err(error) => error.into_response(),
    }
}

/// What a call asks for, if its caller may.
async fn answer(trust: &Trust, call: &Call) -> Result<Value, ApiError> {
    let asked = asked(call)?;
    if let Some(permission) = &asked.permission {
        trust
            .require(&call.who(), permission, &asked.resource)
            .await?;
    }
    match asked.action {
        Action::Project(project) => Ok(trust.project(&project)),
        Action::Billing(project) => Ok(trust.billing(&project)),
        Action::Services(project) => Ok(trust.services(&project)),
        Action::EnableServices(project) => trust.enable_services(call, &project),
        Action::EnableService { project, service } => trust.enable_service(&project, &service),
        Action::Service { project, service } => trust.service(&project, &service),
        Action::Policy(project) => trust.policy(&project).await,
        Action::UpdatePolicy(project) => trust.update_policy(call, &project).await,
        Action::Attestors(project) => trust.attestors(call, &project).await,
        Action::CreateAttestor(project) => trust.create_attestor(call, &project).await,
        Action::Attestor(name) => trust.attestor(call, &name).await,
        Action::UpdateAttestor(name) => trust.update_attestor(call, &name).await,
        Action::DeleteAttestor(name) => trust.delete_attestor(call, &name).await,
        Action::Validate(name) => trust.validate(call, &name).await,
        Action::Notes(project) => trust.notes(call, &project).await,
        Action::CreateNote(project) => trust.create_note(call, &project).await,
        Action::CreateNotes(project) => trust.create_notes(call, &project).await,
        Action::Note(name) => trust.note(&name).await,
        Action::UpdateNote(name) => trust.update_note(call, &name).await,
        Action::DeleteNote(name) => trust.delete_note(call, &name).await,
        Action::OccurrencesOnNote(name) => {
            trust.stored_note(&name).await?;
            trust.occurrences(call, &OccurrencesOf::Note(name)).await
        }
        Action::Occurrences(project) => {
            trust
                .occurrences(call, &OccurrencesOf::Project(project))
                .await
        }
        Action::CreateOccurrence(project) => trust.create_occurrence(call, &project).await,
        Action::CreateOccurrences(project) => trust.create_occurrences(call, &project).await,
        Action::VulnerabilitySummary(project) => trust.vulnerability_summary(call, &project).await,
        Action::Occurrence(name) => trust.occurrence(&name).await,
        Action::NoteOfOccurrence(name) => trust.note_of_occurrence(&name).await,
        Action::UpdateOccurrence(name) => trust.update_occurrence(call, &name).await,
        Action::DeleteOccurrence(name) => trust.delete_occurrence(call, &name).await,
        Action::Kms(action) => trust.kms(call, action).await,
        Action::Platforms(project) => Ok(platforms(&project)),
        Action::PlatformPolicies(platform) => trust.platform_policies(call, &platform).await,
        Action::CreatePlatformPolicy(platform) => {
            trust.create_platform_policy(call, &platform).await
        }
        Action::PlatformPolicy(name) => trust.platform_policy(&name).await,
        Action::ReplacePlatformPolicy(name) => trust.replace_platform_policy(call, &name).await,
        Action::DeletePlatformPolicy(name) => trust.delete_platform_policy(call, &name).await,
        Action::EvaluateGkePolicy(name) => trust.evaluate_gke_policy(call, &name).await,
        Action::IamPolicy => trust.iam_policy(&asked.resource).await,
        Action::SetIamPolicy => {
            let permission = asked.permission.unwrap_or_default();
            trust
                .set_iam_policy(call, &asked.resource, &permission)
                .await
        }
        Action::TestIamPermissions => trust.test_iam_permissions(call, &asked.resource).await,
    }
}

#[cfg(test)]
mod tests;
