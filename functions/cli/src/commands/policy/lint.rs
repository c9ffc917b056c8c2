//! `postern policy lint`.

use std::path::{Path, PathBuf};

use postern_core::policy::lint::{LintFinding, Source, lint};
use serde::Serialize;

use super::{Format, read};
use crate::outcome::{Exit, Failure, Outcome};
use crate::output::{note, print, print_json};

/// Find what Binary Authorization refuses in a policy, and what it accepts but people regret.
///
/// Errors are refused by Google or can never work; warnings work, but otherwise than their author
/// may think. Exits 1 on errors; on warnings only with --strict.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The policy: YAML or JSON, as `gcloud container binauthz policy export` writes it.
    file: PathBuf,
    /// Also check these attestors, and that every attestor that the policy requires is among them.
    /// One or more v1 attestor resources: a document, several, a list, or {"attestors": […]}.
    #[arg(long, value_name = "FILE")]
    attestors: Vec<PathBuf>,
    /// Exit 1 on warnings too.
    #[arg(long)]
    strict: bool,
    /// How to print the findings.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// A finding and the file it is in.
#[derive(Serialize)]
struct InFile<'a> {
    file: String,
    #[serde(flatten)]
    finding: &'a LintFinding,
}

pub(super) fn run(args: &Args) -> Outcome {
    let policy = read(&args.file)?;
    let attestors = args.attestors.iter().map(|path| read(path));
    let attestors = attestors.collect::<Result<Vec<_>, Failure>>()?;
    let texts: Vec<&str> = attestors.iter().map(String::as_str).collect();
    let findings = lint(&policy, &texts);
    match args.format {
        Format::Json => print_json(&in_files(args, &findings))?,
        Format::Text => {
            for InFile { file, finding } in in_files(args, &findings) {
                print(format_args!("{file}:{finding}"))?;
            }
            note(summary(&findings));
        }
    }
    let errors = findings.iter().any(LintFinding::is_error);
    Ok(if errors || (args.strict && !findings.is_empty()) {
        Exit::No
    } else {
        Exit::Done
    })
}

fn in_files<'a>(args: &Args, findings: &'a [LintFinding]) -> Vec<InFile<'a>> {
    let file = |finding: &LintFinding| {
        let path: Option<&Path> = match finding.source {
            Source::Policy => Some(&args.file),
            Source::Attestors(index) => args.attestors.get(index).map(PathBuf::as_path),
        };
        path.map(|path| path.display().to_string())
            .unwrap_or_default()
    };
    findings
        .iter()
        .map(|finding| InFile {
            file: file(finding),
            finding,
        })
        .collect()
}

fn summary(findings: &[LintFinding]) -> String {
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    match (errors, findings.len() - errors) {
        (0, 0) => "no mistakes found".to_owned(),
        (errors, warnings) => format!("{errors} error(s), {warnings} warning(s)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(policy: &str, strict: bool) -> Exit {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("policy.yaml");
        std::fs::write(&file, policy).unwrap();
        run(&Args {
            file,
            attestors: Vec::new(),
            strict,
            format: Format::Json,
        })
        .unwrap()
    }

    #[test]
    fn errors_exit_1_and_warnings_only_when_strict() {
        let rule = "{evaluationMode: ALWAYS_DENY, enforcementMode: ENFORCED_BLOCK_AND_AUDIT_LOG}";
        let sound = format!("defaultAdmissionRule: {rule}\n");
        let warning = sound.replace("ALWAYS_DENY", "ALWAYS_ALLOW");
        let error = format!("{sound}surprise: 1\n");
        assert_eq!(
            (exit(&sound, false), exit(&sound, true)),
            (Exit::Done, Exit::Done)
        );
        assert_eq!(
            (exit(&warning, false), exit(&warning, true)),
            (Exit::Done, Exit::No)
        );
        assert_eq!(
            (exit(&error, false), exit(&error, true)),
            (Exit::No, Exit::No)
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_a_mistake() {
        let args = Args {
            file: PathBuf::from("/nonexistent/policy.yaml"),
            attestors: Vec::new(),
            strict: false,
            format: Format::Text,
        };
        assert_eq!(run(&args).unwrap_err().exit, Exit::Mistake);
    }
}
