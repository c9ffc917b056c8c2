//! `postern completions`: what shells complete.

use clap_complete::Shell;

use crate::outcome::{Exit, Outcome};
use crate::output;

/// Print a completion script for a shell.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  postern completions bash > /etc/bash_completion.d/postern
  postern completions zsh > \"${fpath[1]}/_postern\"
  postern completions fish > ~/.config/fish/completions/postern.fish")]
pub(crate) struct Args {
    /// The shell that will read it.
    shell: Shell,
}

/// Prints the script for `command`, which is the whole of the command line.
pub(crate) fn run(args: Args, mut command: clap::Command) -> Outcome {
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    output::print_bytes(&script)?;
    Ok(Exit::Done)
}
