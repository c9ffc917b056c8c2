//! What a report is made of: a file of audit entries, read as it comes, or a data directory.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use postern_auditor::detection::Catalogue;
use postern_auditor::input::{Classified, classify_reader};
use postern_core::entry::Entry;
use postern_store::{Store, StoreError};

use crate::data::{DataArgs, now};
use crate::outcome::Failure;

/// Entries of the journal that are read at once.
const PAGE: u32 = 500;

#[derive(clap::Args)]
pub(super) struct SourceArgs {
    /// Audit entries, as for `audit classify`; `-` is standard input. Without it, the data directory is read.
    #[arg(value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) data: DataArgs,
}

/// Reads every entry of a file, those without findings too where `all` says so.
pub(super) fn read_log(
    path: &Path,
    all: bool,
    each: &mut dyn FnMut(Classified),
) -> Result<(), Failure> {
    let unreadable = |error: &io::Error| {
        Failure::mistake(format_args!("{}: {error}", path.display())).remedy(
            "name a file of audit entries that exists and may be read, or `-` for standard input",
        )
    };
    let catalogue = Catalogue::embedded().map_err(Failure::undetermined)?;
    let mut reader: Box<dyn BufRead> = if path.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(path).map_err(|error| unreadable(&error))?;
        Box::new(BufReader::with_capacity(1 << 16, file))
    };
    let mut give = |one| {
        each(one);
        Ok(())
    };
    classify_reader(&catalogue, &mut *reader, all, now(), &mut give)
        .map_err(|error| unreadable(&error))
}

/// Opens the data directory, which is not changed.
pub(super) async fn open(args: &DataArgs) -> Result<Store, Failure> {
    let directory = args.data.display();
    Store::open_data_read_only(&args.data)
        .await
        .map_err(|error| match error {
            StoreError::Missing(_) => Failure::mistake(format_args!(
                "the data directory {directory} holds no database"
            ))
            .remedy("name a file of audit entries, or the auditor's directory with --data DIR"),
            error => Failure::undetermined(format_args!("the data directory {directory}: {error}")),
        })
}

/// Reads the whole journal, a page at a time.
pub(super) async fn read_journal(
    store: &Store,
    each: &mut (dyn FnMut(Entry) + Send),
) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let page = store
            .entries(after, PAGE)
            .await
            .map_err(Failure::undetermined)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = last.position;
        page.into_iter().for_each(|stored| each(stored.entry));
    }
}
