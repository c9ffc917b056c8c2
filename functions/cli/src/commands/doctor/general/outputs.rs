//! Would alerts go anywhere? Nothing is sent: `postern notify test` does that.

use std::sync::Arc;

use postern_notifier::Notifier;
use postern_store::{Options, Store};

use super::Patient;
use super::line::Line;

const CHECK: &str = "output";

pub(super) async fn examine(patient: &Patient) -> Vec<Line> {
    let config = &patient.config;
    let names: Vec<&str> = config.outputs.iter().map(|output| &*output.name).collect();
    judge(&names, set_up(patient).await)
}

/// What is wrong with the outputs and routes, as `serve` would find it.
async fn set_up(patient: &Patient) -> Result<(), String> {
    let Patient {
        config,
        environment,
        ..
    } = patient;
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let buses = postern_wiring::buses(&config.outputs, config, environment).await;
    let buses = buses.map_err(|error| told(&error))?;
    let store = Store::lazy(&config.store, Options::default());
    let outbox = Arc::new(store.map_err(|error| told(&error))?);
    let notifier = Notifier::of_config(outbox, config, environment, &buses);
    notifier.map(drop).map_err(|error| told(&error))
}

fn judge(names: &[&str], set_up: Result<(), String>) -> Vec<Line> {
    if names.is_empty() {
        let fix = "add one under `outputs` in the configuration";
        return vec![Line::fail(
            CHECK,
            "",
            "there is none, so nobody hears of a case",
            fix,
        )];
    }
    if let Err(error) = set_up {
        let fix = "correct `outputs`, `routes` and the secrets that they name";
        return vec![Line::fail(CHECK, "", error, fix)];
    }
    let line = |name: &&str| {
        let message =
            format!("it is set up; postern notify test {name} tells whether it takes alerts");
        Line::ok(CHECK, name, message)
    };
    names.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::general::line::shown;

    #[test]
    fn somebody_has_to_hear() {
        insta::assert_snapshot!(shown(&judge(&[], Ok(()))), @"
        FAIL     output: there is none, so nobody hears of a case
                 fix: add one under `outputs` in the configuration
        ");
        insta::assert_snapshot!(shown(&judge(&["security"], Ok(()))), @"ok       output security: it is set up; postern notify test security tells whether it takes alerts");
        assert!(
            shown(&judge(&["security"], Err("env:HOOK is not set".to_owned()))).starts_with("FAIL")
        );
    }
}
