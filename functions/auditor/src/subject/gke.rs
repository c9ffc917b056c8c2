//! GKE's entries: Kubernetes requests, with what the admission webhook noted as labels of the entry.

use postern_core::event::AuditEvent;
use postern_core::finding::{BypassedVerdict, VerdictSource};
use postern_core::reason::{Reason, ReasonCode, Verdict};
use postern_core::target::Target;
use postern_host::problem::quoted;
use serde_json::Value;

use super::{Subject, images, text_at, truncate};

const OVERRIDDEN: &str = "imagepolicywebhook.image-policy.k8s.io/overridden-verification-result";
const BREAK_GLASS: &str = "imagepolicywebhook.image-policy.k8s.io/break-glass";
/// Where a person may say why: the platform's label has no room for it.
const JUSTIFICATION: &str = "postern.dev/justification";

pub(super) fn subject(event: &AuditEvent) -> Subject {
    let said = text_at(event.response.as_ref(), &["message"]);
    let why = text_at(
        event.request.as_ref(),
        &["metadata", "annotations", JUSTIFICATION],
    );
    let failed = text_at(event.response.as_ref(), &["status"]) == "Failure";
    let verdict = overridden_verdict(event);
    let noted = event
        .labels
        .get(BREAK_GLASS)
        .is_some_and(|value| value == "true");
    let went_through = event.status_code == 0 && !failed;
    let images = images::images_in(event.request.iter().chain(&event.response));
    let starts = went_through && event.method.ends_with(".pods.create");
    let running = images
        .iter()
        .filter(|image| starts && images::has_digest(image));
    Subject {
        target: target(event),
        deployed: running.cloned().collect(),
        images,
        justification: (!why.is_empty()).then(|| why.to_owned()),
        text: format!("{}\n{said}", event.status_message).to_lowercase(),
        went_through: Some(went_through),
        overridden: match verdict {
            Some(_) => Some(true),
            // The webhook noted the break-glass, and that there was nothing to override; unless it
            // was not asked at all.
            None => (noted && !failed_open(event)).then_some(false),
        },
        overridden_verdict: verdict,
        operation: event.operation.clone(),
        ..Subject::default()
    }
}

/// Whether the entry or the Pod says that a webhook gave no answer.
fn failed_open(event: &AuditEvent) -> bool {
    let annotations = [&event.request, &event.response]
        .into_iter()
        .flatten()
        .filter_map(|pod| pod.pointer("/metadata/annotations")?.as_object())
        .flat_map(|annotations| annotations.keys());
    event
        .labels
        .keys()
        .chain(annotations)
        .any(|name| name.contains("failed-open"))
}

fn target(event: &AuditEvent) -> Option<String> {
    let label = |name: &str| {
        event
            .resource_labels
            .get(name)
            .filter(|value| !value.is_empty())
    };
    let (_, rest) = event.resource.split_once("/namespaces/")?;
    let namespace = rest.split('/').next()?;
    let location = label("location")?;
    let cluster = label("cluster_name")?;
    // Of a workload it stands in the template of its Pods, so that both have the same target. A patch
    // may say only what it changes; the answer is the whole workload.
    let templates: [&[&str]; 2] = [
        &["spec", "template", "spec"],
        &["spec", "jobTemplate", "spec", "template", "spec"],
    ];
    let (request, answer) = (event.request.as_ref(), event.response.as_ref());
    let in_templates = |body| templates.map(|place| account(body, place));
    let account = std::iter::once(account(request, &["spec"]))
        .chain(in_templates(request))
        .chain(in_templates(answer))
        .find(|account| !account.is_empty())
        .map_or(String::new(), |account| format!(":{account}"));
    let target = format!(
        "gke:{location}.{cluster}/{namespace}{account}@{}",
        event.project
    );
    target.parse::<Target>().is_ok().then_some(target)
}

fn account<'a>(body: Option<&'a Value>, place: &[&str]) -> &'a str {
    text_at(body, &[place, &["serviceAccountName"]].concat())
}

/// What the webhook would have answered: `'IMG' : Image IMG denied by attestor …: REASON`.
fn overridden_verdict(event: &AuditEvent) -> Option<BypassedVerdict> {
    let result = event
        .labels
        .get(OVERRIDDEN)
        .map(|text| text.trim())
        .filter(|t| !t.is_empty())?;
    let reasons = result.lines().take(16).filter_map(reason).collect();
    Some(BypassedVerdict {
        verdict: Verdict::NonConformant,
        reasons,
        source: VerdictSource::Log,
    })
}

fn reason(line: &str) -> Option<Reason> {
    let denier = line.rsplit_once("denied by ").map(|(_, rest)| rest);
    let attestor = denier
        .map(|rest| rest.strip_prefix("attestor ").unwrap_or(rest))
        .filter(|rest| rest.starts_with("projects/"))
        .and_then(|rest| rest.split_once(": "))
        .map(|(name, _)| name);
    let lower = line.to_ascii_lowercase();
    let code = if lower.contains("always_deny") {
        ReasonCode::AlwaysDeny
    } else if lower.contains("no attestations found") {
        ReasonCode::NoAttestation
    } else {
        return None;
    };
    let mut message = line.trim().to_owned();
    truncate(&mut message, 1024);
    let reason = Reason::new(code, message);
    Some(match attestor {
        Some(name) => reason.of_attestor(quoted(name)),
        None => reason,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{entry, patched, read};

    #[test]
    fn the_images_of_an_admitted_pod_are_running() {
        let pod = entry("gke-break-glass");
        let admitted = Subject::of(&read(&pod));
        assert_eq!(admitted.deployed, admitted.images);
        assert_eq!(admitted.deployed.len(), 1);
        for change in [
            ("/protoPayload/status/code", json!(7)),
            ("/protoPayload/response/status", json!("Failure")),
            (
                "/protoPayload/methodName",
                json!("io.k8s.core.v1.pods.patch"),
            ),
            (
                "/protoPayload/request/spec/containers/0/image",
                json!("r/a:v1"),
            ),
        ] {
            let subject = Subject::of(&read(&patched(&pod, &[change])));
            assert!(subject.deployed.is_empty(), "{subject:?}");
        }
    }

    #[test]
    fn the_overridden_result_becomes_a_reason() {
        let line = "'r/a' : Image r/a denied by attestor projects/p/attestors/ci: No attestations \
                    found that were valid and signed by a key trusted by the attestor";
        let found = reason(line).unwrap();
        assert_eq!(found.code, ReasonCode::NoAttestation);
        assert_eq!(found.attestor.as_deref(), Some("projects/p/attestors/ci"));
        let old = reason("Image r/a denied by projects/p/attestors/ci: No attestations found");
        assert_eq!(
            old.unwrap().attestor.as_deref(),
            Some("projects/p/attestors/ci")
        );
        assert_eq!(reason("something new"), None);
    }
}
