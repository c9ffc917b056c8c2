//! `postern audit reconcile`, and the schedule of `serve`, against a stand-in for Cloud Logging: the real
//! one cannot run here. It speaks `entries.list` as far as the client uses it.

use std::process::Output;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::audit::{break_glass_entry, cases, config, serve, until};
use crate::support::{Reply, Seen, StandIn, World, attestor, http};

/// Cloud Logging, in the person of a stand-in: pages of two entries, in the order of their time.
struct FakeLogging {
    server: StandIn,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    entries: Vec<Value>,
    /// A page without entries comes after the first: the search was not over.
    omitting: bool,
    /// Answers that come first, whatever is asked.
    instead: Vec<Reply>,
    /// What is answered from this page on.
    from_page: Option<(usize, Reply)>,
}

impl FakeLogging {
    fn start(state: State) -> Self {
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let server = StandIn::start(move |request| {
            assert_eq!(request.target, "/v2/entries:list");
            shared.lock().unwrap().answer(request)
        });
        Self { server, state }
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }
}

impl State {
    fn answer(&mut self, request: &Seen) -> Reply {
        if !self.instead.is_empty() {
            return self.instead.remove(0);
        }
        let asked = request.json();
        let page: usize = asked["pageToken"]
            .as_str()
            .map_or(0, |token| token.parse().unwrap());
        match &self.from_page {
            Some((from, reply)) if page >= *from => return reply.clone(),
            _ => {}
        }
        // The times that the client puts in front; Cloud Logging's own comparison is that of times, and
        // these are all written alike.
        let filter = asked["filter"].as_str().unwrap();
        let time = |operator: &str| {
            let (_, rest) = filter.split_once(operator).unwrap();
            rest.split('"').nth(1).unwrap().to_owned()
        };
        let (since, until) = (time("timestamp>="), time("timestamp<"));
        let inside = |entry: &&Value| {
            let at = entry["timestamp"].as_str().unwrap();
            at >= since.as_str() && at < until.as_str()
        };
        let inside: Vec<_> = self.entries.iter().filter(inside).collect();
        let mut pages: Vec<&[&Value]> = inside.chunks(2).collect();
        if self.omitting && !pages.is_empty() {
            pages.insert(1, &[]);
        }
        let mut answer = json!({});
        match pages.get(page) {
            Some(entries) if !entries.is_empty() => answer["entries"] = json!(entries),
            // A page without entries has no such member.
            _ => {}
        }
        if page + 1 < pages.len() {
            answer["nextPageToken"] = json!((page + 1).to_string());
        }
        Reply::json(&answer)
    }
}

/// Break-glass on the second of January, at this time. Synthetic.
fn at(time: &str) -> Value {
    let mut entry = break_glass_entry(&format!("synthetic-{time}"));
    entry["timestamp"] = json!(format!("2026-01-02T{time}Z"));
    entry
}

fn day() -> Vec<Value> {
    ["01:00:00", "01:20:00", "02:40:00", "09:00:00", "09:59:59"]
        .map(at)
        .into()
}

fn refusal(status: u16, message: &str) -> Reply {
    let body = json!({"error": {"code": status, "message": message}});
    Reply::typed(status, "application/json", body.to_string())
}

fn world(logging: &FakeLogging) -> World {
    let world = World::new();
    world.trust(&attestor(&[]));
    let mut config = config();
    config["endpoints"] = json!({"logging": logging.server.url()});
    world.write("postern.yaml", config.to_string());
    std::fs::create_dir_all(world.path("data")).unwrap();
    world
}

/// Reconciles that day.
fn reconcile(world: &World, further: &[&str]) -> (Option<i32>, Value, String) {
    let words = [
        "audit",
        "reconcile",
        "--config",
        "postern.yaml",
        "--format",
        "json",
        "--resource",
        "projects/demo-project",
        "--since",
        "2026-01-02T00:00:00Z",
        "--until",
        "2026-01-03T00:00:00Z",
    ];
    let words = [&words[..], further].concat();
    let output: Output = postern_tests::output(&mut world.postern(&words));
    let said = String::from_utf8(output.stderr).unwrap();
    let report = serde_json::from_slice::<Value>(&output.stdout)
        .map_or(Value::Null, |reports| reports["reports"][0].clone());
    (output.status.code(), report, said)
}

/// The cases that the next server shows.
fn cases_of(world: &World) -> Vec<Value> {
    let config = std::fs::read(world.path("postern.yaml")).unwrap();
    cases(&serve(world, &serde_json::from_slice(&config).unwrap()))
}

fn deliver(world: &World, entries: &[Value]) {
    let config = std::fs::read(world.path("postern.yaml")).unwrap();
    let server = serve(world, &serde_json::from_slice(&config).unwrap());
    for entry in entries {
        // Unwrapped: the body is the entry.
        let answer = http::post(server.address(), "/v1/events/pubsub", None, entry);
        assert_eq!(answer.status, 204);
    }
}

#[test]
fn what_was_never_delivered_is_taken_in_and_its_gaps_are_findings() {
    let wait = ("retry-after".to_owned(), "0".to_owned());
    let logging = FakeLogging::start(State {
        entries: day(),
        omitting: true,
        instead: vec![Reply::Http(429, vec![wait], Vec::new()), Reply::status(500)],
        ..State::default()
    });
    let world = world(&logging);
    deliver(&world, &day()[2..3]);
    let (exit, report, said) = reconcile(&world, &["--dry-run"]);
    assert_eq!(exit, Some(1), "{said}");
    assert_eq!(cases_of(&world).len(), 1, "a dry run writes nothing");

    let (exit, report2, said) = reconcile(&world, &[]);
    assert_eq!(exit, Some(1), "{said}");
    for member in ["entries", "missing", "gaps"] {
        assert_eq!(report[member], report2[member], "{member}");
    }
    assert_eq!(
        (&report["entries"], &report["missing"]),
        (&json!(5), &json!(4))
    );
    assert_eq!(report["completeThrough"], "2026-01-03T00:00:00Z");
    let gaps = report["gaps"].as_array().unwrap();
    let told = |gap: &Value| json!([gap["missing"], gap["first"], gap["last"]]);
    assert_eq!(
        gaps.iter().map(told).collect::<Vec<_>>(),
        [
            json!([2, "2026-01-02T01:00:00Z", "2026-01-02T01:20:00Z"]),
            json!([2, "2026-01-02T09:00:00Z", "2026-01-02T09:59:59Z"]),
        ]
    );
    let all = cases_of(&world);
    let findings = |detection: &str| {
        let findings = all
            .iter()
            .flat_map(|case| case["findings"].as_array().unwrap());
        findings
            .filter(|finding| finding["detection"] == detection)
            .count()
    };
    assert_eq!(findings("postern.audit.gap"), 2);
    assert_eq!(findings("gcp.cloud-run.break-glass"), 5);

    let (exit, report, said) = reconcile(&world, &[]);
    assert_eq!((exit, &report["missing"]), (Some(0), &json!(0)), "{said}");
}

#[test]
fn a_log_that_breaks_off_is_not_complete_and_goes_on_later() {
    let logging = FakeLogging::start(State {
        entries: day(),
        from_page: Some((1, refusal(403, "no longer"))),
        ..State::default()
    });
    let world = world(&logging);
    let (exit, report, said) = reconcile(&world, &[]);
    assert_eq!(exit, Some(3), "{said}");
    assert_eq!(report["completeThrough"], "2026-01-02T01:20:00Z");
    assert_eq!(report["missing"], 2, "what was read is kept");
    assert!(report["error"].as_str().unwrap().contains("no longer"));
    logging.set(|state| state.from_page = None);
    let (exit, report, _) = reconcile(&world, &[]);
    assert_eq!((exit, &report["missing"]), (Some(1), &json!(3)));
}

#[test]
fn a_missing_permission_is_no_clean_history() {
    let logging = FakeLogging::start(State {
        from_page: Some((0, refusal(403, "Permission denied"))),
        ..State::default()
    });
    let world = world(&logging);
    let (exit, report, said) = reconcile(&world, &[]);
    assert_eq!(exit, Some(3));
    assert_eq!(report["completeThrough"], report["since"]);
    for word in [
        "Cloud Logging at http://127.0.0.1:",
        "projects/demo-project",
        "logging.logEntries.list",
        "gcloud projects add-iam-policy-binding demo-project",
    ] {
        assert!(said.contains(word), "no {word:?} in {said}");
    }
}

#[test]
fn what_is_asked_wrongly_is_a_mistake() {
    let logging = FakeLogging::start(State::default());
    let world = world(&logging);
    for words in [
        &[
            "audit",
            "reconcile",
            "--since",
            "24h",
            "--config",
            "postern.yaml",
        ][..],
        &[
            "audit",
            "reconcile",
            "--since",
            "yesterday",
            "--resource",
            "projects/demo-project",
        ],
        &[
            "audit",
            "reconcile",
            "--since",
            "24h",
            "--resource",
            "demo-project",
        ],
        &[
            "audit",
            "reconcile",
            "--since",
            "1s",
            "--resource",
            "projects/demo-project",
        ],
    ] {
        let output = postern_tests::output(&mut world.postern(words));
        assert_eq!(output.status.code(), Some(2), "{words:?}");
    }
    assert_eq!(logging.server.seen().len(), 0);
}

/// At its start the server fills in the past, which is no gap: nobody delivered then.
#[test]
fn a_server_fills_in_the_past_by_itself() {
    let logging = FakeLogging::start(State::default());
    let world = World::new();
    world.trust(&attestor(&[]));
    let mut config = config();
    config["endpoints"] = json!({"logging": logging.server.url()});
    config["audit"] =
        json!({"reconcile": {"resources": ["projects/demo-project"], "history": "PT48H"}});
    let mut entry = break_glass_entry("synthetic-past");
    entry["timestamp"] = json!(yesterday());
    logging.set(|state| state.entries = vec![entry]);
    let server = serve(&world, &config);
    let case = until("the case", || cases(&server).into_iter().next());
    assert_eq!(case["category"], "BREAK_GLASS");
    let answer = http::post(server.address(), "/v1/tick", None, &json!({}));
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert_eq!(answer.json()["missing"], 0);
    assert_eq!(cases(&server).len(), 1, "no gap");
}

/// This time yesterday, by the clock of this machine.
fn yesterday() -> String {
    let mut date = std::process::Command::new("date");
    let words = ["-u", "-d", "yesterday", "+%Y-%m-%dT%H:%M:%SZ"];
    let time = postern_tests::run(date.args(words));
    String::from_utf8(time).unwrap().trim().to_owned()
}
