use super::*;
use crate::finding::{BypassedVerdict, VerdictSource};
use crate::reason::{Reason, ReasonCode, Verdict};

/// Synthetic, and so many seconds old.
fn finding(second: u32) -> Finding {
    let at = format!("2026-03-03T05:{:02}:{:02}Z", second / 60, second % 60);
    let body = serde_json::json!({
        "apiVersion": "postern/v1", "kind": "Finding", "id": format!("f{second}"),
        "detection": "gcp.gke.break-glass", "severity": "HIGH", "category": "BREAK_GLASS", "at": at,
        "actor": {"principal": "dana@example.com", "via": [], "keyName": null, "ip": null},
        "target": null, "revision": null, "images": [format!("r/app:{second}")],
        "justification": null, "bypassed": null, "bypassedVerdict": null, "attack": [],
        "decisionId": null, "caseId": null, "lastConformantRevision": null, "rollback": null,
        "source": {"kind": "gcp.audit", "id": "synthetic", "log": null}, "summary": "Synthetic."
    });
    serde_json::from_value(body).unwrap()
}

fn case() -> Case {
    let body = serde_json::json!({
        "apiVersion": "postern/v1", "kind": "Case", "id": "c", "revision": 1, "state": "OPEN",
        "category": "BREAK_GLASS", "severity": "HIGH", "owner": null,
        "openedAt": "2026-03-03T05:00:10Z", "dueAt": null, "target": null, "actors": [],
        "justification": null, "exceptionUntil": null, "findings": [], "history": [],
    });
    serde_json::from_value(body).unwrap()
}

fn ids(case: &Case) -> Vec<&str> {
    let findings = case.findings.iter();
    findings.map(|finding| finding.id.as_str()).collect()
}

#[test]
fn a_case_keeps_the_first_and_the_newest_and_forgets_no_name() {
    let mut case = case();
    for second in 0..500 {
        let mut finding = finding(second);
        if second == 7 {
            let reason = Reason::new(ReasonCode::NoAttestation, "none");
            finding.bypassed_verdict = Some(BypassedVerdict {
                verdict: Verdict::NonConformant,
                reasons: vec![reason.of_attestor("projects/p/attestors/ci")],
                source: VerdictSource::Log,
            });
        }
        if second == 9 || second == 11 {
            finding.revision = Some(format!("web-{second}"));
        }
        case.add_finding(finding);
    }
    assert_eq!((case.findings.len(), case.findings_in_all()), (200, 500));
    assert_eq!(ids(&case)[..3], ["f9", "f0", "f302"]);
    assert_eq!(ids(&case)[199], "f499");
    assert_eq!(case.images().collect::<BTreeSet<_>>().len(), 500);
    assert_eq!(case.revisions().collect::<Vec<_>>(), ["web-9", "web-11"]);
    let attestors: Vec<_> = case.required_attestors().collect();
    assert_eq!(attestors, ["projects/p/attestors/ci"]);
}

#[test]
fn an_alert_carries_the_newest_and_says_how_many_there_are() {
    let mut case = case();
    for second in 0..30 {
        case.add_finding(finding(second));
    }
    let told = case.told();
    assert_eq!((told.findings.len(), told.finding_count), (20, 30));
    assert_eq!(ids(&told)[..2], ["f0", "f11"]);
    assert_eq!(told.images().count(), 30);
    assert_eq!(case.findings.len(), 30, "the case itself keeps them");
}

#[test]
fn a_case_of_an_older_version_counts_what_it_has() {
    let mut case = case();
    case.findings = vec![finding(1), finding(2)];
    assert_eq!((case.finding_count, case.findings_in_all()), (0, 2));
    case.add_finding(finding(3));
    assert_eq!(case.finding_count, 3);
}

#[test]
fn names_without_end_are_another_case() {
    let mut left_out = LeftOut::default();
    assert!(left_out.is_empty() && !left_out.is_full());
    let names = (0..2000).map(|n| format!("registry.example/app-{n:020}"));
    left_out.images.extend(names);
    assert!(left_out.is_full());
}

#[test]
fn what_people_did_stays_in_the_history() {
    let mut case = case();
    let step = |action| CaseStep {
        at: "2026-03-03T05:00:10Z".parse().unwrap(),
        by: "dana@example.com".to_owned(),
        action,
        comment: None,
    };
    case.add_step(step(CaseAction::Acknowledged));
    for _ in 0..500 {
        case.add_step(step(CaseAction::FindingAdded));
    }
    assert_eq!(case.history.len(), 201);
    assert_eq!(case.history[0].action, CaseAction::Acknowledged);
    assert_eq!(case.told().history.len(), 21);
}
