//! The gate's own acts become findings.

use postern_core::decision::{
    ApiVersion, BreakGlass, BreakGlassSource, DecisionKind, EnforcementMode,
};
use postern_core::reason::Verdict;
use postern_core::revocation::{Revocation, Revoked};
use postern_core::target::Target;

use super::*;

fn decision(verdict: Verdict, break_glass: Option<BreakGlass>) -> Decision {
    Decision {
        api_version: ApiVersion::V1,
        kind: DecisionKind::Decision,
        id: "01JSYNTHETIC".to_owned(),
        decided_at: "2026-03-03T05:00:00Z".parse().unwrap(),
        allowed: true,
        verdict,
        enforcement: EnforcementMode::Enforced,
        retryable: false,
        break_glass,
        caller: Some(postern_core::decision::Caller {
            issuer: "https://accounts.google.com".to_owned(),
            subject: "1".to_owned(),
            email: Some("night-duty@example.com".to_owned()),
        }),
        requester: None,
        target: "cloud-run:acme-shop/europe-west1/checkout"
            .parse::<Target>()
            .unwrap(),
        policy: None,
        images: Vec::new(),
        reasons: Vec::new(),
        warnings: Vec::new(),
    }
}

fn used(over_quota: bool) -> BreakGlass {
    BreakGlass {
        justification: Some("INC-4711 payment outage".to_owned()),
        ticket: Some("INC-4711".to_owned()),
        source: BreakGlassSource::Request,
        overrode: Verdict::NonConformant,
        over_quota,
    }
}

#[tokio::test]
async fn a_break_glass_at_the_gate_and_on_the_platform_are_one_case() {
    let (auditor, store) = auditor(Believed::default());
    let decision = decision(Verdict::NonConformant, Some(used(false)));
    assert_eq!(
        auditor.record_decision(&decision).await,
        Ok(Received::Recorded(1))
    );
    receive(&auditor, &entry("cloud-run-break-glass")).await;
    store.with(|state| {
        assert_eq!(state.cases.len(), 1);
        let case = state.cases.values().next().unwrap();
        let gate = case
            .findings
            .iter()
            .find(|f| f.source.kind == "postern.gate")
            .unwrap();
        assert_eq!(gate.bypassed, Some(true));
        assert_eq!(gate.decision_id.as_deref(), Some("01JSYNTHETIC"));
    });
}

#[tokio::test]
async fn the_gates_acts_become_findings_of_the_right_severity() {
    for (decision, expected) in [
        (
            decision(Verdict::NonConformant, Some(used(false))),
            Some((Category::BreakGlass, Severity::High)),
        ),
        (
            decision(Verdict::NonConformant, Some(used(true))),
            Some((Category::BreakGlass, Severity::Critical)),
        ),
        (
            decision(Verdict::Undetermined, None),
            Some((Category::FailOpen, Severity::High)),
        ),
        (decision(Verdict::Conformant, None), None),
    ] {
        let (auditor, store) = auditor(Believed::default());
        auditor.record_decision(&decision).await.unwrap();
        let found = store.with(|s| s.cases.values().next().map(|c| (c.category, c.severity)));
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn a_change_of_the_revocation_list_is_a_finding() {
    let (auditor, store) = auditor(Believed::default());
    let at = "2026-03-03T05:00:00Z".parse().unwrap();
    let revocation = Revocation {
        what: Revoked::Key("ni:///sha-256;abc".to_owned()),
        reason: "leaked".to_owned(),
        by: "local:dana".to_owned(),
        at,
    };
    let entry = Entry {
        id: "r1".to_owned(),
        at,
        record: Record::Revocation(revocation),
    };
    assert_eq!(auditor.record(&entry).await, Ok(Received::Recorded(1)));
    store.with(|state| {
        let case = state.cases.values().next().unwrap();
        insta::assert_snapshot!(case.findings[0].summary, @r#"local:dana revoked ni:///sha-256;abc, because "leaked""#);
    });
}

#[tokio::test]
async fn the_spool_is_taken_in_under_its_own_ids_and_only_once() {
    let (auditor, store) = auditor(Believed::default());
    let decision = decision(Verdict::Undetermined, Some(used(false)));
    let entry = Entry {
        id: decision.id.clone(),
        at: decision.decided_at,
        record: Record::Decision(Box::new(decision.clone())),
    };
    assert_eq!(auditor.take_in(&entry).await, Ok(Received::Recorded(1)));
    assert_eq!(auditor.take_in(&entry).await, Ok(Received::Known));
    assert_eq!(
        auditor.record_decision(&decision).await,
        Ok(Received::Known)
    );
    store.with(|state| {
        assert_eq!(state.entries.iter().filter(|e| e.id == entry.id).count(), 1);
        assert_eq!(state.cases.len(), 1);
    });
    let mut other = decision;
    other.allowed = false;
    assert_eq!(
        auditor.record_decision(&other).await,
        Ok(Received::Recorded(1))
    );
    store.with(|state| {
        assert!(
            state
                .cases
                .values()
                .any(|case| case.category == Category::AuditBlinded)
        );
    });
}
