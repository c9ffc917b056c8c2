//! The `postern` command: every function in one process, and the operator's commands.

mod commands;
mod configuration;
mod data;
mod demo;
mod embedded;
mod escape;
mod functions;
mod layouts;
mod outcome;
mod output;
mod registries;
mod render;
mod signers;
mod time;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::outcome::Outcome;

/// A deploy gate and break-glass auditor for serverless platforms.
///
/// Postern decides whether a container image may become a serverless revision, by your Binary
/// Authorization policy, and makes every use of the emergency door visible, owned and provable.
#[derive(Parser)]
#[command(name = "postern", version, propagate_version = true, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done; for `check`: every image may be deployed; for `deploy`: it is deployed
  1  denied, or what was asked about is not so
  2  the command line or an input file is wrong
  3  undetermined: something needed could not be reached or read";

#[derive(Subcommand)]
enum Command {
    Demo(commands::demo::Args),
    Check(commands::check::Args),
    Deploy(commands::deploy::Args),
    Serve(commands::serve::Args),
    Attest(commands::attest::Args),
    Payload(commands::payload::Args),
    Key(commands::key::Args),
    Ledger(commands::ledger::Args),
    Signature(commands::signature::Args),
    Policy(commands::policy::Args),
    Audit(commands::audit::Args),
    Case(commands::case::Args),
    Notify(commands::notify::Args),
    Inspect(commands::inspect::Args),
    Report(commands::report::Args),
    Doctor(commands::doctor::Args),
    Revoke(commands::revoke::RevokeArgs),
    Unrevoke(commands::revoke::UnrevokeArgs),
    Revoked(commands::revoke::RevokedArgs),
    Store(commands::store::Args),
    Terraform(commands::terraform::Args),
    Completions(commands::completions::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    postern_host::crypto::install();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            output::complain(&outcome::Failure::undetermined(error));
            return outcome::Exit::Undetermined.into();
        }
    };
    match runtime.block_on(run(cli.command)) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output::complain(&failure);
            failure.exit.into()
        }
    }
}

async fn run(command: Command) -> Outcome {
    match command {
        Command::Demo(args) => commands::demo::run(args).await,
        Command::Check(args) => commands::check::run(args).await,
        Command::Deploy(args) => commands::deploy::run(args).await,
        Command::Serve(args) => commands::serve::run(args).await,
        Command::Attest(args) => commands::attest::run(args).await,
        Command::Payload(args) => commands::payload::run(args).await,
        Command::Key(args) => commands::key::run(args).await,
        Command::Ledger(args) => commands::ledger::run(args).await,
        Command::Signature(args) => commands::signature::run(args).await,
        Command::Policy(args) => commands::policy::run(args).await,
        Command::Audit(args) => commands::audit::run(args).await,
        Command::Case(args) => commands::case::run(args).await,
        Command::Notify(args) => commands::notify::run(args).await,
        Command::Inspect(args) => commands::inspect::run(args).await,
        Command::Report(args) => commands::report::run(args).await,
        Command::Doctor(args) => commands::doctor::run(args).await,
        Command::Revoke(args) => commands::revoke::revoke(args).await,
        Command::Unrevoke(args) => commands::revoke::unrevoke(args).await,
        Command::Revoked(args) => commands::revoke::revoked(args).await,
        Command::Store(args) => commands::store::run(args).await,
        Command::Terraform(args) => commands::terraform::run(args).await,
        Command::Completions(args) => commands::completions::run(args, Cli::command()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
