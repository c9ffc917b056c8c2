//! Sinks and audit logs of folders, where a plan says what is in them.

use super::*;

fn managed(address: &str, values: Value) -> Value {
    let (kind, _) = address.split_once('.').unwrap();
    json!({"address": address, "mode": "managed", "type": kind, "values": values})
}

/// The plan with further resources.
fn with(text: &str, further: &[Value]) -> String {
    let mut plan: Value = serde_json::from_str(text).unwrap();
    let resources = plan["planned_values"]["root_module"]["resources"]
        .as_array_mut()
        .unwrap();
    resources.extend(further.iter().cloned());
    plan.to_string()
}

/// The project of the plans, in this folder.
fn in_folder(folder: &str) -> Value {
    let values = json!({"project_id": "demo-mart", "folder_id": folder});
    managed("google_project.mart", values)
}

/// A folder in the organization.
fn folder(number: &str) -> Value {
    let values =
        json!({"name": format!("folders/{number}"), "parent": "organizations/123456789012"});
    managed("google_folder.shops", values)
}

fn last_line(id: &str, plan: &str) -> String {
    let text = of(id, plan, &Known::default());
    text.lines().last().unwrap().to_owned()
}

#[test]
fn a_sink_above_may_take_entries_away() {
    let legal = managed(
        "google_logging_folder_sink.legal",
        json!({"name": "legal", "folder": "folders/77", "destination": "storage.googleapis.com/legal",
            "include_children": true, "intercept_children": true}),
    );
    let said = |further: &[Value]| last_line("gcp.test.pod", &with(GOOGLE_HOLES, further));
    assert_eq!(
        said(std::slice::from_ref(&legal)),
        "CannotTell: google_logging_folder_sink.legal takes such entries away from the sinks below it (intercept_children), and whether google_logging_project_sink.audit is below it is not in the plan"
    );
    assert_eq!(
        said(&[legal.clone(), in_folder("77")]),
        "Blind: google_logging_folder_sink.legal takes such entries away from the sinks below it (intercept_children)"
    );
    assert_eq!(
        said(&[legal, in_folder("78"), folder("78")]),
        "Blind: google_container_cluster.mart does not ask Binary Authorization (its evaluation mode is DISABLED)"
    );
}

/// The covered plan with a sink of a folder instead of the organization's.
fn by_folder(values: Value, further: &[Value]) -> String {
    let organization = "google_logging_organization_sink.audit";
    let plan = changed(GOOGLE_COVERED, organization, "disabled", json!(true));
    let mut sink = managed("google_logging_folder_sink.audit", values);
    sink["values"]["name"] = json!("audit");
    sink["values"]["include_children"] = json!(true);
    sink["values"]["destination"] =
        json!("pubsub.googleapis.com/projects/demo-mart/topics/postern-audit");
    with(&plan, &[&[sink], further].concat())
}

#[test]
fn a_sink_of_a_folder_delivers_what_is_written_in_it() {
    let sink = || json!({"folder": "77"});
    let said = |further: &[Value]| {
        let text = of(
            "gcp.test.policy",
            &by_folder(sink(), further),
            &Known::default(),
        );
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        said(&[]),
        [
            "CannotTell gcp.test.policy",
            "CannotTell: whether the project is in the folder of the sink audit is not in the plan"
        ]
    );
    assert_eq!(
        said(&[in_folder("folders/77")]),
        ["Covered gcp.test.policy"]
    );
    let inside = managed(
        "google_folder.inner",
        json!({"folder_id": "78", "parent": "folders/77"}),
    );
    assert_eq!(
        said(&[in_folder("78"), inside]),
        ["Covered gcp.test.policy"]
    );
    assert_eq!(
        said(&[in_folder("79"), folder("79")])[0],
        "Blind gcp.test.policy"
    );
    // The folder may itself be in the other one.
    assert_eq!(said(&[in_folder("79")])[0], "CannotTell gcp.test.policy");
}

#[test]
fn a_folder_that_is_yet_to_be_made_is_known_by_its_place() {
    let made = managed(
        "google_folder.shops",
        json!({"parent": "organizations/123456789012"}),
    );
    let project = managed("google_project.mart", json!({"project_id": "demo-mart"}));
    let mut plan: Value = serde_json::from_str(&by_folder(json!({}), &[made, project])).unwrap();
    let named = json!({"references": ["google_folder.shops.name", "google_folder.shops"]});
    let configured = plan["configuration"]["root_module"]["resources"]
        .as_array_mut()
        .unwrap();
    for (address, argument) in [
        ("google_project.mart", "folder_id"),
        ("google_logging_folder_sink.audit", "folder"),
    ] {
        configured.push(json!({"address": address, "expressions": {argument: named}}));
    }
    assert_eq!(
        of("gcp.test.policy", &plan.to_string(), &Known::default()),
        "Covered gcp.test.policy"
    );
}

#[test]
fn audit_logs_of_a_folder_count_in_it() {
    let project = "google_project_iam_audit_config.all";
    let none = changed(GOOGLE_COVERED, project, "audit_log_config", json!([]));
    let config = managed(
        "google_folder_iam_audit_config.kms",
        json!({"folder": "folders/77", "service": "cloudkms.googleapis.com",
            "audit_log_config": [{"log_type": "DATA_READ", "exempted_members": []}]}),
    );
    let said = |further: &[Value]| last_line("gcp.test.sign", &with(&none, further));
    assert_eq!(
        said(std::slice::from_ref(&config)),
        "CannotTell: whether the project is where google_folder_iam_audit_config.kms holds is not in the plan"
    );
    assert_eq!(
        said(&[config.clone(), in_folder("77")]),
        "Covered gcp.test.sign"
    );
    assert_eq!(
        said(&[config, in_folder("78"), folder("78")]),
        "Blind: project demo-mart does not log DATA_READ of cloudkms.googleapis.com"
    );
}
