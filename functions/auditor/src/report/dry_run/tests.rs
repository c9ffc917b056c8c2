use serde_json::Value;

use super::*;
use crate::input::classify_all;
use crate::testing::{catalogue, entry, patched};

fn report(entries: &[Value], period: Period) -> DryRunReport {
    let text: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
    let mut dry_run = DryRun::within(period);
    let now = Timestamp::UNIX_EPOCH;
    classify_all(&catalogue(), text.as_bytes(), true, now, &mut |one| {
        dry_run.entry(&one)
    });
    dry_run.report()
}

/// The entry of the service about the same rollout.
fn of_service(revision: &Value) -> Value {
    patched(
        revision,
        &[
            ("/insertId", "service-level".into()),
            ("/resource/labels/revision_name", "".into()),
            (
                "/protoPayload/resourceName",
                "namespaces/acme-shop/services/checkout".into(),
            ),
            (
                "/protoPayload/response/status/latestCreatedRevisionName",
                "checkout-00009-dog".into(),
            ),
        ],
    )
}

#[test]
fn one_rollout_counts_once_and_pods_by_themselves() {
    let rollout = entry("cloud-run-dry-run");
    let entries = [
        rollout.clone(),
        of_service(&rollout),
        entry("cloud-run-break-glass"),
        entry("gke-dry-run"),
        entry("cloud-run-blocked"),
        entry("cloud-run-request-v1"),
    ];
    let report = report(&entries, Period::default());
    insta::assert_json_snapshot!(report, @r#"
    {
      "since": null,
      "until": null,
      "deployments": 3,
      "wouldBeDenied": 2,
      "share": 0.6666666666666666,
      "unreadable": 0,
      "byService": [
        {
          "name": "cloud-run:acme-shop/europe-west1/checkout",
          "count": 1,
          "firstAt": "2026-03-03T05:20:03.5Z",
          "lastAt": "2026-03-03T05:20:03.5Z",
          "images": [
            "europe-west1-docker.pkg.dev/acme-shop/apps/checkout@sha256:9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d"
          ],
          "principals": [
            "dana@example.com"
          ],
          "concerns": [
            "projects/acme-shop/attestors/release"
          ],
          "cut": false
        },
        {
          "name": "gke:europe-west1-b.shop/payments@acme-shop",
          "count": 1,
          "firstAt": "2026-03-03T03:10:00Z",
          "lastAt": "2026-03-03T03:10:00Z",
          "images": [
            "europe-west1-docker.pkg.dev/acme-shop/apps/checkout@sha256:9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d"
          ],
          "principals": [
            "dana@example.com"
          ],
          "concerns": [
            "(a rule that denies everything)"
          ],
          "cut": false
        }
      ],
      "byAttestor": [
        {
          "name": "(a rule that denies everything)",
          "count": 1,
          "firstAt": "2026-03-03T03:10:00Z",
          "lastAt": "2026-03-03T03:10:00Z",
          "images": [
            "europe-west1-docker.pkg.dev/acme-shop/apps/checkout@sha256:9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d"
          ],
          "principals": [
            "dana@example.com"
          ],
          "concerns": [
            "gke:europe-west1-b.shop/payments@acme-shop"
          ],
          "cut": false
        },
        {
          "name": "projects/acme-shop/attestors/release",
          "count": 1,
          "firstAt": "2026-03-03T05:20:03.5Z",
          "lastAt": "2026-03-03T05:20:03.5Z",
          "images": [
            "europe-west1-docker.pkg.dev/acme-shop/apps/checkout@sha256:9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d"
          ],
          "principals": [
            "dana@example.com"
          ],
          "concerns": [
            "cloud-run:acme-shop/europe-west1/checkout"
          ],
          "cut": false
        }
      ]
    }
    "#);
}

#[test]
fn what_cannot_be_read_is_counted() {
    let report = report(&["no entry".into()], Period::default());
    assert_eq!((report.unreadable, report.deployments), (1, 0));
    assert_eq!(report.share, None, "nothing is known about the others");
}

#[test]
fn only_the_period_counts() {
    let at: Timestamp = "2020-01-01T00:00:00Z".parse().unwrap();
    let period = Period {
        since: None,
        until: Some(at),
    };
    assert_eq!(
        report(&[entry("cloud-run-dry-run")], period).would_be_denied,
        0
    );
}

#[test]
fn attestors_are_read_from_what_the_platform_says() {
    let said = "Image r/a denied by attestor projects/p/attestors/ci: No attestations found. \
                Image r/b denied by projects/p/attestors/scan: none. denied by default rule";
    let found: Vec<_> = attestors_in(said).into_iter().collect();
    assert_eq!(
        found,
        ["projects/p/attestors/ci", "projects/p/attestors/scan"]
    );
    assert!(attestors_in("denied by attestor x").is_empty());
}

#[test]
fn memory_does_not_grow_with_the_number_of_services() {
    let mut dry_run = DryRun::default();
    let known = classify_one();
    for n in 0..GROUPS + 50 {
        let mut finding = known.clone();
        finding.target = Some(format!("cloud-run:acme-shop/europe-west1/s{n}"));
        finding.images = vec![format!("r/a{n}")];
        dry_run.finding(&finding);
    }
    assert_eq!(dry_run.services.len(), GROUPS + 1);
    let report = dry_run.report();
    let others = report.by_service.iter().find(|group| group.name == OTHERS);
    assert_eq!(others.unwrap().count, 50);
    assert_eq!(report.by_attestor[0].images.len(), NAMES);
    assert!(report.by_attestor[0].cut);
}

fn classify_one() -> Finding {
    let mut found = None;
    let text = entry("cloud-run-dry-run").to_string();
    classify_all(
        &catalogue(),
        text.as_bytes(),
        false,
        Timestamp::UNIX_EPOCH,
        &mut |one| {
            found = one.observed.into_iter().next();
        },
    );
    found.unwrap().finding
}
