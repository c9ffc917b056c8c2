//! `postern terraform scan`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::ValueEnum;
use postern_auditor::terraform::{self, Code, Level, Report};
use serde_json::json;

use super::{no_plan, read};
use crate::escape::terminal;
use crate::outcome::{Exit, Outcome};
use crate::output;

/// Find what a plan would weaken: the policy, the chain of trust, and what runs.
///
/// Exits with 0 if nothing was found, 1 if something was, 3 if nothing but what is known only after the plan
/// is applied. A state is judged as it is.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// What `terraform show -json` prints of a plan or a state.
    #[arg(value_name = "PLAN.json")]
    plan: PathBuf,
    /// Accept findings of this code; may be given several times.
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    except: Vec<Code>,
    /// How to print the findings.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  terraform plan -out plan && terraform show -json plan > plan.json
  postern terraform scan plan.json
  postern terraform scan plan.json --except DRY_RUN,KEY_UNPROTECTED
  postern terraform scan plan.json --format sarif > plan.sarif";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
    /// SARIF 2.1.0.
    Sarif,
}

pub(super) fn run(args: &Args) -> Outcome {
    let json = read(&args.plan)?;
    let mut report = terraform::scan(&json).map_err(|error| no_plan(&args.plan, error))?;
    report.except(&args.except);
    match args.format {
        Format::Text => output::print(text(&report))?,
        Format::Json => output::print_json(&json!({
            "apiVersion": "postern/v1",
            "kind": "TerraformScan",
            "findings": report.findings,
        }))?,
        Format::Sarif => {
            let file = args.plan.to_string_lossy();
            output::print_json(&terraform::sarif(&report, &file))?;
        }
    }
    Ok(match report.worst() {
        None => Exit::Done,
        Some(Level::CannotTell) => Exit::Undetermined,
        Some(Level::Warning | Level::Error) => Exit::No,
    })
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    for level in [Level::Error, Level::Warning, Level::CannotTell] {
        for finding in report.findings.iter().filter(|f| f.level == level) {
            let _ = writeln!(
                text,
                "{:<11}  {}  {}\n             {}\n             try: {}",
                word(level),
                finding.code,
                terminal(&finding.address),
                terminal(&finding.message),
                terminal(&finding.remedy),
            );
        }
    }
    let _ = write!(
        text,
        "{} error(s), {} warning(s), {} cannot be told",
        report.count(Level::Error),
        report.count(Level::Warning),
        report.count(Level::CannotTell),
    );
    text
}

const fn word(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::CannotTell => "cannot tell",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_on(document: &str, except: &[Code]) -> Outcome {
        let folder = tempfile::tempdir().unwrap();
        let plan = folder.path().join("plan.json");
        std::fs::write(&plan, document).unwrap();
        run(&Args {
            plan,
            except: except.to_vec(),
            format: Format::Text,
        })
    }

    fn lambda(after: &serde_json::Value, unknown: &serde_json::Value) -> String {
        json!({
            "format_version": "1.2", "planned_values": {},
            "resource_changes": [{
                "address": "aws_lambda_function.web", "mode": "managed", "type": "aws_lambda_function",
                "change": {"actions": ["create"], "before": null, "after": after, "after_unknown": unknown},
            }],
        })
        .to_string()
    }

    #[test]
    fn the_exit_says_whether_anything_was_found() {
        let image = |image: &str| json!({"package_type": "Image", "image_uri": image});
        let tag = lambda(&image("registry.example/web:v1"), &json!({}));
        let digest = format!("registry.example/web@sha256:{}", "0".repeat(64));
        let digest = lambda(&image(&digest), &json!({}));
        let later = lambda(
            &json!({"package_type": "Image"}),
            &json!({"image_uri": true}),
        );
        let exit = |document: &str, except: &[Code]| run_on(document, except).unwrap();
        assert_eq!(exit(&digest, &[]), Exit::Done);
        assert_eq!(exit(&tag, &[]), Exit::No);
        assert_eq!(exit(&later, &[]), Exit::Undetermined);
        assert_eq!(exit(&tag, &[Code::ImageByTag]), Exit::Done);
        assert_eq!(exit(&later, &[Code::ImageByTag]), Exit::Done);
        for wrong in ["", "{}", "{\"format_version\": \"1.2\"}", "terraform"] {
            assert_eq!(
                run_on(wrong, &[]).unwrap_err().exit,
                Exit::Mistake,
                "{wrong}"
            );
        }
    }

    #[test]
    fn findings_are_told_gravest_first_and_harmlessly() {
        let plan = lambda(
            &json!({"package_type": "Image", "image_uri": "registry.example/web\u{1b}[2J:v1"}),
            &json!({}),
        );
        let report = terraform::scan(plan.as_bytes()).unwrap();
        insta::assert_snapshot!(text(&report), @r#"
        error        IMAGE_BY_TAG  aws_lambda_function.web
                     the image "registry.example/web\u{1b}[2J:v1" is named without its digest: what it stands for may change after it was checked
                     try: name it by digest, HOST/PATH@sha256:…, as the build that pushed it says
        1 error(s), 0 warning(s), 0 cannot be told
        "#);
    }
}
