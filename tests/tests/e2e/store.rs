//! The database itself, by the commands that look after it: backed up and restored across kinds, pruned,
//! and without somebody who is to be forgotten; and what was signed holds through all of it.

use postern_tests::{Postgres, have, output, run};

use crate::ledger::{Scene, text};

fn said(scene: &Scene, words: &[&str]) -> String {
    text(&run(&mut scene.world.postern(words)))
}

fn refused(scene: &Scene, words: &[&str], exit: i32) -> String {
    let output = output(&mut scene.world.postern(words));
    assert_eq!(output.status.code(), Some(exit), "{output:?}");
    text(&output.stderr)
}

#[test]
fn a_backup_is_restored_and_what_was_signed_holds() {
    let Some(scene) = Scene::of(5) else { return };
    scene.keep("kept.txt");
    let backup = said(&scene, &["store", "backup", "b.db", "--data", "data"]);
    assert!(
        backup.contains("the ledger has 5 entries and the root "),
        "{backup}"
    );
    let again = refused(&scene, &["store", "backup", "b.db", "--data", "data"], 2);
    assert!(
        again.contains("is not empty, and nothing is written over"),
        "{again}"
    );
    let onto = refused(&scene, &["store", "restore", "b.db", "--data", "data"], 2);
    assert!(onto.contains("is not empty"), "{onto}");

    let restored = said(&scene, &["store", "restore", "b.db", "--data", "other"]);
    let root = |text: &str| text.rsplit(' ').next().unwrap().trim().to_owned();
    assert_eq!(root(&restored), root(&backup));
    let (exit, verified) = scene.verify(&["--data", "other", "--checkpoint", "kept.txt"]);
    assert_eq!(exit, Some(0), "{verified}");
}

#[test]
fn from_a_file_to_a_server_where_a_function_adds_and_changes_nothing() {
    let Some(scene) = Scene::of(4) else { return };
    if !have(&["psql"]) {
        return;
    }
    let Some(server) = Postgres::start() else {
        return;
    };
    scene.keep("kept.txt");
    said(&scene, &["store", "backup", "b.db", "--data", "data"]);
    said(
        &scene,
        &["store", "restore", "b.db", "--data", server.url()],
    );
    let psql = |url: &str, statement: &str| {
        output(std::process::Command::new("psql").args(["-qc", statement, url]))
    };
    assert!(
        psql(server.url(), "CREATE ROLE function LOGIN")
            .status
            .success()
    );
    let words = [
        "store",
        "migrate",
        "--data",
        server.url(),
        "--grant",
        "function",
    ];
    let granted = said(&scene, &words);
    assert!(
        granted.contains("function may add to the record"),
        "{granted}"
    );

    let function = server.url_as("function");
    let digest = format!("sha256:{:064}", 77);
    said(
        &scene,
        &[
            "revoke",
            &digest,
            "--reason",
            "synthetic",
            "--data",
            &function,
        ],
    );
    let key = format!("file:{}", scene.key.private.display());
    let words = [
        "ledger",
        "checkpoint",
        "--key",
        &key,
        "--origin",
        crate::ledger::ORIGIN,
    ];
    said(&scene, &[&words[..], &["--data", &function]].concat());
    let (exit, verified) = scene.verify(&["--data", &function, "--checkpoint", "kept.txt"]);
    assert_eq!(exit, Some(0), "{verified}");
    assert!(
        verified.contains("5 entries of the 5 that were signed"),
        "{verified}"
    );
    let changed = psql(&function, "UPDATE entries SET kind = 'DECISION'");
    assert!(
        text(&changed.stderr).contains("permission denied"),
        "{changed:?}"
    );
    let words = [
        "store",
        "forget",
        "nobody",
        "--reason",
        "synthetic",
        "--data",
        &function,
    ];
    let forgotten = refused(&scene, &words, 3);
    assert!(
        forgotten.contains("the database refuses this to its user"),
        "{forgotten}"
    );
}

#[test]
fn what_is_pruned_and_who_is_forgotten_changes_nothing_that_was_signed() {
    let Some(scene) = Scene::of(3) else { return };
    let unsigned = refused(
        &scene,
        &["store", "prune", "--before", "0s", "--data", "data"],
        1,
    );
    assert!(
        unsigned.contains("no checkpoint was signed yet"),
        "{unsigned}"
    );
    scene.keep("kept.txt");
    let reason = "asked by carol@example.com";
    let digest = format!("sha256:{:064}", 9);
    said(
        &scene,
        &["revoke", &digest, "--reason", reason, "--data", "data"],
    );

    let words = [
        "store",
        "forget",
        "Carol@example.com",
        "--reason",
        "request 7",
        "--data",
        "data",
    ];
    let forgotten = said(&scene, &words);
    assert!(
        forgotten.starts_with("1 text of the record is only a commitment now"),
        "{forgotten}"
    );
    let database = std::fs::read(scene.world.path("data/postern.db")).unwrap();
    let database = String::from_utf8_lossy(&database).to_lowercase();
    assert!(
        !database.contains("carol"),
        "not even in what the file has freed"
    );

    let words = ["store", "prune", "--before", "0s", "--data", "data"];
    let counted = said(&scene, &[&words[..], &["--dry-run"]].concat());
    assert!(
        counted.starts_with("of 3 signed entries, 3 would be only hashes now"),
        "{counted}"
    );
    let pruned = said(&scene, &words);
    assert!(
        pruned.starts_with("of 3 signed entries, 3 are only hashes now"),
        "{pruned}"
    );
    scene.keep("now.txt");
    let (exit, verified) = scene.verify(&["--data", "data", "--checkpoint", "kept.txt"]);
    assert_eq!(exit, Some(0), "{verified}");
}
