//! `postern audit rules`: the detections, for people.

use clap::Subcommand;
use postern_auditor::detection::{Catalogue, Detection, trials};

use super::catalogue;
use crate::outcome::{Exit, Failure, Outcome};
use crate::output;

/// List the detections, explain one, or hold all of them against their samples.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List every detection.
    List,
    /// Explain one: why it matters, what to do, when it is a false alarm.
    Show {
        /// Its id, such as gcp.cloud-run.break-glass.
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Hold every detection against its samples. Exits with 1 if one does not do what they say.
    Test,
}

pub(super) fn run(args: Args) -> Outcome {
    let catalogue = catalogue()?;
    match args.command {
        Command::List => list(&catalogue),
        Command::Show { id } => show(&catalogue, &id),
        Command::Test => test(&catalogue),
    }
}

fn list(catalogue: &Catalogue) -> Outcome {
    for detection in catalogue.iter() {
        output::print(format_args!(
            "{:<35}  {:<8}  {:<13}  {}",
            detection.id,
            word(&detection.severity)?,
            word(&detection.category)?,
            detection.title
        ))?;
    }
    Ok(Exit::Done)
}

fn show(catalogue: &Catalogue, id: &str) -> Outcome {
    let detection = catalogue.get(id).ok_or_else(|| {
        Failure::mistake(format_args!("there is no detection {id:?}"))
            .remedy("postern audit rules list")
    })?;
    output::print(explanation(detection)?)?;
    Ok(Exit::Done)
}

fn explanation(detection: &Detection) -> Result<String, Failure> {
    let mut text = format!(
        "{}\n{}\n\nSeverity  {}\nCategory  {}\n",
        detection.id,
        detection.title,
        word(&detection.severity)?,
        word(&detection.category)?
    );
    if !detection.attack.is_empty() {
        text += &format!("ATT&CK    {}\n", detection.attack.join(", "));
    }
    text += &format!("\nWhy it matters\n  {}\n", detection.why.trim());
    text += &format!("\nWhat to do\n  {}\n", detection.what_to_do.trim());
    if !detection.false_positives.is_empty() {
        text += &format!(
            "\nFalse alarms\n  {}\n",
            detection.false_positives.join("\n  ")
        );
    }
    let samples = detection.samples.bytes().map_err(Failure::undetermined)?;
    for (fires, title) in [(true, "Fires on"), (false, "Does not fire on")] {
        let names: Vec<_> = samples
            .iter()
            .filter(|(s, _)| s.fires == fires)
            .map(|(s, _)| s.name.as_str())
            .collect();
        if !names.is_empty() {
            text += &format!("\n{title}\n  {}\n", names.join("\n  "));
        }
    }
    Ok(text.trim_end().to_owned())
}

fn test(catalogue: &Catalogue) -> Outcome {
    let trials = trials(catalogue).map_err(Failure::mistake)?;
    let mut broken = 0;
    for trial in trials.iter().filter(|trial| !trial.holds()) {
        broken += 1;
        let did = if trial.fired {
            "fires on"
        } else {
            "does not fire on"
        };
        output::print(format_args!("{} {did} {:?}", trial.detection, trial.sample))?;
    }
    output::print(format_args!(
        "{} detections, {} samples, {broken} broken",
        catalogue.iter().count(),
        trials.len()
    ))?;
    Ok(if broken == 0 { Exit::Done } else { Exit::No })
}

/// The word of a value as it stands in JSON.
fn word(value: &impl serde::Serialize) -> Result<String, Failure> {
    let value = serde_json::to_value(value).map_err(Failure::undetermined)?;
    Ok(value.as_str().unwrap_or_default().to_owned())
}
