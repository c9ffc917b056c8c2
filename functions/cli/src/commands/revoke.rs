//! `postern revoke`, `unrevoke`, `revoked`: the list that beats everything.

use clap::ValueEnum;
use postern_core::change::Change;
use postern_core::entry::Unrevocation;
use postern_core::ports::RevocationList as _;
use postern_core::revocation::{Revocation, Revoked};
use postern_store::Store;
use serde_json::json;

use crate::data::{self, DataArgs, local_actor, now};
use crate::outcome::{Exit, Failure, Outcome};
use crate::output;

/// Revoke a digest, a key or an attestation: from now on nothing lets it through, no exemption, no
/// dry run, no break-glass.
///
/// Names every place that the journal knows to run a revoked digest. The change is recorded, and a
/// finding is made of it.
#[derive(clap::Args)]
pub(crate) struct RevokeArgs {
    /// sha256:…, a key id, or projects/P/occurrences/ID.
    #[arg(value_name = "DIGEST|KEY|ATTESTATION")]
    what: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    data: DataArgs,
}

/// Take something off the revocation list.
#[derive(clap::Args)]
pub(crate) struct UnrevokeArgs {
    /// As it is on the list (`postern revoked`).
    #[arg(value_name = "DIGEST|KEY|ATTESTATION")]
    what: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    data: DataArgs,
}

/// List what is revoked, by whom, when and why.
#[derive(clap::Args)]
pub(crate) struct RevokedArgs {
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    data: DataArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

pub(crate) async fn revoke(args: RevokeArgs) -> Outcome {
    let what = named(args.what)?;
    let revocation = Revocation {
        what: what.clone(),
        reason: said(args.reason)?,
        by: local_actor(),
        at: now(),
    };
    let store = data::store_for_list(&args.data.data).await?;
    let new = store
        .revoke(revocation, Change::default())
        .await
        .map_err(Failure::undetermined)?;
    let places = places(&store, &what).await?;
    match args.format {
        Format::Json => output::print_json(&json!({
            "revoked": what, "new": new, "runsAt": places.iter().map(|place| json!({
                "target": place.target, "decisionId": place.decision_id, "at": place.at,
            })).collect::<Vec<_>>(),
        }))?,
        Format::Text => {
            output::print(format_args!(
                "{what} is {}",
                if new { "revoked" } else { "revoked already" }
            ))?;
            for place in &places {
                output::print(format_args!(
                    "  allowed on {} at {} (decision {})",
                    place.target, place.at, place.decision_id
                ))?;
            }
            if matches!(what, Revoked::Digest(_)) && places.is_empty() {
                output::print("  the journal knows no place that it was allowed to run")?;
            }
        }
    }
    Ok(Exit::Done)
}

pub(crate) async fn unrevoke(args: UnrevokeArgs) -> Outcome {
    let what = named(args.what)?;
    let change = Unrevocation {
        what: what.clone(),
        reason: said(args.reason)?,
        by: local_actor(),
        at: now(),
    };
    let store = data::store_for_list(&args.data.data).await?;
    if store
        .unrevoke(change, Change::default())
        .await
        .map_err(Failure::undetermined)?
    {
        output::print(format_args!("{what} is not revoked any more"))?;
        return Ok(Exit::Done);
    }
    Err(
        Failure::not_so(format_args!("{what} is not on the revocation list"))
            .remedy("postern revoked"),
    )
}

pub(crate) async fn revoked(args: RevokedArgs) -> Outcome {
    let data = data::Data::open(&args.data, false).await?;
    let list = data.revocations().await.map_err(Failure::undetermined)?;
    match args.format {
        Format::Json => output::print_json(&list.iter().collect::<Vec<_>>())?,
        Format::Text => {
            for entry in list.iter() {
                output::print(format_args!(
                    "{}  {}  {}  {}",
                    entry.what, entry.at, entry.by, entry.reason
                ))?;
            }
        }
    }
    Ok(Exit::Done)
}

async fn places(store: &Store, what: &Revoked) -> Result<Vec<postern_store::Deployment>, Failure> {
    match what {
        Revoked::Digest(digest) => store
            .deployments_of(digest)
            .await
            .map_err(Failure::undetermined),
        Revoked::Attestation(_) | Revoked::Key(_) => Ok(Vec::new()),
    }
}

/// What looks like a digest must be one: as a key id it would never match anything.
fn named(what: String) -> Result<Revoked, Failure> {
    let revoked = Revoked::from(what);
    match &revoked {
        Revoked::Key(text) if text.trim().is_empty() => Err(Failure::mistake("nothing is named")),
        Revoked::Key(text) if text.starts_with("sha256:") || text.contains("@sha256:") => {
            Err(Failure::mistake(format_args!("{text:?} is no digest"))
                .remedy("write sha256: and 64 lower-case hex digits"))
        }
        _ => Ok(revoked),
    }
}

fn said(reason: String) -> Result<String, Failure> {
    match reason.trim() {
        "" => Err(Failure::mistake("--reason is empty; say why")),
        reason => Ok(reason.to_owned()),
    }
}
