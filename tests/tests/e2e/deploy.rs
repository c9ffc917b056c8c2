//! `postern deploy`, with real keys and a real registry, to a stand-in for Cloud Run.

use postern_tests::have;
use serde_json::{Value, json};

use crate::audit::{config, serve};
use crate::support::cloud_run_v2::CloudRunV2;
use crate::support::registry::LoggedRegistry;
use crate::support::{IMAGE, World};

const WEB: &str = "cloud-run:demo-project/us-central1/web";
/// What runs before anything is deployed.
const OLD: &str = "us-central1-docker.pkg.dev/demo-project/repo/app@sha256:\
                   a1fce4363854ff888cff4b8e7875d600c2682390412a8cf79b37d0b11148b0fa";

/// A folder in which [`IMAGE`] is attested, a stand-in for Cloud Run, and `postern` that deploys to it.
struct Deploying {
    world: World,
    key: String,
    cloud_run: CloudRunV2,
}

struct Ended {
    exit: Option<i32>,
    /// The report, `null` where there is none.
    report: Value,
    said: String,
}

impl Deploying {
    fn to(cloud_run: CloudRunV2) -> Self {
        let (world, key) = World::with_key();
        let key = format!("file:{}", key.private.display());
        world.write(
            "postern.json",
            json!({"endpoints": {"run": cloud_run.url()}}).to_string(),
        );
        let it = Self {
            world,
            key,
            cloud_run,
        };
        it.attest(IMAGE);
        it
    }

    fn attest(&self, image: &str) {
        let attested = self.world.attest(image, &self.key, &["--data", "data"]);
        assert!(attested.status.success(), "{attested:?}");
    }

    /// `postern deploy IMAGE --target TARGET`, which decides by the files of the folder.
    fn deploy(&self, image: &str, target: &str, further: &[&str]) -> Ended {
        let grounds = ["--policy", "policy.json", "--attestors", "attestors.json"];
        self.run(
            image,
            target,
            &[&grounds[..], &["--data", "data"], further].concat(),
        )
    }

    fn run(&self, image: &str, target: &str, further: &[&str]) -> Ended {
        let mut words = vec!["deploy", image, "--target", target, "--format", "json"];
        words.extend(["--config", "postern.json"]);
        words.extend(further);
        let output = postern_tests::output(&mut self.world.postern(&words));
        Ended {
            exit: output.status.code(),
            report: serde_json::from_slice(&output.stdout).unwrap_or_default(),
            said: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn service(&self) -> Value {
        self.cloud_run.resource("services/web").unwrap()
    }
}

fn web() -> Deploying {
    Deploying::to(CloudRunV2::start().with_service(OLD))
}

#[test]
fn what_may_be_deployed_takes_over_once_it_was_looked_at() {
    if !have(&["openssl"]) {
        return;
    }
    let it = web();
    let ended = it.deploy(IMAGE, WEB, &[]);
    assert_eq!(ended.exit, Some(0), "{}{}", ended.report, ended.said);
    assert_eq!(ended.report["outcome"], "DEPLOYED");
    assert_eq!(ended.report["decision"]["verdict"], "CONFORMANT");
    assert_eq!(ended.report["images"], json!([IMAGE]));
    assert_eq!(
        ended.report["back"],
        "gcloud run services update-traffic web --to-revisions=web-1=100 --region=us-central1 --project=demo-project"
    );
    let revision = ended.report["revision"].as_str().unwrap();
    let by_name = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION";
    assert_eq!(
        it.service()["traffic"],
        json!([{"type": by_name, "revision": revision, "percent": 100},
            {"type": by_name, "revision": revision, "tag": "live"}])
    );
    // It was made without traffic, and only then got some.
    let writes = it.cloud_run.writes();
    assert_eq!(
        writes,
        [
            "PATCH services/web?updateMask=template%2Ctraffic",
            "PATCH services/web?updateMask=traffic"
        ]
    );
    assert!(
        ended.said.is_empty(),
        "no progress without a terminal: {}",
        ended.said
    );
}

#[test]
fn what_is_denied_or_cannot_be_decided_changes_nothing() {
    if !have(&["openssl"]) {
        return;
    }
    let it = web();
    let unsigned = OLD.replace("a1fc", "0000");
    let denied = it.deploy(&unsigned, WEB, &[]);
    assert_eq!(denied.exit, Some(1), "{}", denied.said);
    assert_eq!(denied.report["outcome"], "REFUSED");
    let undecided = it.deploy("127.0.0.1:1/demo/app:v1", WEB, &[]);
    assert_eq!(undecided.exit, Some(3), "{}", undecided.said);
    let nobody = it.run(IMAGE, WEB, &["--gate", "http://127.0.0.1:1"]);
    assert_eq!(nobody.exit, Some(3), "{}", nobody.said);
    assert!(it.cloud_run.writes().is_empty());

    // The emergency door is the way for what is denied, and is recorded.
    let door = it.deploy(&unsigned, WEB, &["--break-glass", "INC-7 synthetic"]);
    assert_eq!(door.exit, Some(0), "{}", door.said);
    let said = &door.report["decision"]["breakGlass"]["justification"];
    assert_eq!(said, "INC-7 synthetic");
}

#[test]
fn a_tag_is_deployed_as_the_digest_that_was_judged() {
    if !have(&["openssl", "docker-registry", "skopeo"]) {
        return;
    }
    let it = web();
    let registry = LoggedRegistry::start(it.world.folder());
    let pinned = registry.push(it.world.folder(), "deployed", "v7");
    it.attest(&pinned);
    let tag = format!("{}/demo/app:v7", registry.address());
    let ended = it.deploy(&tag, WEB, &[]);
    assert_eq!(ended.exit, Some(0), "{}{}", ended.report, ended.said);
    assert_eq!(
        it.service()["template"]["containers"][0]["image"],
        json!(pinned)
    );
    assert_eq!(ended.report["images"], json!([pinned]));
}

#[test]
fn what_comes_out_otherwise_is_deleted_and_gets_no_traffic() {
    if !have(&["openssl"]) {
        return;
    }
    let other = OLD.replace("a1fc", "b1fc");
    let it = Deploying::to(CloudRunV2::start().with_service(OLD).comes_out_as(&other));
    let ended = it.deploy(IMAGE, WEB, &[]);
    assert_eq!(ended.exit, Some(1), "{}", ended.said);
    assert_eq!(ended.report["outcome"], "DISCARDED", "{}", ended.report);
    assert_eq!(ended.report["images"], json!([other]));
    let service = it.service();
    assert_eq!(service["template"]["containers"][0]["image"], json!(OLD));
    assert_eq!(service["traffic"][0]["revision"], "web-1");
    let revision = ended.report["revision"].as_str().unwrap();
    let names = it.cloud_run.names();
    assert!(
        names.iter().all(|name| !name.contains(revision)),
        "{names:?}"
    );
}

#[test]
fn whoever_writes_at_the_same_time_is_not_written_over() {
    if !have(&["openssl"]) {
        return;
    }
    let it = Deploying::to(CloudRunV2::start().with_service(OLD).contended());
    let before = it.service();
    let ended = it.deploy(IMAGE, WEB, &[]);
    assert_eq!(ended.exit, Some(1), "{}", ended.said);
    assert!(
        ended.said.contains("409") && ended.said.contains("nothing was deployed"),
        "{}",
        ended.said
    );
    assert_eq!(it.service(), before);
}

#[test]
fn traffic_may_be_left_where_it_is() {
    if !have(&["openssl"]) {
        return;
    }
    let it = web();
    let ended = it.deploy(IMAGE, WEB, &["--no-traffic"]);
    assert_eq!(ended.exit, Some(0), "{}", ended.said);
    assert_eq!(ended.report["outcome"], "STAGED");
    let traffic = it.service()["traffic"].clone();
    assert_eq!(traffic[0]["revision"], "web-1");
    assert!(
        ended.report["forward"]
            .as_str()
            .unwrap()
            .contains("update-traffic web")
    );
    // What is not there yet has nothing that could serve in its place.
    let fresh = "cloud-run:demo-project/us-central1/fresh";
    assert_eq!(it.deploy(IMAGE, fresh, &["--no-traffic"]).exit, Some(2));
    let made = it.deploy(IMAGE, fresh, &[]);
    assert_eq!(
        (made.exit, &made.report["created"]),
        (Some(0), &json!(true)),
        "{}",
        made.said
    );
    assert!(it.cloud_run.resource("services/fresh").is_some());
}

#[test]
fn jobs_are_updated_and_worker_pools_get_instances() {
    if !have(&["openssl"]) {
        return;
    }
    let job = json!({"etag": "\"j\"", "template": {"template": {"containers": [{"image": OLD}]}}});
    let pool = json!({"etag": "\"p\"", "latestReadyRevision": "mail-1",
        "template": {"containers": [{"image": OLD}]}});
    let cloud_run = CloudRunV2::start();
    let cloud_run = cloud_run
        .with("jobs/bills", job)
        .with("workerPools/mail", pool);
    let it = Deploying::to(cloud_run);
    let ended = it.deploy(IMAGE, "cloud-run-job:demo-project/us-central1/bills", &[]);
    assert_eq!(ended.exit, Some(0), "{}{}", ended.report, ended.said);
    let job = it.cloud_run.resource("jobs/bills").unwrap();
    assert_eq!(
        job["template"]["template"]["containers"][0]["image"],
        json!(IMAGE)
    );
    let back = ended.report["back"].as_str().unwrap();
    assert!(
        back.starts_with("gcloud run jobs update bills --image="),
        "{back}"
    );

    let target = "cloud-run-worker-pool:demo-project/us-central1/mail";
    let ended = it.deploy(IMAGE, target, &[]);
    assert_eq!(ended.exit, Some(0), "{}{}", ended.report, ended.said);
    let pool = it.cloud_run.resource("workerPools/mail").unwrap();
    assert_eq!(
        pool["instanceSplits"][0]["revision"],
        ended.report["revision"]
    );
    // Nothing was run.
    let writes = it.cloud_run.writes();
    assert!(
        writes.iter().all(|write| !write.contains(":run")),
        "{writes:?}"
    );
}

#[test]
fn a_gate_elsewhere_decides_and_has_it_on_record() {
    if !have(&["openssl"]) {
        return;
    }
    let it = web();
    let gate = serve(&it.world, &config());
    let url = format!("http://{}", gate.address());
    let ended = it.run(IMAGE, WEB, &["--gate", &url]);
    assert_eq!(ended.exit, Some(0), "{}{}", ended.report, ended.said);
    let denied = it.run(&OLD.replace("a1fc", "0000"), WEB, &["--gate", &url]);
    assert_eq!(denied.exit, Some(1), "{}", denied.said);
    drop(gate);
    let inspected = [
        "inspect",
        WEB,
        "--data",
        "data",
        "--config",
        "postern.json",
        "--format",
        "json",
    ];
    let output = postern_tests::output(&mut it.world.postern(&inspected));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        told["lastDecision"]["id"], denied.report["decision"]["id"],
        "{told}"
    );
}

#[test]
fn what_is_only_observed_is_deployed_and_counted_as_what_would_break() {
    if !have(&["openssl"]) {
        return;
    }
    let it = web();
    let mut config = config();
    config["gate"] = json!({"observe": ["cloud-run:demo-project/*"]});
    let gate = serve(&it.world, &config);
    let url = format!("http://{}", gate.address());
    let unsigned = OLD.replace("a1fc", "0000");
    let observed = it.run(&unsigned, WEB, &["--gate", &url]);
    assert_eq!(
        observed.exit,
        Some(0),
        "{}{}",
        observed.report,
        observed.said
    );
    let decision = &observed.report["decision"];
    assert_eq!(decision["enforcement"], "DRYRUN_AUDIT_LOG_ONLY");
    assert_eq!(decision["verdict"], "NON_CONFORMANT");

    // What is revoked stays out, there too.
    let digest = unsigned.split_once('@').unwrap().1;
    let revoke = ["revoke", digest, "--reason", "synthetic", "--data", "data"];
    postern_tests::run(&mut it.world.postern(&revoke));
    let revoked = it.run(&unsigned, WEB, &["--gate", &url]);
    assert_eq!(revoked.exit, Some(1), "{}{}", revoked.report, revoked.said);
    drop(gate);

    let words = ["report", "dry-run", "--data", "data", "--format", "json"];
    let report = postern_tests::run(&mut it.world.postern(&words));
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["wouldBeDenied"], 1, "{report}");
}
