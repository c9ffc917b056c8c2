//! `postern policy test`.

use std::path::{Path, PathBuf};

use postern_core::attestor::{Attestor, AttestorName};
use postern_core::policy::table::{Case, CaseResult, FileOr, Table};
use postern_core::policy::{Policy, parse_attestors, system_policy};

use super::{Format, read, read_policy, wrong_file};
use crate::outcome::{Exit, Failure, Outcome};
use crate::output::{note, print, print_json};

/// Run a table of cases against a policy: which image, where, what must come out, by which rule.
///
/// Nothing is fetched: a case says in `attestedBy` who has attested its image. Exits 1 if a case
/// fails.
///
///     policy: policy.yaml
///     attestors: attestors.yaml
///     cases:
///       - name: unsigned images stay out
///         image: us-docker.pkg.dev/demo-project/repo/app:v1
///         target: cloud-run:demo-project/us-central1/web
///         expect: DENY                # or ALLOW, CONFORMANT, NON_CONFORMANT, REQUIRE_ATTESTATION
///         rule: defaultAdmissionRule
///       - name: signed images go in
///         image: us-docker.pkg.dev/demo-project/repo/app:v1
///         attestedBy: [projects/demo-project/attestors/built-by-ci]
///         expect: ALLOW
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// The table. Files that it names are relative to it.
    file: PathBuf,
    /// Use this policy's patterns as the system policy instead of the built-in one.
    #[arg(long, value_name = "FILE")]
    system_policy: Option<PathBuf>,
    /// How to print the results.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(super) fn run(args: &Args) -> Outcome {
    let table = Table::parse(&read(&args.file)?).map_err(|error| wrong_file(&args.file, &error))?;
    let folder = args.file.parent().unwrap_or(Path::new(""));
    let policy = match &table.policy {
        FileOr::File(name) => read_policy(&folder.join(name))?,
        FileOr::Inline(policy) => policy.clone(),
    };
    let system = args.system_policy.as_deref().map(read_policy).transpose()?;
    let system = system.as_ref().unwrap_or(system_policy());
    if !table.attestors.is_empty() {
        check_names(&table.cases, &policy, &attestors(&table, folder)?)?;
    }
    let results: Vec<CaseResult> = table
        .cases
        .iter()
        .map(|case| case.run(&policy, Some(system)))
        .collect();
    let failed = results.iter().filter(|result| !result.passed).count();
    match args.format {
        Format::Json => print_json(&results)?,
        Format::Text => {
            results.iter().try_for_each(|result| print(line(result)))?;
            note(format_args!(
                "{} passed, {failed} failed",
                results.len() - failed
            ));
        }
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::No })
}

fn attestors(table: &Table, folder: &Path) -> Result<Vec<Attestor>, Failure> {
    let mut attestors = Vec::new();
    for source in &table.attestors {
        match source {
            FileOr::Inline(attestor) => attestors.push(attestor.clone()),
            FileOr::File(name) => {
                let path = folder.join(name);
                let more = parse_attestors(&read(&path)?);
                attestors.extend(more.map_err(|error| wrong_file(&path, &error))?);
            }
        }
    }
    Ok(attestors)
}

/// A misspelt attestor would make a case pass or fail for the wrong reason.
fn check_names(cases: &[Case], policy: &Policy, known: &[Attestor]) -> Result<(), Failure> {
    let is_known = |name: &AttestorName| known.iter().any(|attestor| attestor.name == *name);
    let in_cases = cases.iter().flat_map(|case| &case.attested_by);
    match in_cases
        .chain(policy.required_attestors())
        .find(|name| !is_known(name))
    {
        None => Ok(()),
        Some(name) => Err(
            Failure::mistake(format_args!("there is no attestor {name}"))
                .remedy("correct the name, or add it to the table's attestors"),
        ),
    }
}

fn line(result: &CaseResult) -> String {
    let CaseResult {
        name,
        expect,
        verdict,
        ruling,
        ..
    } = result;
    if result.passed {
        return format!("ok      {name}");
    }
    let rule = result
        .expected_rule
        .as_ref()
        .map(|rule| format!(" by {rule}"))
        .unwrap_or_default();
    let outcome = if result.allowed { "allowed" } else { "denied" };
    let mut text = format!(
        "FAILED  {name}\n        expected {expect}{rule}\n        got {verdict}, {outcome}, by {ruling}"
    );
    for reason in &result.reasons {
        text.push_str(&format!("\n        {}: {}", reason.code, reason.message));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "
policy: policy.yaml
attestors: attestors.yaml
cases:
  - {name: unsigned, image: 'gcr.io/p/app:v1', expect: DENY, rule: defaultAdmissionRule}
  - name: signed
    image: gcr.io/p/app:v1
    attestedBy: [projects/demo/attestors/ci]
    expect: ALLOW
";

    fn folder(table: &str) -> (tempfile::TempDir, Args) {
        let folder = tempfile::tempdir().unwrap();
        let policy = "defaultAdmissionRule:\n  evaluationMode: REQUIRE_ATTESTATION\n  \
                      enforcementMode: ENFORCED_BLOCK_AND_AUDIT_LOG\n  requireAttestationsBy: \
                      [projects/demo/attestors/ci]\n";
        let attestors = "name: projects/demo/attestors/ci\nuserOwnedGrafeasNote: {noteReference: \
                         projects/demo/notes/ci}\n";
        for (name, text) in [
            ("policy.yaml", policy),
            ("attestors.yaml", attestors),
            ("table.yaml", table),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let file = folder.path().join("table.yaml");
        (
            folder,
            Args {
                file,
                system_policy: None,
                format: Format::Text,
            },
        )
    }

    fn outcome(table: &str) -> Result<Exit, Exit> {
        let (_folder, args) = folder(table);
        run(&args).map_err(|failure| failure.exit)
    }

    #[test]
    fn files_beside_the_table_are_found() {
        assert_eq!(outcome(TABLE), Ok(Exit::Done));
    }

    #[test]
    fn a_failing_case_exits_1_and_a_mistake_2() {
        assert_eq!(outcome(&TABLE.replace("DENY", "ALLOW")), Ok(Exit::No));
        assert_eq!(
            outcome(&TABLE.replace("attestors/ci", "attestors/cl")),
            Err(Exit::Mistake)
        );
        assert_eq!(
            outcome(&TABLE.replace("policy.yaml", "nowhere.yaml")),
            Err(Exit::Mistake)
        );
        assert_eq!(outcome("cases: ["), Err(Exit::Mistake));
    }

    #[test]
    fn a_failure_says_what_was_expected_and_why_it_is_not_so() {
        let case = &Table::parse(&TABLE.replace("DENY", "ALLOW")).unwrap().cases[0];
        let policy = Policy::parse(
            "defaultAdmissionRule: {evaluationMode: ALWAYS_DENY, enforcementMode: \
             ENFORCED_BLOCK_AND_AUDIT_LOG}",
        );
        insta::assert_snapshot!(line(&case.run(&policy.unwrap(), None)), @"
        FAILED  unsigned
                expected ALLOW by defaultAdmissionRule
                got NON_CONFORMANT, denied, by defaultAdmissionRule: ALWAYS_DENY, enforced
                ALWAYS_DENY: gcr.io/p/app@sha256:0000000000000000000000000000000000000000000000000000000000000000 is denied by an ALWAYS_DENY admission rule (defaultAdmissionRule)
        ");
    }
}
