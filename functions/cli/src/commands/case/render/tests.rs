use serde_json::json;

use super::*;

/// Synthetic, and written by somebody who means no good.
fn hostile() -> Case {
    let finding = json!({
        "apiVersion": "postern/v1", "kind": "Finding", "id": "f", "detection": "gcp.cloud-run.break-glass",
        "severity": "HIGH", "category": "BREAK_GLASS", "at": "2026-03-03T05:00:03Z",
        "actor": {"principal": "dana@example.com", "via": [], "keyName": null, "ip": "192.0.2.7"},
        "target": "cloud-run:demo-mart/europe-west1/web", "revision": "web-00007",
        "images": ["europe-docker.pkg.dev/demo-mart/apps/web@sha256:00"], "justification": "x",
        "bypassed": true, "bypassedVerdict": null, "attack": [], "decisionId": null, "caseId": "01C",
        "lastConformantRevision": null, "rollback": null,
        "source": {"kind": "gcp.audit", "id": "1", "log": null}, "summary": "dana used break-glass\u{1b}[2K"});
    let case = json!({
        "apiVersion": "postern/v1", "kind": "Case", "id": "01C", "revision": 3, "state": "JUSTIFIED",
        "category": "BREAK_GLASS", "severity": "HIGH", "owner": "team-web", "channel": "#web",
        "openedAt": "2026-03-03T05:00:10Z", "dueAt": "2026-03-04T05:00:10Z",
        "target": "cloud-run:demo-mart/europe-west1/web", "actors": ["dana@example.com\u{202e}"],
        "justification": "payments were down\nstate          CLOSED", "ticket": "INC-7", "exceptionUntil": null,
        "lastConformantRevision": "web-00006",
        "rollback": "gcloud run services update-traffic web --to-revisions web-00006=100",
        "findings": [finding],
        "history": [{"at": "2026-03-03T05:00:10Z", "by": "postern", "action": "OPENED", "comment": null},
                    {"at": "2026-03-03T06:00:00Z", "by": "lee@example.com", "action": "ACKNOWLEDGED", "comment": "looking\u{7}"}]});
    serde_json::from_value(case).unwrap()
}

#[test]
fn a_case_is_shown_without_what_could_act() {
    insta::assert_snapshot!(case(&hostile()), @r#"
    case           01C, revision 3
    state          JUSTIFIED  BREAK_GLASS  HIGH
    target         cloud-run:demo-mart/europe-west1/web
    owner          team-web
    channel        #web
    opened         2026-03-03T05:00:10Z
    due            2026-03-04T05:00:10Z
    actors         dana@example.com\u{202e}
    justification  payments were down\u{a}state          CLOSED
    ticket         INC-7
    last good      web-00006
    roll back      gcloud run services update-traffic web --to-revisions web-00006=100
    findings
      2026-03-03T05:00:03Z  HIGH  gcp.cloud-run.break-glass
        dana used break-glass\u{1b}[2K
        revision  web-00007
        image  europe-docker.pkg.dev/demo-mart/apps/web@sha256:00
    history
      2026-03-03T05:00:10Z  OPENED  postern
      2026-03-03T06:00:00Z  ACKNOWLEDGED  lee@example.com  looking\u{7}
    "#);
}

#[test]
fn a_case_fits_one_line() {
    assert_eq!(
        head(&hostile()),
        "01C  JUSTIFIED  BREAK_GLASS  HIGH  2026-03-03T05:00:10Z  cloud-run:demo-mart/europe-west1/web  team-web  revision 3"
    );
}

#[test]
fn uses_are_a_table() {
    let group = |name: &str| Group {
        name: name.to_owned(),
        uses: 3,
        drills: 1,
        acknowledged: 2,
        median_seconds_to_acknowledge: Some(330),
        without_ticket: 1,
        share_without_ticket: 1.0 / 3.0,
    };
    let stats = Stats {
        since: None,
        truncated: false,
        total: group(""),
        people: vec![group("dana@example.com")],
        services: vec![group("cloud-run:demo-mart/europe-west1/web")],
        images: Vec::new(),
        repeat_offenders: vec!["dana@example.com".to_owned()],
    };
    insta::assert_snapshot!(super::stats(&stats), @r#"
                                           uses  drills  acknowledged   median to ack.  without ticket
    all                                       3       1             2           5m 30s            33 %
    people
    dana@example.com                          3       1             2           5m 30s            33 %
    services
    cloud-run:demo-mart/europe-west1/web      3       1             2           5m 30s            33 %
    more than once, drills aside: dana@example.com
    "#);
}

#[test]
fn what_is_acted_on_is_shown_first() {
    let mut case = hostile();
    let finding = case.findings[0].clone();
    for _ in 0..300 {
        case.add_finding(finding.clone());
    }
    insta::assert_snapshot!(acted_on(&case), @r"
    acting on revision 3 of the case as it stands; --revision N acts on what you have looked at only
      01C  JUSTIFIED  BREAK_GLASS  HIGH  2026-03-03T05:00:10Z  cloud-run:demo-mart/europe-west1/web  team-web  revision 3
        dana used break-glass\u{1b}[2K
        dana used break-glass\u{1b}[2K
        dana used break-glass\u{1b}[2K
        dana used break-glass\u{1b}[2K
        dana used break-glass\u{1b}[2K
        and 296 more: postern case show 01C
    ");
    let shown = super::case(&case);
    assert!(
        shown.contains("findings: 200 of 301, the first and the newest"),
        "{shown}"
    );
}
