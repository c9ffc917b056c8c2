//! Do the log sinks send what the detections look at, to topics that are there and take it?

use std::path::PathBuf;

use postern_auditor::detection::Catalogue;
use postern_auditor::detection::export::logging_filter;
use postern_core::ports::{LogSink, Unavailable};

use super::line::Line;
use super::{Patient, in_time};

const CHECK: &str = "sink";
const PUBSUB: &str = "pubsub.googleapis.com/";

/// What is known of a sink.
struct Facts<'a> {
    /// `projects/P/sinks/S`.
    name: &'a str,
    /// The sink, if there is one of that name.
    sink: Result<Option<LogSink>, Unavailable>,
    /// Who may publish to its topic; `None`: there is no such topic. Not asked where it sends elsewhere.
    publishers: Option<Result<Option<Vec<String>>, Unavailable>>,
    /// The filter that lets through all that the detections look at.
    ours: &'a str,
}

pub(super) async fn examine(patient: &Patient) -> Vec<Line> {
    let config = &patient.config;
    let channels = config.audit.trust.channels.iter();
    let names: Vec<(&String, &str, &str)> = channels
        .filter(|channel| !channel.contains('*'))
        .filter_map(|channel| {
            let (owner, sink) = channel.split_once("/sinks/")?;
            Some((channel, owner, sink))
        })
        .collect();
    if names.is_empty() {
        let message = "`audit.trust.channels` names none, such as projects/P/sinks/S";
        return vec![Line::skipped(CHECK, message)];
    }
    let directory = config.audit.detections.clone().map(PathBuf::from);
    let catalogue = Catalogue::load(directory.as_deref(), &config.audit.trust);
    let ours = catalogue.map(|catalogue| logging_filter(&catalogue));
    let ours = match ours {
        Ok(Ok(ours)) => ours,
        Ok(Err(error)) => return vec![without_filter(&error)],
        Err(error) => return vec![without_filter(&error)],
    };
    let owners: Vec<String> = names
        .iter()
        .map(|(_, owner, _)| (*owner).to_owned())
        .collect();
    let estate = match postern_wiring::estate(&owners, config) {
        Ok(estate) => estate,
        Err(error) => {
            let fix = "correct `audit.trust.channels`, or the identity of this process";
            return vec![Line::cannot_tell(CHECK, "", error, fix)];
        }
    };
    let mut lines = Vec::new();
    for (name, owner, short) in names {
        let sinks = in_time("Cloud Logging", estate.sinks(owner)).await;
        let sink = sinks.map(|all| all.into_iter().find(|sink| sink.name == short));
        let topic = match &sink {
            Ok(Some(sink)) => sink.destination.strip_prefix(PUBSUB),
            _ => None,
        };
        let publishers = match topic {
            Some(topic) => Some(in_time("Pub/Sub", estate.publishers(topic)).await),
            None => None,
        };
        lines.extend(judge(&Facts {
            name,
            sink,
            publishers,
            ours: &ours,
        }));
    }
    lines
}

fn without_filter(error: &dyn std::fmt::Display) -> Line {
    Line::fail(
        CHECK,
        "",
        error,
        "correct the detections that `audit.detections` adds",
    )
}

fn judge(facts: &Facts<'_>) -> Vec<Line> {
    let name = facts.name;
    let sink = match &facts.sink {
        Ok(Some(sink)) => sink,
        Ok(None) => {
            let fix = "gcloud logging sinks create, with the filter of postern audit rules export \
                       --format logging-filter";
            return vec![Line::fail(
                CHECK,
                name,
                "it is not there, so nothing is sent",
                fix,
            )];
        }
        Err(error) => {
            let fix = "let this identity list sinks (roles/logging.viewer), or see to the network";
            return vec![Line::cannot_tell(CHECK, name, error, fix)];
        }
    };
    if sink.disabled {
        let fix = format!("gcloud logging sinks update {} --no-disabled", sink.name);
        return vec![Line::fail(CHECK, name, "it is switched off", fix)];
    }
    let found = [of_destination(facts, sink), of_filter(facts, sink)];
    let mut lines: Vec<Line> = found.into_iter().flatten().collect();
    if lines.is_empty() {
        let message = format!("it sends to {}", sink.destination);
        lines.push(Line::ok(CHECK, name, message));
    }
    lines
}

fn of_destination(facts: &Facts<'_>, sink: &LogSink) -> Option<Line> {
    let (name, destination, writer) = (facts.name, &sink.destination, &sink.writer_identity);
    let topic = destination.strip_prefix(PUBSUB).unwrap_or(destination);
    let grant = format!(
        "gcloud pubsub topics add-iam-policy-binding {topic} --member={writer} \
         --role=roles/pubsub.publisher"
    );
    Some(match facts.publishers.as_ref() {
        None => {
            let message = format!("it sends to {destination}, where nobody listens for alerts");
            Line::cannot_tell(CHECK, name, message, "let it send to a topic of Pub/Sub")
        }
        Some(Ok(None)) => {
            let message = format!("it sends to {topic}, which is not there");
            Line::fail(
                CHECK,
                name,
                message,
                format!("gcloud pubsub topics create {topic}"),
            )
        }
        Some(Ok(Some(members))) if members.contains(writer) => return None,
        Some(Ok(Some(_))) => {
            let message = format!("{writer} may not publish to {topic} by what is granted on it");
            Line::fail(CHECK, name, message, grant)
        }
        Some(Err(error)) => {
            let message = format!("whether {writer} may publish to {topic} is not known: {error}");
            Line::cannot_tell(CHECK, name, message, grant)
        }
    })
}

/// Another filter may let the same through, or more: `doctor coverage` judges what it says.
fn of_filter(facts: &Facts<'_>, sink: &LogSink) -> Option<Line> {
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let everything = sink.filter.trim().is_empty();
    let exclusions = sink.exclusions.iter().filter(|one| !one.disabled).count();
    if exclusions == 0 && (everything || words(&sink.filter) == words(facts.ours)) {
        return None;
    }
    let message = match exclusions {
        0 => "its filter is not the one of these detections".to_owned(),
        several => format!("{several} exclusion(s) may leave out what detections look at"),
    };
    let owner = facts.name.split("/sinks/").next().unwrap_or_default();
    let (kind, id) = owner.split_once('/').unwrap_or_default();
    let option = kind.trim_end_matches('s');
    let fix = format!(
        "postern doctor coverage --{option} {id} tells what it means; gcloud logging sinks update {} \
         --{option}={id} --log-filter \"$(postern audit rules export --format logging-filter)\"",
        sink.name
    );
    Some(Line::cannot_tell(CHECK, facts.name, message, fix))
}

#[cfg(test)]
mod tests {
    use postern_core::ports::LogExclusion;

    use super::*;
    use crate::commands::doctor::general::line::shown;

    const WRITER: &str = "serviceAccount:writer@example.com";

    fn sink() -> LogSink {
        LogSink {
            name: "audit".to_owned(),
            destination: format!("{PUBSUB}projects/demo-mart/topics/audit"),
            filter: "a OR\n b".to_owned(),
            writer_identity: WRITER.to_owned(),
            ..LogSink::default()
        }
    }

    fn told(
        sink: Result<Option<LogSink>, Unavailable>,
        publishers: Result<Option<Vec<String>>, Unavailable>,
    ) -> String {
        shown(&judge(&Facts {
            name: "projects/demo-mart/sinks/audit",
            sink,
            publishers: Some(publishers),
            ours: "a OR b",
        }))
    }

    fn outage() -> Unavailable {
        Unavailable::new("Google", "403")
    }

    #[test]
    fn a_sink_is_there_sends_may_send_and_leaves_nothing_out() {
        let may = || Ok(Some(vec![WRITER.to_owned()]));
        insta::assert_snapshot!(told(Ok(Some(sink())), may()), @"ok       sink projects/demo-mart/sinks/audit: it sends to pubsub.googleapis.com/projects/demo-mart/topics/audit");
        let off = LogSink {
            disabled: true,
            ..sink()
        };
        insta::assert_snapshot!(told(Ok(Some(off)), may()), @"
        FAIL     sink projects/demo-mart/sinks/audit: it is switched off
                 fix: gcloud logging sinks update audit --no-disabled
        ");
        assert!(told(Ok(None), may()).starts_with("FAIL"));
        assert!(told(Err(outage()), may()).starts_with("?  "));
        insta::assert_snapshot!(told(Ok(Some(sink())), Ok(None)), @"
        FAIL     sink projects/demo-mart/sinks/audit: it sends to projects/demo-mart/topics/audit, which is not there
                 fix: gcloud pubsub topics create projects/demo-mart/topics/audit
        ");
        insta::assert_snapshot!(told(Ok(Some(sink())), Ok(Some(Vec::new()))), @"
        FAIL     sink projects/demo-mart/sinks/audit: serviceAccount:writer@example.com may not publish to projects/demo-mart/topics/audit by what is granted on it
                 fix: gcloud pubsub topics add-iam-policy-binding projects/demo-mart/topics/audit --member=serviceAccount:writer@example.com --role=roles/pubsub.publisher
        ");
        assert!(told(Ok(Some(sink())), Err(outage())).starts_with("?  "));
        let other = LogSink {
            filter: "c".to_owned(),
            ..sink()
        };
        insta::assert_snapshot!(told(Ok(Some(other)), may()), @r#"
        ?        sink projects/demo-mart/sinks/audit: its filter is not the one of these detections
                 fix: postern doctor coverage --project demo-mart tells what it means; gcloud logging sinks update audit --project=demo-mart --log-filter "$(postern audit rules export --format logging-filter)"
        "#);
        let leaving_out = LogSink {
            exclusions: vec![LogExclusion::default()],
            ..sink()
        };
        assert!(told(Ok(Some(leaving_out)), may()).contains("exclusion"));
        let everything = LogSink {
            filter: String::new(),
            ..sink()
        };
        assert!(told(Ok(Some(everything)), may()).starts_with("ok"));
    }
}
