//! `postern store forget`: a person who is to be forgotten.

use postern_store::Forgotten;

use super::{existing, failed};
use crate::configuration::PlaceArgs;
use crate::data::{local_actor, now};
use crate::outcome::{Exit, Outcome};
use crate::output;

/// Forget a person.
///
/// The record holds salted commitments to what it says of people, and stays as it is and was signed: what
/// they stand for is deleted. Cases, findings and alerts say `[erased]` instead, and events that name the
/// person lose their bytes. Nobody is forgotten whom an open case names. What left the store already, with
/// alerts, exports and backups, has to be erased where it went.
#[derive(clap::Args)]
pub(super) struct Args {
    /// As the person is named, such as an e-mail address; every text with it goes, whatever its case.
    #[arg(value_name = "NAME")]
    name: String,
    /// Why, such as the number of the request. Kept in the record.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    place: PlaceArgs,
}

pub(super) async fn run(args: &Args) -> Outcome {
    let store = existing(&args.place).await?;
    let who = Forgotten {
        name: args.name.clone(),
        by: local_actor(),
        reason: args.reason.clone(),
    };
    let erasure = store.forget(&who, now()).await.map_err(failed)?;
    store.close().await;
    let texts = match erasure.texts {
        1 => "1 text of the record is only a commitment now".to_owned(),
        texts => format!("{texts} texts of the record are only commitments now"),
    };
    let rows = match erasure.rows {
        1 => "1 row besides was changed".to_owned(),
        rows => format!("{rows} rows besides were changed"),
    };
    output::print(format_args!("{texts}; {rows}"))?;
    Ok(Exit::Done)
}
