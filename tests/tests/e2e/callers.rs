//! The gate over HTTP: who may ask, what is answered, and the emergency door when all else fails.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use postern_tests::have;
use postern_tests::openssl::{Padding, sign};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::oidc::{AUDIENCE, Issuer, now};
use crate::support::{
    Attestation, DIGEST, Process, Reply, StandIn, World, http, occurrences, ours,
};

const CI: &str = "ci@demo-project.iam.gserviceaccount.com";
const ONCALL: &str = "oncall@example.com";
const ENFORCE: &str = "/v1/decisions?enforce=true";

/// A gate with an issuer, and an image that it allows.
struct Gated {
    world: World,
    issuer: Issuer,
    /// An image that is attested, in a registry that is not there.
    signed: String,
}

impl Gated {
    fn new() -> Self {
        let (world, key) = World::with_key();
        let issuer = Issuer::start(world.folder());
        let signed = format!("localhost:9/demo/app@{DIGEST}");
        let payload = world.payload(&format!("synthetic.example/app@{DIGEST}"));
        let signature = sign(&key, "sha256", Padding::None, &payload);
        let attestation = Attestation::of(&payload).signed(&world.key_id(&key.public), &signature);
        world.attested(&occurrences(&[attestation]));
        Self {
            world,
            issuer,
            signed,
        }
    }

    /// The configuration, with some keys of it replaced.
    fn configure(&self, others: &Value) {
        let caller = |email: &str, may: &[&str]| {
            json!({
                "issuer": self.issuer.name(), "audience": AUDIENCE,
                "claims": {"email": email}, "may": may,
            })
        };
        let mut config = json!({
            "listen": "127.0.0.1:0",
            "store": "sqlite:data/postern.db",
            "policy": "policy.json",
            "attestors": "attestors.json",
            "attestations": ["occurrences.json"],
            "auth": {"gate": [
                caller(CI, &["decide"]),
                caller(ONCALL, &["decide", "breakGlass", "view"]),
            ]},
            "breakGlass": {"ticket": "^INC-[0-9]+", "maxPerDay": 1},
        });
        for (key, value) in others.as_object().unwrap() {
            config[key] = value.clone();
        }
        std::fs::create_dir_all(self.world.path("data")).unwrap();
        self.world.write("postern.yaml", config.to_string());
    }

    fn start(&self) -> Process {
        let mut command = ours("postern-gate");
        command.current_dir(self.world.folder());
        Process::serve(command.env("POSTERN_CONFIG", "postern.yaml"))
    }
}

fn unsigned() -> String {
    format!("localhost:9/demo/app@sha256:{}", "0".repeat(64))
}

#[test]
fn only_verified_callers_are_answered_and_only_by_their_rights() {
    if !have(&["openssl"]) {
        return;
    }
    let gated = Gated::new();
    gated.configure(&json!({}));
    let gate = gated.start();
    let ask = |token: Option<&str>| {
        let body = json!({"images": [gated.signed]});
        http::post(gate.address(), ENFORCE, token, &body)
    };
    let answer = ask(Some(&gated.issuer.token(CI)));
    assert_eq!(answer.status, 200, "{}", answer.json());
    let decision = answer.json();
    assert_eq!(decision["caller"]["email"], CI);
    assert_eq!(decision["caller"]["issuer"], gated.issuer.name());

    let answer = ask(None);
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (401, "TOKEN_MISSING")
    );
    assert_eq!(
        answer.headers.get("content-type"),
        Some("application/problem+json")
    );
    let past = now() - 3600;
    for (others, code) in [
        (json!({"aud": "https://other.example"}), "TOKEN_AUDIENCE"),
        (json!({"exp": past}), "TOKEN_EXPIRED"),
        (
            json!({"iss": "https://accounts.google.com"}),
            "TOKEN_ISSUER",
        ),
        (json!({"email_verified": false}), "TOKEN_EMAIL_NOT_VERIFIED"),
        (json!({"email": "stranger@example.com"}), "TOKEN_CLAIM"),
    ] {
        let answer = ask(Some(&gated.issuer.token_with(CI, &others)));
        assert!(
            [401, 403].contains(&answer.status),
            "{code}: {}",
            answer.status
        );
        assert_eq!(answer.code(), code);
    }
    let stranger = tempfile::tempdir().unwrap();
    let forger = Issuer::start(stranger.path());
    let forged = forger.token_with(CI, &json!({"iss": gated.issuer.name()}));
    assert_eq!(ask(Some(&forged)).code(), "TOKEN_SIGNATURE");
    let unsigned = format!("{}.", forged.rsplit_once('.').unwrap().0);
    assert!(ask(Some(&unsigned)).code().starts_with("TOKEN_"));
}

#[test]
fn the_status_tells_the_outcome_where_that_is_asked_for() {
    if !have(&["openssl"]) {
        return;
    }
    let gated = Gated::new();
    let registry = json!([{"host": "localhost:9", "plainHttp": true, "allowPrivate": true}]);
    gated.configure(&json!({"registries": registry}));
    let gate = gated.start();
    let token = gated.issuer.token(CI);
    let ask = |path: &str, images: &[&str]| {
        http::post(
            gate.address(),
            path,
            Some(&token),
            &json!({"images": images}),
        )
    };
    let by_tag = "localhost:9/demo/app:v1";
    for (image, status, verdict, code) in [
        (gated.signed.as_str(), 200, "CONFORMANT", "ATTESTED"),
        (&unsigned(), 403, "NON_CONFORMANT", "NO_ATTESTATION"),
        (by_tag, 503, "UNDETERMINED", "EVIDENCE_UNAVAILABLE"),
    ] {
        let answer = ask(ENFORCE, &[image]);
        assert_eq!(answer.status, status, "{}", answer.json());
        assert_eq!(answer.json()["verdict"], verdict);
        assert_eq!(answer.code(), code);
        let answer = ask("/v1/decisions", &[image]);
        assert_eq!(
            (answer.status, answer.json()["allowed"] == true),
            (200, status == 200)
        );
    }
    // One image that may not is enough.
    assert_eq!(ask(ENFORCE, &[&gated.signed, &unsigned()]).status, 403);
    assert_eq!(ask(ENFORCE, &[&gated.signed, by_tag]).status, 503);
}

#[test]
fn what_is_no_request_is_refused() {
    if !have(&["openssl"]) {
        return;
    }
    let gated = Gated::new();
    gated.configure(&json!({}));
    let gate = gated.start();
    let bearer = format!("Bearer {}", gated.issuer.token(CI));
    let headers = [
        ("content-type", "application/json"),
        ("authorization", bearer.as_str()),
    ];
    let ask = |body: &[u8]| http::send(gate.address(), "POST", ENFORCE, &headers, body);
    for body in [
        "",
        "[]",
        "{",
        r#"{"images":[]}"#,
        r#"{"images":["a"],"manifest":{}}"#,
        r#"{"images":["a"],"unknown":1}"#,
    ] {
        assert_eq!(ask(body.as_bytes()).status, 400, "{body}");
    }
    let padded = |size: usize| {
        let body = json!({"images": [gated.signed], "requester": ""}).to_string();
        let padding = "x".repeat(size - body.len());
        body.replace(r#""requester":"""#, &format!(r#""requester":"{padding}""#))
    };
    assert_eq!(ask(padded(1 << 20).as_bytes()).status, 200);
    let answer = ask(padded((1 << 20) + 1).as_bytes());
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (413, "BODY_TOO_LARGE")
    );
}

#[test]
fn each_of_many_at_once_has_its_own_decision() {
    if !have(&["openssl"]) {
        return;
    }
    let gated = Gated::new();
    gated.configure(&json!({}));
    let gate = gated.start();
    let token = gated.issuer.token(CI);
    let ask = |n: usize| {
        let (image, status) = match n % 2 {
            0 => (gated.signed.clone(), 200),
            _ => (unsigned(), 403),
        };
        let body = json!({"images": [image], "requester": n.to_string()});
        let answer = http::post(gate.address(), ENFORCE, Some(&token), &body);
        assert_eq!(answer.status, status);
        assert_eq!(answer.json()["requester"], n.to_string());
        answer.json()["id"].as_str().unwrap().to_owned()
    };
    let ask = &ask;
    let ids: BTreeSet<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..64).map(|n| scope.spawn(move || ask(n))).collect();
        let ids = threads.into_iter().map(|thread| thread.join().unwrap());
        ids.collect()
    });
    assert_eq!(ids.len(), 64);
}

/// A registry that says when it is asked, and answers when it is told to.
struct Held {
    server: StandIn,
    asked: Receiver<()>,
    go_on: Sender<()>,
}

impl Held {
    fn start() -> Self {
        let (say_asked, asked) = channel();
        let (go_on, told) = channel();
        let (say_asked, told) = (Mutex::new(say_asked), Mutex::new(told));
        let server = StandIn::start(move |_| {
            let _ = say_asked.lock().unwrap().send(());
            let _ = told.lock().unwrap().recv();
            Reply::status(404)
        });
        Self {
            server,
            asked,
            go_on,
        }
    }
}

#[test]
fn who_is_too_much_is_turned_away_and_who_is_in_is_answered_before_the_end() {
    if !have(&["openssl"]) {
        return;
    }
    let gated = Gated::new();
    let held = Held::start();
    gated.configure(&json!({
        "gate": {"maxConcurrency": 1},
        "registries": [{"host": held.server.address(), "plainHttp": true, "allowPrivate": true}],
    }));
    let mut gate = gated.start();
    let token = gated.issuer.token(CI);
    let slow = json!({"images": [format!("{}/demo/app:v1", held.server.address())]});
    std::thread::scope(|scope| {
        let address = gate.address().to_owned();
        let (token, slow) = (&token, &slow);
        let waiting = scope.spawn(move || http::post(&address, ENFORCE, Some(token), slow));
        held.asked.recv_timeout(http::PATIENCE).unwrap();
        let body = json!({"images": [gated.signed]});
        let refused = http::post(gate.address(), ENFORCE, Some(token), &body);
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (503, "OVERLOADED")
        );
        assert!(refused.headers.get("retry-after").is_some());
        gate.ask_to_end();
        held.go_on.send(()).unwrap();
        let answer = waiting.join().unwrap();
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (403, "IMAGE_NOT_FOUND")
        );
    });
    assert_eq!(gate.ended().code(), Some(0), "{}", gate.said());
}

#[test]
fn break_glass_is_a_right_with_a_reason_and_is_counted() {
    if !have(&["openssl"]) {
        return;
    }
    let gated = Gated::new();
    gated.configure(&json!({}));
    let gate = gated.start();
    let ask = |email: &str, break_glass: &str| {
        let body = json!({"images": [unsigned()], "breakGlass": {"justification": break_glass}});
        http::post(
            gate.address(),
            ENFORCE,
            Some(&gated.issuer.token(email)),
            &body,
        )
    };
    for (email, text) in [(CI, "INC-1 hotfix"), (ONCALL, ""), (ONCALL, "please")] {
        let answer = ask(email, text);
        assert_eq!(answer.status, 403, "{email} {text:?}: {}", answer.json());
        assert_ne!(answer.json()["allowed"], true);
    }
    let answer = ask(ONCALL, "INC-123 hotfix");
    assert_eq!(answer.status, 200, "{}", answer.json());
    let decision = answer.json();
    assert_eq!(decision["verdict"], "NON_CONFORMANT");
    assert_eq!(
        decision["breakGlass"],
        json!({
            "justification": "INC-123 hotfix", "ticket": "INC-123", "source": "request",
            "overrode": "NON_CONFORMANT",
        })
    );
    // Over the quota it opens, and is louder.
    let decision = ask(ONCALL, "INC-124 again").json();
    assert_eq!(decision["allowed"], true);
    assert_eq!(decision["breakGlass"]["overQuota"], true);
}

#[rstest]
#[case::that_is_not_there(false)]
#[case::that_another_process_has_locked(true)]
fn break_glass_works_without_the_store(#[case] locked: bool) {
    if !have(&["openssl", "sqlite3"]) {
        return;
    }
    let gated = Gated::new();
    // The registry is dead, too, and nobody takes alerts.
    let registry = json!([{"host": "localhost:9", "plainHttp": true, "allowPrivate": true}]);
    let store = if locked {
        "sqlite:data/postern.db"
    } else {
        "sqlite:policy.json/postern.db"
    };
    gated.configure(&json!({"store": store, "registries": registry, "gate": {"spool": "spool"}}));
    let gate = gated.start();
    let ask = |email: &str, body: &Value| {
        http::post(
            gate.address(),
            ENFORCE,
            Some(&gated.issuer.token(email)),
            body,
        )
    };
    let by_digest = json!({"images": [gated.signed]});
    let mut lock = None;
    if locked {
        assert_eq!(ask(CI, &by_digest).status, 200);
        lock = Some(Lock::take(&gated.world));
    }
    let answer = ask(CI, &by_digest);
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (503, "JOURNAL_UNAVAILABLE")
    );

    let broken = json!({"images": ["localhost:9/demo/app:v1"], "breakGlass": "INC-7 all is down"});
    let answer = ask(CI, &broken);
    assert_ne!(answer.status, 200, "{}", answer.json());
    let answer = ask(ONCALL, &broken);
    assert_eq!(answer.status, 200, "{}", answer.json());
    let decision = answer.json();
    assert_eq!(decision["verdict"], "UNDETERMINED");
    assert_eq!(decision["breakGlass"]["overrode"], "UNDETERMINED");
    let id = decision["id"].as_str().unwrap();
    let spooled = std::fs::read_dir(gated.world.path("spool")).unwrap();
    let spooled: Vec<String> = spooled
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    assert!(
        spooled.iter().any(|entry| entry.contains(id)),
        "{spooled:?}"
    );
    let line: Value = serde_json::from_str(&gate.line("CRITICAL")).unwrap();
    assert_eq!(line["severity"], "CRITICAL");
    assert!(line.to_string().contains(id), "{line}");
    drop(lock);
}

/// Another process that is writing to the database and does not finish.
struct Lock(Child);

impl Lock {
    fn take(world: &World) -> Self {
        let mut sqlite = Command::new("sqlite3")
            .arg(world.path("data/postern.db"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = sqlite.stdin.as_mut().unwrap();
        input
            .write_all(b"BEGIN IMMEDIATE;\nSELECT 'locked';\n")
            .unwrap();
        input.flush().unwrap();
        let mut line = String::new();
        BufReader::new(sqlite.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line.trim(), "locked");
        Self(sqlite)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
