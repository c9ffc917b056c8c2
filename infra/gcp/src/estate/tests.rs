//! Against a server of the tests' own; its answers are synthetic.

use super::*;
use crate::testing::Recorder;

fn estate(recorder: &Recorder) -> Estate {
    let at = EstateEndpoints {
        resource_manager: recorder.endpoint(),
        logging: recorder.endpoint(),
        pubsub: recorder.endpoint(),
        run: recorder.endpoint(),
        container: recorder.endpoint(),
        org_policy: recorder.endpoint(),
    };
    Estate::new(at, None).unwrap().hasty()
}

#[tokio::test]
async fn every_page_of_sinks_is_read_and_each_setting_of_them() {
    let recorder = Recorder::start(|_, _| {
        json!({"sinks": [{"name": "audit", "destination": "pubsub.googleapis.com/projects/a/topics/t",
            "filter": "severity>=ERROR", "includeChildren": true, "interceptChildren": true,
            "writerIdentity": "serviceAccount:writer@example.com", "exclusions": [{"name": "quiet", "filter": "x", "disabled": true}]}]})
    })
    .await;
    let sinks = estate(&recorder).sinks("organizations/12").await.unwrap();
    insta::assert_debug_snapshot!(sinks, @r#"
    [
        LogSink {
            name: "audit",
            destination: "pubsub.googleapis.com/projects/a/topics/t",
            filter: "severity>=ERROR",
            disabled: false,
            include_children: true,
            intercept_children: true,
            writer_identity: "serviceAccount:writer@example.com",
            exclusions: [
                LogExclusion {
                    name: "quiet",
                    filter: "x",
                    disabled: true,
                },
            ],
        },
    ]
    "#);
    assert_eq!(
        recorder.asked(),
        "GET /v2/organizations/12/sinks?pageSize=100"
    );
}

#[tokio::test]
async fn who_may_publish_to_a_topic_is_read_and_a_topic_that_is_not_there_is_none() {
    let recorder = Recorder::start(|_, _| {
        json!({"bindings": [
            {"role": "roles/pubsub.viewer", "members": ["user:viewer@example.com"]},
            {"role": "roles/pubsub.publisher", "members": ["serviceAccount:writer@example.com"]},
        ]})
    })
    .await;
    let estate_of = estate(&recorder);
    let publishers = estate_of.publishers("projects/a/topics/t").await.unwrap();
    assert_eq!(publishers.unwrap(), ["serviceAccount:writer@example.com"]);
    assert_eq!(recorder.asked(), "GET /v1/projects/a/topics/t:getIamPolicy");
    assert!(estate_of.publishers("projects/a/topics/..").await.is_err());
    let absent = Recorder::answering(404, |_, _| json!({"error": {"status": "NOT_FOUND"}})).await;
    let publishers = estate(&absent).publishers("projects/a/topics/t").await;
    assert_eq!(publishers, Ok(None));
}

#[tokio::test]
async fn a_listing_that_never_ends_is_an_error() {
    let recorder = Recorder::start(|_, _| json!({"sinks": [], "nextPageToken": "more"})).await;
    let error = estate(&recorder).sinks("projects/demo-mart").await;
    let error = error.unwrap_err();
    assert!(error.limit, "{error}");
    assert_eq!(recorder.asked().lines().count(), PAGES);
}

#[tokio::test]
async fn who_is_left_out_of_a_log_is_read_of_the_whole_policy() {
    let recorder = Recorder::start(|_, _| {
        json!({"bindings": [{"role": "roles/x"}], "auditConfigs": [{"service": "allServices",
            "auditLogConfigs": [{"logType": "DATA_READ", "exemptedMembers": ["user:eve@example.com"]}]}]})
    })
    .await;
    let configs = estate(&recorder).audit_configs("folders/7").await.unwrap();
    let kinds = vec![(
        "DATA_READ".to_owned(),
        vec!["user:eve@example.com".to_owned()],
    )];
    assert_eq!(
        configs,
        [AuditConfig {
            service: "allServices".to_owned(),
            kinds
        }]
    );
    assert_eq!(
        recorder.asked(),
        r#"POST /v3/folders/7:getIamPolicy {"options":{"requestedPolicyVersion":3}}"#
    );
}

#[tokio::test]
async fn what_runs_says_whether_it_asks() {
    let recorder = Recorder::start(|path, _| match path.rsplit('/').next() {
        Some("services") => json!({"services": [
            {"name": "projects/p/locations/l/services/a", "binaryAuthorization": {"useDefault": true}},
            {"name": "projects/p/locations/l/services/b"}]}),
        Some("jobs") => json!({"jobs": [{"name": "projects/p/locations/l/jobs/c",
            "binaryAuthorization": {"policy": "projects/p/platforms/cloudRun/policies/x"}}]}),
        Some("clusters") => json!({"clusters": [
            {"name": "new", "location": "l", "binaryAuthorization": {"evaluationMode": "DISABLED"}},
            {"name": "old", "location": "l", "binaryAuthorization": {"enabled": true}},
            {"name": "bare", "location": "l"}]}),
        _ => json!({}),
    })
    .await;
    let estate = estate(&recorder);
    let all = estate.run_workloads("projects/p", "l").await.unwrap();
    let settings: Vec<_> = all
        .iter()
        .map(|w| w.binary_authorization.as_deref())
        .collect();
    assert_eq!(
        settings,
        [
            Some("default"),
            None,
            Some("projects/p/platforms/cloudRun/policies/x")
        ]
    );
    let all = estate.clusters("projects/p").await.unwrap();
    let modes: Vec<_> = all.iter().map(|c| c.evaluation_mode.as_deref()).collect();
    assert_eq!(
        modes,
        [
            Some("DISABLED"),
            Some("PROJECT_SINGLETON_POLICY_ENFORCE"),
            None
        ]
    );
}

#[tokio::test]
async fn what_the_api_itself_could_not_read_is_not_left_out() {
    let recorder =
        Recorder::start(|_, _| json!({"clusters": [], "missingZones": ["us-east1-c"]})).await;
    let error = estate(&recorder).clusters("projects/p").await.unwrap_err();
    assert!(
        error.message.contains("us-east1-c could not be reached"),
        "{error}"
    );
}

#[tokio::test]
async fn a_constraint_holds_only_without_a_condition() {
    for (rules, expected) in [
        (
            json!([{"values": {"allowedValues": ["default"]}}]),
            BinaryAuthorizationConstraint::Forced,
        ),
        (
            json!([{"values": {"allowedValues": ["default"]}, "condition": {"expression": "x"}}]),
            BinaryAuthorizationConstraint::NotForced,
        ),
        (
            json!([{"allowAll": true}]),
            BinaryAuthorizationConstraint::NotForced,
        ),
    ] {
        let recorder = Recorder::start(move |_, _| json!({"spec": {"rules": rules}})).await;
        let found = estate(&recorder).constraint("projects/p").await.unwrap();
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn what_is_about_to_go_is_not_looked_into() {
    let recorder = Recorder::start(|path, _| match path {
        "/v3/folders" => json!({"folders": [{"name": "folders/8", "state": "ACTIVE"},
            {"name": "folders/9", "state": "DELETE_REQUESTED"}]}),
        "/v3/projects" => json!({"projects": [{"name": "projects/1", "projectId": "demo-mart", "state": "ACTIVE"}]}),
        _ => json!({"name": "projects/1", "projectId": "demo-mart", "parent": "folders/8"}),
    })
    .await;
    let estate = estate(&recorder);
    assert_eq!(
        estate.children("organizations/12").await.unwrap(),
        ["folders/8", "projects/demo-mart"]
    );
    let parent = estate.parent("projects/demo-mart").await.unwrap();
    assert_eq!(parent.as_deref(), Some("folders/8"));
    assert!(estate.parent("demo-mart").await.unwrap_err().permanent);
}
