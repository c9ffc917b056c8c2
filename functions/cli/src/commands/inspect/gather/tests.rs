use async_trait::async_trait;
use postern_core::entry::{Entry, Record};
use postern_core::ports::{Journal as _, RunningRevision, RuntimeState, Unavailable};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::commands::inspect::show;

const TARGET: &str = "cloud-run:demo-mart/us-east1/web";

struct Running(Result<RuntimeState, Unavailable>);

#[async_trait]
impl Runtime for Running {
    async fn state(&self, _: &Target) -> Result<RuntimeState, Unavailable> {
        self.0.clone()
    }
}

fn image(digit: &str) -> String {
    format!(
        "us-east1-docker.pkg.dev/demo-mart/r/web@sha256:{}",
        digit.repeat(64)
    )
}

/// A synthetic decision on one image.
fn decision(id: &str, day: u8, digit: &str, verdict: &str, why: Option<&str>) -> Entry {
    let at = format!("2026-04-{day:02}T03:10:00Z");
    let decision = json!({
        "apiVersion": "postern/v1", "kind": "Decision", "id": id, "decidedAt": at, "allowed": true,
        "verdict": verdict, "enforcement": "ENFORCED_BLOCK_AND_AUDIT_LOG", "retryable": false,
        "breakGlass": why.map(|why| json!({"justification": why, "ticket": null,
            "source": "request", "overrode": verdict})),
        "target": TARGET, "policy": null,
        "images": [{"image": image(digit), "resolved": image(digit), "children": [],
            "target": TARGET, "verdict": verdict, "enforcement": "ENFORCED_BLOCK_AND_AUDIT_LOG",
            "rule": null, "reasons": [], "evidence": []}],
    });
    Entry {
        id: id.to_owned(),
        at: at.parse().unwrap(),
        record: Record::Decision(Box::new(serde_json::from_value(decision).unwrap())),
    }
}

async fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open_data(directory.path()).await.unwrap();
    store
        .append(vec![
            decision("01A", 1, "a", "CONFORMANT", None),
            decision(
                "01B",
                2,
                "b",
                "NON_CONFORMANT",
                Some("\u{1b}[2J<script> =cmd()"),
            ),
        ])
        .await
        .unwrap();
    store.close().await;
    directory
}

fn running(bad_traffic: u8) -> Running {
    let revision = |name: &str, digit: &str, traffic_percent| RunningRevision {
        name: name.to_owned(),
        images: vec![image(digit)],
        traffic_percent,
        ..RunningRevision::default()
    };
    Running(Ok(RuntimeState {
        revisions: vec![
            revision("web-00002-abc", "a", 100 - bad_traffic),
            revision("web-00003-xyz", "b", bad_traffic),
        ],
        latest: Some("web-00003-xyz".to_owned()),
    }))
}

#[tokio::test]
async fn everything_is_told_with_the_way_back() {
    let directory = directory().await;
    let target = TARGET.parse().unwrap();
    let found = inspect(&target, directory.path(), Some(&running(100))).await;
    assert!(found.is_whole());
    insta::assert_snapshot!(show::text(&found), @r#"
    cloud-run:demo-mart/us-east1/web

    Runs
        0 %  web-00002-abc  conforms
             us-east1-docker.pkg.dev/demo-mart/r/web@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
      100 %  web-00003-xyz  DOES NOT CONFORM  latest
             us-east1-docker.pkg.dev/demo-mart/r/web@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb

    Last decision
      2026-04-02T03:10:00Z  allowed  NON_CONFORMANT  01B
        break-glass: \u{1b}[2J<script> =cmd()
        us-east1-docker.pkg.dev/demo-mart/r/web@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb

    Attestations
      sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb  none

    Open cases
      none

    Last that conforms
      web-00002-abc  decided at 2026-04-01T03:10:00Z
        sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa

    Go back
      gcloud run services update-traffic web --to-revisions=web-00002-abc=100 --region=us-east1 --project=demo-mart
    "#);
}

#[tokio::test]
async fn what_cannot_be_read_says_so_and_hides_nothing_else() {
    let directory = directory().await;
    let target = TARGET.parse().unwrap();
    let outage = Running(Err(Unavailable::new("Cloud Run", "timed out")));
    let found = inspect(&target, directory.path(), Some(&outage)).await;
    assert!(!found.is_whole());
    insta::assert_snapshot!(show::text(&found), @r#"
    cloud-run:demo-mart/us-east1/web

    Runs
      not read: Cloud Run: timed out

    Last decision
      2026-04-02T03:10:00Z  allowed  NON_CONFORMANT  01B
        break-glass: \u{1b}[2J<script> =cmd()
        us-east1-docker.pkg.dev/demo-mart/r/web@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb

    Attestations
      sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb  none

    Open cases
      none

    Last that conforms
      its revision is not known, as what runs was not read  decided at 2026-04-01T03:10:00Z
        sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa

    Go back
      no command: the revision to go back to is not known
    "#);

    let nothing = tempfile::tempdir().unwrap();
    let found = inspect(&target, nothing.path(), Some(&running(100))).await;
    assert!(!found.is_whole());
    let value = serde_json::to_value(&found).unwrap();
    assert_eq!(value["revisions"][1]["trafficPercent"], 100);
    assert!(value["lastDecision"]["notRead"].is_string(), "{value:#}");
    assert_eq!(value["rollback"], json!(null));
}

#[tokio::test]
async fn what_conforms_and_has_the_traffic_needs_no_way_back() {
    let directory = directory().await;
    let target = TARGET.parse().unwrap();
    let found = inspect(&target, directory.path(), Some(&running(0))).await;
    assert_eq!(found.rollback, None);
    let text = show::text(&found);
    assert!(
        text.ends_with("no need: what gets all the traffic conforms"),
        "{text}"
    );
}
