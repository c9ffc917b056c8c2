//! Where the ledger is read and proven; callers need the right `view`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use postern_core::ledger::SignedNote;
use postern_core::ports::LedgerStore;
use postern_host::auth::Identity;
use postern_host::config::Right;
use postern_host::problem::{Problem, quoted};
use serde::Deserialize;

use super::outage;
use crate::ledger::{NotExported, NotSigned, Selection, export, export_page, last_signed};

/// Entries that are given where nothing is said, and at most.
const DEFAULT_LIMIT: u32 = 100;
const LIMIT: u32 = 1000;

/// JSON, one object per line.
const NDJSON: &str = "application/x-ndjson";

/// `GET /v1/ledger/checkpoint`, `/entries` and `/proofs`.
pub fn ledger_router(store: Arc<dyn LedgerStore>) -> Router {
    Router::new()
        .route("/v1/ledger/checkpoint", get(checkpoint))
        .route("/v1/ledger/entries", get(entries))
        .route("/v1/ledger/proofs", get(proofs))
        .with_state(store)
}

type Store = State<Arc<dyn LedgerStore>>;

/// The checkpoint that was signed last: a note.
async fn checkpoint(State(store): Store, identity: Identity) -> Result<Response, Problem> {
    identity.require(Right::View)?;
    let note = last(&*store).await?;
    let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((plain, note.to_string()).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    #[serde(default)]
    from: u64,
    limit: Option<u32>,
}

/// Entries in their canonical form from a place on, as lines of an export; unsigned ones as well.
async fn entries(
    State(store): Store,
    identity: Identity,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    identity.require(Right::View)?;
    let limit = page.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, LIMIT);
    let mut lines = Vec::new();
    let written = export_page(&*store, page.from, limit, &mut lines).await;
    written.map_err(not_exported)?;
    Ok(([(header::CONTENT_TYPE, NDJSON)], lines).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    entry: Option<String>,
    from: Option<u64>,
}

/// `?entry=ID`: an export of that entry. `?from=SIZE`: one of no entry, which proves that the
/// checkpoint begins with an earlier one.
async fn proofs(
    State(store): Store,
    identity: Identity,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    identity.require(Right::View)?;
    let (selection, from) = match asked {
        Asked {
            entry: Some(id),
            from: None,
        } => (Selection::entry(id), None),
        Asked {
            entry: None,
            from: Some(from),
        } => (Selection::nothing(), Some(from)),
        _ => return Err(bad_query("say either `entry` or `from`".to_owned())),
    };
    let note = last(&*store).await?;
    let mut lines = Vec::new();
    let written = export(&*store, &note, &selection, from.as_slice(), &mut lines).await;
    written.map_err(not_exported)?;
    Ok(([(header::CONTENT_TYPE, NDJSON)], lines).into_response())
}

async fn last(store: &dyn LedgerStore) -> Result<SignedNote, Problem> {
    let signed = last_signed(store).await;
    signed.map_err(|error| match error {
        NotSigned::Unavailable(error) => outage(error),
        NotSigned::Yet => Problem::new(StatusCode::NOT_FOUND, "NOT_SIGNED", error.to_string())
            .remedy(NotSigned::REMEDY),
        NotSigned::Damaged(_) => damaged(error),
    })
}

/// What is recorded may not be signed yet.
fn not_signed(id: &str) -> Problem {
    let detail = format!("the last checkpoint has no entry {:?}", quoted(id));
    Problem::new(StatusCode::CONFLICT, "NOT_SIGNED", detail).retry_after(60)
}

fn bad_query(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "BAD_QUERY", detail)
        .remedy("write ?entry=ID, or ?from=SIZE of a checkpoint that was kept")
}

fn damaged(error: impl std::fmt::Display) -> Problem {
    tracing::error!(%error, "the ledger does not add up");
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    Problem::new(status, "LEDGER_BROKEN", error.to_string())
        .remedy("postern ledger verify --data DIR --key FILE")
}

fn not_exported(error: NotExported) -> Problem {
    match error {
        NotExported::Unavailable(error) => outage(error),
        NotExported::NoEntry(id) => not_signed(&id),
        NotExported::Pruned(_) => Problem::new(StatusCode::GONE, "PRUNED", error.to_string()),
        NotExported::Smaller { .. } => bad_query(error.to_string()),
        error => damaged(error),
    }
}
