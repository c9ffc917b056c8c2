//! What commands print: results on stdout, errors on stderr, colours only on a terminal.

use std::io::{self, Write};

use crate::outcome::Failure;

/// Prints one line of a result on stdout.
pub(crate) fn print(line: impl std::fmt::Display) -> Result<(), Failure> {
    write(|out| writeln!(out, "{line}"))
}

/// Prints bytes on stdout as they are.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    write(|out| out.write_all(bytes))
}

/// Prints a value as indented JSON on stdout.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::undetermined)?;
    print(text)
}

/// Tells on stderr what is going on.
pub(crate) fn note(line: impl std::fmt::Display) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Tells on stderr why a command failed, and what to do.
pub(crate) fn complain(failure: &Failure) {
    let red = anstyle::AnsiColor::Red.on_default().bold();
    let bold = anstyle::Style::new().bold();
    note(format_args!("{red}error:{red:#} {}", failure.message));
    if let Some(remedy) = &failure.remedy {
        note(format_args!("  {bold}try:{bold:#} {remedy}"));
    }
}

/// A reader that went away (`| head`) is no error of ours: the rest is not printed.
fn write(
    what: impl FnOnce(&mut anstream::AutoStream<io::Stdout>) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut out = anstream::stdout();
    match what(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::undetermined(
            format_args!("standard output: {error}"),
        )),
        _ => Ok(()),
    }
}
