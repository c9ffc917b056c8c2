//! `postern audit rules export`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use postern_auditor::detection::Catalogue;
use postern_auditor::detection::export::{event_patterns, logging_filter, sigma_rules};

use crate::outcome::{Exit, Failure, Outcome};
use crate::output;

/// Say what the detections look at in the language of another tool.
///
/// No such language says all that a detection says: what is exported matches more, never less. A log
/// sink with the filter, or rules of EventBridge with the patterns, let everything through that the
/// auditor needs, and little else.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// For which tool.
    #[arg(long, value_enum)]
    format: Format,
    /// The directory that files are written to; `-` is standard output.
    #[arg(long, value_name = "DIR", default_value = "-")]
    out: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  gcloud logging sinks create postern pubsub.googleapis.com/projects/P/topics/T \\
      --log-filter \"$(postern audit rules export --format logging-filter)\"
  postern audit rules export --format eventbridge --out patterns/
  aws events put-rule --name postern-1 --event-pattern file://patterns/eventbridge-1.json \\
      --state ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS
  postern audit rules export --format sigma --out sigma/";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One filter of a Cloud Logging sink, of at most 20,000 characters.
    LoggingFilter,
    /// Event patterns of EventBridge, of at most 4,096 characters each.
    Eventbridge,
    /// One Sigma rule per detection.
    Sigma,
}

pub(super) fn export(catalogue: &Catalogue, args: &Args) -> Outcome {
    let files = match args.format {
        Format::LoggingFilter => {
            let filter = logging_filter(catalogue).map_err(Failure::mistake)?;
            vec![("logging-filter.txt".to_owned(), format!("{filter}\n"))]
        }
        Format::Eventbridge => patterns(catalogue)?,
        Format::Sigma => sigma_rules(catalogue),
    };
    if args.out.as_os_str() == "-" {
        print(&files, args.format)?;
    } else {
        write(&files, &args.out)?;
    }
    Ok(Exit::Done)
}

fn patterns(catalogue: &Catalogue) -> Result<Vec<(String, String)>, Failure> {
    let patterns = event_patterns(catalogue).map_err(Failure::mistake)?;
    let file = |(n, pattern)| {
        (
            format!("eventbridge-{}.json", n + 1),
            format!("{pattern}\n"),
        )
    };
    Ok(patterns.iter().enumerate().map(file).collect())
}

/// Patterns one a line; rules as a stream of YAML documents.
fn print(files: &[(String, String)], format: Format) -> Result<(), Failure> {
    for (place, (_, text)) in files.iter().enumerate() {
        if format == Format::Sigma && place > 0 {
            output::print("---")?;
        }
        output::print(text.trim_end())?;
    }
    Ok(())
}

fn write(files: &[(String, String)], directory: &Path) -> Result<(), Failure> {
    let failed = |path: &Path, error: &std::io::Error| {
        Failure::mistake(format_args!("{}: {error}", path.display()))
            .remedy("name a directory that may be written to")
    };
    fs::create_dir_all(directory).map_err(|error| failed(directory, &error))?;
    for (name, text) in files {
        let path = directory.join(name);
        fs::write(&path, text).map_err(|error| failed(&path, &error))?;
    }
    output::note(format_args!(
        "wrote {} files to {}",
        files.len(),
        directory.display()
    ));
    Ok(())
}
