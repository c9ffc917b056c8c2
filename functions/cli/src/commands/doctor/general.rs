//! Plain `postern doctor`: each module asks about one thing, and judges the answers in pure functions.

mod clock;
mod events;
mod evidence;
mod keys;
mod line;
mod outputs;
mod policy;
mod registries;
mod sinks;
mod store;

use std::time::Duration;

use clap::ValueEnum;
use postern_core::ports::Unavailable;
use postern_host::config::Config;
use serde_json::json;

use self::line::{Line, worst};
use crate::configuration::{Environment, PlaceArgs};
use crate::outcome::{Failure, Outcome};
use crate::output;

/// How long one question may take. Clients try again by themselves until then.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is examined.
#[derive(clap::Args)]
pub(super) struct Examination {
    #[command(flatten)]
    place: PlaceArgs,
    /// An image whose registry and attestations are looked for as well. May be given several times.
    #[arg(long, value_name = "IMAGE")]
    image: Vec<String>,
    /// How to print what was found.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people: one line each, and its fix.
    Text,
    /// One JSON document.
    Json,
}

/// What every check looks at.
struct Patient {
    config: Config,
    environment: Environment,
    images: Vec<String>,
}

pub(super) async fn run(args: &Examination) -> Outcome {
    let (config, environment) = args.place.load().await?;
    let patient = Patient {
        config,
        environment,
        images: args.image.clone(),
    };
    let lines = examined(&patient).await?;
    match args.format {
        Format::Text => {
            for line in &lines {
                output::print(line)?;
            }
        }
        Format::Json => output::print_json(&json!({
            "apiVersion": "postern/v1", "kind": "DoctorReport", "lines": lines,
        }))?,
    }
    Ok(worst(&lines))
}

async fn examined(patient: &Patient) -> Result<Vec<Line>, Failure> {
    let (store, of_store) = store::examine(patient).await;
    let trusted = policy::examine(patient, store.as_ref());
    let registries = registries::examine(patient);
    let (trusted, registries, events, sinks) = futures::join!(
        trusted,
        registries,
        events::examine(patient, store.as_ref()),
        sinks::examine(patient),
    );
    let trusted = trusted?;
    let (registries, clocks) = registries?;
    let (keys, evidence) = futures::join!(
        keys::examine(patient, &trusted.attestors),
        evidence::examine(patient, store.as_ref(), &trusted.attestors),
    );
    let mut lines = of_store;
    lines.extend(events);
    lines.extend(trusted.lines);
    lines.extend(evidence?);
    lines.extend(keys);
    lines.extend(sinks);
    lines.extend(registries);
    lines.push(clock::judge(&clocks));
    lines.extend(outputs::examine(patient).await);
    Ok(lines)
}

/// An answer that came in time.
async fn in_time<T>(
    what: &str,
    answer: impl Future<Output = Result<T, Unavailable>>,
) -> Result<T, Unavailable> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(answer) => answer,
        Err(_) => {
            let message = format!("no answer within {} s", PATIENCE.as_secs());
            Err(Unavailable::new(what, message))
        }
    }
}
