//! The Terraform modules: what they repeat of Postern is what Postern says, and they are written as
//! Terraform writes them.

use std::path::PathBuf;
use std::process::Command;

use postern_tests::have;

fn modules() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../terraform")
}

#[test]
fn the_sink_has_the_filter_that_postern_exports() {
    let mut export = postern_tests::postern();
    export.args(["audit", "rules", "export", "--format", "logging-filter"]);
    let exported = String::from_utf8(postern_tests::run(&mut export)).unwrap();
    let committed = std::fs::read_to_string(modules().join("gcp/audit/filter.txt")).unwrap();
    assert!(
        committed == exported,
        "renew it: postern audit rules export --format logging-filter > terraform/gcp/audit/filter.txt"
    );
}

#[test]
fn they_are_formatted() {
    if !have(&["terraform"]) {
        return;
    }
    let mut format = Command::new("terraform");
    format
        .args(["fmt", "-check", "-diff", "-recursive"])
        .arg(modules());
    postern_tests::run(&mut format);
}
