//! `postern serve`: all functions in one process.

use std::path::{Path, PathBuf};

use postern_host::auth::guard;
use postern_host::config::Config;
use postern_host::environment::Process;
use postern_host::server::{listen_address, termination};
use postern_host::telemetry::{self, Format};

use crate::configuration::{self, Environment};
use crate::embedded;
use crate::functions::{Function, accesses, assemble};
use crate::outcome::{Exit, Failure, Outcome};

/// Run all functions in one process behind one listener.
///
/// Prints `listening on http://ADDR` once it answers. Without a configuration it is the embedded
/// set-up: loopback only, everything under the data directory (SQLite, a software key and its
/// attestor, alerts in a file), and `policy.yaml` there is the policy. SIGTERM lets requests in
/// flight finish, and exits with 0.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Address and port to listen on; port 0 picks one. Default: 127.0.0.1:8080.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// The data directory: of the embedded set-up, and of a configuration that names no `store`.
    #[arg(
        long,
        value_name = "DIR",
        env = "POSTERN_DATA",
        default_value = "postern-data"
    )]
    data: PathBuf,
    /// The configuration; it is checked whole before anything starts.
    #[arg(long, value_name = "FILE", env = "POSTERN_CONFIG")]
    config: Option<PathBuf>,
    /// Start only these functions, separated by commas.
    #[arg(long, value_name = "FUNCTION,…", value_enum, value_delimiter = ',')]
    only: Vec<Function>,
}

pub(crate) async fn run(args: Args) -> Outcome {
    let filter = std::env::var("POSTERN_LOG").unwrap_or_else(|_| "info".to_owned());
    telemetry::init(Format::detect(&Process), &filter);
    let (config, environment) = configured(args.config.as_deref(), &args.data).await?;
    let only = if args.only.is_empty() {
        Function::ALL.to_vec()
    } else {
        args.only
    };
    let functions = assemble(&config, &environment, &only).await?;
    let address = listen_address(args.listen.as_deref(), config.listen.as_deref(), &Process);
    let server = postern_wiring::bind(&config, &address)
        .await
        .map_err(Failure::mistake)?;
    guard(server.address(), accesses(&config, &only)).map_err(Failure::mistake)?;
    postern_wiring::announce(&server);
    let server = match &functions.beside {
        Some(other) => server.beside(other.clone()),
        None => server,
    };
    let router = functions.router.clone();
    let serve = server.serve(router, termination());
    tokio::select! {
        () = functions.fetch_beside(serve) => {}
        () = functions.work() => {}
    }
    Ok(Exit::Done)
}

async fn configured(file: Option<&Path>, data: &Path) -> Result<(Config, Environment), Failure> {
    let (config, environment) = configuration::load(file).await?;
    let config = match file {
        Some(_) => embedded::with_store(config, data),
        None => embedded::complete(config, data)?,
    };
    Ok((config, environment))
}
