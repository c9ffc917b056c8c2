use axum::http::StatusCode;
use postern_core::bytes::Base64;
use postern_core::image::{Digest, ImageReference};
use postern_core::payload::signature_payload;
use postern_core::revocation::{Revocation, Revocations, Revoked};
use postern_verify::signer::{SoftwareSigner, generate_p256};
use rstest::rstest;
use serde_json::{Value, json};

use crate::testing::World;

const POLICIES: &str = "/v1/projects/shop/platforms/gke/policies";
const POLICY: &str = "/v1/projects/shop/platforms/gke/policies/pp";
const IMAGE: &str = "eu-docker.pkg.dev/shop/trusted/app";

fn image() -> String {
    format!("{IMAGE}@{}", Digest::of(b"synthetic"))
}

fn with_checks(checks: &Value) -> Value {
    json!({"gkePolicy": {"checkSets": [{"displayName": "all", "checks": checks}]}})
}

async fn with_policy(policy: &Value) -> World {
    let world = World::new();
    let path = format!("{POLICIES}?policyId=pp");
    world.done("POST", &path, policy).await;
    world
}

fn pod(image: &str) -> Value {
    json!({"resource": {"kind": "Pod", "metadata": {"name": ""}, "spec": {"containers": [{"image": image}]}}})
}

async fn evaluated(world: &World, asked: &Value) -> Value {
    world
        .done("POST", &format!("{POLICY}:evaluate"), asked)
        .await
}

/// The verdict of the first check.
fn verdict(answer: &Value) -> &Value {
    &answer["results"][0]["imageResults"][0]["checkSetResult"]["checkResults"]["results"][0]["evaluationResult"]
        ["verdict"]
}

#[tokio::test]
async fn policies_are_kept_as_wholes_and_told() {
    let world = with_policy(&with_checks(&json!([{"alwaysDeny": true}]))).await;
    let first = world.done("GET", POLICY, &Value::Null).await;
    assert_eq!(first["name"], POLICY[4..]);
    assert!(first["etag"].is_string() && first["updateTime"].is_string());
    let again = format!("{POLICIES}?policyId=pp");
    assert_eq!(
        world.refused("POST", &again, &first).await.0,
        "ALREADY_EXISTS"
    );
    let mut next = first.clone();
    next["gkePolicy"]["checkSets"][0]["checks"] = json!([]);
    world.done("PUT", POLICY, &next).await;
    assert_eq!(world.refused("PUT", POLICY, &first).await.0, "ABORTED");
    let listed = world.done("GET", POLICIES, &Value::Null).await;
    assert_eq!(listed["platformPolicies"].as_array().unwrap().len(), 1);
    let other = "/v1/projects/shop/platforms/cloudRun/policies";
    assert_eq!(world.done("GET", other, &Value::Null).await, json!({}));
    let stale = format!("{POLICY}?etag=old");
    assert_eq!(
        world.refused("DELETE", &stale, &Value::Null).await.0,
        "ABORTED"
    );
    world.done("DELETE", POLICY, &Value::Null).await;
    assert_eq!(
        world.refused("GET", POLICY, &Value::Null).await.0,
        "NOT_FOUND"
    );
    let methods: Vec<String> = world.store.with(|kept| {
        let told = kept.entries.iter().map(|entry| match &entry.record {
            postern_core::entry::Record::TrustChange(change) => change.method.clone(),
            other => panic!("{other:?}"),
        });
        told.collect()
    });
    let last = |method: &String| method.rsplit('.').next().unwrap().to_owned();
    let methods: Vec<String> = methods.iter().map(last).collect();
    assert_eq!(
        methods,
        [
            "CreatePlatformPolicy",
            "ReplacePlatformPolicy",
            "DeletePlatformPolicy"
        ]
    );
}

#[rstest]
#[case::wrong_platform(json!({"cloudRunPolicy": {"rule": {"evaluationMode": "ALWAYS_DENY", "enforcementMode": "DRYRUN_AUDIT_LOG_ONLY"}}}), "gkePolicy")]
#[case::two_kinds(with_checks(&json!([{"alwaysDeny": true, "slsaCheck": {"rules": []}}])), "exactly one kind")]
#[case::no_key(with_checks(&json!([{"simpleSigningAttestationCheck": {"attestationAuthenticators": [
    {"pkixPublicKeySet": {"pkixPublicKeys": [{"publicKeyPem": "none", "signatureAlgorithm": "ECDSA_P256_SHA256"}]}},
]}}])), "public key 1")]
#[tokio::test]
async fn what_cannot_hold_is_refused(#[case] policy: Value, #[case] said: &str) {
    let world = World::new();
    let path = format!("{POLICIES}?policyId=pp");
    let (status, message) = world.refused("POST", &path, &policy).await;
    assert_eq!(status, "INVALID_ARGUMENT");
    assert!(message.contains(said), "{message}");
    let unknown = "/v1/projects/shop/platforms/moon/policies?policyId=pp";
    assert_eq!(
        world.refused("POST", unknown, &policy).await.0,
        "UNIMPLEMENTED"
    );
}

#[tokio::test]
async fn an_evaluation_names_what_it_looked_at() {
    let directory = json!({"displayName": "dirs", "trustedDirectoryCheck": {"trustedDirPatterns": ["eu-docker.pkg.dev/shop/other"]}});
    let world = with_policy(&with_checks(&json!([directory]))).await;
    let answer = evaluated(&world, &pod("eu-docker.pkg.dev/shop/trusted/app:1")).await;
    insta::assert_json_snapshot!(answer, @r#"
    {
      "results": [
        {
          "imageResults": [
            {
              "checkSetResult": {
                "checkResults": {
                  "results": [
                    {
                      "displayName": "dirs",
                      "evaluationResult": {
                        "verdict": "NON_CONFORMANT"
                      },
                      "explanation": "Image is not in a trusted directory",
                      "index": "0",
                      "type": "TrustedDirectoryCheck"
                    }
                  ]
                },
                "displayName": "all",
                "index": "0",
                "scope": {}
              },
              "imageUri": "eu-docker.pkg.dev/shop/trusted/app:1",
              "verdict": "NON_CONFORMANT"
            }
          ],
          "kubernetesNamespace": "default",
          "kubernetesServiceAccount": "default",
          "podName": "",
          "verdict": "NON_CONFORMANT"
        }
      ],
      "verdict": "NON_CONFORMANT"
    }
    "#);
}

#[rstest]
#[case::freshness(json!({"imageFreshnessCheck": {"maxUploadAgeDays": 30}}))]
#[case::cosign(json!({"sigstoreSignatureCheck": {"sigstoreAuthorities": [{"publicKeySet": {"publicKeys": [{"publicKeyPem": "x"}]}}]}}))]
#[case::slsa(json!({"slsaCheck": {"rules": [{"trustedBuilder": "GOOGLE_CLOUD_BUILD"}]}}))]
#[case::scan(json!({"vulnerabilityCheck": {"maximumFixableSeverity": "ALLOW_ALL", "maximumUnfixableSeverity": "ALLOW_ALL"}}))]
#[tokio::test]
async fn what_cannot_be_checked_here_is_an_error(#[case] check: Value) {
    let world = with_policy(&with_checks(&json!([check.clone()]))).await;
    let answer = evaluated(&world, &pod(&image())).await;
    assert_eq!(
        (verdict(&answer), &answer["verdict"]),
        (&json!("ERROR"), &json!("ERROR"))
    );
    // A violation beside it takes precedence.
    let world = with_policy(&with_checks(&json!([check, {"alwaysDeny": true}]))).await;
    let answer = evaluated(&world, &pod(&image())).await;
    assert_eq!(answer["verdict"], "NON_CONFORMANT");
}

#[tokio::test]
async fn exempt_images_are_not_checked_at_any_level() {
    let list = json!({"allowPattern": ["eu-docker.pkg.dev/shop/**"]});
    let check = json!([{"alwaysDeny": true}]);
    let mut of_check = with_checks(&check);
    of_check["gkePolicy"]["checkSets"][0]["checks"][0]["imageAllowlist"] = list.clone();
    let mut of_set = with_checks(&check);
    of_set["gkePolicy"]["checkSets"][0]["imageAllowlist"] = list.clone();
    let mut of_all = with_checks(&check);
    of_all["gkePolicy"]["imageAllowlist"] = list;
    for policy in [of_check, of_set, of_all] {
        let world = with_policy(&policy).await;
        let answer = evaluated(&world, &pod(&image())).await;
        assert_eq!(answer["verdict"], "CONFORMANT", "{answer}");
        assert!(answer.to_string().contains("matchedPattern"), "{answer}");
        let answer = evaluated(&world, &pod("eu-docker.pkg.dev/mart/app:1")).await;
        assert_eq!(answer["verdict"], "NON_CONFORMANT", "{answer}");
    }
}

#[tokio::test]
async fn a_pod_is_checked_by_the_set_of_its_scope() {
    let policy = json!({"gkePolicy": {"checkSets": [
        {"scope": {"kubernetesServiceAccount": "web:ci"}, "checks": []},
        {"checks": [{"alwaysDeny": true}]},
    ]}});
    let world = with_policy(&policy).await;
    let job = |namespace: &str| {
        json!({"resource": {
            "kind": "CronJob",
            "metadata": {"namespace": namespace},
            "spec": {"jobTemplate": {"spec": {"template": {"spec": {
                "serviceAccountName": "ci",
                "initContainers": [{"image": image()}],
                "containers": [{"image": image()}, {"image": "eu-docker.pkg.dev/shop/side:1"}],
            }}}}},
        }})
    };
    let answer = evaluated(&world, &job("web")).await;
    assert_eq!(answer["verdict"], "CONFORMANT", "{answer}");
    assert_eq!(
        answer["results"][0]["imageResults"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let answer = evaluated(&world, &job("pay")).await;
    assert_eq!(answer["verdict"], "NON_CONFORMANT");
    for wrong in [
        json!({"resource": {"kind": "ConfigMap", "data": {}}}),
        json!({"resource": {"kind": "Pod", "spec": {"containers": []}}}),
        json!({}),
    ] {
        let path = format!("{POLICY}:evaluate");
        assert_eq!(
            world.refused("POST", &path, &wrong).await.0,
            "INVALID_ARGUMENT"
        );
    }
    let nameless = json!({"resource": {"kind": "Pod", "spec": {"containers": [{"name": "x"}]}}});
    let answer = evaluated(&world, &nameless).await;
    assert_ne!(answer["verdict"], "CONFORMANT");
}

/// A world whose policy asks for attestations by a key, and the key.
async fn asking_for_attestations() -> (World, SoftwareSigner) {
    let (private, public) = generate_p256().unwrap();
    let key = json!({"publicKeyPem": public, "signatureAlgorithm": "ECDSA_P256_SHA256"});
    let check = json!([{"simpleSigningAttestationCheck": {
        "containerAnalysisAttestationProjects": ["projects/shop"],
        "attestationAuthenticators": [{"pkixPublicKeySet": {"pkixPublicKeys": [key]}}],
    }}]);
    let world = with_policy(&with_checks(&check)).await;
    let note = "/v1/projects/shop/notes?noteId=ci";
    world.done("POST", note, &json!({"attestation": {}})).await;
    let signer = SoftwareSigner::from_pem(&private, None, None).unwrap();
    (world, signer)
}

async fn attest(world: &World, signer: &SoftwareSigner) -> String {
    let reference = ImageReference::parse(&image()).unwrap();
    let payload = signature_payload(&reference, &Digest::of(b"synthetic"));
    let at = "2026-01-02T03:04:05Z".parse().unwrap();
    let signature = signer.sign_at(&payload, at).unwrap();
    let postern_core::ports::SignerKey::Pkix(public) = signer.public_half().unwrap() else {
        panic!("it is a PKIX key");
    };
    let id = postern_verify::key_id(public.as_bytes())
        .unwrap()
        .to_string();
    let occurrence = json!({
        "noteName": "projects/shop/notes/ci",
        "resourceUri": image(),
        "attestation": {
            "serializedPayload": Base64::encode(&payload),
            "signatures": [{"signature": Base64::encode(&signature), "publicKeyId": id}],
        },
    });
    let path = "/v1/projects/shop/occurrences";
    let made = world.done("POST", path, &occurrence).await;
    made["name"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn attestations_of_the_projects_count_and_revoked_ones_do_not() {
    let (world, signer) = asking_for_attestations().await;
    let (other, _) = generate_p256().unwrap();
    let stranger = SoftwareSigner::from_pem(&other, None, None).unwrap();
    attest(&world, &stranger).await;
    let answer = evaluated(&world, &pod(&image())).await;
    assert_eq!(verdict(&answer), "NON_CONFORMANT", "{answer}");
    let name = attest(&world, &signer).await;
    let answer = evaluated(&world, &pod(&image())).await;
    assert_eq!(verdict(&answer), "CONFORMANT", "{answer}");
    let tagged = evaluated(&world, &pod(&format!("{IMAGE}:1"))).await;
    assert_eq!(verdict(&tagged), "ERROR", "{tagged}");

    let revoke = |what| {
        let entry = Revocation {
            what,
            reason: "leaked".to_owned(),
            by: "lead@example.com".to_owned(),
            at: "2026-01-02T03:04:05Z".parse().unwrap(),
        };
        let list = Revocations::new(vec![entry]);
        world.store.with(|kept| kept.revocations = list);
    };
    revoke(Revoked::Attestation(name));
    let answer = evaluated(&world, &pod(&image())).await;
    assert_eq!(verdict(&answer), "NON_CONFORMANT", "{answer}");
    revoke(Revoked::Digest(Digest::of(b"synthetic")));
    let answer = evaluated(&world, &pod(&image())).await;
    assert_eq!(answer["verdict"], "NON_CONFORMANT", "{answer}");
}

#[tokio::test]
async fn an_evaluator_evaluates_and_changes_nothing() {
    let world = with_policy(&with_checks(&json!([]))).await;
    let binding = json!({"policy": {"bindings": [{
        "role": "roles/binaryauthorization.policyEvaluator", "members": ["user:ci@example.com"],
    }]}});
    let ask = async |method: &str, path: &str, body: &Value| {
        world.call_by("ci@example.com", method, path, body).await.0
    };
    let evaluate = format!("{POLICY}:evaluate");
    let asked = pod(&image());
    assert_eq!(ask("POST", &evaluate, &asked).await, StatusCode::FORBIDDEN);
    world
        .done("POST", "/v1/projects/shop:setIamPolicy", &binding)
        .await;
    assert_eq!(ask("POST", &evaluate, &asked).await, StatusCode::OK);
    assert_eq!(ask("PUT", POLICY, &json!({})).await, StatusCode::FORBIDDEN);
}
