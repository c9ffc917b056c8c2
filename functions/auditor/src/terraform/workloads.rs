//! What a plan runs: whether it asks Binary Authorization, whether it goes past it, and by which images.

use super::change::{Change, Text};
use super::finding::{Code, Finding};
use super::images;

/// The annotation by which a Cloud Run service of the Knative API asks Binary Authorization.
const ASKS: &str = "run.googleapis.com/binary-authorization";
/// The annotation that is break-glass.
const BREAK_GLASS: &str = "run.googleapis.com/binary-authorization-breakglass";

/// Adds what is found about something that runs.
pub(super) fn look(change: &Change<'_>, findings: &mut Vec<Finding>) {
    if !change.stays() {
        return;
    }
    match change.kind {
        "google_cloud_run_v2_service"
        | "google_cloud_run_v2_job"
        | "google_cloud_run_v2_worker_pool" => {
            asks_by_block(change, findings);
            annotations(change, "/annotations", findings);
            annotations(change, "/template/0/annotations", findings);
        }
        "google_cloud_run_service" => {
            asks_by_annotation(change, findings);
            annotations(change, "/metadata/0/annotations", findings);
            annotations(change, "/template/0/metadata/0/annotations", findings);
        }
        _ => {}
    }
    images::look(change, findings);
}

/// `binary_authorization` of the second API.
fn asks_by_block(change: &Change<'_>, findings: &mut Vec<Finding>) {
    let block = &change.after["binary_authorization"][0];
    let uses_default = block["use_default"] == true;
    if !uses_default && change.text("/binary_authorization/0/policy") == Text::Absent {
        findings.push(match change.has_unknown("/binary_authorization") {
            true => Finding::later(Code::NoBinaryAuthorization, change, "binary_authorization"),
            false => Finding::new(
                Code::NoBinaryAuthorization,
                change,
                "it does not ask Binary Authorization: any image is deployed",
                "binary_authorization { use_default = true }",
            ),
        });
    }
    match change.text("/binary_authorization/0/breakglass_justification") {
        Text::Absent => {}
        Text::Is(_) => findings.push(break_glass(change, "breakglass_justification")),
        Text::Later => findings.push(Finding::later(
            Code::BreakGlassInCode,
            change,
            "breakglass_justification",
        )),
    }
}

/// The annotation of the first API.
fn asks_by_annotation(change: &Change<'_>, findings: &mut Vec<Finding>) {
    match annotation(change, "/metadata/0/annotations", ASKS) {
        Text::Is(_) => {}
        Text::Later => findings.push(Finding::later(Code::NoBinaryAuthorization, change, ASKS)),
        Text::Absent => findings.push(Finding::new(
            Code::NoBinaryAuthorization,
            change,
            "it does not ask Binary Authorization: any image is deployed",
            format!("metadata {{ annotations = {{ \"{ASKS}\" = \"default\" }} }}"),
        )),
    }
}

/// Break-glass by annotation, wherever annotations stand.
fn annotations(change: &Change<'_>, pointer: &str, findings: &mut Vec<Finding>) {
    match annotation(change, pointer, BREAK_GLASS) {
        Text::Absent => {}
        Text::Is(_) => findings.push(break_glass(change, BREAK_GLASS)),
        Text::Later => findings.push(Finding::later(Code::BreakGlassInCode, change, BREAK_GLASS)),
    }
}

fn annotation<'a>(change: &Change<'a>, pointer: &str, name: &str) -> Text<'a> {
    change.text(&format!("{pointer}/{}", name.replace('/', "~1")))
}

/// What it says is nobody's business who reads about plans.
fn break_glass(change: &Change<'_>, by: &str) -> Finding {
    Finding::new(
        Code::BreakGlassInCode,
        change,
        format!(
            "{by} is written into the configuration: every deployment from now on goes past the policy"
        ),
        "take it out; break glass by hand when it is needed, so that each use has its own reason",
    )
}
