//! A policy, its attestors and its table as files, the way people keep them.

use postern_core::policy::table::{CaseResult, FileOr, Table};
use postern_core::policy::{Policy, PolicyError, lint, parse_attestors, system_policy};

const POLICY: &str = include_str!("policy/policy.yaml");
const ATTESTORS: &str = include_str!("policy/attestors.yaml");
const TABLE: &str = include_str!("policy/table.yaml");

fn failed(policy: &str) -> Result<Vec<CaseResult>, PolicyError> {
    let (policy, table) = (Policy::parse(policy)?, Table::parse(TABLE)?);
    let results = table
        .cases
        .iter()
        .map(|case| case.run(&policy, Some(system_policy())));
    Ok(results.filter(|result| !result.passed).collect())
}

#[test]
fn the_table_passes() {
    assert_eq!(failed(POLICY).unwrap(), []);
}

#[test]
fn the_table_notices_a_weaker_policy() {
    for (strict, weak) in [
        (
            "evaluationMode: ALWAYS_DENY",
            "evaluationMode: ALWAYS_ALLOW",
        ),
        ("quay.io/example-monitor/*", "us-docker.pkg.dev/**"),
        ("monitor/*", "monitor/**"),
        ("Mode: ENABLE", "Mode: DISABLE"),
        ("us-central1.main", "us-central1.other"),
    ] {
        assert!(
            !failed(&POLICY.replace(strict, weak)).unwrap().is_empty(),
            "{weak}"
        );
    }
}

#[test]
fn the_files_are_sound() {
    let findings = lint(POLICY, &[ATTESTORS]);
    assert!(findings.is_empty(), "{findings:#?}");
    let table = Table::parse(TABLE).unwrap();
    assert!(matches!(&table.policy, FileOr::File(name) if name == "policy.yaml"));
    assert_eq!(parse_attestors(ATTESTORS).unwrap().len(), 1);
}
