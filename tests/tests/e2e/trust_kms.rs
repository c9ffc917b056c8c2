//! Software keys behind Cloud KMS's API: `gcloud kms` makes them, `gcloud` and `postern` sign with them, and the
//! gate in the same process judges by what they signed.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use postern_tests::{have, output, run};
use serde_json::{Value, json};

use crate::support::{IMAGE, Process, World, http, ours};
use crate::trust::{NOTE_OF_CI, Served};

const KEY: &str = "projects/demo-project/locations/global/keyRings/trust/cryptoKeys/ci";

/// Where the key is, on `gcloud kms`'s command line.
const OF_KEY: [&str; 3] = ["--key=ci", "--keyring=trust", "--location=global"];
/// Which version of it, on `gcloud container binauthz`'s.
const VERSION: [&str; 5] = [
    "--keyversion=1",
    "--keyversion-key=ci",
    "--keyversion-keyring=trust",
    "--keyversion-location=global",
    "--keyversion-project=demo-project",
];

fn served() -> Served {
    let world = World::new();
    world.write("wrapping.key", format!("{}\n", "5a".repeat(32)));
    let config = json!({
        "attestations": ["store"],
        "trust": {"keys": {"wrappingKey": "file:wrapping.key"}},
    });
    Served::in_world(world, &config)
}

/// What `gcloud kms …` does.
fn kms(served: &Served, words: &[&str], further: &[&str]) -> Output {
    let mut command = served.gcloud(&["kms"]);
    output(command.args(words).args(further).arg("--format=json"))
}

fn done(served: &Served, words: &[&str], further: &[&str]) -> Value {
    let output = kms(served, words, further);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{words:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// A ring, and in it a key for this algorithm, as `gcloud` calls it.
fn make_key(served: &Served, algorithm: &str) {
    done(served, &["keyrings", "create", "trust"], &OF_KEY[2..]);
    let algorithm = format!("--default-algorithm={algorithm}");
    let words = ["keys", "create", "ci", "--purpose=asymmetric-signing"];
    done(served, &words, &[&algorithm, OF_KEY[1], OF_KEY[2]]);
}

/// Signs the file `message` by the key.
fn sign(served: &Served) -> Output {
    served.world.write("message", "what is signed");
    let words = [
        "asymmetric-sign",
        "--version=1",
        "--digest-algorithm=sha256",
        "--input-file=message",
        "--signature-file=message.sig",
    ];
    kms(served, &words, &OF_KEY)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn gcloud_makes_a_key_and_openssl_verifies_what_it_signs() {
    if !have(&["gcloud", "openssl"]) {
        return;
    }
    let served = served();
    make_key(&served, "rsa-sign-pkcs1-2048-sha256");
    let words = ["keys", "versions", "get-public-key", "1"];
    done(
        &served,
        &words,
        &[&OF_KEY[..], &["--output-file=ci.pub"]].concat(),
    );
    let signed = sign(&served);
    assert!(signed.status.success(), "{}", said(&signed));
    let mut openssl = Command::new("openssl");
    openssl.current_dir(served.world.folder());
    openssl.args(["dgst", "-sha256", "-verify", "ci.pub"]);
    let verified = run(openssl.args(["-signature", "message.sig", "message"]));
    assert_eq!(verified, b"Verified OK\n");

    let listed = done(&served, &["keys", "list"], &OF_KEY[1..]);
    assert_eq!(listed[0]["name"], KEY);
    let labelled = ["keys", "update", "ci", "--update-labels=team=payments"];
    let labelled = done(&served, &labelled, &OF_KEY[1..]);
    assert_eq!(labelled["labels"], json!({"team": "payments"}));
}

#[test]
fn an_attestor_signs_by_a_software_key_until_it_is_disabled() {
    if !have(&["gcloud"]) {
        return;
    }
    let served = served();
    make_key(&served, "ec-sign-p256-sha256");
    served.make_note();
    served.binauthz(&["attestors", "create", "ci"], &NOTE_OF_CI);
    let add = ["attestors", "public-keys", "add", "--attestor=ci"];
    served.binauthz(&add, &VERSION);
    served.require_attestations();
    assert_eq!(served.reason(), "NO_ATTESTATION");
    let artifact = format!("--artifact-url={IMAGE}");
    let mut signs = served.gcloud(&["beta", "container", "binauthz", "attestations"]);
    signs.args(["sign-and-create", &artifact, "--validate"]);
    run(signs
        .args(["--attestor=ci", "--attestor-project=demo-project"])
        .args(VERSION));
    assert_eq!(served.reason(), "ATTESTED");

    let version = ["keys", "versions", "disable", "1"];
    done(&served, &version, &OF_KEY);
    let refused = sign(&served);
    assert_eq!(refused.status.code(), Some(1));
    let refused = said(&refused);
    assert!(
        refused.contains("is not enabled, current state is: DISABLED."),
        "{refused}"
    );
    done(&served, &["keys", "versions", "enable", "1"], &OF_KEY);
    assert!(sign(&served).status.success());
    let destroyed = done(&served, &["keys", "versions", "destroy", "1"], &OF_KEY);
    assert_eq!(destroyed["state"], "DESTROY_SCHEDULED");
    assert!(!sign(&served).status.success());
    let restored = done(&served, &["keys", "versions", "restore", "1"], &OF_KEY);
    assert_eq!(restored["state"], "DISABLED");
}

#[test]
fn who_may_sign_is_a_binding_on_the_key_and_a_case() {
    if !have(&["gcloud"]) {
        return;
    }
    let served = served();
    make_key(&served, "ec-sign-p384-sha384");
    let words = [
        "keys",
        "add-iam-policy-binding",
        "ci",
        "--member=user:ci@example.com",
        "--role=roles/cloudkms.signerVerifier",
    ];
    let bound = done(&served, &words, &OF_KEY[1..]);
    assert_eq!(
        bound["bindings"][0]["members"],
        json!(["user:ci@example.com"])
    );

    assert_eq!(served.post("/v1/tick", None, &json!({})).status, 200);
    let cases = http::get(served.server.address(), "/v1/cases").json();
    assert_eq!(cases["cases"][0]["category"], "TRUST_CHAIN", "{cases}");
}

#[test]
fn keys_that_do_not_sign_are_refused_in_words() {
    if !have(&["gcloud"]) {
        return;
    }
    let served = served();
    done(&served, &["keyrings", "create", "trust"], &OF_KEY[2..]);
    let words = ["keys", "create", "ci", "--purpose=encryption"];
    let refused = kms(&served, &words, &OF_KEY[1..]);
    assert_eq!(refused.status.code(), Some(1));
    let refused = said(&refused);
    assert!(refused.contains("only keys that sign"), "{refused}");
}

/// Without a configuration the wrapping key is made, once, and only its owner reads it.
#[test]
fn postern_attests_with_a_key_of_its_own_server() {
    if !have(&["gcloud"]) {
        return;
    }
    let world = World::new();
    let serve = |world: &World| {
        let mut command = ours("postern");
        command.current_dir(world.folder()).args([
            "serve",
            "--data",
            "data",
            "--listen",
            "127.0.0.1:0",
        ]);
        Process::serve(&mut command)
    };
    let server = serve(&world);
    let served = Served { world, server };
    make_key(&served, "ec-sign-p256-sha256");
    let wrapping = served.world.path("data/wrapping.key");
    let mode = std::fs::metadata(&wrapping).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = std::fs::read(&wrapping).unwrap();

    let Served { world, server } = served;
    drop(server);
    let server = serve(&world);
    assert_eq!(std::fs::read(&wrapping).unwrap(), before);
    let served = Served { world, server };
    served.make_note();
    served.binauthz(&["attestors", "create", "ci"], &NOTE_OF_CI);
    let add = ["attestors", "public-keys", "add", "--attestor=ci"];
    served.binauthz(&add, &VERSION);
    let attestor = served.binauthz(&["attestors", "describe", "ci"], &[]);
    served.world.trust(&attestor);

    let kms = format!("http://{}", served.server.address());
    let config = json!({"endpoints": {"kms": kms}});
    served.world.write("attest.json", config.to_string());
    let mut attest = served.world.postern(&["attest", IMAGE, "--attestor", "ci"]);
    attest
        .args(["--key", &format!("gcpkms://{KEY}/cryptoKeyVersions/1")])
        .args(["--attestors", "attestors.json", "--to", "store:data"])
        .args(["--config", "attest.json"]);
    run(&mut attest);
    let require = ["projects/demo-project/attestors/ci"];
    served.world.require(&require);
    let words = ["--attestations", "store:data"];
    served.world.check(IMAGE, &words).is_attested();
}
