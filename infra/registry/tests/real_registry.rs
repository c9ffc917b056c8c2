//! The client against real registries: Debian's 2.8 and `distribution/v3`, which keep listings
//! under a tag, and one with the referrers API.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

mod real;

use postern_core::attestor::NoteName;
use postern_core::bytes::Base64;
use postern_core::image::{Digest, ImageReference};
use postern_core::occurrence::{ATTESTATION, Attestation, Occurrence, Signature};
use postern_core::ports::{
    AttestationSink as _, AttestationSource as _, ImageResolver as _, ResolvedImage, Stored,
};
use postern_registry::{ARTIFACT_TYPE, RegistryAttestations};
use real::{Kind, Server};
use rstest::rstest;

fn note(id: &str) -> NoteName {
    format!("projects/demo-project/notes/{id}").parse().unwrap()
}

/// A synthetic attestation: nobody signed it, and the registry does not care.
fn occurrence(image: &ImageReference, note_id: &str, key: &str) -> Occurrence {
    Occurrence {
        name: None,
        kind: Some(ATTESTATION.to_owned()),
        note_name: note(note_id),
        resource_uri: format!("https://{image}"),
        attestation: Some(Attestation {
            serialized_payload: Base64(format!("payload of {image}").into_bytes()),
            signatures: vec![Signature {
                public_key_id: key.to_owned(),
                signature: Base64(vec![1, 2, 3]),
            }],
        }),
        create_time: None,
    }
}

async fn store(attestations: &RegistryAttestations, occurrence: Occurrence) -> Occurrence {
    match attestations.store(occurrence).await.unwrap() {
        Stored::Created(created) => created,
        Stored::AlreadyThere(same) => panic!("{same:?} was there"),
    }
}

#[rstest]
#[case::debian(Kind::Debian)]
#[case::v3(Kind::V3)]
#[case::referrers(Kind::Referrers)]
#[tokio::test]
async fn images_are_resolved_with_one_request(#[case] kind: Kind) {
    let Some(server) = Server::start(kind) else {
        return;
    };
    let digest = server.push("demo/app:v1", |layout| layout.image("amd64"));
    let client = server.client();
    let tag = server.image("demo/app:v1");
    let resolved = client.resolve(&tag).await.unwrap().unwrap();
    let expected = ResolvedImage {
        digest,
        children: vec![],
    };
    assert_eq!(resolved, expected);
    assert_eq!(client.requests(), 1);
    let pinned = tag.pinned(digest);
    assert_eq!(client.resolve(&pinned).await, Ok(Some(expected)));
    assert_eq!(client.requests(), 1, "a digest that is known costs nothing");
    for absent in ["demo/app:v2", "demo/other:v1"] {
        assert_eq!(client.resolve(&server.image(absent)).await, Ok(None));
    }
    let unknown = tag.pinned(Digest::of(b"unknown"));
    assert_eq!(client.resolve(&unknown).await, Ok(None));
}

#[rstest]
#[case::debian(Kind::Debian)]
#[case::v3(Kind::V3)]
#[case::referrers(Kind::Referrers)]
#[tokio::test]
async fn an_index_says_what_it_lists(#[case] kind: Kind) {
    let Some(server) = Server::start(kind) else {
        return;
    };
    let mut children = Vec::new();
    let digest = server.push("demo/app:v1", |layout| {
        children.extend([layout.image("amd64"), layout.image("arm64")]);
        layout.index()
    });
    let resolved = server.client().resolve(&server.image("demo/app:v1")).await;
    assert_eq!(resolved, Ok(Some(ResolvedImage { digest, children })));
}

#[rstest]
#[case::debian(Kind::Debian, 4)]
#[case::v3(Kind::V3, 4)]
#[case::referrers(Kind::Referrers, 3)]
#[tokio::test]
async fn attestations_lie_next_to_the_image(#[case] kind: Kind, #[case] requests: u64) {
    let Some(server) = Server::start(kind) else {
        return;
    };
    let digest = server.push("demo/app:v1", |layout| layout.image("amd64"));
    let image = server.image(&format!("demo/app@{digest}"));
    let attestations = RegistryAttestations::new(server.client());
    assert_eq!(
        attestations.occurrences(&image, &note("built")).await,
        Ok(vec![])
    );

    let built = store(&attestations, occurrence(&image, "built", "key-1")).await;
    let name = built.name.clone().unwrap();
    assert!(
        name.starts_with(&format!("{}@sha256:", image.name())),
        "{name}"
    );
    let tested = store(&attestations, occurrence(&image, "tested", "key-2")).await;
    let again = attestations
        .store(occurrence(&image, "built", "key-1"))
        .await;
    assert_eq!(again, Ok(Stored::AlreadyThere(built.clone())));

    // Somebody who knows nothing yet.
    let client = server.client();
    let attestations = RegistryAttestations::new(client.clone());
    assert!(client.resolve(&image).await.unwrap().is_some());
    let found = attestations.occurrences(&image, &note("built")).await;
    assert_eq!(found, Ok(vec![built.clone()]));
    assert_eq!(
        client.requests(),
        requests,
        "image, listing, one attestation"
    );
    assert!(client.resolve(&image).await.unwrap().is_some());
    let found = attestations.occurrences(&image, &note("built")).await;
    assert_eq!(found, Ok(vec![built]));
    assert_eq!(
        client.requests(),
        requests,
        "what was found is kept for a while"
    );
    let found = attestations.occurrences(&image, &note("tested")).await;
    assert_eq!(found, Ok(vec![tested]));
}

#[rstest]
#[case::debian(Kind::Debian)]
#[case::referrers(Kind::Referrers)]
#[tokio::test]
async fn writers_do_not_lose_each_others_attestations(#[case] kind: Kind) {
    let Some(server) = Server::start(kind) else {
        return;
    };
    let digest = server.push("demo/app:v1", |layout| layout.image("amd64"));
    let image = server.image(&format!("demo/app@{digest}"));
    let attestations = RegistryAttestations::new(server.client());
    let stores = (0..8).map(|n| {
        store(
            &attestations,
            occurrence(&image, "built", &format!("key-{n}")),
        )
    });
    futures::future::join_all(stores).await;
    let found = attestations
        .occurrences(&image, &note("built"))
        .await
        .unwrap();
    assert_eq!(found.len(), 8);
}

#[rstest]
#[case::debian(Kind::Debian)]
#[case::referrers(Kind::Referrers)]
#[tokio::test]
async fn large_attestations_are_blobs(#[case] kind: Kind) {
    let Some(server) = Server::start(kind) else {
        return;
    };
    let digest = server.push("demo/app:v1", |layout| layout.image("amd64"));
    let image = server.image(&format!("demo/app@{digest}"));
    let attestations = RegistryAttestations::new(server.client());
    let mut large = occurrence(&image, "built", "key");
    large.attestation.as_mut().unwrap().serialized_payload = Base64(vec![7; 200_000]);
    let stored = store(&attestations, large.clone()).await;
    let fresh = RegistryAttestations::new(server.client());
    let found = fresh.occurrences(&image, &note("built")).await;
    assert_eq!(found, Ok(vec![stored]));
    large.attestation.as_mut().unwrap().serialized_payload = Base64(vec![7; 1 << 20]);
    let refused = attestations.store(large).await.unwrap_err();
    assert!(refused.message.contains("is too large"), "{refused}");
}

#[tokio::test]
async fn other_tools_see_the_listing_under_the_tag() {
    let Some(server) = Server::start(Kind::Debian) else {
        return;
    };
    let digest = server.push("demo/app:v1", |layout| layout.image("amd64"));
    let image = server.image(&format!("demo/app@{digest}"));
    let attestations = RegistryAttestations::new(server.client());
    let stored = store(&attestations, occurrence(&image, "built", "key")).await;
    let listing = server.inspect(&format!("demo/app:sha256-{}", digest.hex()));
    let listed = &listing["manifests"][0];
    assert_eq!(listed["artifactType"], ARTIFACT_TYPE);
    let artifact = server.inspect(&format!("demo/app@{}", listed["digest"].as_str().unwrap()));
    assert_eq!(artifact["subject"]["digest"], digest.to_string());
    assert_eq!(artifact["artifactType"], ARTIFACT_TYPE);
    assert_eq!(artifact["layers"].as_array().unwrap().len(), 1);
    assert!(
        stored
            .name
            .unwrap()
            .ends_with(listed["digest"].as_str().unwrap())
    );
}

#[tokio::test]
async fn nothing_is_laid_next_to_an_image_that_is_not_there() {
    let Some(server) = Server::start(Kind::Debian) else {
        return;
    };
    let image = server.image(&format!("demo/app@{}", Digest::of(b"absent")));
    let attestations = RegistryAttestations::new(server.client());
    let refused = attestations
        .store(occurrence(&image, "built", "key"))
        .await
        .unwrap_err();
    assert!(refused.message.starts_with("there is no "), "{refused}");
}
