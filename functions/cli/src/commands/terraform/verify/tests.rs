use std::path::Path;

use tempfile::TempDir;

use super::*;

const ENFORCED: &str = "ENFORCED_BLOCK_AND_AUDIT_LOG";

/// A state with a policy for each of these projects. Synthetic.
fn state(folder: &TempDir, projects: &[&str]) -> PathBuf {
    let policy = |project: &&str| {
        json!({
            "address": format!("google_binary_authorization_policy.this[\"{project}\"]"),
            "mode": "managed", "type": "google_binary_authorization_policy",
            "values": {"project": project, "default_admission_rule": [
                {"evaluation_mode": "ALWAYS_DENY", "enforcement_mode": ENFORCED}]},
        })
    };
    let resources: Vec<_> = projects.iter().map(policy).collect();
    let state =
        json!({"format_version": "1.0", "values": {"root_module": {"resources": resources}}});
    file(folder, "state.json", &state.to_string())
}

fn file(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn live(folder: &TempDir, name: Option<&str>, mode: &str) -> String {
    let mut policy =
        json!({"defaultAdmissionRule": {"evaluationMode": mode, "enforcementMode": ENFORCED}});
    if let Some(name) = name {
        policy["name"] = format!("projects/{name}/policy").into();
    }
    let file = file(
        folder,
        &format!("{}.json", name.unwrap_or("nameless")),
        &policy.to_string(),
    );
    file.display().to_string()
}

async fn exit(plan: &Path, live_policy: &[String]) -> Outcome {
    run(&Args {
        plan: plan.to_owned(),
        live_policy: live_policy.to_vec(),
        live_attestors: Vec::new(),
        config: None,
        format: Format::Text,
    })
    .await
}

#[tokio::test]
async fn the_exit_says_whether_it_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let one = state(&folder, &["acme-shop"]);
    let same = [live(&folder, Some("acme-shop"), "ALWAYS_DENY")];
    assert_eq!(exit(&one, &same).await.unwrap(), Exit::Done);
    let nameless = [live(&folder, None, "ALWAYS_DENY")];
    assert_eq!(exit(&one, &nameless).await.unwrap(), Exit::Done);
    let open = [live(&folder, Some("acme-shop"), "ALWAYS_ALLOW")];
    assert_eq!(exit(&one, &open).await.unwrap(), Exit::No);
    let elsewhere = [live(&folder, Some("elsewhere"), "ALWAYS_DENY")];
    assert_eq!(exit(&one, &elsewhere).await.unwrap(), Exit::Undetermined);
}

#[tokio::test]
async fn each_project_is_held_against_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let two = state(&folder, &["acme-shop", "acme-pay"]);
    let shop = live(&folder, Some("acme-shop"), "ALWAYS_DENY");
    let pay = live(&folder, Some("acme-pay"), "ALWAYS_DENY");
    assert_eq!(exit(&two, &[shop.clone(), pay]).await.unwrap(), Exit::Done);
    // A file that names no project could be of either.
    let nameless = live(&folder, None, "ALWAYS_DENY");
    assert_eq!(
        exit(&two, &[shop, nameless]).await.unwrap(),
        Exit::Undetermined
    );
}

#[tokio::test]
async fn what_is_nothing_to_compare_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let failure = exit(&state(&folder, &[]), &[]).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Undetermined);
    let broken = file(&folder, "broken.json", "{}");
    assert_eq!(exit(&broken, &[]).await.unwrap_err().exit, Exit::Mistake);
    let one = state(&folder, &["acme-shop"]);
    let missing = ["missing.yaml".to_owned()];
    assert_eq!(exit(&one, &missing).await.unwrap_err().exit, Exit::Mistake);
}
