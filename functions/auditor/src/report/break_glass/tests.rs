use postern_core::case::{CaseKind, CaseStep};
use postern_core::decision::ApiVersion;

use super::*;
use crate::classify::classify;
use crate::testing::{catalogue, entry, read};

fn finding(name: &str) -> Finding {
    classify(&catalogue(), &read(&entry(name)))
        .remove(0)
        .finding
}

/// Synthetic.
fn case(findings: Vec<Finding>, history: &[(&str, CaseAction)]) -> Case {
    let at = |time: &str| format!("2026-03-03T{time}Z").parse().unwrap();
    let closed = history
        .iter()
        .any(|(_, action)| *action == CaseAction::Closed);
    let value = serde_json::json!({
        "apiVersion": ApiVersion::V1, "kind": CaseKind::Case, "id": "c-1", "revision": 1,
        "state": if closed { "CLOSED" } else { "OPEN" }, "category": "BREAK_GLASS",
        "severity": "CRITICAL", "owner": "team-pay", "openedAt": at("05:01:00"), "dueAt": null,
        "target": null, "actors": [], "justification": null, "exceptionUntil": null,
        "closedAs": closed.then_some("RESOLVED"), "findings": findings, "history": [],
    });
    let mut case: Case = serde_json::from_value(value).unwrap();
    case.history = history
        .iter()
        .map(|(time, action)| CaseStep {
            at: at(time),
            by: "lead@example.com".to_owned(),
            action: *action,
            comment: None,
        })
        .collect();
    case
}

#[test]
fn what_a_case_knows_besides_its_findings_is_told() {
    let mut case = case(vec![finding("cloud-run-break-glass")], &[]);
    case.actors = vec!["dana@example.com".to_owned()];
    case.left_out.images.insert("r.example/app:v1".to_owned());
    let found = of_case(&case, Period::default(), |_| None).unwrap();
    assert_eq!(
        found.principals,
        ["dana@example.com", "night-duty@example.com"]
    );
    assert_eq!(found.images.len(), 2);
}

#[test]
fn a_case_becomes_one_use() {
    let findings = vec![
        finding("cloud-run-break-glass"),
        finding("cloud-run-break-glass-service"),
    ];
    let steps = [
        ("05:11:00", CaseAction::Acknowledged),
        ("07:00:00", CaseAction::Closed),
    ];
    let found = of_case(&case(findings, &steps), Period::default(), |_| None).unwrap();
    insta::assert_json_snapshot!(found, @r#"
    {
      "at": "2026-03-03T05:00:03.5Z",
      "target": "cloud-run:acme-shop/europe-west1/checkout",
      "revision": "checkout-00007-fug",
      "principals": [
        "night-duty@example.com"
      ],
      "via": [],
      "images": [
        "europe-west1-docker.pkg.dev/acme-shop/apps/checkout@sha256:9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d"
      ],
      "justification": "INC-4711 payment outage",
      "ticket": "INC-4711",
      "bypassed": null,
      "severity": "CRITICAL",
      "case": {
        "id": "c-1",
        "state": "CLOSED",
        "owner": "team-pay",
        "acknowledgedAfterSeconds": 600,
        "closedAt": "2026-03-03T07:00:00Z",
        "closedAs": "RESOLVED"
      }
    }
    "#);
}

#[test]
fn entries_of_one_rollout_in_a_log_are_one_use() {
    let of = |name| of_finding(&finding(name), Period::default()).unwrap();
    let mut known = of("cloud-run-break-glass");
    assert!(join(&mut known, &of("cloud-run-break-glass-service")));
    assert!(!join(&mut known, &of("gke-break-glass")));
    assert_eq!(
        of_finding(&finding("cloud-run-dry-run"), Period::default()),
        None
    );
}

#[test]
fn what_is_open_and_what_is_missing_is_counted() {
    let findings = || vec![finding("cloud-run-break-glass")];
    let acknowledged = [("05:11:00", CaseAction::Acknowledged)];
    let closed = [
        ("05:03:00", CaseAction::Acknowledged),
        ("07:00:00", CaseAction::Closed),
    ];
    let mut silent = finding("gke-break-glass");
    silent.justification = None;
    let cases = [
        case(findings(), &acknowledged),
        case(findings(), &closed),
        case(vec![silent], &[]),
    ];
    let uses = cases
        .iter()
        .filter_map(|c| of_case(c, Period::default(), |_| None));
    let report = BreakGlassReport::of(Period::default(), uses.collect());
    assert_eq!(
        report.totals,
        Totals {
            uses: 3,
            open: 2,
            closed: 1,
            unacknowledged: 1,
            bypassed: 1,
            without_justification: 1,
            without_ticket: 1,
            mean_seconds_to_acknowledge: Some(360),
        }
    );
    assert!(report.uses[0].at >= report.uses[2].at, "newest first");
    let later = Period {
        since: Some("2026-03-04T00:00:00Z".parse().unwrap()),
        until: None,
    };
    assert_eq!(of_case(&cases[0], later, |_| None), None);
}

#[test]
fn a_ticket_is_found_in_a_justification() {
    for (text, ticket) in [
        ("INC-4711 payment outage", Some("INC-4711")),
        ("see (OPS2-9)", Some("OPS2-9")),
        ("utf-8 and sha-256", None),
        ("A-1 X-", None),
        ("", None),
    ] {
        assert_eq!(ticket_in(text).as_deref(), ticket, "{text}");
    }
}
