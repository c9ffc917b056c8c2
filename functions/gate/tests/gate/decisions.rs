//! `POST /v1/decisions` through the real router.

use crate::world::{ATTESTOR, NAME, Port, Shared, caller, codes, digest, revocation};
use http::StatusCode;
use postern_core::image::Digest;
use postern_core::policy::Policy;
use postern_core::ports::ResolvedImage;
use postern_core::revocation::Revoked;
use postern_gate::GateOptions;
use postern_host::auth::Identity;
use postern_host::config::Right;
use rstest::rstest;
use serde_json::{Value, json};

fn tagged() -> Value {
    json!({"images": [format!("{NAME}:v1")], "target": "cloud-run:demo-project/us-central1/web"})
}

#[tokio::test]
async fn an_unsigned_image_is_denied_with_the_attestor_and_the_fix() {
    let (status, decision) = Shared::new().ask("/v1/decisions", tagged()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&decision["allowed"], &decision["retryable"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(codes(&decision), ["NO_ATTESTATION"]);
    let reason = &decision["images"][0]["reasons"][0];
    assert_eq!(reason["attestor"], ATTESTOR);
    assert!(
        reason["remedy"]
            .as_str()
            .unwrap()
            .contains("postern attest"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_signed_digest_is_allowed_and_the_answer_is_pinned_and_recorded_first() {
    let world = Shared::new();
    world.attest(digest());
    let (_, decision) = world.ask("/v1/decisions", tagged()).await;
    assert_eq!(decision["allowed"], true, "{decision}");
    assert_eq!(
        decision["images"][0]["resolved"],
        format!("{NAME}@{}", digest())
    );
    assert_eq!(decision["images"][0]["evidence"][0]["attestor"], ATTESTOR);
    world.see(|world| {
        assert_eq!(
            crate::world::recorded(&world.entries[0]).id,
            decision["id"].as_str().unwrap()
        );
        assert_eq!(world.told, [decision["id"].as_str().unwrap()]);
    });
}

#[tokio::test]
async fn a_moved_tag_is_denied_even_with_a_warm_cache() {
    // CVE-2026-122321: a cache by tag let the unsigned digest in.
    let world = Shared::new();
    world.attest(digest());
    let router = postern_gate::router(world.gate(GateOptions::default()));
    let ask = || crate::world::send(router.clone(), Identity::local(), "/v1/decisions", tagged());
    assert_eq!(ask().await.1["allowed"], true);
    world.change(|world| world.images[0].1.digest = Digest::of(b"malicious"));
    let (_, decision) = ask().await;
    assert_eq!(decision["allowed"], false);
    assert_eq!(
        decision["images"][0]["resolved"],
        format!("{NAME}@{}", Digest::of(b"malicious"))
    );
}

#[rstest]
#[case::registry_dead(|w: &Shared| { w.change(|w| w.registry = Port::Dead); }, "EVIDENCE_UNAVAILABLE")]
#[case::registry_hangs(|w: &Shared| { w.change(|w| w.registry = Port::Hangs); }, "DEADLINE_EXCEEDED")]
#[case::source_dead(|w: &Shared| { w.change(|w| w.source = Port::Dead); }, "EVIDENCE_UNAVAILABLE")]
#[case::source_hangs(|w: &Shared| { w.change(|w| w.source = Port::Hangs); }, "EVIDENCE_UNAVAILABLE")]
#[case::trust_dead(|w: &Shared| { w.change(|w| w.trust = Port::Dead); }, "POLICY_UNAVAILABLE")]
#[case::no_policy(|w: &Shared| { w.change(|w| w.policy = None); }, "POLICY_UNAVAILABLE")]
#[case::revocations_dead(|w: &Shared| { w.change(|w| w.revocation_list = Port::Dead); }, "EVIDENCE_UNAVAILABLE")]
#[tokio::test(start_paused = true)]
async fn an_outage_is_undetermined_and_never_an_allow(
    #[case] outage: fn(&Shared),
    #[case] code: &str,
) {
    let world = Shared::new();
    world.attest(digest());
    outage(&world);
    let (status, decision) = world.ask("/v1/decisions?enforce=true", tagged()).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{decision}");
    assert_eq!(decision["verdict"], "UNDETERMINED");
    assert_eq!(codes(&decision), [code], "{decision}");
}

#[tokio::test]
async fn the_registry_has_no_such_image() {
    let body = json!({"images": [format!("{NAME}:v9")]});
    let (status, decision) = Shared::new().ask("/v1/decisions?enforce=true", body).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(codes(&decision), ["IMAGE_NOT_FOUND"]);
}

#[tokio::test]
async fn one_failing_image_fails_the_deployment() {
    let world = Shared::new();
    world.attest(digest());
    let bad = Digest::of(b"sidecar");
    let body = json!({"images": [format!("{NAME}@{}", digest()), format!("{NAME}@{bad}")]});
    let (_, decision) = world.ask("/v1/decisions", body).await;
    assert_eq!(decision["allowed"], false);
    assert_eq!(decision["images"][0]["verdict"], "CONFORMANT");
    assert_eq!(decision["images"][1]["verdict"], "NON_CONFORMANT");
}

#[tokio::test]
async fn a_dead_journal_answers_nothing() {
    let world = Shared::new();
    world
        .attest(digest())
        .change(|world| world.journal = Port::Dead);
    let (status, problem) = world.ask("/v1/decisions", tagged()).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(problem["code"], "JOURNAL_UNAVAILABLE");
}

#[tokio::test(start_paused = true)]
async fn break_glass_works_when_everything_else_is_broken() {
    let world = Shared::new();
    world.change(|world| {
        world.registry = Port::Dead;
        world.source = Port::Dead;
        world.trust = Port::Dead;
        world.journal = Port::Hangs;
        world.revocation_list = Port::Dead;
    });
    let mut body = tagged();
    body["breakGlass"] = json!({"justification": "INC-123 hotfix"});
    let asked = tokio::time::Instant::now();
    let (status, decision) = world.ask("/v1/decisions", body).await;
    assert_eq!(status, StatusCode::OK);
    // The clock is the test's: a journal that hangs must not use up the caller's ten seconds.
    assert!(asked.elapsed() < std::time::Duration::from_secs(5));
    assert_eq!(decision["allowed"], true);
    assert_eq!(decision["breakGlass"]["overrode"], "UNDETERMINED");
    world.see(|world| {
        assert_eq!(
            crate::world::recorded(&world.spooled[0]).id,
            decision["id"].as_str().unwrap()
        );
        assert!(world.entries.is_empty());
    });
}

#[tokio::test]
async fn break_glass_needs_the_right() {
    let world = Shared::new();
    let mut body = tagged();
    body["breakGlass"] = json!("INC-123");
    let options = GateOptions::default;
    let ask = |rights| world.ask_as(options(), caller(rights), "/v1/decisions", body.clone());
    let (_, decision) = ask(&[Right::Decide]).await;
    assert_eq!(
        (&decision["allowed"], &decision["breakGlass"]),
        (&json!(false), &Value::Null)
    );
    assert!(
        decision["warnings"][0]
            .as_str()
            .unwrap()
            .contains("has not the right")
    );
    let (_, decision) = ask(&[Right::Decide, Right::BreakGlass]).await;
    assert_eq!(decision["allowed"], true);
    assert_eq!(decision["breakGlass"]["overrode"], "NON_CONFORMANT");
    assert_eq!(
        decision["caller"]["email"],
        "ci@demo-project.iam.gserviceaccount.com"
    );
    let (status, _) = ask(&[Right::View]).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_is_revoked_stays_revoked() {
    let world = Shared::new();
    world.attest(digest());
    let revoked = revocation(Revoked::Digest(digest()));
    // Exempt, in dry run, with break-glass: nothing beats the list.
    let policy = format!(
        "admissionWhitelistPatterns: [{{namePattern: '{NAME}@*'}}]\ndefaultAdmissionRule: \
         {{evaluationMode: ALWAYS_ALLOW, enforcementMode: DRYRUN_AUDIT_LOG_ONLY}}"
    );
    world.change(|world| {
        world.policy = Some(Policy::parse(&policy).unwrap());
        world.revocations.push(revoked);
    });
    let mut body = tagged();
    body["breakGlass"] = json!("INC-1");
    let (status, decision) = world.ask("/v1/decisions?enforce=true", body).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{decision}");
    assert_eq!(codes(&decision), ["REVOKED"]);
}

#[tokio::test]
async fn a_revoked_key_or_attestation_does_not_count() {
    let world = Shared::new();
    world.attest(digest());
    let (key, occurrence) = world.see(|world| {
        let occurrence = &world.occurrences[0];
        let key = &occurrence.attestation.as_ref().unwrap().signatures[0].public_key_id;
        (key.clone(), occurrence.name.clone().unwrap())
    });
    for what in [key, occurrence] {
        world.change(|world| world.revocations = vec![revocation(Revoked::from(what))]);
        let (_, decision) = world.ask("/v1/decisions", tagged()).await;
        assert_eq!(codes(&decision), ["REVOKED"], "{decision}");
    }
}

#[tokio::test]
async fn dry_run_lets_through_and_says_so() {
    let world = Shared::new();
    let policy = format!(
        "defaultAdmissionRule: {{evaluationMode: REQUIRE_ATTESTATION, enforcementMode: \
         DRYRUN_AUDIT_LOG_ONLY, requireAttestationsBy: [{ATTESTOR}]}}"
    );
    world.change(|world| world.policy = Some(Policy::parse(&policy).unwrap()));
    let (_, decision) = world.ask("/v1/decisions", tagged()).await;
    assert_eq!(
        (&decision["allowed"], &decision["verdict"]),
        (&json!(true), &json!("NON_CONFORMANT"))
    );
    assert_eq!(decision["enforcement"], "DRYRUN_AUDIT_LOG_ONLY");
}

#[tokio::test]
async fn undetermined_is_let_through_only_where_configured() {
    let world = Shared::new();
    world.change(|world| world.source = Port::Dead);
    let options = GateOptions {
        allow_undetermined: true,
        ..GateOptions::default()
    };
    let (_, decision) = world
        .ask_as(options, Identity::local(), "/v1/decisions", tagged())
        .await;
    assert_eq!(
        (&decision["allowed"], &decision["verdict"]),
        (&json!(true), &json!("UNDETERMINED"))
    );
}

#[tokio::test]
async fn fetches_are_shared_and_decisions_are_not() {
    let world = Shared::new();
    world.attest(digest());
    let router = postern_gate::router(world.gate(GateOptions::default()));
    let pinned = json!({"images": [format!("{NAME}@{}", digest())]});
    let ask = || {
        crate::world::send(
            router.clone(),
            Identity::local(),
            "/v1/decisions",
            pinned.clone(),
        )
    };
    let answers = futures::future::join_all((0..20).map(|_| ask())).await;
    let mut ids: Vec<_> = answers
        .iter()
        .map(|(_, d)| d["id"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 20, "each caller has its own decision");
    assert_eq!(world.fetches.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert_eq!(
        world.resolves.load(std::sync::atomic::Ordering::SeqCst),
        0,
        "a digest needs no registry"
    );
}

#[tokio::test]
async fn absence_is_never_kept() {
    let world = Shared::new();
    let router = postern_gate::router(world.gate(GateOptions::default()));
    let ask = || crate::world::send(router.clone(), Identity::local(), "/v1/decisions", tagged());
    assert_eq!(ask().await.1["allowed"], false);
    world.attest(digest());
    assert_eq!(ask().await.1["allowed"], true);
}

#[tokio::test]
async fn an_index_covers_its_manifests_only_with_the_option() {
    let world = Shared::new();
    let (index, manifest) = (Digest::of(b"index"), Digest::of(b"linux/amd64"));
    world.attest(index).change(|world| {
        let resolved = ResolvedImage {
            digest: index,
            children: vec![manifest],
        };
        world.images.push(("multi".to_owned(), resolved));
    });
    let body = json!({"images": [format!("{NAME}@{manifest}")]});
    for (covers, allowed) in [(false, false), (true, true)] {
        let options = GateOptions {
            index_covers_manifests: covers,
            ..GateOptions::default()
        };
        let (_, decision) = world
            .ask_as(options, Identity::local(), "/v1/decisions", body.clone())
            .await;
        assert_eq!(decision["allowed"], allowed, "{decision}");
    }
    let (_, decision) = world
        .ask(
            "/v1/decisions",
            json!({"images": [format!("{NAME}:multi")]}),
        )
        .await;
    assert_eq!(
        decision["images"][0]["children"],
        json!([manifest.to_string()])
    );
}

#[tokio::test]
async fn code_outside_of_the_image_is_denied_unless_allowed_by_name() {
    let world = Shared::new();
    world.attest(digest());
    let manifest = json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service",
        "metadata": {"name": "web", "namespace": "demo-project",
            "annotations": {"run.googleapis.com/base-images": "{\"web\":\"gcr.io/base\"}"}},
        "spec": {"template": {"spec": {"containers": [{"image": format!("{NAME}@{}", digest())}]}}}});
    let body = json!({"manifest": manifest});
    let (_, decision) = world.ask("/v1/decisions", body.clone()).await;
    assert_eq!(decision["allowed"], false);
    assert!(
        codes(&decision).contains(&"CODE_OUTSIDE_IMAGE"),
        "{decision}"
    );
    let options = GateOptions {
        allow_code_outside_image: vec!["run.googleapis.com/base-images".to_owned()],
        ..GateOptions::default()
    };
    let (_, decision) = world
        .ask_as(options, Identity::local(), "/v1/decisions", body)
        .await;
    assert_eq!(decision["allowed"], true);
}

#[tokio::test]
async fn the_decision_is_the_documented_json() {
    let world = Shared::new();
    world.attest(digest());
    let body = json!({
        "images": [format!("{NAME}:v1")], "target": "cloud-run:demo-project/us-central1/web",
        "requester": "dev@example.com",
    });
    let options = GateOptions::default();
    let (_, mut decision) = world
        .ask_as(options, caller(&[Right::Decide]), "/v1/decisions", body)
        .await;
    // What differs from run to run: the id, the time, and the key that was made for the test.
    assert_eq!(decision["id"].take().as_str().map(str::len), Some(26));
    assert!(
        decision["decidedAt"]
            .take()
            .as_str()
            .is_some_and(|at| at.ends_with('Z'))
    );
    assert_eq!(
        decision["policy"]["sha256"].take().as_str().map(str::len),
        Some(64)
    );
    let evidence = &mut decision["images"][0]["evidence"][0];
    assert!(
        evidence["keyId"]
            .take()
            .as_str()
            .is_some_and(|id| id.starts_with("ni:///sha-256;"))
    );
    let reason = &mut decision["images"][0]["reasons"][0];
    assert!(reason["message"].take().is_string());
    let pinned = format!("{NAME}@{}", digest());
    assert_eq!(
        decision,
        json!({
            "apiVersion": "postern/v1", "kind": "Decision", "id": null, "decidedAt": null,
            "allowed": true, "verdict": "CONFORMANT",
            "enforcement": "ENFORCED_BLOCK_AND_AUDIT_LOG", "retryable": false,
            "breakGlass": null,
            "caller": {"issuer": "https://accounts.google.com", "subject": "1",
                "email": "ci@demo-project.iam.gserviceaccount.com"},
            "requester": "dev@example.com",
            "target": "cloud-run:demo-project/us-central1/web",
            "policy": {"name": "projects/demo-project/policy", "sha256": null},
            "images": [{
                "image": format!("{NAME}:v1"), "resolved": pinned, "children": [],
                "target": "cloud-run:demo-project/us-central1/web",
                "verdict": "CONFORMANT", "enforcement": "ENFORCED_BLOCK_AND_AUDIT_LOG",
                "rule": "defaultAdmissionRule",
                "reasons": [{"code": "ATTESTED", "attestor": ATTESTOR, "message": null}],
                "evidence": [{"attestor": ATTESTOR,
                    "occurrence": format!("projects/demo-project/occurrences/{}", &digest().hex()[..8]),
                    "keyId": null, "algorithm": "ECDSA_P256_SHA256", "source": "the source"}],
            }],
        })
    );
}

fn on_gke(enforcement: &str) -> Policy {
    Policy::parse(&format!(
        "defaultAdmissionRule: {{evaluationMode: REQUIRE_ATTESTATION, enforcementMode: \
         {enforcement}, requireAttestationsBy: [{ATTESTOR}]}}"
    ))
    .unwrap()
}

#[rstest]
#[case::dry_run("DRYRUN_AUDIT_LOG_ONLY", Value::Null)]
#[case::break_glass("ENFORCED_BLOCK_AND_AUDIT_LOG", json!("INC-1"))]
#[tokio::test]
async fn a_tag_on_gke_does_not_hide_what_is_revoked(
    #[case] enforcement: &str,
    #[case] break_glass: Value,
) {
    let world = Shared::new();
    world.change(|world| {
        world.policy = Some(on_gke(enforcement));
        world
            .revocations
            .push(revocation(Revoked::Digest(digest())));
    });
    let mut body = json!({"images": [format!("{NAME}:v1")],
        "target": "gke:us-central1-a.prod/default"});
    body["breakGlass"] = break_glass;
    let (_, decision) = world.ask("/v1/decisions", body).await;
    assert_eq!(
        (&decision["allowed"], &codes(&decision)[..]),
        (&json!(false), &["REVOKED"][..])
    );
}

#[tokio::test]
async fn a_revoked_digest_needs_no_policy_to_be_denied() {
    let world = Shared::new();
    world.change(|world| {
        world.trust = Port::Dead;
        world
            .revocations
            .push(revocation(Revoked::Digest(digest())));
    });
    let body = json!({"images": [format!("{NAME}@{}", digest())], "breakGlass": "INC-1"});
    let (_, decision) = world.ask("/v1/decisions", body).await;
    assert_eq!(
        (&decision["allowed"], &codes(&decision)[..]),
        (&json!(false), &["REVOKED"][..])
    );
}

#[tokio::test]
async fn a_revoked_index_vouches_for_nothing() {
    let world = Shared::new();
    let (index, manifest) = (Digest::of(b"index"), Digest::of(b"linux/amd64"));
    world.attest(index).change(|world| {
        let resolved = ResolvedImage {
            digest: index,
            children: vec![manifest],
        };
        world.images.push(("multi".to_owned(), resolved));
        world.revocations.push(revocation(Revoked::Digest(index)));
    });
    let options = GateOptions {
        index_covers_manifests: true,
        ..GateOptions::default()
    };
    let body = json!({"images": [format!("{NAME}@{manifest}")]});
    let (_, decision) = world
        .ask_as(options, Identity::local(), "/v1/decisions", body)
        .await;
    assert_eq!(decision["allowed"], false, "{decision}");
}

#[tokio::test]
async fn nobody_fails_open_by_being_in_a_hurry() {
    let world = Shared::new();
    world.change(|world| world.source = Port::Dead);
    for (timeout, allowed) in [(200, false), (8000, true)] {
        let options = GateOptions {
            allow_undetermined: true,
            ..GateOptions::default()
        };
        let mut body = tagged();
        body["timeoutMs"] = json!(timeout);
        let (_, decision) = world
            .ask_as(options, Identity::local(), "/v1/decisions", body)
            .await;
        assert_eq!(decision["allowed"], allowed, "{decision}");
    }
}
