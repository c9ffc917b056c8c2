//! Images and attestations in real registries.

use std::path::Path;

use postern_tests::openssl::{Padding, sign};
use postern_tests::{
    Server, docker_registry, have, referrers_registry, registry_v3, run, write_layout,
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::registry::{LoggedRegistry, layout};
use crate::support::{ATTESTOR, Attestation, Process, World, http, occurrences, ours, sha256};

const BESIDE: [&str; 2] = ["--attestations", "registry"];

#[rstest]
#[case::without_the_referrers_api("docker-registry", docker_registry)]
#[case::v3_without_the_referrers_api("registry", registry_v3)]
#[case::with_the_referrers_api("referrers-registry", |_: &Path| referrers_registry())]
fn unsigned_is_denied_signed_is_allowed_and_a_moved_tag_is_denied(
    #[case] tool: &str,
    #[case] start: fn(&Path) -> Server,
) {
    if !have(&[tool, "skopeo", "openssl"]) {
        return;
    }
    let (world, key) = World::with_key();
    let registry = start(world.folder());
    let tag = format!("{}/demo/app:v1", registry.address());
    let push = |word| layout(world.folder(), word).push(registry.address(), "demo/app", "v1");
    let signed = push("signed");

    let checked = world.check(&tag, &BESIDE);
    checked.is_denied("NO_ATTESTATION");
    assert_eq!(checked.decision["retryable"], true);
    let image = &checked.decision["images"][0];
    assert_eq!(image["resolved"], *signed);
    assert_eq!(image["reasons"][0]["attestor"], ATTESTOR);
    let remedy = image["reasons"][0]["remedy"].as_str().unwrap();
    let command = format!("postern attest {signed} --attestor {ATTESTOR} --key KEY");
    assert!(remedy.contains(&command), "{remedy}");

    let key = format!("file:{}", key.private.display());
    for _ in ["first", "again"] {
        let output = world.attest(&signed, &key, &["--to", "registry"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    let checked = world.check(&tag, &BESIDE);
    checked.is_attested();
    assert_eq!(checked.decision["images"][0]["resolved"], *signed);
    world.check(&signed, &BESIDE).is_attested();

    let other = push("moved");
    assert_ne!(signed, other);
    let checked = world.check(&tag, &BESIDE);
    checked.is_denied("NO_ATTESTATION");
    assert_eq!(checked.decision["images"][0]["resolved"], *other);
    world.check(&signed, &BESIDE).is_attested();
    let missing = format!("{}/demo/app:missing", registry.address());
    world.check(&missing, &BESIDE).is_denied("IMAGE_NOT_FOUND");
}

#[test]
fn a_key_that_is_not_the_attestors_signs_nothing() {
    if !have(&["docker-registry", "skopeo", "openssl"]) {
        return;
    }
    let (world, _) = World::with_key();
    let registry = docker_registry(world.folder());
    let image = layout(world.folder(), "one").push(registry.address(), "demo/app", "v1");
    let other = postern_tests::openssl::ec_key(world.folder(), "prime256v1");
    let key = format!("file:{}", other.private.display());
    let output = world.attest(&image, &key, &["--to", "registry"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("built-by-ci"), "{said}");
    world.check(&image, &BESIDE).is_denied("NO_ATTESTATION");
}

#[test]
fn an_index_is_recorded_with_its_manifests() {
    if !have(&["docker-registry", "skopeo", "openssl"]) {
        return;
    }
    let (world, key) = World::with_key();
    let registry = docker_registry(world.folder());
    let index = index(&world);
    let tag = format!("{}/demo/app:multi", registry.address());
    run(std::process::Command::new("skopeo")
        .args([
            "copy",
            "--all",
            "--quiet",
            "--preserve-digests",
            "--dest-tls-verify=false",
        ])
        .arg(format!("oci:{}", world.path("index").display()))
        .arg(format!("docker://{tag}")));
    let image = format!("{}/demo/app@{}", registry.address(), index.digest);
    let key = format!("file:{}", key.private.display());
    assert!(
        world
            .attest(&image, &key, &["--to", "registry"])
            .status
            .success()
    );
    let checked = world.check(&tag, &BESIDE);
    checked.is_attested();
    assert_eq!(checked.decision["images"][0]["resolved"], *image);
    assert_eq!(
        checked.decision["images"][0]["children"],
        json!(index.children)
    );
    // The index is attested, and a manifest in it by itself is not, unless the gate is told so.
    let child = format!("{}/demo/app@{}", registry.address(), index.children[0]);
    world.check(&child, &BESIDE).is_denied("NO_ATTESTATION");
}

/// Where the gate is told so: an attestation of an index covers what the fetched index lists, and
/// nothing that only claims to be in it.
#[test]
fn an_index_covers_its_manifests_where_the_gate_is_told_so() {
    if !have(&["docker-registry", "skopeo", "openssl"]) {
        return;
    }
    let (world, key) = World::with_key();
    let mut registry = docker_registry(world.folder());
    let index = index(&world);
    let name = format!("{}/demo/app", registry.address());
    run(std::process::Command::new("skopeo")
        .args([
            "copy",
            "--all",
            "--quiet",
            "--preserve-digests",
            "--dest-tls-verify=false",
        ])
        .arg(format!("oci:{}", world.path("index").display()))
        .arg(format!("docker://{name}:multi")));
    let outside = layout(world.folder(), "outside").push(registry.address(), "demo/app", "other");
    let image = format!("{name}@{}", index.digest);
    let key = format!("file:{}", key.private.display());
    assert!(
        world
            .attest(&image, &key, &["--to", "store:data"])
            .status
            .success()
    );
    let child = format!("{name}@{}", index.children[1]);
    let host = registry.address().to_owned();
    let statuses = |covers: bool| {
        let config = json!({
            "listen": "127.0.0.1:0", "store": "sqlite:data/postern.db",
            "policy": "policy.json", "attestors": "attestors.json", "attestations": ["store"],
            "gate": {"indexCoversManifests": covers},
            "registries": [{"host": host, "plainHttp": true, "allowPrivate": true}],
        });
        world.write("postern.yaml", config.to_string());
        let mut command = ours("postern-gate");
        command.current_dir(world.folder());
        let gate = Process::serve(command.env("POSTERN_CONFIG", "postern.yaml"));
        [&image, &child, &outside].map(|image| {
            let body = json!({"images": [image]});
            http::post(gate.address(), "/v1/decisions?enforce=true", None, &body).status
        })
    };
    assert_eq!(statuses(false), [200, 403, 403]);
    assert_eq!(statuses(true), [200, 200, 403]);
    // An index that cannot be fetched is an outage, and matters only where it counts.
    registry.kill();
    assert_eq!(statuses(false), [200, 403, 403]);
    assert_eq!(statuses(true), [200, 503, 503]);
}

#[test]
fn waiting_sees_the_attestation_arrive() {
    if !have(&["docker-registry", "skopeo", "openssl"]) {
        return;
    }
    let (world, key) = World::with_key();
    let registry = docker_registry(world.folder());
    let image = layout(world.folder(), "late").push(registry.address(), "demo/app", "v1");
    let words = [
        "check",
        &image,
        "--policy",
        "policy.json",
        "--attestors",
        "attestors.json",
    ];
    let mut command = world.postern(&words);
    let mut check = Process::spawn(command.args(BESIDE).args(["--wait", "2m"]));
    check.line("not yet");
    let key = format!("file:{}", key.private.display());
    assert!(
        world
            .attest(&image, &key, &["--to", "registry"])
            .status
            .success()
    );
    assert_eq!(check.ended().code(), Some(0), "{}", check.said());
}

#[test]
fn a_layout_on_disk_is_an_image() {
    if !have(&["openssl"]) {
        return;
    }
    let (world, key) = World::with_key();
    let index = index(&world);
    let image = format!("synthetic.example/app@{}", index.digest);
    let payload = world.payload(&image);
    let signature = sign(&key, "sha256", Padding::None, &payload);
    let attestation = Attestation {
        resource: image,
        ..Attestation::of(&payload).signed(&world.key_id(&key.public), &signature)
    };
    world.attested(&json!([]));
    world.check("oci:index", &[]).is_denied("NO_ATTESTATION");
    world.attested(&occurrences(&[attestation]));
    for word in [
        "oci:index".to_owned(),
        format!("oci:index@{}", index.digest),
    ] {
        let checked = world.check(&word, &[]);
        checked.is_attested();
        assert_eq!(checked.decision["images"][0]["image"], *word);
        assert_eq!(
            checked.decision["images"][0]["children"],
            json!(index.children)
        );
    }
    let missing = world.check("oci:nowhere", &[]);
    assert_eq!((missing.exit, missing.decision), (Some(2), Value::Null));
}

#[test]
fn a_decision_costs_the_registry_what_is_documented() {
    if !have(&["docker-registry", "skopeo", "openssl"]) {
        return;
    }
    let (world, key) = World::with_key();
    let registry = LoggedRegistry::start(world.folder());
    let image = registry.push(world.folder(), "counted", "v1");
    let tag = format!("{}/demo/app:v1", registry.address());
    let key = format!("file:{}", key.private.display());
    assert!(
        world
            .attest(&image, &key, &["--to", "registry"])
            .status
            .success()
    );
    let asked_by = |action: &dyn Fn()| {
        let before = registry.requests().len();
        action();
        registry.requests().split_off(before)
    };

    // Attestations in a file: a digest costs nothing, a tag one request.
    world.attested(&json!([]));
    let asked = asked_by(&|| world.check(&image, &[]).is_denied("NO_ATTESTATION"));
    assert_eq!(asked, Vec::<String>::new());
    let asked = asked_by(&|| world.check(&tag, &[]).is_denied("NO_ATTESTATION"));
    assert_eq!(asked.len(), 1, "{asked:#?}");

    // Attestations beside the image, from cold: the image, the referrers API that is not there, its
    // fallback tag, the attestation's manifest (the occurrence is embedded in it, or one more).
    for image in [&tag, &image] {
        let asked = asked_by(&|| world.check(image, &BESIDE).is_attested());
        assert!(asked.len() <= 5, "{asked:#?}");
    }
}

#[test]
fn a_registry_that_is_gone_is_no_verdict() {
    if !have(&["docker-registry", "skopeo", "openssl"]) {
        return;
    }
    let (world, key) = World::with_key();
    let mut registry = LoggedRegistry::start(world.folder());
    let image = registry.push(world.folder(), "gone", "v1");
    let tag = format!("{}/demo/app:v1", registry.address());
    let key = format!("file:{}", key.private.display());
    assert!(
        world
            .attest(&image, &key, &["--to", "registry"])
            .status
            .success()
    );
    world.check(&tag, &BESIDE).is_attested();
    registry.kill();
    world
        .check(&tag, &BESIDE)
        .is_undetermined("EVIDENCE_UNAVAILABLE");
    world
        .check(&image, &BESIDE)
        .is_undetermined("EVIDENCE_UNAVAILABLE");
    let output = world.attest(&image, &key, &["--to", "registry"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

/// An OCI layout in `index` with an index of two images.
struct Index {
    digest: String,
    children: Vec<String>,
}

fn index(world: &World) -> Index {
    let folder = world.path("index");
    let children: Vec<Value> = ["amd64", "arm64"]
        .map(|architecture| {
            let layout = write_layout(&folder, architecture);
            let blob = folder.join("blobs").join(layout.digest.replace(':', "/"));
            json!({
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": layout.digest,
                "size": std::fs::metadata(blob).unwrap().len(),
                "platform": {"os": "linux", "architecture": architecture},
            })
        })
        .to_vec();
    const MEDIA_TYPE: &str = "application/vnd.oci.image.index.v1+json";
    let index = json!({"schemaVersion": 2, "mediaType": MEDIA_TYPE, "manifests": children});
    let index = index.to_string();
    let digest = sha256(index.as_bytes());
    let blob = folder.join("blobs").join(digest.replace(':', "/"));
    std::fs::write(blob, &index).unwrap();
    let top = json!({
        "schemaVersion": 2,
        "manifests": [{"mediaType": MEDIA_TYPE, "digest": digest, "size": index.len()}],
    });
    std::fs::write(folder.join("index.json"), top.to_string()).unwrap();
    let digests = children
        .iter()
        .map(|child| child["digest"].as_str().unwrap().to_owned());
    Index {
        digest,
        children: digests.collect(),
    }
}
