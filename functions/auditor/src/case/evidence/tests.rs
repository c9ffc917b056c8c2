use postern_core::case::CaseState;
use postern_core::finding::{BypassedVerdict, VerdictSource};
use postern_core::ports::AppraisedImage;
use postern_core::reason::{Reason, ReasonCode};
use rstest::rstest;

use super::*;
use crate::testing;

const OTHER: &str = "europe-west1-docker.pkg.dev/acme-shop/apps/checkout@sha256:1111111111111111111111111111111111111111111111111111111111111111";
const RELEASE: &str = "projects/acme-shop/attestors/release";

fn case() -> Case {
    testing::case(CaseState::Justified)
}

fn image() -> String {
    images(&case()).into_iter().next().unwrap()
}

fn evidence(attestor: &str, signer: Option<&str>) -> AppraisedEvidence {
    AppraisedEvidence {
        attestor: attestor.to_owned(),
        key_id: "key-1".to_owned(),
        occurrence: None,
        signer: signer.map(str::to_owned),
    }
}

fn appraisal(image: &str, verdict: Verdict, evidence: Vec<AppraisedEvidence>) -> Appraisal {
    Appraisal {
        images: vec![AppraisedImage {
            reasons: Vec::new(),
            image: image.to_owned(),
            verdict,
            evidence,
        }],
    }
}

fn requiring(case: &mut Case, attestor: &str) {
    case.findings[0].bypassed_verdict = Some(BypassedVerdict {
        verdict: Verdict::NonConformant,
        reasons: vec![Reason::new(ReasonCode::NoAttestation, "none").of_attestor(attestor)],
        source: VerdictSource::Gate,
    });
}

#[rstest]
#[case::by_others(Verdict::Conformant, vec![evidence(RELEASE, Some("ci@example.com"))], Ok(false))]
#[case::by_nobody_known(Verdict::Conformant, vec![evidence(RELEASE, None)], Ok(true))]
#[case::by_somebody_at_a_machine(Verdict::Conformant, vec![evidence(RELEASE, Some("local:dana"))], Ok(true))]
#[case::by_themselves(Verdict::Conformant, vec![evidence(RELEASE, Some("user:night-duty@example.com"))], Err("was signed for"))]
#[case::by_both(Verdict::Conformant, vec![evidence(RELEASE, Some("night-duty@example.com")), evidence(RELEASE, Some("ci@example.com"))], Ok(false))]
#[case::by_another_attestor(Verdict::Conformant, vec![evidence("projects/acme-shop/attestors/lax", Some("ci@example.com"))], Err("is not attested by"))]
#[case::revoked_since(Verdict::NonConformant, vec![evidence(RELEASE, Some("ci@example.com"))], Err("does not conform"))]
#[case::not_known(Verdict::Undetermined, vec![], Err("does not conform"))]
#[case::policy_allows_all(Verdict::Conformant, vec![], Err("has no attestation"))]
fn attested_as_it_was_required_then(
    #[case] verdict: Verdict,
    #[case] evidence: Vec<AppraisedEvidence>,
    #[case] expected: Result<bool, &str>,
) {
    let mut case = case();
    requiring(&mut case, RELEASE);
    let found = attested(&case, &appraisal(&image(), verdict, evidence));
    match expected {
        Ok(unknown) => assert_eq!(found, Ok(unknown)),
        Err(why) => assert!(found.clone().unwrap_err()[0].contains(why), "{found:?}"),
    }
}

#[test]
fn without_known_attestors_those_of_the_policy_count() {
    let good = appraisal(
        &image(),
        Verdict::Conformant,
        vec![evidence("projects/p/attestors/a", Some("ci@example.com"))],
    );
    assert_eq!(attested(&case(), &good), Ok(false));
    let empty = appraisal(&image(), Verdict::Conformant, vec![]);
    assert!(attested(&case(), &empty).is_err());
}

#[test]
fn an_answer_about_another_image_is_none() {
    let other = appraisal(
        OTHER,
        Verdict::Conformant,
        vec![evidence(RELEASE, Some("ci@example.com"))],
    );
    assert!(attested(&case(), &other).is_err());
}

#[test]
fn what_a_case_does_not_keep_has_to_be_attested_or_replaced_too() {
    let good = appraisal(
        &image(),
        Verdict::Conformant,
        vec![evidence(RELEASE, Some("ci@example.com"))],
    );
    let mut more = case();
    more.left_out.images.insert(OTHER.to_owned());
    assert!(attested(&more, &good).unwrap_err()[0].contains("does not conform"));
    let mut stricter = case();
    let audited = "projects/acme-shop/attestors/audited";
    stricter.left_out.attestors.insert(audited.to_owned());
    assert!(attested(&stricter, &good).unwrap_err()[0].contains(audited));
    let state = RuntimeState {
        revisions: vec![RunningRevision {
            name: "checkout-00006-old".to_owned(),
            traffic_percent: 1,
            ..RunningRevision::default()
        }],
        latest: None,
    };
    let mut longer = case();
    assert!(!successors(&longer, &state).is_empty());
    let old = "checkout-00006-old".to_owned();
    longer.left_out.revisions.insert(old);
    assert!(successors(&longer, &state).is_empty());
}

#[test]
fn a_tag_counts_only_where_its_digest_is_known() {
    let mut case = case();
    let name = image().split_once('@').unwrap().0.to_owned();
    case.findings[0].images.push(format!("{name}:v1"));
    assert_eq!(images(&case).len(), 1);
    case.findings[0]
        .images
        .push("europe-west1-docker.pkg.dev/acme-shop/apps/sidecar:v1".to_owned());
    let good = appraisal(
        &image(),
        Verdict::Conformant,
        vec![evidence(RELEASE, Some("ci@example.com"))],
    );
    assert!(attested(&case, &good).unwrap_err()[0].contains("a tag moves"));
}

fn revision(name: &str, image: &str, traffic_percent: u8) -> RunningRevision {
    RunningRevision {
        name: name.to_owned(),
        images: vec![image.to_owned()],
        traffic_percent,
        ..RunningRevision::default()
    }
}

#[rstest]
#[case::shifted(|_: &mut RuntimeState| {}, Ok(vec!["checkout-8".to_owned()]))]
#[case::some_traffic(|s: &mut RuntimeState| s.revisions[0].traffic_percent = 1, Err("gets 1 % of the traffic"))]
#[case::tagged(|s: &mut RuntimeState| s.revisions[0].tags.push("canary".into()), Err("is reached by the tag"))]
#[case::running(|s: &mut RuntimeState| s.revisions[0].running_executions = 1, Err("is running"))]
#[case::latest(|s: &mut RuntimeState| s.latest = Some("checkout-00007-fug".into()), Err("is the latest"))]
#[case::same_image_again(|s: &mut RuntimeState| s.revisions[1].images = vec![image()], Err("gets 100 % of the traffic"))]
#[case::nothing_else(|s: &mut RuntimeState| { s.revisions.pop(); s.latest = None; }, Err("nothing runs instead"))]
#[case::not_conformant(|s: &mut RuntimeState| s.revisions.push(revision("checkout-9", "europe-west1-docker.pkg.dev/acme-shop/apps/bad@sha256:2222222222222222222222222222222222222222222222222222222222222222", 1)), Err("\"checkout-9\" does not conform"))]
#[case::by_tag(|s: &mut RuntimeState| s.revisions[1].images = vec!["europe-west1-docker.pkg.dev/acme-shop/apps/checkout:v2".into()], Err("does not conform"))]
#[case::job_at_rest(|s: &mut RuntimeState| { s.revisions[1].traffic_percent = 0; s.latest = Some("checkout-8".into()); }, Ok(vec!["checkout-8".to_owned()]))]
fn replaced_only_when_nothing_reaches_the_old(
    #[case] change: fn(&mut RuntimeState),
    #[case] expected: Result<Vec<String>, &str>,
) {
    let mut state = RuntimeState {
        revisions: vec![
            revision("checkout-00007-fug", &image(), 0),
            revision("checkout-8", OTHER, 100),
        ],
        latest: Some("checkout-8".to_owned()),
    };
    change(&mut state);
    let found = replaced(
        &case(),
        &state,
        &appraisal(OTHER, Verdict::Conformant, vec![]),
    );
    match expected {
        Ok(by) => assert_eq!(found, Ok(by)),
        Err(why) => {
            let against = found.unwrap_err().join("; ");
            assert!(
                against.replace('"', "").contains(&why.replace('"', "")),
                "{against}"
            );
        }
    }
}

#[test]
fn what_is_not_known_is_not_replaced() {
    let mut case = case();
    case.findings.clear();
    let state = RuntimeState {
        revisions: vec![revision("checkout-8", OTHER, 100)],
        latest: None,
    };
    let conformant = appraisal(OTHER, Verdict::Conformant, vec![]);
    assert!(replaced(&case, &state, &conformant).unwrap_err()[0].contains("not known"));
}
