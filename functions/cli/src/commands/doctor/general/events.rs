//! How long ago did an audit event come in, of each project that one is expected of?

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use postern_core::ports::{AuditStore as _, Unavailable};
use postern_store::Store;

use super::line::Line;
use super::{Patient, in_time};
use crate::data::now;

const CHECK: &str = "events";
/// Where the configuration does not say how long silence may last.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

pub(super) async fn examine(patient: &Patient, store: Option<&Store>) -> Vec<Line> {
    let audit = &patient.config.audit;
    if audit.projects.is_empty() {
        return vec![Line::skipped(
            CHECK,
            "`audit.projects` names none that are expected",
        )];
    }
    let Some(store) = store else {
        return vec![Line::skipped(CHECK, "there is no store to look into")];
    };
    let heard = in_time("the store", store.last_heard()).await;
    judge(
        &audit.projects,
        heard,
        audit.silence_after.unwrap_or(LONGEST),
        now(),
    )
}

fn judge(
    projects: &[String],
    heard: Result<BTreeMap<String, Timestamp>, Unavailable>,
    longest: SignedDuration,
    now: Timestamp,
) -> Vec<Line> {
    const FIX: &str = "look whether a sink sends them: postern doctor coverage --project ID; and \
                       fetch what is missing: postern audit reconcile --since DURATION";
    let heard = match heard {
        Ok(heard) => heard,
        Err(error) => {
            let fix = "look whether the database is up";
            return vec![Line::cannot_tell(CHECK, "", error, fix)];
        }
    };
    let line = |project: &String| match heard.get(project) {
        None => Line::fail(CHECK, project, "none has ever come in", FIX),
        Some(last) if now.duration_since(*last) > longest => {
            let message = format!("the last one came in at {last:.0}, too long ago");
            Line::fail(CHECK, project, message, FIX)
        }
        Some(last) => Line::ok(
            CHECK,
            project,
            format_args!("the last one came in at {last:.0}"),
        ),
    };
    projects.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::general::line::shown;

    #[test]
    fn silence_is_no_proof_that_nothing_happened() {
        let now: Timestamp = "2026-02-03T04:05:06Z".parse().unwrap();
        let ago = |hours| now - SignedDuration::from_hours(hours);
        let heard = [("demo-mart", ago(2)), ("acme-shop", ago(25))];
        let heard = heard.map(|(project, at)| (project.to_owned(), at)).into();
        let projects = ["demo-mart", "acme-shop", "acme-new"].map(str::to_owned);
        insta::assert_snapshot!(shown(&judge(&projects, Ok(heard), LONGEST, now)), @"
        ok       events demo-mart: the last one came in at 2026-02-03T02:05:06Z
        FAIL     events acme-shop: the last one came in at 2026-02-02T03:05:06Z, too long ago
                 fix: look whether a sink sends them: postern doctor coverage --project ID; and fetch what is missing: postern audit reconcile --since DURATION
        FAIL     events acme-new: none has ever come in
                 fix: look whether a sink sends them: postern doctor coverage --project ID; and fetch what is missing: postern audit reconcile --since DURATION
        ");
    }
}
