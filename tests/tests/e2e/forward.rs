//! `gcloud run` through the forwarding gate, in front of a stand-in for the Cloud Run Admin API.

use std::process::Output;

use postern_tests::have;
use serde_json::{Value, json};

use crate::support::cloud_run::{CloudRun, NUMBER};
use crate::support::registry::LoggedRegistry;
use crate::support::{IMAGE, Process, Reply, Seen, StandIn, World, gcloud, http, ours};

/// An image that nobody attested.
const BAD: &str = "us-central1-docker.pkg.dev/demo-project/repo/bad@sha256:\
                   a1fce4363854ff888cff4b8e7875d600c2682390412a8cf79b37d0b11148b0fa";

/// `postern serve` before a stand-in, [`IMAGE`] attested, and `gcloud` that takes the one for the other.
struct Forwarded {
    world: World,
    server: Process,
    cloud_run: CloudRun,
    /// Buckets and the like, as far as `gcloud` asks for them: nothing of them runs here.
    around: StandIn,
}

impl Forwarded {
    fn new() -> Self {
        Self::with(&json!({}))
    }

    fn with(further: &Value) -> Self {
        let (world, key) = World::with_key();
        let attested = world.attest(
            IMAGE,
            &format!("file:{}", key.private.display()),
            &["--data", "data"],
        );
        assert!(attested.status.success(), "{attested:?}");
        let cloud_run = CloudRun::start();
        let mut forward = json!({
            "hosts": ["run.gate.test", "*-run.gate.test"],
            "upstream": cloud_run.url(),
        });
        forward
            .as_object_mut()
            .unwrap()
            .extend(further.as_object().unwrap().clone());
        let config = json!({
            "policy": "policy.json", "attestors": "attestors.json", "attestations": ["store"],
            "projects": {"demo-project": NUMBER},
            "breakGlass": {"ticket": "^INC-[0-9]+"},
            "endpoints": {"resourceManager": cloud_run.url()},
            "forward": forward,
        });
        let server = Process::serve_configured(&world, &config);
        Self {
            world,
            server,
            cloud_run,
            around: StandIn::start(around),
        }
    }

    /// `gcloud run …`. gcloud puts the region before the host, and no name server knows such hosts here, so it
    /// is told that the gate is a proxy.
    fn gcloud(&self, words: &[&str]) -> Output {
        let gate = format!("http://{}", self.server.address());
        let mut command = gcloud(&self.world, &["SERVICEUSAGE"], &gate, words);
        command
            .env("CLOUDSDK_RUN_REGION", "us-central1")
            .env("http_proxy", &gate)
            .env("no_proxy", "127.0.0.1")
            .env(
                "CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN",
                "http://run.gate.test/",
            );
        // What else `gcloud` asks where it builds from source.
        for (api, path) in [
            ("ARTIFACTREGISTRY", ""),
            ("CLOUDBUILD", ""),
            ("IAM", ""),
            ("STORAGE", "storage/v1/"),
        ] {
            command.env(
                format!("CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}"),
                format!("{}/{path}", self.around.url()),
            );
        }
        postern_tests::output(&mut command)
    }

    /// What `gcloud` does, and must.
    fn done(&self, words: &[&str]) -> String {
        let output = self.gcloud(words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{words:?}: {said}");
        said
    }

    /// What `gcloud` says when it is refused.
    fn refused(&self, words: &[&str]) -> String {
        let output = self.gcloud(words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
        said
    }

    fn deploy(&self, image: &str) -> [String; 4] {
        ["run", "deploy", "web", &format!("--image={image}")].map(str::to_owned)
    }

    fn image_of(&self, resource: &str) -> Value {
        let resource = self.cloud_run.resource(resource).unwrap_or_default();
        let spec = &resource["spec"];
        let template = match resource["kind"] == "Job" {
            true => &spec["template"]["spec"]["template"],
            false => &spec["template"],
        };
        template["spec"]["containers"][0]["image"].clone()
    }

    fn cases(&self) -> Vec<Value> {
        assert_eq!(
            http::post(self.server.address(), "/v1/tick", None, &json!({})).status,
            200
        );
        let cases = http::get(self.server.address(), "/v1/cases").json();
        cases["cases"].as_array().unwrap().clone()
    }
}

/// A bucket for sources, which takes what is uploaded, a repository and an account to build as.
fn around(seen: &Seen) -> Reply {
    let bucket = json!({"kind": "storage#bucket", "id": "run-sources-demo-project-us-central1",
        "name": "run-sources-demo-project-us-central1", "location": "US-CENTRAL1"});
    let account = "111-compute@developer.gserviceaccount.com";
    let path = seen.target.split('?').next().unwrap_or_default();
    Reply::json(&match path {
        "/storage/v1/b" => json!({"kind": "storage#buckets", "items": [bucket]}),
        path if path.starts_with("/storage/v1/b/") => bucket,
        path if path.starts_with("/upload/") => {
            let body = String::from_utf8_lossy(&seen.body);
            let size = body
                .split("\"size\": \"")
                .nth(1)
                .and_then(|rest| rest.split('"').next());
            json!({"kind": "storage#object", "bucket": bucket["name"], "name": "source", "size": size,
                "generation": "1"})
        }
        path if path.ends_with("/defaultServiceAccount") => {
            json!({"serviceAccountEmail": format!("projects/demo-project/serviceAccounts/{account}")})
        }
        _ => json!({"name": "synthetic", "email": account, "format": "DOCKER"}),
    })
}

fn words(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

#[test]
fn what_gcloud_deploys_is_denied_or_allowed_before_it_is_there() {
    if !have(&["gcloud", "openssl"]) {
        return;
    }
    let forwarded = Forwarded::new();
    let said = forwarded.refused(&words(&forwarded.deploy(BAD)));
    assert!(
        said.contains("(gcloud.run.deploy) FAILED_PRECONDITION: Postern denies"),
        "{said}"
    );
    assert!(
        said.contains("NO_ATTESTATION") && said.contains("postern attest"),
        "{said}"
    );
    assert!(forwarded.cloud_run.writes().is_empty());

    forwarded.done(&words(&forwarded.deploy(IMAGE)));
    assert_eq!(forwarded.image_of("services/web"), IMAGE);
    let write = "/apis/serving.knative.dev/v1/namespaces/demo-project/services";
    assert_eq!(forwarded.cloud_run.writes()[0], format!("POST {write}"));
    let said = forwarded.refused(&words(&forwarded.deploy(BAD)));
    assert!(said.contains("FAILED_PRECONDITION"), "{said}");
    assert_eq!(forwarded.image_of("services/web"), IMAGE);
    for seen in forwarded.cloud_run.seen() {
        assert_eq!(
            seen.headers.get("authorization"),
            Some("Bearer synthetic"),
            "{seen:?}"
        );
    }
}

#[test]
fn break_glass_goes_through_and_is_a_case_and_the_way_back_is_open() {
    if !have(&["gcloud", "openssl"]) {
        return;
    }
    let forwarded = Forwarded::new();
    forwarded.done(&words(&forwarded.deploy(IMAGE)));
    let mut hotfix = forwarded.deploy(BAD).to_vec();
    hotfix.push("--breakglass=please".to_owned());
    let said = forwarded.refused(&words(&hotfix));
    assert!(said.contains("names no ticket"), "{said}");
    hotfix.pop();
    hotfix.push("--breakglass=INC-7 hotfix".to_owned());
    forwarded.done(&words(&hotfix));
    assert_eq!(forwarded.image_of("services/web"), BAD);
    let cases = forwarded.cases();
    let glass = cases
        .iter()
        .find(|case| case["category"] == "BREAK_GLASS")
        .unwrap();
    assert_eq!(glass["target"], "cloud-run:demo-project/us-central1/web");

    // The template holds the bad image now. Going back works, coming again does not.
    let to = |revision: &str| {
        let revisions = format!("--to-revisions={revision}=100");
        ["run", "services", "update-traffic", "web", &revisions].map(str::to_owned)
    };
    forwarded.done(&words(&to("web-00001-abc")));
    let said = forwarded.refused(&words(&to("web-00002-abc")));
    assert!(
        said.contains("web-00002-abc") && said.contains("NO_ATTESTATION"),
        "{said}"
    );
    let latest = ["run", "services", "update-traffic", "web", "--to-latest"];
    assert!(forwarded.refused(&latest).contains("NO_ATTESTATION"));
    let service = forwarded.cloud_run.resource("services/web").unwrap();
    assert_eq!(
        service["status"]["traffic"][0]["revisionName"],
        "web-00001-abc"
    );
    assert_eq!(forwarded.image_of("services/web"), BAD);
}

#[test]
fn a_manifest_is_replaced_or_not() {
    if !have(&["gcloud", "openssl"]) {
        return;
    }
    let forwarded = Forwarded::with(&json!({"breakGlass": "strip"}));
    let manifest = |image: &str, annotations: &Value| {
        let manifest = json!({
            "apiVersion": "serving.knative.dev/v1", "kind": "Service",
            "metadata": {"name": "web", "annotations": annotations},
            "spec": {"template": {"spec": {"containers": [{"image": image}]}}},
        });
        forwarded.world.write("service.yaml", manifest.to_string());
        ["run", "services", "replace", "service.yaml"]
    };
    let said = forwarded.refused(&manifest(BAD, &json!({})));
    assert!(said.contains("NO_ATTESTATION"), "{said}");
    forwarded.done(&manifest(IMAGE, &json!({})));
    let with_code = json!({"run.googleapis.com/sources": "{\"web\":\"gs://demo/app.zip\"}"});
    let said = forwarded.refused(&manifest(IMAGE, &with_code));
    assert!(said.contains("CODE_OUTSIDE_IMAGE"), "{said}");
    let glass = "run.googleapis.com/binary-authorization-breakglass";
    forwarded.done(&manifest(BAD, &json!({glass: "INC-8 by file"})));
    let service = forwarded.cloud_run.resource("services/web").unwrap();
    assert_eq!(service["metadata"]["annotations"][glass], Value::Null);
}

#[test]
fn a_job_is_written_and_does_not_run() {
    if !have(&["gcloud", "openssl"]) {
        return;
    }
    let forwarded = Forwarded::new();
    let deploy = |image: &str| {
        let image = format!("--image={image}");
        ["run", "jobs", "deploy", "nightly", &image].map(str::to_owned)
    };
    let execute = ["run", "jobs", "execute", "nightly", "--async"];
    forwarded.done(&words(&deploy(BAD)));
    assert_eq!(forwarded.image_of("jobs/nightly"), BAD);
    let said = forwarded.refused(&execute);
    assert!(said.contains("NO_ATTESTATION"), "{said}");
    assert!(
        forwarded
            .cloud_run
            .resource("executions/nightly-x1")
            .is_none()
    );
    forwarded.done(&words(&deploy(IMAGE)));
    forwarded.done(&execute);
    assert!(
        forwarded
            .cloud_run
            .resource("executions/nightly-x1")
            .is_some()
    );

    let strict = Forwarded::with(&json!({"jobs": "strict"}));
    assert!(
        strict
            .refused(&words(&deploy(BAD)))
            .contains("NO_ATTESTATION")
    );
}

#[test]
fn what_gcloud_builds_from_source_is_refused_with_the_reason() {
    if !have(&["gcloud", "openssl"]) {
        return;
    }
    let forwarded = Forwarded::new();
    std::fs::create_dir(forwarded.world.path("app")).unwrap();
    forwarded.world.write("app/main.py", "print(1)");
    let built = ["run", "deploy", "web", "--source=app"];
    let said = forwarded.refused(&built);
    assert!(
        said.contains("does not forward builds from source"),
        "{said}"
    );
    let mut unbuilt = vec!["alpha"];
    unbuilt.extend(built);
    unbuilt.extend([
        "--no-build",
        "--base-image=python312",
        "--command=python3",
        "--args=main.py",
    ]);
    let said = forwarded.refused(&unbuilt);
    assert!(said.contains("CODE_OUTSIDE_IMAGE"), "{said}");
    assert!(forwarded.cloud_run.writes().is_empty());
}

#[test]
fn the_gate_may_be_another_process_and_a_tag_is_pinned() {
    if !have(&["docker-registry", "skopeo", "openssl"]) {
        return;
    }
    let (world, key) = World::with_key();
    let registry = LoggedRegistry::start(world.folder());
    let pinned = registry.push(world.folder(), "tagged", "v1");
    let key = format!("file:{}", key.private.display());
    let attested = world.attest(&pinned, &key, &["--to", "registry"]);
    assert!(attested.status.success(), "{attested:?}");
    let config = json!({
        "listen": "127.0.0.1:0", "store": "sqlite:postern.db", "policy": "policy.json",
        "attestors": "attestors.json", "attestations": ["registry"],
        "registries": [{"host": registry.address(), "plainHttp": true, "allowPrivate": true}],
    });
    world.write("gate.json", config.to_string());
    let start = |binary: &str, config: &str| {
        let mut command = ours(binary);
        command.current_dir(world.folder());
        Process::serve(command.env("POSTERN_CONFIG", config))
    };
    let gate = start("postern-gate", "gate.json");
    let cloud_run = CloudRun::start();
    let config = json!({
        "listen": "127.0.0.1:0", "endpoints": {"resourceManager": cloud_run.url()},
        "forward": {"hosts": ["*-run.gate.test"], "upstream": cloud_run.url(),
            "gate": {"url": format!("http://{}", gate.address())}},
    });
    world.write("forward.json", config.to_string());
    let forward = start("postern-forward", "forward.json");

    let deploy = |forward: &Process, image: &str| {
        let service = json!({
            "apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"template": {"spec": {"containers": [{"image": image}]}}},
        });
        let path = "/apis/serving.knative.dev/v1/namespaces/demo-project/services";
        let headers = [
            ("host", "us-central1-run.gate.test"),
            ("authorization", "Bearer synthetic"),
            ("content-type", "application/json"),
        ];
        http::send(
            forward.address(),
            "POST",
            path,
            &headers,
            service.to_string().as_bytes(),
        )
    };
    let tag = format!("{}/demo/app:v1", registry.address());
    let allowed = deploy(&forward, &tag);
    assert_eq!(allowed.status, 200, "{}", allowed.json());
    let service = cloud_run.resource("services/web").unwrap();
    assert_eq!(
        service["spec"]["template"]["spec"]["containers"][0]["image"],
        *pinned
    );
    let unsigned = registry.push(world.folder(), "unsigned", "v2");
    let denied = deploy(&forward, &unsigned);
    assert_eq!(denied.status, 400);
    let message = denied.json()["error"]["message"].to_string();
    assert!(message.contains("NO_ATTESTATION"), "{message}");

    // A gate that is gone is an outage, and nothing is deployed.
    drop(gate);
    let answer = deploy(&forward, &tag);
    assert_eq!(
        (answer.status, answer.json()["error"]["status"].clone()),
        (503, json!("UNAVAILABLE"))
    );
    assert_eq!(cloud_run.writes().len(), 1);
    let log = forward.said();
    assert!(log.contains("the gate at 127.0.0.1"), "{log}");
    assert!(
        !log.contains("synthetic"),
        "the token is nowhere in the log: {log}"
    );
}
