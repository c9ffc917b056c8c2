//! One change of a workload on a cluster becomes an entry of each object that controllers make of it.

use postern_core::case::{Case, CaseAction};
use postern_host::config::Right::{Approve, Respond};

use super::*;
use crate::case::Step;
use crate::testing::person;

const REPLICAS: &str = "system:serviceaccount:kube-system:replicaset-controller";
const DEPLOYER: &str = "system:serviceaccount:argocd:argocd-application-controller";

/// A Pod that a controller made. Synthetic.
fn pod(name: &str, at: &str) -> Value {
    let mut pod = patched(
        &entry("gke-break-glass"),
        &[
            ("/insertId", format!("pod-{name}").into()),
            ("/timestamp", at.into()),
            ("/operation/id", format!("op-{name}").into()),
            (
                "/protoPayload/authenticationInfo/principalEmail",
                REPLICAS.into(),
            ),
            (
                "/protoPayload/resourceName",
                format!("core/v1/namespaces/payments/pods/{name}").into(),
            ),
        ],
    );
    // The reason stands on the workload.
    pod["protoPayload"]["request"]["metadata"]["annotations"].take();
    pod
}

/// The change of the workload that the Pods are made of. Synthetic.
fn workload(by: &str, at: &str) -> Value {
    let containers = entry("gke-break-glass")["protoPayload"]["request"]["spec"].clone();
    let mut deployment = patched(
        &entry("gke-break-glass"),
        &[
            ("/insertId", format!("deployment-{at}").into()),
            ("/timestamp", at.into()),
            ("/operation/id", format!("op-{at}").into()),
            (
                "/protoPayload/methodName",
                "io.k8s.apps.v1.deployments.update".into(),
            ),
            (
                "/protoPayload/resourceName",
                "apps/v1/namespaces/payments/deployments/checkout".into(),
            ),
            ("/protoPayload/authenticationInfo/principalEmail", by.into()),
            (
                "/protoPayload/request",
                json!({
                    "kind": "Deployment",
                    "metadata": {"annotations": {"postern.dev/justification": "INC-4711 payment outage"}},
                    "spec": {"template": {
                        "metadata": {"labels": {"image-policy.k8s.io/break-glass": "true"}},
                        "spec": containers,
                    }},
                }),
            ),
        ],
    );
    deployment["labels"] = json!({"authorization.k8s.io/decision": "allow"});
    deployment
}

/// What a webhook adds to every Pod: a container that the workload does not name.
fn with_sidecar(mut pod: Value) -> Value {
    let containers = pod.pointer_mut("/protoPayload/request/spec/containers");
    let containers = containers.and_then(Value::as_array_mut).unwrap();
    containers.push(json!({"name": "proxy", "image": "mesh.example/proxy:v1"}));
    pod
}

fn step(action: CaseAction) -> Step {
    Step {
        action,
        comment: Some("payments were down".to_owned()),
        ticket: None,
        exception_until: (action == CaseAction::Closed)
            .then(|| "2026-03-04T05:00:00Z".parse().unwrap()),
    }
}

async fn take(
    auditor: &Auditor,
    case: &Case,
    name: &str,
    action: CaseAction,
) -> Result<Case, &'static str> {
    let (step, actor) = (step(action), person(name, &[Respond, Approve]));
    let taken = auditor.walk(&case.id, case.revision, &step, &actor).await;
    taken.map_err(|reason| match reason {
        NotTaken::Refused(refusal) => refusal.code(),
        other => panic!("{other}"),
    })
}

/// What becomes of a case once these have acknowledged, justified and closed it.
async fn walked(auditor: &Auditor, case: &Case, people: [&str; 3]) -> Result<Case, &'static str> {
    let [acknowledges, justifies, closes] = people;
    let case = take(auditor, case, acknowledges, CaseAction::Acknowledged).await?;
    let case = take(auditor, &case, justifies, CaseAction::Justified).await?;
    take(auditor, &case, closes, CaseAction::Closed).await
}

fn only_case(store: &MemoryStore) -> Case {
    store.with(|state| {
        assert_eq!(state.cases.len(), 1, "{:#?}", state.cases);
        state.cases.values().next().unwrap().clone()
    })
}

#[tokio::test]
async fn the_pods_of_one_rollout_are_one_case_with_who_asked_for_them() {
    let entries = [
        workload("night-duty@example.com", "2026-03-03T03:09:58Z"),
        pod("checkout-1", "2026-03-03T03:10:00Z"),
        pod("checkout-2", "2026-03-03T03:14:00Z"),
        pod("checkout-3", "2026-03-03T03:40:00Z"),
    ];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0]] {
        let (auditor, store) = auditor(Believed::default());
        for index in order {
            receive(&auditor, &entries[index]).await;
        }
        let mut case = only_case(&store);
        assert_eq!(case.findings.len(), 4);
        case.actors.sort();
        assert_eq!(case.actors, ["night-duty@example.com", REPLICAS]);
        let own = walked(&auditor, &case, ["night-duty@example.com"; 3]).await;
        assert_eq!(own, Err("OWN_CASE"));
    }
}

#[tokio::test]
async fn another_image_or_a_pod_much_later_is_another_case() {
    let (auditor, store) = auditor(Believed::default());
    receive(&auditor, &pod("checkout-1", "2026-03-03T03:10:00Z")).await;
    let other = with_sidecar(pod("checkout-2", "2026-03-03T03:10:01Z"));
    receive(&auditor, &other).await;
    store.with(|state| assert_eq!(state.cases.len(), 2));
    receive(&auditor, &pod("checkout-3", "2026-03-03T05:10:01Z")).await;
    store.with(|state| assert_eq!(state.cases.len(), 3));
}

#[tokio::test]
async fn who_changed_the_workload_does_not_close_the_case_of_its_pods() {
    for workload_first in [true, false] {
        let (auditor, store) = auditor(Believed::default());
        let changed = workload("night-duty@example.com", "2026-03-03T03:09:58Z");
        let made = with_sidecar(pod("checkout-1", "2026-03-03T03:14:00Z"));
        let entries = match workload_first {
            true => [&changed, &made],
            false => [&made, &changed],
        };
        for entry in entries {
            receive(&auditor, entry).await;
        }
        let case = store.with(|state| {
            let mut cases = state.cases.values();
            let of_pods = |case: &&Case| case.findings[0].detection == "gcp.gke.break-glass";
            cases.find(of_pods).unwrap().clone()
        });
        let known = case.actors.contains(&"night-duty@example.com".to_owned());
        assert_eq!(known, workload_first);
        let people = [
            "lee@example.com",
            "lee@example.com",
            "Night-Duty@example.com",
        ];
        assert_eq!(walked(&auditor, &case, people).await, Err("OWN_CASE"));
        let justified = store.with(|state| state.cases[&case.id].clone());
        let closed = take(&auditor, &justified, "sam@example.com", CaseAction::Closed).await;
        let closed = closed.unwrap();
        assert!(closed.actors.contains(&"night-duty@example.com".to_owned()));
    }
}

#[tokio::test]
async fn where_only_machines_are_known_two_people_have_to_look() {
    for (people, expected) in [
        (
            ["lee@example.com", "kim@example.com", "lee@example.com"],
            Err("NOT_A_SECOND_PERSON"),
        ),
        (
            ["lee@example.com", "lee@example.com", "sam@example.com"],
            Ok(()),
        ),
    ] {
        let (auditor, store) = auditor(Believed::default());
        receive(&auditor, &workload(DEPLOYER, "2026-03-03T03:09:58Z")).await;
        receive(&auditor, &pod("checkout-1", "2026-03-03T03:10:00Z")).await;
        let case = only_case(&store);
        assert_eq!(walked(&auditor, &case, people).await.map(drop), expected);
    }
}

#[tokio::test]
async fn a_rollout_without_end_is_a_bounded_case() {
    let (auditor, store) = auditor(Believed::default());
    for number in 0..250 {
        let at = format!("2026-03-03T03:{:02}:{:02}Z", number / 60, number % 60);
        receive(&auditor, &pod(&format!("checkout-{number}"), &at)).await;
    }
    let case = only_case(&store);
    assert_eq!((case.findings.len(), case.finding_count), (200, 250));
    assert_eq!(case.history.len(), 201);
    assert_eq!(case.findings[0].source.id, "pod-checkout-0");
    store.with(|state| assert_eq!(state.outbox.len(), 1));
    // What the case does not keep any more is still known once somebody has looked.
    let taken = take(&auditor, &case, "lee@example.com", CaseAction::Acknowledged);
    assert_eq!(taken.await.unwrap().revision, 251);
    receive(&auditor, &pod("checkout-late", "2026-03-03T03:05:00Z")).await;
    assert_eq!(only_case(&store).finding_count, 251);
    store.with(|state| {
        let told = state.outbox.last().unwrap();
        assert_eq!(
            (told.case.findings.len(), told.case.finding_count),
            (20, 250)
        );
    });
}

/// A patch may hold nothing of the workload but what it changes.
#[tokio::test]
async fn a_patched_workload_has_the_target_of_its_pods() {
    let mut patch = workload("night-duty@example.com", "2026-03-03T03:09:58Z");
    let mut whole = patch["protoPayload"]["request"].take();
    whole["spec"]["template"]["spec"]["serviceAccountName"] = "pay".into();
    patch["protoPayload"]["methodName"] = "io.k8s.apps.v1.deployments.patch".into();
    patch["protoPayload"]["request"] = json!({"@type": "k8s.io/Patch"});
    patch["protoPayload"]["response"] = whole;
    let mut made = pod("checkout-1", "2026-03-03T03:10:00Z");
    made["protoPayload"]["request"]["spec"]["serviceAccountName"] = "pay".into();
    let (auditor, store) = auditor(Believed::default());
    receive(&auditor, &patch).await;
    receive(&auditor, &made).await;
    assert_eq!(only_case(&store).findings.len(), 2);
}
