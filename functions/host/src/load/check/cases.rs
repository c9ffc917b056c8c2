//! What the rules of cases can still get wrong.

use jiff::SignedDuration;

use super::{Findings, pattern};
use crate::config::Config;
use crate::load::path::{Place, at};

pub(super) fn check(config: &Config, findings: &mut Findings) {
    let (cases, here) = (&config.cases, at("cases"));
    let ticket = here.key("justification").key("ticket");
    pattern(cases.justification.ticket.as_deref(), ticket, findings);
    for (severity, time) in &cases.due {
        let word = format!("{severity:?}").to_uppercase();
        positive(Some(*time), here.key("due").key(&word), findings);
    }
    positive(cases.attest_within, here.key("attestWithin"), findings);
    positive(cases.max_exception, here.key("maxException"), findings);
    if config.owners.as_deref().is_some_and(str::is_empty) {
        findings.push((at("owners"), "this is empty: leave it out".to_owned()));
    }
}

fn positive(time: Option<SignedDuration>, place: Place, findings: &mut Findings) {
    if time.is_some_and(|time| !time.is_positive()) {
        findings.push((
            place,
            "this time is over before it starts: make it longer".to_owned(),
        ));
    }
}
