//! `postern notify test`: one alert, labelled as a test, and what the receiver makes of it.

use clap::ValueEnum;
use postern_host::config::Config;
use postern_notifier::{Trial, TrialOutcome, trial};
use serde_json::{Value, json};

use crate::configuration::PlaceArgs;
use crate::data::now;
use crate::escape;
use crate::outcome::{Exit, Failure, Outcome};
use crate::output;

/// Send one alert, labelled as a test, to an output, and tell what the receiver answered.
///
/// The alert is about no case, is sent once, past the routes, and is not recorded. The answer is told by
/// what would become of an alert: delivered; sent again later; given up.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The output, by its name in the configuration; `file` is that of a server without one.
    #[arg(value_name = "OUTPUT")]
    output: String,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    place: PlaceArgs,
}

const EXAMPLES: &str = "\
Examples:
  postern notify test security --config postern.yaml
  postern notify test file --data postern-data
  postern notify test security --config postern.yaml --format json | jq -r .outcome

Exit codes:
  0  delivered: the receiver confirmed it
  1  refused: an alert like it would be given up
  2  the command line or the configuration is wrong
  3  not confirmed: an alert would be sent again later";

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

pub(super) async fn run(args: Args) -> Outcome {
    let (config, environment) = args.place.load().await?;
    let named = |output: &&postern_host::config::Output| output.name == args.output;
    let Some(found) = config.outputs.iter().find(named) else {
        return Err(unknown(&args.output, &config));
    };
    let outputs = std::slice::from_ref(found);
    let buses = postern_wiring::buses(outputs, &config, &environment).await?;
    let tried = trial(found, &environment, &buses, now()).await;
    let tried = tried.map_err(Failure::mistake)?;
    match args.format {
        Format::Json => output::print_json(&document(&args.output, &tried))?,
        Format::Text => output::print(sentence(&args.output, &tried))?,
    }
    Ok(exit(&tried.outcome))
}

fn unknown(name: &str, config: &Config) -> Failure {
    let failure = Failure::mistake(format_args!("there is no output {name:?}"));
    let names: Vec<_> = config.outputs.iter().map(|o| o.name.as_str()).collect();
    match names.is_empty() {
        true => failure.remedy("add one under `outputs` in the configuration"),
        false => failure.remedy(format!("name one of: {}", names.join(", "))),
    }
}

const fn exit(outcome: &TrialOutcome) -> Exit {
    match outcome {
        TrialOutcome::Delivered(_) => Exit::Done,
        TrialOutcome::Again { .. } => Exit::Undetermined,
        TrialOutcome::GiveUp { .. } | TrialOutcome::Off { .. } => Exit::No,
    }
}

fn sentence(output: &str, tried: &Trial) -> String {
    let millis = tried.took.as_millis();
    let alert = &tried.alert;
    let (word, error, then) = match &tried.outcome {
        TrialOutcome::Delivered(receipt) => {
            let receipt = escape::terminal(&receipt.to_string()).to_string();
            return format!("delivered: {output} confirmed {alert} after {millis} ms: {receipt}");
        }
        TrialOutcome::Again { error, asked } => {
            let then = match asked {
                Some(asked) => format!(
                    "an alert would be sent again, after {} s at least",
                    asked.as_secs()
                ),
                None => "an alert would be sent again".to_owned(),
            };
            ("again", error, then)
        }
        TrialOutcome::GiveUp { error } => {
            let then = "an alert would be given up: postern notify dead list".to_owned();
            ("give up", error, then)
        }
        TrialOutcome::Off { error } => {
            let then = "the receiver wants no more, and the output would be switched off";
            ("give up", error, then.to_owned())
        }
    };
    let error = escape::terminal(error);
    format!("{word}: {output} did not take {alert}, after {millis} ms: {error}\n  {then}")
}

fn document(output: &str, tried: &Trial) -> Value {
    let receipt = match &tried.outcome {
        TrialOutcome::Delivered(receipt) => Some(receipt.to_string()),
        _ => None,
    };
    let (outcome, error, asked) = match &tried.outcome {
        TrialOutcome::Delivered(_) => ("DELIVERED", None, None),
        TrialOutcome::Again { error, asked } => ("AGAIN", Some(error), *asked),
        TrialOutcome::GiveUp { error } => ("GIVE_UP", Some(error), None),
        TrialOutcome::Off { error } => ("OFF", Some(error), None),
    };
    json!({
        "output": output,
        "alert": tried.alert,
        "outcome": outcome,
        "receipt": receipt,
        "error": error,
        "retryAfterSeconds": asked.map(|asked| asked.as_secs()),
        "tookMs": u64::try_from(tried.took.as_millis()).unwrap_or(u64::MAX),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use postern_notifier::Receipt;

    use super::*;

    fn tried(outcome: TrialOutcome) -> Trial {
        Trial {
            alert: "test-1-1".to_owned(),
            outcome,
            took: Duration::from_millis(42),
        }
    }

    #[test]
    fn each_answer_has_its_words_and_its_exit() {
        let error = || "answered 503: \u{1b}[2J".to_owned();
        let asked = Some(jiff::SignedDuration::from_secs(90));
        let outcomes = [
            TrialOutcome::Delivered(Receipt::new("HTTP 202\u{1b}")),
            TrialOutcome::Again {
                error: error(),
                asked,
            },
            TrialOutcome::Again {
                error: error(),
                asked: None,
            },
            TrialOutcome::GiveUp { error: error() },
            TrialOutcome::Off { error: error() },
        ];
        let exits: Vec<_> = outcomes.iter().map(exit).collect();
        let expected = [
            Exit::Done,
            Exit::Undetermined,
            Exit::Undetermined,
            Exit::No,
            Exit::No,
        ];
        assert_eq!(exits, expected);
        let lines = outcomes
            .map(|outcome| sentence("hook", &tried(outcome)))
            .join("\n");
        insta::assert_snapshot!(lines, @r"
        delivered: hook confirmed test-1-1 after 42 ms: HTTP 202\u{1b}
        again: hook did not take test-1-1, after 42 ms: answered 503: \u{1b}[2J
          an alert would be sent again, after 90 s at least
        again: hook did not take test-1-1, after 42 ms: answered 503: \u{1b}[2J
          an alert would be sent again
        give up: hook did not take test-1-1, after 42 ms: answered 503: \u{1b}[2J
          an alert would be given up: postern notify dead list
        give up: hook did not take test-1-1, after 42 ms: answered 503: \u{1b}[2J
          the receiver wants no more, and the output would be switched off
        ");
    }
}
