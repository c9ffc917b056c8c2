//! Bugs that verifiers of this kind have published, as tests.
//!
//! | bug | what went wrong | test |
//! |---|---|---|
//! | CVE-2026-122321, Kyverno | a cache keyed by tag lets a moved tag through | [`a_warm_cache_does_not_let_a_moved_tag_through`] |
//! | GHSA-m3cq-xcx9-3gvm, Kyverno | the registry answers two requests with two manifests | [`a_tag_is_asked_for_once`], [`other_bytes_than_the_digests_are_no_image`] |
//! | CVE-2022-35929, cosign | a valid attestation of another type counts | [`an_attestation_of_another_kind_does_not_count`] |
//! | CVE-2022-23649, cosign | a claim in an annotation is believed | [`an_annotation_proves_nothing`] |
//! | CVE-2022-36056, cosign | an invalid input is skipped, and nothing invalid is left | [`malformed_evidence_is_refused_and_never_a_crash`], `pkix::what_does_not_count_is_told` |
//! | GHSA-vfp6-jrw2-99g9, GO-2023-1829, GO-2023-1831, GHSA-cq38-jh5f-37mq, GHSA-wc3x-5rfv-hh5v | data without end | [`ten_thousand_signatures_are_not_all_verified`], `outages::a_tag_that_cannot_be_resolved_is_undetermined` (`endless`), `callers::what_is_no_request_is_refused` |
//! | cosign 4648, 4649, 4651, 4652, 4653 | malformed payloads panic | [`malformed_evidence_is_refused_and_never_a_crash`], [`malformed_requests_do_not_end_the_gate`] |
//! | ratify 92 | a time-out is success | `outages::a_tag_that_cannot_be_resolved_is_undetermined` (`silent`), `outages::attestations_that_cannot_be_listed_are_not_absent` (`silent`) |
//! | retagger 1237, kyverno 16036 | an outage looks like "unsigned" | all of `outages` |
//! | kritis and Grafeas corpora | only the first of several signatures is looked at | `pkix::what_counts_counts` |
//! | public detection rules | the word is looked for in a field that an actor controls | [`a_word_in_the_wrong_field_is_no_finding`] |
//!
//! Not here: CVE-2026-22703 is about transparency logs, which are not read; CVE-2024-23332 (an old
//! attestation of an old image) is not prevented by Binary Authorization's attestations, which carry
//! no time: revoke the digest.

use std::sync::atomic::{AtomicUsize, Ordering};

use postern_tests::have;
use postern_tests::openssl::{Padding, sign};
use rstest::rstest;
use serde_json::{Value, json};

use crate::audit::break_glass_entry;
use crate::support::registry::LoggedRegistry;
use crate::support::{
    Attestation, DIGEST, IMAGE, NOTE, Process, Reply, StandIn, World, http, occurrences, ours,
    sha256,
};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

#[test]
fn a_warm_cache_does_not_let_a_moved_tag_through() {
    if !have(&["docker-registry", "skopeo", "openssl"]) {
        return;
    }
    let (world, key) = World::with_key();
    let registry = LoggedRegistry::start(world.folder());
    let signed = registry.push(world.folder(), "signed", "v1");
    let key = format!("file:{}", key.private.display());
    assert!(
        world
            .attest(&signed, &key, &["--to", "registry"])
            .status
            .success()
    );
    let gate = gate(&world, registry.address());
    let tag = format!("{}/demo/app:v1", registry.address());
    let ask = |image: &str| decide(&gate, image);
    for round in ["cold", "warm"] {
        assert_eq!(ask(&tag)["allowed"], true, "{round}");
    }
    // A repeat by digest costs nothing, a repeat by tag one request.
    for (image, cost) in [(&signed, 0), (&tag, 1)] {
        ask(image);
        let before = registry.requests().len();
        assert_eq!(ask(image)["allowed"], true);
        let asked = registry.requests().split_off(before);
        assert_eq!(asked.len(), cost, "{asked:#?}");
    }
    let moved = registry.push(world.folder(), "moved", "v1");
    let decision = ask(&tag);
    assert_eq!(decision["allowed"], false);
    assert_eq!(decision["images"][0]["resolved"], *moved);
    assert_eq!(
        decision["images"][0]["reasons"][0]["code"],
        "NO_ATTESTATION"
    );
    assert_eq!(ask(&signed)["allowed"], true);
}

#[test]
fn an_attestation_that_arrives_is_seen_at_once() {
    if !have(&["docker-registry", "skopeo", "openssl"]) {
        return;
    }
    let (world, key) = World::with_key();
    let registry = LoggedRegistry::start(world.folder());
    let image = registry.push(world.folder(), "late", "v1");
    let gate = gate(&world, registry.address());
    let decision = decide(&gate, &image);
    assert_eq!(
        (&decision["allowed"], &decision["retryable"]),
        (&json!(false), &json!(true))
    );
    let key = format!("file:{}", key.private.display());
    assert!(
        world
            .attest(&image, &key, &["--to", "registry"])
            .status
            .success()
    );
    assert_eq!(decide(&gate, &image)["allowed"], true);
}

#[test]
fn a_tag_is_asked_for_once() {
    if !have(&["openssl"]) {
        return;
    }
    let world = World::new();
    world.trust(&crate::support::attestor(&[]));
    world.attested(&json!([]));
    let served = AtomicUsize::new(0);
    let registry = StandIn::start(move |_| {
        Reply::typed(
            200,
            MANIFEST,
            manifest(served.fetch_add(1, Ordering::SeqCst)),
        )
    });
    let checked = world.check(&format!("{}/demo/app:v1", registry.address()), &[]);
    assert_eq!(registry.seen().len(), 1);
    let first = sha256(&manifest(0));
    let pinned = format!("{}/demo/app@{first}", registry.address());
    assert_eq!(checked.decision["images"][0]["resolved"], *pinned);
}

#[test]
fn other_bytes_than_the_digests_are_no_image() {
    if !have(&["openssl"]) {
        return;
    }
    let (world, _) = World::with_key();
    let registry = StandIn::start(|_| Reply::typed(200, MANIFEST, manifest(0)));
    // The digest that the registry claims in a header is not believed either.
    let claimed = StandIn::start(|_| {
        let headers = [
            ("content-type", MANIFEST),
            ("docker-content-digest", DIGEST),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Reply::Http(200, headers.into(), manifest(0))
    });
    for registry in [&registry, &claimed] {
        let image = format!("{}/demo/app@{DIGEST}", registry.address());
        let checked = world.check(&image, &["--attestations", "registry"]);
        assert_ne!(checked.exit, Some(0), "{checked:#?}");
        assert_ne!(checked.decision["allowed"], true);
    }
    let tag = format!("{}/demo/app:v1", claimed.address());
    let checked = world.check(&tag, &["--attestations", "registry"]);
    assert_ne!(checked.exit, Some(0));
    assert!(
        !checked.decision["images"][0]["resolved"]
            .to_string()
            .contains(DIGEST)
    );
}

#[test]
fn an_attestation_of_another_kind_does_not_count() {
    if !have(&["openssl"]) {
        return;
    }
    let (world, key) = World::with_key();
    let id = world.key_id(&key.public);
    let payload = String::from_utf8(world.payload(IMAGE)).unwrap();
    let google = "Google cloud binauthz container signature";
    let cosign = payload.replace(google, "cosign container image signature");
    let signed = |payload: &str| {
        let signature = sign(&key, "sha256", Padding::None, payload.as_bytes());
        Attestation::of(payload.as_bytes()).signed(&id, &signature)
    };
    world.attested(&occurrences(&[signed(&cosign)]));
    world.check(IMAGE, &[]).is_denied("PAYLOAD_MALFORMED");
    let mut other = occurrences(&[signed(&payload)]);
    other["occurrences"][0]["kind"] = json!("BUILD");
    world.attested(&other);
    world.check(IMAGE, &[]).is_denied("NO_ATTESTATION");
    // The documentation spells the type in another case, too.
    world.attested(&occurrences(&[signed(
        &payload.replace(google, "Google Cloud BinAuthz container signature"),
    )]));
    world.check(IMAGE, &[]).is_attested();
}

#[test]
fn an_annotation_proves_nothing() {
    if !have(&["openssl"]) {
        return;
    }
    let (world, key) = World::with_key();
    let image = manifest(0);
    let digest = sha256(&image);
    let payload = world.payload(&format!("synthetic.example/app@{digest}"));
    let signature = sign(&key, "sha256", Padding::None, &payload);
    let attestation = Attestation {
        resource: format!("synthetic.example/app@{digest}"),
        note: "projects/demo-project/notes/other".to_owned(),
        ..Attestation::of(&payload).signed(&world.key_id(&key.public), &signature)
    };
    // The annotations say that it hangs on the attestor's note; the occurrence itself does not.
    for (note, exit) in [("projects/demo-project/notes/other", 1), (NOTE, 0)] {
        let attestation = Attestation {
            note: note.to_owned(),
            ..attestation.clone()
        };
        let registry = annotated(&image, &attestation.occurrence());
        let tag = format!("{}/demo/app:v1", registry.address());
        let checked = world.check(&tag, &["--attestations", "registry"]);
        assert_eq!(checked.exit, Some(exit), "{note}: {checked:#?}");
    }
}

/// A registry with an image and one attestation, whose annotations claim [`NOTE`].
fn annotated(image: &[u8], occurrence: &Value) -> StandIn {
    const TYPE: &str = "application/vnd.postern.attestation.v1+json";
    let digest = sha256(image);
    let layer = occurrence.to_string().into_bytes();
    let annotations = json!({"dev.postern.attestation.note": NOTE, "verified": "true"});
    let descriptor = |media_type: &str, bytes: &[u8]| {
        let digest = sha256(bytes);
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    };
    let artifact = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": TYPE,
        "config": descriptor("application/vnd.oci.empty.v1+json", b"{}"),
        "layers": [descriptor(TYPE, &layer)],
        "subject": descriptor(MANIFEST, image),
        "annotations": annotations,
    });
    let artifact = artifact.to_string().into_bytes();
    let mut listed = descriptor(MANIFEST, &artifact);
    listed["artifactType"] = json!(TYPE);
    listed["annotations"] = annotations;
    let listing =
        json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [listed]}).to_string();
    let path = |bytes: &[u8]| sha256(bytes);
    let (artifact_digest, layer_digest) = (path(&artifact), path(&layer));
    let image = image.to_vec();
    StandIn::start(move |request| {
        let what = request.target.trim_start_matches("/v2/demo/app/");
        let what = what.split('?').next().unwrap();
        if what == "manifests/v1" || what == format!("manifests/{digest}") {
            Reply::typed(200, MANIFEST, image.clone())
        } else if what == format!("referrers/{digest}") {
            Reply::typed(200, INDEX, listing.clone())
        } else if what == format!("manifests/{artifact_digest}") {
            Reply::typed(200, MANIFEST, artifact.clone())
        } else if what == format!("blobs/{layer_digest}") {
            Reply::typed(200, "application/octet-stream", layer.clone())
        } else {
            Reply::status(404)
        }
    })
}

#[test]
fn ten_thousand_signatures_are_not_all_verified() {
    if !have(&["openssl"]) {
        return;
    }
    let (world, key) = World::with_key();
    let id = world.key_id(&key.public);
    let payload = world.payload(IMAGE);
    let wrong = sign(&key, "sha256", Padding::None, b"other");
    let many = (0..10_000).fold(Attestation::of(&payload), |all, _| all.signed(&id, &wrong));
    world.attested(&occurrences(&[many]));
    let checked = world.check(IMAGE, &[]);
    assert_eq!(checked.exit, Some(1), "{}", checked.said);
    assert!(
        checked.codes().contains(&"EVIDENCE_LIMIT_EXCEEDED"),
        "{:?}",
        checked.codes()
    );
    // As many attestations with one signature each.
    let one = Attestation::of(&payload).signed(&id, &wrong);
    world.attested(&occurrences(&vec![one; 10_000]));
    let checked = world.check(IMAGE, &[]);
    assert_eq!(checked.decision["allowed"], false, "{}", checked.said);
}

#[test]
fn malformed_evidence_is_refused_and_never_a_crash() {
    if !have(&["openssl"]) {
        return;
    }
    let (world, key) = World::with_key();
    let id = world.key_id(&key.public);
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let payloads = [
        "",
        "null",
        "[]",
        "\"\"",
        "{}",
        r#"{"critical":null}"#,
        r#"{"critical":{"image":[]}}"#,
        r#"{"critical":{"identity":{"docker-reference":1},"image":{"docker-manifest-digest":"sha256:"},"type":""}}"#,
        "\u{feff}{}",
        "{\"critical\":{},\"critical\":{}}",
        &nested,
    ];
    for payload in payloads {
        let signature = sign(&key, "sha256", Padding::None, payload.as_bytes());
        let attestation = Attestation::of(payload.as_bytes()).signed(&id, &signature);
        world.attested(&occurrences(&[attestation]));
        world.check(IMAGE, &[]).is_denied("PAYLOAD_MALFORMED");
    }
    for signature in [
        &b""[..],
        b"0",
        &[0x30, 0x80],
        &[0x30, 0x06, 2, 1, 0, 2, 1, 0],
        &[0xff; 5000],
    ] {
        let attestation = Attestation::of(&world.payload(IMAGE)).signed(&id, signature);
        world.attested(&occurrences(&[attestation]));
        let checked = world.check(IMAGE, &[]);
        assert_eq!(checked.exit, Some(1), "{checked:#?}");
        assert!(checked.codes()[0].starts_with("SIGNATURE_"), "{checked:#?}");
    }
    for listing in [
        "",
        "null",
        "{",
        "[1]",
        r#"{"occurrences":1}"#,
        r#"[{"attestation":{"serializedPayload":"*"}}]"#,
        &nested,
    ] {
        world.write("occurrences.json", listing);
        let checked = world.check(IMAGE, &[]);
        assert!(
            [Some(1), Some(2)].contains(&checked.exit),
            "{listing:.40}: {checked:#?}"
        );
        assert!(!checked.said.contains("panicked"), "{}", checked.said);
    }
}

#[test]
fn malformed_requests_do_not_end_the_gate() {
    let world = World::new();
    world.trust(&crate::support::attestor(&[]));
    let gate = gate(&world, "localhost:9");
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for path in ["/v1/decisions", "/v1/admission", "/v1/imagereview"] {
        for body in [
            "",
            "null",
            "{}",
            "\"\"",
            "\u{0}",
            r#"{"request":{"object":[]}}"#,
            r#"{"manifest":{"kind":"List","items":[null]}}"#,
            r#"{"images":["\u0000"]}"#,
            &nested,
        ] {
            let headers = [("content-type", "application/json")];
            let answer = http::send(gate.address(), "POST", path, &headers, body.as_bytes());
            assert_ne!(answer.status, 500, "{path} {body:.40}");
        }
    }
    assert_eq!(http::get(gate.address(), "/health").status, 200);
}

#[rstest]
#[case::user_agent("/protoPayload/requestMetadata/callerSuppliedUserAgent")]
#[case::principal("/protoPayload/authenticationInfo/principalEmail")]
#[case::a_label("/labels/note")]
fn a_word_in_the_wrong_field_is_no_finding(#[case] pointer: &str) {
    let world = World::new();
    let findings = |entry: &Value| {
        let file = world.write("entry.json", entry.to_string());
        let mut command = world.postern(&["audit", "classify"]);
        String::from_utf8(postern_tests::run(command.arg(file))).unwrap()
    };
    let entry = break_glass_entry("synthetic-1");
    assert!(findings(&entry).contains("gcp.cloud-run.break-glass"));
    let mut harmless = entry;
    harmless["protoPayload"]["status"] =
        json!({"message": "Ready condition status changed to True"});
    let annotations = "/protoPayload/response/metadata/annotations";
    *harmless.pointer_mut(annotations).unwrap() =
        json!({"serving.knative.dev/creator": "ci@example.com"});
    set(&mut harmless, pointer, "breakglass");
    assert_eq!(findings(&harmless), "", "{pointer}");
}

fn set(entry: &mut Value, pointer: &str, text: &str) {
    let mut place = entry;
    for name in pointer.split('/').skip(1) {
        place = &mut place[name];
    }
    *place = json!(text);
}

/// A gate on loopback that reads attestations beside the image.
fn gate(world: &World, registry: &str) -> Process {
    let config = json!({
        "listen": "127.0.0.1:0", "store": "sqlite:data/postern.db",
        "policy": "policy.json", "attestors": "attestors.json", "attestations": ["registry"],
        "registries": [{"host": registry, "plainHttp": true, "allowPrivate": true}],
    });
    std::fs::create_dir_all(world.path("data")).unwrap();
    world.write("postern.yaml", config.to_string());
    let mut command = ours("postern-gate");
    command.current_dir(world.folder());
    Process::serve(command.env("POSTERN_CONFIG", "postern.yaml"))
}

fn decide(gate: &Process, image: &str) -> Value {
    let answer = http::post(
        gate.address(),
        "/v1/decisions",
        None,
        &json!({"images": [image]}),
    );
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

/// The n-th of many manifests.
fn manifest(n: usize) -> Vec<u8> {
    let config = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "layers": [], "annotations": {"n": n.to_string()},
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
    });
    manifest.to_string().into_bytes()
}
