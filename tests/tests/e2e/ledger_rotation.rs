//! The ledger's key is changed: both keys are of `openssl`.

use postern_tests::openssl::{KeyPair, ec_key};
use postern_tests::output;
use serde_json::{Value, json};

use crate::audit::{config, serve};
use crate::ledger::{ORIGIN, Scene, text};
use crate::support::{Process, attestor, http};

/// Another key, in a folder of its own.
fn new_key(scene: &Scene) -> KeyPair {
    let folder = scene.world.path("new");
    std::fs::create_dir(&folder).unwrap();
    ec_key(&folder, "P-256")
}

/// A server that signs with this key, and knows these of before.
fn signing(scene: &Scene, key: &KeyPair, previous: &[&KeyPair]) -> Process {
    scene.world.trust(&attestor(&[]));
    let public = |key: &&KeyPair| format!("file:{}", key.public.display());
    let previous: Vec<_> = previous.iter().map(public).collect();
    let mut config: Value = config();
    let key = format!("file:{}", key.private.display());
    config["ledger"] = json!({"origin": ORIGIN, "key": key, "previousKeys": previous});
    serve(&scene.world, &config)
}

fn tick(server: &Process) -> (u16, String) {
    let ticked = http::post(server.address(), "/v1/tick", None, &json!({}));
    (ticked.status, text(&ticked.body))
}

/// `ledger verify` of the data directory with these keys, and a checkpoint that was kept.
fn verify(scene: &Scene, keys: &[&KeyPair]) -> (Option<i32>, String) {
    let words = [
        "ledger",
        "verify",
        "--data",
        "data",
        "--anchored",
        "kept.txt",
    ];
    let mut command = scene.world.postern(&words);
    for key in keys {
        command.arg("--key").arg(&key.public);
    }
    let said = output(&mut command);
    (said.status.code(), text(&said.stdout) + &text(&said.stderr))
}

#[test]
fn a_record_is_signed_on_by_a_new_key_and_verified_with_both() {
    let Some(scene) = Scene::of(4) else { return };
    let old = scene.key.clone();
    let kept = scene.keep("kept.txt");
    let new = new_key(&scene);
    scene.record(4..6);

    // The new key alone could be anybody's: nothing is signed with it.
    let server = signing(&scene, &new, &[]);
    let (status, said) = tick(&server);
    assert_eq!(status, 503, "{said}");
    assert!(said.contains("ledger.previousKeys"), "{said}");
    let last = http::get(server.address(), "/v1/ledger/checkpoint").body;
    assert_eq!(text(&last), kept);
    drop(server);

    let server = signing(&scene, &new, &[&old]);
    let (status, said) = tick(&server);
    assert_eq!(status, 200, "{said}");
    drop(server);

    let (exit, said) = verify(&scene, &[&old, &new]);
    assert_eq!(exit, Some(0), "{said}");
    assert!(
        said.contains("begins with the checkpoint of 4 entries"),
        "{said}"
    );
    assert!(!said.contains("NOT PROVEN"), "{said}");
    for keys in [[&old], [&new]] {
        let (exit, said) = verify(&scene, &keys);
        assert_eq!(exit, Some(1), "{said}");
        assert!(
            said.contains("signed by a key that was not brought"),
            "{said}"
        );
        assert!(said.contains("--key FILE"), "{said}");
    }
}

#[test]
fn a_checkpoint_by_hand_takes_the_old_key_as_well() {
    let Some(scene) = Scene::of(2) else { return };
    scene.keep("kept.txt");
    scene.record(2..3);
    let new = new_key(&scene);
    let sign = |previous: Option<&KeyPair>| {
        let words = ["ledger", "checkpoint", "--origin", ORIGIN, "--data", "data"];
        let mut command = scene.world.postern(&words);
        command.args(["--key", &format!("file:{}", new.private.display())]);
        if let Some(previous) = previous {
            command.arg("--previous-key").arg(&previous.public);
        }
        output(&mut command)
    };
    let refused = sign(None);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(
        text(&refused.stderr).contains("--previous-key"),
        "{refused:?}"
    );
    let signed = sign(Some(&scene.key));
    assert_eq!(signed.status.code(), Some(0), "{refused:?}");
    assert!(text(&signed.stdout).starts_with(&format!("{ORIGIN}\n3\n")));
}
