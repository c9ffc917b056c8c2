//! The evidence pack: written from a data directory, verified as a whole, and whatever was done to it found.

use postern_tests::{output, run};

use crate::ledger::{Scene, text};

/// Text that a page must not take for its own.
const HOSTILE: &str = "<script>alert(1)</script>";

fn packed(scene: &Scene) {
    let digest = format!("sha256:{:064}", 77);
    let words = ["revoke", &digest, "--reason", HOSTILE, "--data", "data"];
    run(&mut scene.world.postern(&words));
    scene.keep("now.txt");
    let key = scene.key.public.to_str().unwrap();
    let words = [
        "ledger",
        "export",
        "--pack",
        "pack",
        "--since",
        "2020-01-01T00:00:00Z",
        "--from",
        "kept.txt",
        "--key",
        key,
        "--data",
        "data",
    ];
    run(&mut scene.world.postern(&words));
}

#[test]
fn a_pack_is_verified_offline_and_its_report_is_made_again() {
    let Some(scene) = Scene::of(4) else { return };
    scene.keep("kept.txt");
    packed(&scene);
    let (exit, said) = scene.verify(&["pack", "--checkpoint", "kept.txt"]);
    assert_eq!(exit, Some(0), "{said}");
    assert!(
        said.contains("begins with the checkpoint of 4 entries"),
        "{said}"
    );
    let report = std::fs::read_to_string(scene.world.path("pack/report.html")).unwrap();
    assert!(!report.contains("<script"), "{report}");
    for words in [
        "CC8.1",
        "A.8.32",
        "PS.2.1",
        "Build L2",
        "5 changes of the revocation list",
    ] {
        assert!(report.contains(words), "{words}: {report}");
    }
}

#[test]
fn whatever_is_done_to_a_pack_is_found() {
    let Some(scene) = Scene::of(4) else { return };
    scene.keep("kept.txt");
    packed(&scene);
    for (file, from, to) in [
        ("report.html", "CC8.1", "CC8.2"),
        ("texts.ndjson", "synthetic", "forgedtxt"),
        ("entries.ndjson", "REVOCATION", "REVOCATIOM"),
        (
            "checkpoint.note",
            "postern.example.com",
            "forged.example.com",
        ),
    ] {
        let path = scene.world.path("pack").join(file);
        let whole = std::fs::read_to_string(&path).unwrap();
        let changed = whole.replacen(from, to, 1);
        assert_ne!(whole, changed, "{file}");
        std::fs::write(&path, &changed).unwrap();
        assert_eq!(scene.verify(&["pack"]).0, Some(1), "{file}");
        // Whoever changes a file can write a manifest, too.
        let manifest = scene.world.path("pack/manifest.json");
        let listed = std::fs::read_to_string(&manifest).unwrap();
        let hash = |text: &str| crate::support::sha256(text.as_bytes())[7..].to_owned();
        std::fs::write(&manifest, listed.replace(&hash(&whole), &hash(&changed))).unwrap();
        let (exit, said) = scene.verify(&["pack"]);
        assert_eq!(exit, Some(1), "{file}: {said}");
        std::fs::write(&path, &whole).unwrap();
        std::fs::write(&manifest, listed).unwrap();
    }
    assert_eq!(scene.verify(&["pack"]).0, Some(0));
    scene.world.write("pack/further.txt", "added");
    assert_eq!(scene.verify(&["pack"]).0, Some(1));
}

#[test]
fn a_pack_is_never_written_over() {
    let Some(scene) = Scene::of(1) else { return };
    scene.keep("kept.txt");
    packed(&scene);
    let words = ["ledger", "export", "--pack", "pack", "--data", "data"];
    let again = output(&mut scene.world.postern(&words));
    assert_eq!(again.status.code(), Some(2), "{}", text(&again.stderr));
}
