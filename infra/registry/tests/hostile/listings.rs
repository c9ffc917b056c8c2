//! Listings of attestations that are long, strange or broken.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::stand_in::{
    Seen, StandIn, attestation, listed, manifest, not_found, ok, status, with_header,
};
use axum::body::Body;
use axum::http::{Response, StatusCode};
use postern_core::attestor::NoteName;
use postern_core::image::Digest;
use postern_core::occurrence::Occurrence;
use postern_core::ports::{AttestationSource as _, Unavailable};
use postern_registry::{ARTIFACT_TYPE, RegistryAttestations};
use serde_json::{Value, json};

fn subject() -> Digest {
    Digest::of(manifest("app").as_bytes())
}

fn note() -> NoteName {
    "projects/p/notes/n".parse().unwrap()
}

/// A synthetic occurrence; its payload is not signed by anybody.
fn occurrence() -> Value {
    json!({"noteName": "projects/p/notes/n", "resourceUri": "https://registry.example/app",
           "kind": "ATTESTATION", "attestation": {"serializedPayload": "e30=", "signatures": []}})
}

fn index(manifests: &[Value]) -> Response<Body> {
    ok(json!({"schemaVersion": 2, "manifests": manifests}).to_string())
}

fn is_listing(seen: &Seen) -> bool {
    seen.path.contains("/referrers/")
}

async fn gather(registry: &StandIn) -> Result<Vec<Occurrence>, Unavailable> {
    let source = RegistryAttestations::new(Arc::new(registry.client()));
    let image = registry.image(&format!("app@{}", subject()));
    source.occurrences(&image, &note()).await
}

#[tokio::test]
async fn a_flood_of_others_hides_nothing() {
    let (artifact, digest) = attestation(subject(), &occurrence());
    let registry = StandIn::start(move |seen| {
        if !is_listing(seen) {
            return ok(artifact.clone());
        }
        let mut entries: Vec<Value> = (0..2000)
            .map(|n: u32| listed(Digest::of(&n.to_be_bytes()), "application/foreign"))
            .collect();
        entries.push(listed(digest, ARTIFACT_TYPE));
        index(&entries)
    })
    .await;
    let found = gather(&registry).await.unwrap();
    let name = format!("{}/app@{digest}", registry.host);
    assert_eq!(found[0].name.as_deref(), Some(name.as_str()));
    assert_eq!(
        registry.seen().len(),
        2,
        "the listing and the one attestation"
    );
}

#[tokio::test]
async fn too_many_attestations_are_a_limit_and_not_an_outage() {
    let registry = StandIn::start(|_| {
        let entries: Vec<Value> = (0..33)
            .map(|n: u32| listed(Digest::of(&n.to_be_bytes()), ARTIFACT_TYPE))
            .collect();
        index(&entries)
    })
    .await;
    let error = gather(&registry).await.unwrap_err();
    assert!(error.limit);
    assert!(error.message.starts_with("33 attestations of"), "{error}");
    assert_eq!(registry.seen().len(), 1, "none of them was fetched");
}

#[tokio::test]
async fn attestations_of_other_notes_are_not_fetched() {
    let registry = StandIn::start(|_| {
        let mut entry = listed(Digest::of(b""), ARTIFACT_TYPE);
        entry["annotations"] = json!({"dev.postern.attestation.note": "projects/p/notes/other"});
        index(&[entry])
    })
    .await;
    assert_eq!(gather(&registry).await, Ok(vec![]));
    assert_eq!(registry.seen().len(), 1);
}

/// A listing is kept for what was found in it, not for what was not.
#[tokio::test]
async fn an_attestation_that_arrives_later_is_found() {
    let (artifact, digest) = attestation(subject(), &occurrence());
    let count = AtomicU32::new(0);
    let registry = StandIn::start(move |seen| {
        if !is_listing(seen) {
            return ok(artifact.clone());
        }
        let mut entry = listed(digest, ARTIFACT_TYPE);
        if count.fetch_add(1, Ordering::SeqCst) == 0 {
            entry["annotations"] =
                json!({"dev.postern.attestation.note": "projects/p/notes/other"});
        }
        index(&[entry])
    })
    .await;
    let source = RegistryAttestations::new(Arc::new(registry.client()));
    let image = registry.image(&format!("app@{}", subject()));
    assert_eq!(source.occurrences(&image, &note()).await, Ok(vec![]));
    assert_eq!(source.occurrences(&image, &note()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn rubbish_does_not_count_and_hides_nothing() {
    let (artifact, digest) = attestation(subject(), &occurrence());
    let (of_other, of_other_digest) = attestation(Digest::of(b"other"), &occurrence());
    let (no_occurrence, no_occurrence_digest) = attestation(subject(), &json!({"x": 1}));
    let gone = Digest::of(b"gone");
    let registry = StandIn::start(move |seen| {
        let path = |digest: Digest| format!("/v2/app/manifests/{digest}");
        if is_listing(seen) {
            let all = [gone, of_other_digest, no_occurrence_digest, digest];
            return index(&all.map(|digest| listed(digest, ARTIFACT_TYPE)));
        }
        match &seen.path {
            here if *here == path(digest) => ok(artifact.clone()),
            here if *here == path(of_other_digest) => ok(of_other.clone()),
            here if *here == path(no_occurrence_digest) => ok(no_occurrence.clone()),
            _ => not_found(),
        }
    })
    .await;
    let found = gather(&registry).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(
        found[0]
            .name
            .as_ref()
            .unwrap()
            .ends_with(&digest.to_string())
    );
}

#[tokio::test]
async fn a_listing_that_fails_is_an_outage() {
    let failing: [fn(&Seen) -> Response<Body>; 4] = [
        |_| status(StatusCode::INTERNAL_SERVER_ERROR),
        |_| ok("no index"),
        |seen| match is_listing(seen) {
            true => not_found(),
            false => status(StatusCode::TOO_MANY_REQUESTS),
        },
        |seen| match is_listing(seen) {
            true => index(&[listed(Digest::of(b""), ARTIFACT_TYPE)]),
            false => status(StatusCode::SERVICE_UNAVAILABLE),
        },
    ];
    for answer in failing {
        let registry = StandIn::start(answer).await;
        let error = gather(&registry).await.unwrap_err();
        assert!(!error.limit, "{error}");
    }
}

#[tokio::test]
async fn nothing_anywhere_is_nothing() {
    let registry = StandIn::start(|_| not_found()).await;
    assert_eq!(gather(&registry).await, Ok(vec![]));
    let asked: Vec<String> = registry.seen().into_iter().map(|seen| seen.path).collect();
    let subject = subject();
    assert_eq!(
        asked,
        [
            format!(
                "/v2/app/referrers/{subject}?artifactType=application%2Fvnd.postern.attestation.v1%2Bjson"
            ),
            format!("/v2/app/manifests/sha256-{}", subject.hex()),
        ]
    );
}

#[tokio::test]
async fn pages_are_followed_to_their_end() {
    let (artifact, digest) = attestation(subject(), &occurrence());
    let registry = StandIn::start(move |seen| match seen.path.as_str() {
        path if path.ends_with("page=2") => index(&[listed(digest, ARTIFACT_TYPE)]),
        path if path.contains("/referrers/") => {
            with_header(index(&[]), "link", r#"<?page=2>; rel="next""#)
        }
        _ => ok(artifact.clone()),
    })
    .await;
    assert_eq!(gather(&registry).await.unwrap().len(), 1);
}

#[tokio::test]
async fn pages_do_not_lead_elsewhere() {
    let other = StandIn::start(|_| index(&[])).await;
    let link = format!(r#"<http://{}/v2/>; rel="next""#, other.host);
    let registry = StandIn::start(move |_| with_header(index(&[]), "link", &link)).await;
    let error = gather(&registry).await.unwrap_err();
    insta::assert_snapshot!(error.message, @"its list of attestations goes on at another place");
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn pages_without_end_are_a_limit() {
    let count = AtomicU32::new(0);
    let registry = StandIn::start(move |_| {
        let next = count.fetch_add(1, Ordering::SeqCst);
        with_header(
            index(&[]),
            "link",
            &format!(r#"<?page={next}>; rel="next""#),
        )
    })
    .await;
    assert!(gather(&registry).await.unwrap_err().limit);
    assert_eq!(registry.seen().len(), 16);
}
