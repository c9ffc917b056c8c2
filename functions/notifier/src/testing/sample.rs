//! Alerts with everything in them, and alerts that mean harm. All of it synthetic.

use jiff::SignedDuration;
use postern_core::case::{CaseAction, CaseState, CaseStep, ClosedAs};
use postern_core::change::Notification;
use postern_core::finding::{Category, Finding, Severity};
use postern_host::config::GroupBy;
use serde_json::{Value, json};

use super::alert;
use crate::group::AlertGroup;

/// An alert about a new case with one finding.
pub(crate) fn opened() -> Notification {
    let mut alert = alert("01CASE", 1);
    let case = &mut alert.case;
    case.owner = Some("team-checkout".to_owned());
    case.due_at = Some("2026-03-03T09:00:10Z".parse().unwrap());
    case.rollback = Some("gcloud run services update-traffic checkout".to_owned());
    case.findings = vec![finding()];
    case.finding_count = 1;
    case.history = vec![step(CaseAction::Opened)];
    alert
}

/// The same case, after somebody took it.
pub(crate) fn acknowledged() -> Notification {
    let mut alert = opened();
    alert.id = "01CASE-2".to_owned();
    alert.case.revision = 2;
    alert.case.state = CaseState::Acknowledged;
    alert.case.history.push(step(CaseAction::Acknowledged));
    alert
}

/// The same case, closed.
pub(crate) fn closed() -> Notification {
    let mut alert = acknowledged();
    alert.id = "01CASE-3".to_owned();
    alert.case.revision = 3;
    alert.case.state = CaseState::Closed;
    alert.case.closed_as = Some(ClosedAs::Attested);
    alert.case.ticket = Some("INC-77".to_owned());
    alert.case.justification = Some("payments were down, the image is attested now".to_owned());
    alert.case.history.push(step(CaseAction::Closed));
    alert
}

/// Alerts about new denials in one project, a second apart, told together.
pub(crate) fn denials(count: usize) -> AlertGroup {
    let alerts = (0..count).map(|index| {
        let mut alert = opened();
        let case = &mut alert.case;
        case.id = format!("01D{index:03}");
        case.category = Category::Denied;
        case.severity = Severity::Low;
        case.target = Some(format!("cloud-run:acme-shop/europe-west1/job-{index}"));
        let finding = &mut case.findings[0];
        finding.category = Category::Denied;
        finding.summary = format!("job-{index} was denied: <no attestation>");
        alert.id = format!("{}-1", case.id);
        alert.at += SignedDuration::from_secs(i64::try_from(index).unwrap());
        alert
    });
    AlertGroup::of(alerts.collect(), &[GroupBy::Category, GroupBy::Project])
}

/// A group in which every text of others is `text`, of more alerts than are shown.
pub(crate) fn hostile_group(text: &str) -> AlertGroup {
    let mut alert = hostile(text);
    // Not told of, and long.
    alert.case.actors.clear();
    alert.case.findings[0].images.clear();
    let alerts = (0..12).map(|index| {
        let mut alert = alert.clone();
        alert.id = format!("01H{index:03}-3");
        alert.case.category = Category::Denied;
        alert
    });
    let by = [GroupBy::Severity, GroupBy::Target, GroupBy::Owner];
    AlertGroup::of(alerts.collect(), &by)
}

/// An alert in which every text of others is `text`.
pub(crate) fn hostile(text: &str) -> Notification {
    let mut alert = closed();
    alert.case.state = CaseState::Open;
    let case = &mut alert.case;
    let text = || text.to_owned();
    case.target = Some(text());
    case.owner = Some(text());
    case.actors = vec![text(); 9];
    case.justification = Some(text());
    case.ticket = Some(text());
    case.rollback = Some(text());
    case.finding_count = 21;
    let finding = &mut case.findings[0];
    finding.summary = text();
    finding.justification = Some(text());
    finding.images = vec![text(); 9];
    finding.actor.principal = Some(text());
    finding.target = Some(text());
    alert
}

/// Texts that mean something to one receiver or another, and one that is too long for all of them.
pub(crate) fn hostile_texts() -> Vec<String> {
    let mention = "<!channel> <users/all> <at>everyone</at> @here";
    vec![
        mention.to_owned(),
        "*bold* _it_ [click](https://e.example) <a href=\"https://e.example\">x</a>".to_owned(),
        "first line\n\n# second\r\n- item\u{2028}> quote\u{202e}drawkcab".to_owned(),
        "\"}}],\"routing_key\":\"other\\".to_owned(),
        "\u{0}\u{1b}[2J".to_owned(),
        mention.repeat((1 << 20) / mention.len()),
        "&".repeat(1 << 20),
        "\"".repeat(1 << 20),
        "\\".repeat(1 << 20),
        "\u{4e16}".repeat(1 << 18),
        "🦀".repeat(1 << 18),
    ]
}

/// Every text in a value, with the key that it stands under.
pub(crate) fn texts_in(value: &Value) -> Vec<(&str, &str)> {
    fn collect<'a>(value: &'a Value, key: &'a str, into: &mut Vec<(&'a str, &'a str)>) {
        match value {
            Value::String(text) => into.push((key, text)),
            Value::Array(items) => items.iter().for_each(|item| collect(item, key, into)),
            Value::Object(members) => {
                members
                    .iter()
                    .for_each(|(key, item)| collect(item, key, into));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(value, "", &mut found);
    found
}

fn step(action: CaseAction) -> CaseStep {
    CaseStep {
        at: "2026-03-03T05:00:10Z".parse().unwrap(),
        by: "lead@example.com".to_owned(),
        action,
        comment: None,
    }
}

fn finding() -> Finding {
    serde_json::from_value(json!({
        "apiVersion": "postern/v1", "kind": "Finding", "id": "5f1d",
        "detection": "gcp.cloud-run.break-glass", "severity": "HIGH", "category": "BREAK_GLASS",
        "at": "2026-03-03T05:00:03.500Z",
        "actor": {"principal": "night-duty@example.com", "via": [], "keyName": null, "ip": "198.51.100.7"},
        "target": "cloud-run:acme-shop/europe-west1/checkout", "revision": "checkout-00007-abc",
        "images": ["europe-docker.pkg.dev/acme-shop/web/checkout@sha256:11"],
        "justification": "INC-77 <payments> are down", "bypassed": true, "bypassedVerdict": null,
        "attack": ["T1610", "T1078.004"], "decisionId": null, "caseId": "01CASE",
        "lastConformantRevision": null, "rollback": null,
        "source": {"kind": "gcp.audit", "id": "abc123", "log": null},
        "summary": "night-duty@example.com deployed checkout past the policy",
    }))
    .unwrap()
}
