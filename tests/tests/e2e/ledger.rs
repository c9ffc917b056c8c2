//! The record: signed with a key of `openssl`, exported, verified with the public half alone, and
//! whatever was done to it found.

use std::path::PathBuf;
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use postern_tests::openssl::{KeyPair, ec_key};
use postern_tests::{have, output, run};
use serde_json::{Value, json};

use crate::audit::{config, serve};
use crate::support::{World, attestor, http};

pub(crate) const ORIGIN: &str = "postern.example.com/synthetic";

pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) key: KeyPair,
}

impl Scene {
    /// A data directory with so many entries, or nothing without `openssl`.
    pub(crate) fn of(entries: usize) -> Option<Self> {
        if !have(&["openssl"]) {
            return None;
        }
        let world = World::new();
        let key = ec_key(world.folder(), "P-256");
        let scene = Self { world, key };
        scene.record(0..entries);
        Some(scene)
    }

    pub(crate) fn record(&self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            let digest = format!("sha256:{number:064}");
            let words = ["revoke", &digest, "--reason", "synthetic", "--data", "data"];
            run(&mut self.world.postern(&words));
        }
    }

    fn sign(&self) -> Output {
        let key = format!("file:{}", self.key.private.display());
        let words = [
            "ledger",
            "checkpoint",
            "--key",
            &key,
            "--origin",
            ORIGIN,
            "--data",
            "data",
        ];
        output(&mut self.world.postern(&words))
    }

    /// Signs, and keeps the checkpoint in a file of this name.
    pub(crate) fn keep(&self, name: &str) -> String {
        let signed = self.sign();
        assert!(signed.status.success(), "{}", text(&signed.stderr));
        self.world.write(name, &signed.stdout);
        text(&signed.stdout)
    }

    pub(crate) fn export(&self, further: &[&str]) -> String {
        let words = [&["ledger", "export", "--data", "data"], further].concat();
        text(&run(&mut self.world.postern(&words)))
    }

    pub(crate) fn verify(&self, words: &[&str]) -> (Option<i32>, String) {
        let key = self.key.public.to_str().unwrap();
        let words = [&["ledger", "verify", "--key", key], words].concat();
        let said = output(&mut self.world.postern(&words));
        (said.status.code(), text(&said.stdout) + &text(&said.stderr))
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_checkpoint_is_what_openssl_verifies_too() {
    let Some(scene) = Scene::of(3) else { return };
    let note = scene.keep("kept.txt");
    let (signed, line) = note.split_once("\n\n").unwrap();
    let encoded = line.trim_end().rsplit_once(' ').unwrap().1;
    // Four bytes that name the key stand before the signature.
    let bytes = BASE64.decode(encoded).unwrap();
    let signature: PathBuf = scene.world.write("signature", &bytes[4..]);
    let message = scene.world.write("message", format!("{signed}\n"));
    let mut openssl = Command::new("openssl");
    openssl
        .args(["dgst", "-sha256", "-verify"])
        .arg(&scene.key.public);
    openssl.arg("-signature").arg(&signature).arg(&message);
    assert_eq!(text(&run(&mut openssl)), "Verified OK\n");
    assert!(signed.starts_with(&format!("{ORIGIN}\n3\n")), "{signed}");
}

#[test]
fn an_export_is_enough_and_what_is_done_to_it_is_found() {
    let Some(scene) = Scene::of(5) else { return };
    scene.keep("kept.txt");
    scene.record(5..9);
    scene.keep("now.txt");
    let export = scene.export(&[]);
    scene.world.write("record.ndjson", &export);
    let (exit, said) = scene.verify(&[
        "record.ndjson",
        "--checkpoint",
        "kept.txt",
        "--format",
        "json",
    ]);
    assert_eq!(exit, Some(0), "{said}");
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&told["size"], &told["beginsWith"]),
        (&9.into(), &vec![5].into()),
        "{told}"
    );
    assert_eq!(told["notProven"], Value::Array(Vec::new()), "{told}");

    for (done, changed) in [
        ("flipped", export.replacen("synthetic\"", "synthetiC\"", 1)),
        ("dropped", without(&export, 3)),
        ("duplicated", twice(&export, 3)),
        ("reordered", swapped(&export, 3)),
        ("truncated", without(&export, 9)),
        ("cut", export[..export.len() - 40].to_owned()),
        ("other size", export.replacen("\\n9\\n", "\\n8\\n", 1)),
    ] {
        scene.world.write("changed.ndjson", &changed);
        assert_ne!(changed, export);
        let (exit, said) = scene.verify(&["changed.ndjson"]);
        assert_eq!(exit, Some(1), "{done}: {said}");
    }
}

#[test]
fn one_entry_is_proven_by_itself() {
    let Some(scene) = Scene::of(6) else { return };
    scene.keep("kept.txt");
    let export = scene.export(&[]);
    let fourth: Value = serde_json::from_str(export.lines().nth(4).unwrap()).unwrap();
    let id = fourth["entry"]["id"].as_str().unwrap();
    let proof = run(&mut scene
        .world
        .postern(&["ledger", "prove", id, "--data", "data"]));
    scene.world.write("proof.ndjson", &proof);
    let (exit, said) = scene.verify(&["proof.ndjson"]);
    assert_eq!(exit, Some(0), "{said}");
    assert!(said.starts_with("1 entries of the 6"), "{said}");
    scene
        .world
        .write("proof.ndjson", text(&proof).replace("synthetic", "forged"));
    assert_eq!(scene.verify(&["proof.ndjson"]).0, Some(1));
    let unknown = output(
        &mut scene
            .world
            .postern(&["ledger", "prove", "nobody", "--data", "data"]),
    );
    assert_eq!(unknown.status.code(), Some(1), "{}", text(&unknown.stderr));
}

#[test]
fn who_kept_a_checkpoint_finds_a_replaced_record() {
    let Some(scene) = Scene::of(4) else { return };
    scene.keep("kept.txt");
    std::fs::rename(scene.world.path("data"), scene.world.path("stolen")).unwrap();
    scene.record(50..56);
    scene.keep("forged.txt");
    assert_eq!(
        scene.verify(&["--data", "data"]).0,
        Some(0),
        "the key's holder can do that"
    );
    let (exit, said) = scene.verify(&["--data", "data", "--checkpoint", "kept.txt"]);
    assert_eq!(exit, Some(1), "{said}");
    assert!(said.contains("does not begin with the 4 entries"), "{said}");
}

#[test]
fn a_server_proves_to_whoever_may_look() {
    let Some(scene) = Scene::of(3) else { return };
    scene.world.trust(&attestor(&[]));
    let server = serve(&scene.world, &config());
    let get = |path: &str| http::get(server.address(), path);
    assert_eq!(get("/v1/ledger/checkpoint").code(), "NOT_SIGNED");
    let kept = scene.keep("kept.txt");
    let size = kept.lines().nth(1).unwrap();
    // The server records what it finds beside it.
    scene.record(3..5);
    let entries = text(&get(&format!("/v1/ledger/entries?from={size}&limit=1000")).body);
    let last = format!("{:064}", 4);
    let unsigned = entries
        .lines()
        .find(|line| line.contains("REVOCATION") && line.contains(&last));
    let unsigned: Value = serde_json::from_str(unsigned.unwrap()).unwrap();
    let id = unsigned["entry"]["id"].as_str().unwrap();
    let proof = format!("/v1/ledger/proofs?entry={id}");
    assert_eq!(get(&proof).status, 409);
    let note = scene.keep("now.txt");
    assert_eq!(text(&get("/v1/ledger/checkpoint").body), note);
    scene.world.write("proof.ndjson", &get(&proof).body);
    assert_eq!(scene.verify(&["proof.ndjson"]).0, Some(0));
    let growth = get(&format!("/v1/ledger/proofs?from={size}"));
    scene.world.write("growth.ndjson", &growth.body);
    assert_eq!(growth.json()["checkpoint"].as_str(), Some(&*note));
    let (exit, said) = scene.verify(&["growth.ndjson", "--checkpoint", "kept.txt"]);
    assert_eq!(exit, Some(0), "{said}");
    let begins = format!("begins with the checkpoint of {size} entries");
    assert!(said.contains(&begins), "{said}");
    assert_eq!(get("/v1/ledger/proofs?from=9999").status, 400);
    assert_eq!(get("/v1/ledger/proofs").status, 400);
}

#[test]
fn a_server_signs_what_it_records() {
    let Some(scene) = Scene::of(2) else { return };
    scene.world.trust(&attestor(&[]));
    let mut config = config();
    let key = format!("file:{}", scene.key.private.display());
    config["ledger"] = json!({"origin": ORIGIN, "key": key});
    let server = serve(&scene.world, &config);
    let ticked = http::post(server.address(), "/v1/tick", None, &json!({}));
    assert_eq!(ticked.status, 200, "{}", text(&ticked.body));
    let signed = http::get(server.address(), "/v1/ledger/checkpoint");
    assert!(
        text(&signed.body).starts_with(ORIGIN),
        "{}",
        text(&signed.body)
    );
    let (exit, said) = scene.verify(&["--data", "data"]);
    assert_eq!(exit, Some(0), "{said}");
}

fn twice(export: &str, line: usize) -> String {
    let mut lines: Vec<_> = export.lines().collect();
    lines.insert(line, lines[line]);
    lines.join("\n") + "\n"
}

fn swapped(export: &str, line: usize) -> String {
    let mut lines: Vec<_> = export.lines().collect();
    lines.swap(line, line + 1);
    lines.join("\n") + "\n"
}

#[test]
fn a_proof_that_it_grew_needs_no_entries() {
    let Some(scene) = Scene::of(4) else { return };
    scene.keep("kept.txt");
    scene.record(4..9);
    scene.keep("now.txt");
    let words = ["ledger", "prove", "--from", "kept.txt", "--data", "data"];
    let proof = run(&mut scene.world.postern(&words));
    scene.world.write("growth.ndjson", &proof);
    let (exit, said) = scene.verify(&["growth.ndjson", "--checkpoint", "kept.txt"]);
    assert_eq!(exit, Some(0), "{said}");
    assert!(said.contains("begins with the checkpoint of 4"), "{said}");
    assert_eq!(scene.verify(&["growth.ndjson"]).0, Some(2), "of what?");

    // Whoever holds the key forks the record after two entries, and signs both heads.
    std::fs::rename(scene.world.path("data"), scene.world.path("stolen")).unwrap();
    scene.record(50..61);
    scene.keep("forked.txt");
    let forged = run(&mut scene.world.postern(&words));
    scene.world.write("growth.ndjson", &forged);
    let (exit, said) = scene.verify(&["growth.ndjson", "--checkpoint", "kept.txt"]);
    assert_eq!(exit, Some(1), "{said}");
    assert!(said.contains("not proven"), "{said}");
}

fn without(export: &str, line: usize) -> String {
    let kept = export
        .lines()
        .enumerate()
        .filter(|(place, _)| *place != line);
    kept.map(|(_, text)| format!("{text}\n")).collect()
}
