//! Findings as SARIF 2.1.0, for tools that show results of static analysis.

use serde_json::{Value, json};

use super::Report;
use super::finding::{Code, Level};

/// The report as one run, about the file of this name. A plan has no lines: results stand at its first one,
/// and name the resource.
pub fn sarif(report: &Report, file: &str) -> Value {
    let rules = Code::ALL.map(|code| {
        json!({
            "id": code,
            "shortDescription": {"text": code.title()},
            "defaultConfiguration": {"level": level(code.level())},
        })
    });
    let results: Vec<Value> = report.findings.iter().map(|finding| {
        json!({
            "ruleId": finding.code,
            "level": level(finding.level),
            "message": {"text": format!("{}: {}. {}", finding.address, finding.message, finding.remedy)},
            "locations": [{
                "physicalLocation": {
                    "artifactLocation": {"uri": file},
                    "region": {"startLine": 1},
                },
                "logicalLocations": [{"fullyQualifiedName": finding.address, "kind": "resource"}],
            }],
        })
    }).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "postern",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "results": results,
        }],
    })
}

const fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::CannotTell => "note",
    }
}
