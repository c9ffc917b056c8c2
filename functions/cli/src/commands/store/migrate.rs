//! `postern store migrate`: tables, and who may do what to them.

use super::{failed, open};
use crate::configuration::PlaceArgs;
use crate::outcome::{Exit, Outcome};
use crate::output;

/// Make the tables, or bring them up to this version.
///
/// Whatever opens the database does so, too, if it may. On PostgreSQL the functions need not: this is run
/// once, by the owner of the tables, after every upgrade, and `--grant` lets the role of the functions
/// add to the record and do nothing else to it.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// Let this role of PostgreSQL do what a function does.
    #[arg(long, value_name = "ROLE")]
    grant: Option<String>,
}

const EXAMPLES: &str = "\
Example:
  PGPASSWORD=… postern store migrate --data 'postgres://owner@db.example/postern?sslmode=verify-full' \
    --grant postern_function";

pub(super) async fn run(args: &Args) -> Outcome {
    let store = open(&args.place).await?;
    output::print("the tables are those of this version")?;
    if let Some(role) = &args.grant {
        store.grant(role).await.map_err(failed)?;
        output::print(format_args!(
            "{role} may add to the record and keep cases and alerts; it may change or delete nothing of \
             the record"
        ))?;
    }
    store.close().await;
    Ok(Exit::Done)
}
