//! Where cases are read and walked.
//!
//! Whoever takes a step says which revision they saw (`If-Match`), so that nobody decides about what
//! they have not read.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use postern_core::case::{Case, CaseAction, CaseState};
use postern_core::finding::{Category, Severity};
use postern_core::ports::CaseFilter;
use postern_host::auth::Identity;
use postern_host::config::Right;
use postern_host::problem::{Problem, quoted};
use postern_host::server::verb;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::outage;
use crate::auditor::{Auditor, NotTaken};
use crate::case::{Actor, Kind, Refusal, Step};

/// Cases that are listed where nothing is said.
const DEFAULT_LIMIT: u32 = 100;
/// Cases that are listed at most.
const LIMIT: u32 = 1000;

/// Where cases are read (right `view`) and walked (rights `respond` and `approve`).
pub fn cases_router(auditor: Arc<Auditor>) -> Router {
    Router::new()
        .route("/v1/cases", get(list))
        .route("/v1/cases/stats", get(stats))
        .route("/v1/cases/{id}", get(show).post(walk))
        .route("/v1/drills", post(declare_drill))
        .with_state(auditor)
}

/// What is asked for, by name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    state: Option<CaseState>,
    category: Option<Category>,
    severity: Option<Severity>,
    owner: Option<String>,
    target: Option<String>,
    limit: Option<u32>,
    before: Option<String>,
}

#[derive(Serialize)]
struct Cases {
    cases: Vec<Case>,
    /// The `before` of the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

async fn list(
    State(auditor): State<Arc<Auditor>>,
    identity: Identity,
    Query(listing): Query<Listing>,
) -> Result<Json<Cases>, Problem> {
    identity.require(Right::View)?;
    let limit = listing.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, LIMIT);
    if let Some(before) = &listing.before
        && auditor.case(before).await.map_err(outage)?.is_none()
    {
        let detail = format!("`before` names no case: {:?}", quoted(before));
        return Err(Problem::new(StatusCode::BAD_REQUEST, "BAD_QUERY", detail)
            .remedy("write the `next` of the page before it"));
    }
    let filter = CaseFilter {
        state: listing.state,
        category: listing.category,
        severity: listing.severity,
        owner: listing.owner,
        target: listing.target,
        since: None,
        before: listing.before,
        limit,
    };
    let cases = auditor.cases(&filter).await.map_err(outage)?;
    let full = cases.len() == limit as usize;
    let next = cases.last().filter(|_| full).map(|case| case.id.clone());
    Ok(Json(Cases { cases, next }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Since {
    since: Option<Timestamp>,
}

async fn stats(
    State(auditor): State<Arc<Auditor>>,
    identity: Identity,
    Query(Since { since }): Query<Since>,
) -> Result<Response, Problem> {
    identity.require(Right::View)?;
    let stats = auditor.stats(since).await.map_err(outage)?;
    Ok(Json(stats).into_response())
}

async fn show(
    State(auditor): State<Arc<Auditor>>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    identity.require(Right::View)?;
    let case = auditor.case(&id).await.map_err(outage)?;
    case.map(shown).ok_or_else(|| no_such_case(&id))
}

/// What may be said with a step.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Said {
    comment: Option<String>,
    ticket: Option<String>,
    exception_until: Option<Timestamp>,
}

async fn walk(
    State(auditor): State<Arc<Auditor>>,
    identity: Identity,
    Path(segment): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let action = |verb: &str| match verb {
        "acknowledge" => Some(CaseAction::Acknowledged),
        "justify" => Some(CaseAction::Justified),
        "close" => Some(CaseAction::Closed),
        "reopen" => Some(CaseAction::Reopened),
        _ => None,
    };
    let known = verb(&segment).and_then(|(id, verb)| Some((id, action(verb)?)));
    let Some((id, action)) = known else {
        let detail = format!(
            "there is nothing like {:?} to do with a case",
            quoted(&segment)
        );
        return Err(Problem::new(StatusCode::NOT_FOUND, "NO_SUCH_STEP", detail)
            .remedy("post to /v1/cases/ID:acknowledge, :justify, :close or :reopen"));
    };
    if !identity.may(Right::Approve) {
        identity.require(Right::Respond)?;
    }
    let revision = revision(&headers)?;
    let said: Said = match body.is_empty() {
        true => Said::default(),
        false => read(&body)?,
    };
    let step = Step {
        action,
        comment: said.comment,
        ticket: said.ticket,
        exception_until: said.exception_until,
    };
    let actor = Actor::from(&identity);
    let taken = auditor.walk(id, revision, &step, &actor).await;
    taken.map(shown).map_err(|reason| not_taken(reason, id))
}

async fn declare_drill(
    State(auditor): State<Arc<Auditor>>,
    identity: Identity,
    body: Bytes,
) -> Result<Response, Problem> {
    let request = read(&body)?;
    let declared = auditor
        .declare_drill(&request, &Actor::from(&identity))
        .await;
    let drill = declared.map_err(|reason| not_taken(reason, ""))?;
    Ok((StatusCode::CREATED, Json(drill)).into_response())
}

fn shown(case: Case) -> Response {
    let etag = HeaderValue::from_str(&format!("\"{}\"", case.revision));
    let mut response = Json(case).into_response();
    if let Ok(etag) = etag {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// The revision that the caller saw. A weak tag never matches (RFC 9110, section 13.1.1).
fn revision(headers: &HeaderMap) -> Result<u64, Problem> {
    let mut values = headers.get_all(header::IF_MATCH).iter();
    let remedy = "send `If-Match: \"REVISION\"`, with the revision of the case that you looked at";
    let Some(value) = values.next() else {
        let detail = "the request does not say which revision of the case it is about";
        let problem = Problem::new(
            StatusCode::PRECONDITION_REQUIRED,
            "IF_MATCH_MISSING",
            detail,
        );
        return Err(problem.remedy(remedy));
    };
    let text = value.to_str().unwrap_or_default().trim();
    let quoted = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let number = quoted.unwrap_or(text).parse();
    match (number, values.next()) {
        (Ok(revision), None) => Ok(revision),
        _ => {
            let detail = "`If-Match` is no revision of a case";
            let problem = Problem::new(
                StatusCode::PRECONDITION_FAILED,
                "IF_MATCH_MALFORMED",
                detail,
            );
            Err(problem.remedy(remedy))
        }
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "BODY_MALFORMED",
            quoted(&error.to_string()),
        )
    })
}

fn not_taken(reason: NotTaken, id: &str) -> Problem {
    match reason {
        NotTaken::Refused(refusal) => refused(&refusal),
        NotTaken::NoSuchCase => no_such_case(id),
        NotTaken::MovedOn(_) => {
            let detail = reason.to_string();
            Problem::new(StatusCode::PRECONDITION_FAILED, "REVISION_OUTDATED", detail)
                .remedy("look at the case again, and decide again")
        }
        NotTaken::Unavailable(error) => outage(error),
    }
}

fn refused(refusal: &Refusal) -> Problem {
    let status = match refusal.kind() {
        Kind::Who => StatusCode::FORBIDDEN,
        Kind::State => StatusCode::CONFLICT,
        Kind::Words => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Problem::new(status, refusal.code(), refusal.to_string()).remedy(refusal.remedy())
}

fn no_such_case(id: &str) -> Problem {
    let detail = format!("there is no case {:?}", quoted(id));
    Problem::new(StatusCode::NOT_FOUND, "CASE_NOT_FOUND", detail)
}

#[cfg(test)]
mod tests;
