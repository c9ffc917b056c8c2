//! One event, its findings. Stateless.

pub(crate) mod summary;

use jiff::Timestamp;
use postern_core::decision::ApiVersion;
use postern_core::event::AuditEvent;
use postern_core::finding::{Actor, Category, Finding, FindingKind, FindingSource};
use postern_core::image::Digest;

use self::summary::Words;
pub(crate) use self::summary::rendered;
use crate::detection::{Catalogue, Detection, Own, Scene};
use crate::parse::{Head, Unreadable};
use crate::subject::{Lazily, said};

/// A finding, with what it may be paired by.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// The finding. It has no case yet.
    pub finding: Finding,
    /// What it was found in: the event's key, or the id of a journal entry.
    pub event_key: String,
    /// The platform's id of the operation that it was part of.
    pub operation: Option<String>,
}

/// Holds an event against every detection.
///
/// Break-glass outranks every other match of one entry: with it, nothing else is found.
pub fn classify(catalogue: &Catalogue, event: &AuditEvent) -> Vec<Observed> {
    classify_as(catalogue, event, &event.key())
}

/// As [`classify`], under another key: for an event whose own key is taken.
pub(crate) fn classify_as(catalogue: &Catalogue, event: &AuditEvent, key: &str) -> Vec<Observed> {
    let mut candidates = catalogue.candidates(Head::of(event)).peekable();
    if candidates.peek().is_none() {
        return Vec::new();
    }
    let subject = Lazily::of(event);
    let scene = scene(catalogue, event, &subject);
    let mut fired: Vec<&Detection> = candidates.filter(|d| d.fires(scene)).collect();
    if fired
        .iter()
        .any(|detection| detection.category == Category::BreakGlass)
    {
        fired.retain(|detection| detection.category == Category::BreakGlass);
    }
    fired.sort_by(|a, b| a.id.cmp(&b.id));
    let observed = |detection: &&Detection| Observed {
        finding: of_event(detection, scene, key),
        event_key: key.to_owned(),
        operation: subject.operation.clone(),
    };
    fired.iter().map(observed).collect()
}

fn scene<'a>(
    catalogue: &'a Catalogue,
    event: &'a AuditEvent,
    subject: &'a Lazily<'a>,
) -> Scene<'a> {
    Scene {
        event,
        subject,
        trust: catalogue.trust(),
    }
}

/// The finding about bytes that cannot be read.
pub fn unreadable(
    catalogue: &Catalogue,
    raw: &[u8],
    route: &str,
    reason: &Unreadable,
    now: Timestamp,
) -> Observed {
    let detection = catalogue.own(Own::UnreadableEntry);
    let digest = Digest::of(raw);
    let key = format!("unreadable|{digest}");
    let source = FindingSource {
        kind: "postern.audit".to_owned(),
        id: digest.to_string(),
        log: Some(route.to_owned()),
    };
    let mut finding = blank(detection, &key, now, source);
    finding.summary = rendered(&detection.summary, &finding, &reason.to_string());
    Observed {
        finding,
        event_key: key,
        operation: None,
    }
}

/// The finding about an event whose key is known with other content.
pub(crate) fn reused_id(
    catalogue: &Catalogue,
    event: &AuditEvent,
    key: &str,
    now: Timestamp,
) -> Observed {
    let detection = catalogue.own(Own::ReusedId);
    let subject = Lazily::of(event);
    let mut finding = of_event(detection, scene(catalogue, event, &subject), key);
    finding.at = now;
    Observed {
        finding,
        event_key: key.to_owned(),
        operation: None,
    }
}

/// A finding of this detection that says nothing yet but where it is from.
pub(crate) fn blank(
    detection: &Detection,
    key: &str,
    at: Timestamp,
    source: FindingSource,
) -> Finding {
    Finding {
        api_version: ApiVersion::V1,
        kind: FindingKind::Finding,
        id: finding_id(&detection.id, key),
        detection: detection.id.clone(),
        severity: detection.severity,
        category: detection.category,
        at,
        actor: Actor::default(),
        target: None,
        revision: None,
        images: Vec::new(),
        justification: None,
        bypassed: None,
        bypassed_verdict: None,
        attack: detection.attack.clone(),
        decision_id: None,
        case_id: None,
        last_conformant_revision: None,
        rollback: None,
        source,
        summary: String::new(),
    }
}

fn of_event(detection: &Detection, scene: Scene<'_>, key: &str) -> Finding {
    let Scene { event, subject, .. } = scene;
    let source = FindingSource {
        kind: event.source.as_str().to_owned(),
        id: event.id.clone(),
        log: Some(event.log.clone()),
    };
    let says_verdict = matches!(detection.category, Category::BreakGlass | Category::DryRun);
    let mut finding = Finding {
        severity: detection.severity_of(scene),
        actor: subject.actor.clone(),
        target: subject.target.clone(),
        revision: subject.revision.clone(),
        images: subject.images.clone(),
        justification: subject.justification.clone(),
        bypassed: match detection.category {
            // That it would have been refused is what a dry run says.
            Category::DryRun => Some(true),
            _ => subject.overridden.filter(|_| says_verdict),
        },
        bypassed_verdict: subject.overridden_verdict.clone().filter(|_| says_verdict),
        ..blank(detection, key, event.at, source)
    };
    let words = Words {
        reason: said(&event.status_message),
        resource: &event.resource,
        method: &event.method,
        refused: detection.is_refused(scene),
    };
    finding.summary = words.rendered(&detection.summary, &finding);
    finding
}

/// The same detection on the same event has the same id, whenever and wherever it is computed.
pub(crate) fn finding_id(detection: &str, key: &str) -> String {
    let mut hex = Digest::of(format!("{detection}\n{key}").as_bytes()).hex();
    hex.truncate(32);
    hex
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{catalogue, entry, patched, read};

    #[test]
    fn a_break_glass_on_cloud_run_becomes_this_finding() {
        let found = classify(&catalogue(), &read(&entry("cloud-run-break-glass")));
        assert_eq!(found.len(), 1);
        insta::assert_json_snapshot!(found[0].finding, @r#"
    {
      "apiVersion": "postern/v1",
      "kind": "Finding",
      "id": "7035af7c1cbbdd96213245aea157e672",
      "detection": "gcp.cloud-run.break-glass",
      "severity": "HIGH",
      "category": "BREAK_GLASS",
      "at": "2026-03-03T05:00:03.5Z",
      "actor": {
        "principal": "night-duty@example.com",
        "via": [],
        "keyName": null,
        "ip": null
      },
      "target": "cloud-run:acme-shop/europe-west1/checkout",
      "revision": "checkout-00007-fug",
      "images": [
        "europe-west1-docker.pkg.dev/acme-shop/apps/checkout@sha256:9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d"
      ],
      "justification": "INC-4711 payment outage",
      "bypassed": null,
      "bypassedVerdict": null,
      "attack": [
        "T1610",
        "T1553"
      ],
      "decisionId": null,
      "caseId": null,
      "lastConformantRevision": null,
      "rollback": null,
      "source": {
        "kind": "gcp.audit",
        "id": "run-bg-1",
        "log": "projects/acme-shop/logs/cloudaudit.googleapis.com%2Fsystem_event"
      },
      "summary": "night-duty@example.com used break-glass to deploy to cloud-run:acme-shop/europe-west1/checkout, because \"INC-4711 payment outage\""
    }
    "#);
    }

    #[test]
    fn a_break_glass_on_gke_says_what_it_overrode() {
        let found = classify(&catalogue(), &read(&entry("gke-break-glass")));
        assert_eq!(found.len(), 1);
        insta::assert_json_snapshot!(found[0].finding, @r#"
    {
      "apiVersion": "postern/v1",
      "kind": "Finding",
      "id": "f7b346ce6f3329ad63d31aab5ddbcd3b",
      "detection": "gcp.gke.break-glass",
      "severity": "HIGH",
      "category": "BREAK_GLASS",
      "at": "2026-03-03T03:10:00Z",
      "actor": {
        "principal": "night-duty@example.com",
        "via": [],
        "keyName": null,
        "ip": "203.0.113.40"
      },
      "target": "gke:europe-west1-b.shop/payments@acme-shop",
      "revision": null,
      "images": [
        "europe-west1-docker.pkg.dev/acme-shop/apps/checkout@sha256:9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d"
      ],
      "justification": "INC-4711 payment outage",
      "bypassed": true,
      "bypassedVerdict": {
        "verdict": "NON_CONFORMANT",
        "reasons": [
          {
            "code": "NO_ATTESTATION",
            "attestor": "projects/acme-shop/attestors/release",
            "message": "'europe-west1-docker.pkg.dev/acme-shop/apps/checkout@sha256:9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d' : Image europe-west1-docker.pkg.dev/acme-shop/apps/checkout@sha256:9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d denied by attestor projects/acme-shop/attestors/release: No attestations found that were valid and signed by a key trusted by the attestor"
          }
        ],
        "source": "log"
      },
      "attack": [
        "T1610",
        "T1553"
      ],
      "decisionId": null,
      "caseId": null,
      "lastConformantRevision": null,
      "rollback": null,
      "source": {
        "kind": "gcp.audit",
        "id": "gke-bg-1",
        "log": "projects/acme-shop/logs/cloudaudit.googleapis.com%2Factivity"
      },
      "summary": "night-duty@example.com used break-glass to run a Pod in gke:europe-west1-b.shop/payments@acme-shop, because \"INC-4711 payment outage\""
    }
    "#);
    }

    #[test]
    fn every_detection_says_what_happened_in_one_sentence() {
        let catalogue = catalogue();
        let names = [
            "cloud-run-request-v2",
            "cloud-run-blocked",
            "cloud-run-job-blocked",
            "cloud-run-dry-run",
            "cloud-run-check-failed",
            "cloud-run-fail-open",
            "gke-blocked",
            "gke-dry-run",
            "gke-fail-open",
        ];
        let summary = |name: &str| {
            classify(&catalogue, &read(&entry(name)))
                .remove(0)
                .finding
                .summary
        };
        insta::assert_snapshot!(names.map(summary).join("\n"), @r#"
    release@acme-shop.iam.gserviceaccount.com asked for break-glass on cloud-run:acme-shop/europe-west1/checkout, because "INC-4711 payment outage"
    Binary Authorization blocked a deployment by dana@example.com to cloud-run:acme-shop/europe-west1/checkout: Container image 'europe-west1-docker.pkg.dev/acme-shop/apps/checkout@sha256:9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d' is not authorized by policy. Image europe-west1-docker.pkg.dev/acme-shop/apps/checkout@sha256:9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d denied by attestor projects/acme-shop/attestors/release: No attestations found that were valid and signed by a key trusted by the attestor
    Binary Authorization blocked a deployment by release@acme-shop.iam.gserviceaccount.com to cloud-run-job:acme-shop/europe-west1/invoices: Execution invoices-k2p4x has failed to complete: Container image 'europe-west1-docker.pkg.dev/acme-shop/apps/checkout@sha256:9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d' is not authorized by policy.
    Binary Authorization would have blocked a deployment by dana@example.com to cloud-run:acme-shop/europe-west1/checkout: (dry run) Container image 'europe-west1-docker.pkg.dev/acme-shop/apps/checkout@sha256:9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d' is not authorized by policy. Image europe-west1-docker.pkg.dev/acme-shop/apps/checkout@sha256:9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d denied by attestor projects/acme-shop/attestors/release: No attestations found that were valid and signed by a key trusted by the attestor
    Binary Authorization could not check a deployment by dana@example.com to cloud-run:acme-shop/europe-west1/checkout: Binary Authorization encountered an error while it checked the container image.
    A deployment by dana@example.com to cloud-run:acme-shop/europe-west1/checkout went through without a check: Binary Authorization encountered an error while it checked the container image.
    Binary Authorization blocked a Pod of dana@example.com in gke:europe-west1-b.shop/payments@acme-shop
    Binary Authorization would have blocked a Pod of dana@example.com in gke:europe-west1-b.shop/payments@acme-shop
    A Pod of dana@example.com in gke:europe-west1-b.shop/payments@acme-shop was admitted without a check
    "#);
    }

    #[test]
    fn a_label_without_a_reason_is_one_step_worse() {
        let silent = patched(
            &entry("gke-break-glass"),
            &[(
                "/protoPayload/request/metadata/annotations",
                serde_json::json!({}),
            )],
        );
        let found = classify(&catalogue(), &read(&silent));
        assert_eq!(
            found[0].finding.severity,
            postern_core::finding::Severity::Critical
        );
        assert_eq!(found[0].finding.justification, None);
    }

    #[test]
    fn what_was_bypassed_is_said_only_where_it_is_known() {
        const FAILED_OPEN: &str = "/labels/imagepolicywebhook.image-policy.k8s.io~1failed-open";
        let result = "imagepolicywebhook.image-policy.k8s.io/overridden-verification-result";
        let mut nothing_to_override = entry("gke-break-glass");
        nothing_to_override["labels"]
            .as_object_mut()
            .unwrap()
            .remove(result);
        let failed_open = patched(&nothing_to_override, &[(FAILED_OPEN, "true".into())]);
        let catalogue = catalogue();
        let bypassed = |entry: &serde_json::Value| {
            classify(&catalogue, &read(entry))
                .remove(0)
                .finding
                .bypassed
        };
        assert_eq!(bypassed(&entry("gke-break-glass")), Some(true));
        assert_eq!(bypassed(&nothing_to_override), Some(false));
        assert_eq!(bypassed(&failed_open), None);
        assert_eq!(bypassed(&entry("cloud-run-dry-run")), Some(true));
        assert_eq!(bypassed(&entry("cloud-run-break-glass")), None);
    }

    #[test]
    fn a_blank_justification_is_none() {
        let blank = patched(
            &entry("gke-break-glass"),
            &[(
                "/protoPayload/request/metadata/annotations/postern.dev~1justification",
                " \t\n".into(),
            )],
        );
        let finding = classify(&catalogue(), &read(&blank)).remove(0).finding;
        assert_eq!(finding.justification, None);
        assert_eq!(finding.severity, postern_core::finding::Severity::Critical);
    }

    #[test]
    fn text_of_the_actor_changes_neither_category_nor_severity() {
        let catalogue = catalogue();
        let base = entry("cloud-run-break-glass");
        let expected = classify(&catalogue, &read(&base)).remove(0).finding;
        for justification in [
            "dry run",
            "breakglass",
            "",
            " ",
            "{actor} {target}",
            "not authorized by policy",
        ] {
            let message = format!(
                "Ready condition status changed to True for Revision checkout-00007-fug with \
                 message: Deployed with breakglass justification: {justification}"
            );
            let entry = patched(
                &base,
                &[
                    ("/protoPayload/status/message", message.into()),
                    (
                        "/protoPayload/response/metadata/annotations/run.googleapis.com~1binary-authorization-breakglass",
                        justification.into(),
                    ),
                ],
            );
            let found = classify(&catalogue, &read(&entry));
            assert_eq!(found.len(), 1, "{justification:?}");
            assert_eq!(found[0].finding.category, expected.category);
            assert!(found[0].finding.severity >= expected.severity);
        }
    }

    #[test]
    fn a_refused_call_says_so_and_is_rated_as_one() {
        let refused = patched(
            &entry("gke-break-glass"),
            &[("/protoPayload/status", serde_json::json!({"code": 7}))],
        );
        let finding = classify(&catalogue(), &read(&refused)).remove(0).finding;
        assert_eq!(finding.severity, postern_core::finding::Severity::Medium);
        assert!(
            finding.summary.starts_with("Refused: night-duty@"),
            "{}",
            finding.summary
        );
    }

    #[test]
    fn escapes_are_nothing_to_hide_behind() {
        let plain = entry("gke-break-glass").to_string();
        let escaped = plain
            .replace("pods.create", "p\\u006fds.cre\\u0061te")
            .replace(
                "image-policy.k8s.io/break-glass",
                "image\\u002dpolicy.k8s.io\\/break-gl\\u0061ss",
            );
        assert_ne!(plain, escaped);
        let found = |text: &str| {
            let event = crate::parse::event(text.as_bytes(), crate::parse::Form::LogEntry).unwrap();
            classify(&catalogue(), &event)
        };
        assert_eq!(found(&escaped), found(&plain));
        assert!(!found(&escaped).is_empty());
        let mut read = Vec::new();
        crate::input::classify_all(
            &catalogue(),
            escaped.as_bytes(),
            false,
            jiff::Timestamp::UNIX_EPOCH,
            &mut |one| read.extend(one.observed),
        );
        assert_eq!(read, found(&plain));
    }

    #[test]
    fn unreadable_bytes_are_a_finding_of_their_own() {
        let observed = unreadable(
            &catalogue(),
            b"rubbish",
            "pubsub:projects/acme-shop/subscriptions/audit",
            &Unreadable::Missing("insertId"),
            "2026-03-03T10:00:00Z".parse().unwrap(),
        );
        assert_eq!(observed.finding.category, Category::AuditBlinded);
        insta::assert_snapshot!(observed.finding.summary, @"An audit entry could not be read: the entry has no insertId");
    }
}
