use std::sync::Mutex;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Redirect;
use axum::routing::{get, patch};
use postern_host::config::SecretReference;
use serde_json::json;

use super::*;

type Seen = Arc<Mutex<Vec<String>>>;

fn hcp(hosts: &[&str]) -> Arc<dyn RunTaskHost> {
    run_task_host(&task(hosts)).unwrap()
}

fn task(hosts: &[&str]) -> RunTask {
    RunTask {
        key: SecretReference("env:KEY".to_owned()),
        hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
        except: Vec::new(),
    }
}

fn authorization(headers: &HeaderMap) -> String {
    let value = headers
        .get("authorization")
        .map(|value| value.to_str().unwrap());
    value.unwrap_or("none").to_owned()
}

/// A stand-in for HCP Terraform, which notes the tokens it is shown.
async fn stand_in(elsewhere: Option<String>) -> (String, Seen) {
    let seen = Seen::default();
    let router = Router::new()
        .route(
            "/plan",
            get(async |State(seen): State<Seen>, headers: HeaderMap| {
                seen.lock().unwrap().push(authorization(&headers));
                "{}"
            }),
        )
        .route(
            "/moved",
            get(async move || {
                Redirect::temporary(&format!("{}/plan", elsewhere.unwrap_or_default()))
            }),
        )
        .route(
            "/stranger",
            get(async || Redirect::temporary("http://127.0.0.1:9/plan")),
        )
        .route("/round", get(async || Redirect::temporary("/round")))
        .route(
            "/callback",
            patch(
                async |State(seen): State<Seen>, headers: HeaderMap, body: Bytes| {
                    let kind = headers["content-type"].to_str().unwrap().to_owned();
                    let body = String::from_utf8(body.to_vec()).unwrap();
                    seen.lock()
                        .unwrap()
                        .push(format!("{kind} {} {body}", authorization(&headers)));
                },
            ),
        )
        .with_state(Arc::clone(&seen));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, seen)
}

#[tokio::test]
async fn the_plan_is_fetched_within_its_limit_and_the_verdict_told() {
    let (url, seen) = stand_in(None).await;
    let hcp = hcp(&[&url]);
    let plan = format!("{url}/moved");
    assert_eq!(hcp.plan(&plan, "t", 2).await.unwrap(), b"{}");
    let error = hcp.plan(&plan, "t", 1).await.unwrap_err();
    assert!(error.limit, "{error}");
    hcp.tell(&format!("{url}/callback"), "t", &json!({"data": 1}))
        .await
        .unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(
        seen.last().unwrap(),
        "application/vnd.api+json Bearer t {\"data\":1}"
    );
    assert_eq!(seen[0], "Bearer t");
}

#[tokio::test]
async fn the_token_is_not_shown_to_where_plans_are_kept() {
    let (keeper, seen) = stand_in(None).await;
    let (url, _) = stand_in(Some(keeper.clone())).await;
    let plan = format!("{url}/moved");
    assert_eq!(
        hcp(&[&url, &keeper]).plan(&plan, "t", 9).await.unwrap(),
        b"{}"
    );
    assert_eq!(*seen.lock().unwrap(), ["none"]);
}

#[tokio::test]
async fn strangers_are_not_called() {
    let (url, seen) = stand_in(None).await;
    let hcp_alone = hcp(&[]);
    for stranger in [
        &format!("{url}/plan?token=s3cret"),
        "https://app.terraform.io.example.com/plan",
        "https://app.terraform.io:8443/plan",
        "http://app.terraform.io/plan",
        "https://user:pass@app.terraform.io/plan",
        "https://app.terraform.io@192.0.2.1/plan",
        "file:///etc/passwd",
        "",
    ] {
        let error = hcp_alone.plan(stranger, "t", 9).await.unwrap_err();
        assert!(error.permanent, "{stranger}: {error}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
        assert!(hcp_alone.tell(stranger, "t", &json!({})).await.is_err());
    }
    for path in ["stranger", "round"] {
        let error = hcp(&[&url]).plan(&format!("{url}/{path}"), "t", 9).await;
        assert!(error.is_err(), "{path}");
    }
    assert!(seen.lock().unwrap().is_empty());
}

#[test]
fn hosts_are_https_or_on_this_machine() {
    for host in [
        "tfe.example.com",
        "tfe.example.com:8443",
        "https://tfe.example.com",
        "http://[::1]:80",
    ] {
        assert!(run_task_host(&task(&[host])).is_ok(), "{host}");
    }
    for host in [
        "http://tfe.example.com",
        "a@tfe.example.com",
        "tfe.example.com/path",
        "",
        "ftp://x",
    ] {
        let error = run_task_host(&task(&[host])).err();
        let error = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(
            error.starts_with("terraform.runTask.hosts: "),
            "{host}: {error}"
        );
    }
}
