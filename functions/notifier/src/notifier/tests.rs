mod groups;

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Request};
use axum::routing::post;
use postern_host::auth::Identity;
use postern_host::config;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tower::ServiceExt as _;

use super::*;
use crate::output::{Receipt, Refusal, output};
use crate::testing::{MemoryOutbox, alert, denial};

const SECRET: &str = "whsec_c3ludGhldGljIHNlY3JldCBmb3IgdGhlIHRlc3Rz";

fn start() -> Timestamp {
    "2026-03-03T06:00:00Z".parse().unwrap()
}

fn after(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

/// A receiver that gives these answers, then 204, and remembers what came.
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
}

type Answers = Arc<Mutex<VecDeque<(u16, Option<&'static str>)>>>;
type Got = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

impl Receiver {
    async fn answering(answers: &[(u16, Option<&'static str>)]) -> Self {
        async fn receive(
            State((answers, got)): State<(Answers, Got)>,
            headers: HeaderMap,
            body: Bytes,
        ) -> axum::http::Response<Body> {
            got.lock().unwrap().push((headers, body));
            let (status, retry_after) = answers.lock().unwrap().pop_front().unwrap_or((204, None));
            let response = axum::http::Response::builder().status(status);
            let response = match retry_after {
                Some(value) => response.header("retry-after", value),
                None => response,
            };
            response
                .header("location", "/elsewhere")
                .body(Body::from("synthetic answer"))
                .unwrap()
        }
        let answers: Answers = Arc::new(Mutex::new(answers.iter().copied().collect()));
        let got = Got::default();
        let router = Router::new()
            .route("/hook", post(receive))
            .route("/elsewhere", post(receive))
            .with_state((answers, got.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, got }
    }

    fn count(&self) -> usize {
        self.got.lock().unwrap().len()
    }
}

fn webhook(name: &str, url: &str) -> (String, Box<dyn Output>) {
    let config: config::Output = serde_json::from_value(json!({
        "name": name, "type": "webhook", "url": url, "secret": "env:SECRET", "allowPrivate": true
    }))
    .unwrap();
    (
        name.to_owned(),
        output(&config, &|_| Ok(SECRET.to_owned()), &Buses::new()).unwrap(),
    )
}

fn notifier(outbox: &Arc<MemoryOutbox>, outputs: Vec<(String, Box<dyn Output>)>) -> Notifier {
    let names = outputs.iter().map(|(name, _)| name.clone()).collect();
    Notifier::new(
        outbox.clone(),
        outputs,
        Routes::new(Vec::new(), names).unwrap(),
    )
}

fn outbox(alerts: Vec<Notification>) -> Arc<MemoryOutbox> {
    Arc::new(MemoryOutbox::of(alerts))
}

#[tokio::test]
async fn a_webhook_gets_a_signed_cloud_event() {
    let receiver = Receiver::answering(&[]).await;
    let outbox = outbox(vec![alert("01CASE", 1)]);
    let tally = notifier(&outbox, vec![webhook("hook", &receiver.url)])
        .tick(start())
        .await;
    assert_eq!(
        tally,
        Ok(Tally {
            delivered: 1,
            again: 0,
            dead: 0
        })
    );

    let got = receiver.got.lock().unwrap();
    let (headers, body) = &got[0];
    assert_eq!(headers["content-type"], "application/cloudevents+json");
    assert_eq!(headers["webhook-id"], "01CASE-1");
    let timestamp: i64 = headers["webhook-timestamp"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(timestamp, start().as_second());
    let secret = crate::signature::Secret::parse(SECRET).unwrap();
    let expected = secret.sign("01CASE-1", timestamp, body).unwrap();
    assert_eq!(headers["webhook-signature"], expected.as_str());
    let event: Value = serde_json::from_slice(body).unwrap();
    assert_eq!(event["data"]["id"], "01CASE");
}

#[tokio::test]
async fn an_outage_is_retried_under_the_same_id_until_it_is_over() {
    let receiver = Receiver::answering(&[(503, None), (500, None)]).await;
    let outbox = outbox(vec![alert("01CASE", 1)]);
    let notifier = notifier(&outbox, vec![webhook("hook", &receiver.url)]);
    assert_eq!(notifier.tick(start()).await.unwrap().again, 1);
    assert_eq!(
        notifier.tick(after(1)).await,
        Ok(Tally::default()),
        "it is not due yet"
    );
    assert_eq!(notifier.tick(after(10)).await.unwrap().again, 1);
    assert_eq!(notifier.tick(after(60)).await.unwrap().delivered, 1);
    assert_eq!(notifier.tick(after(9999)).await, Ok(Tally::default()));
    let got = receiver.got.lock().unwrap();
    assert!(
        got.iter()
            .all(|(headers, _)| headers["webhook-id"] == "01CASE-1")
    );
    assert_eq!(got.len(), 3);
}

#[rstest::rstest]
#[case::seconds("1800")]
#[case::date("Tue, 03 Mar 2026 06:30:00 GMT")]
#[tokio::test]
async fn the_receiver_says_when(#[case] retry_after: &'static str) {
    let receiver = Receiver::answering(&[(429, Some(retry_after))]).await;
    let outbox = outbox(vec![alert("c", 1)]);
    notifier(&outbox, vec![webhook("hook", &receiver.url)])
        .tick(start())
        .await
        .unwrap();
    let (_, last) = outbox.outcome("c-1", "hook");
    let Some(Attempted::Again { at, error }) = last else {
        panic!("{last:?}")
    };
    assert!(at >= after(1799), "{at}");
    assert_eq!(error, "answered 429 Too Many Requests: synthetic answer");
}

#[tokio::test]
async fn what_is_refused_for_good_is_a_dead_letter_and_the_next_goes_on() {
    let receiver = Receiver::answering(&[(400, None), (302, None)]).await;
    let outbox = outbox(vec![alert("a", 1), alert("b", 1), alert("c", 1)]);
    let notifier = notifier(&outbox, vec![webhook("hook", &receiver.url)]);
    let tally = notifier.tick(start()).await.unwrap();
    assert_eq!(
        tally,
        Tally {
            delivered: 1,
            again: 1,
            dead: 1
        }
    );
    assert_eq!(receiver.count(), 3, "no redirect is followed");
    assert!(matches!(
        outbox.outcome("a-1", "hook").1,
        Some(Attempted::Dead { .. })
    ));
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_switched_off_and_nothing_else_is_lost() {
    let receiver = Receiver::answering(&[(410, None)]).await;
    let outbox = outbox(vec![alert("a", 1), alert("b", 1)]);
    let notifier = notifier(&outbox, vec![webhook("hook", &receiver.url)]);
    assert_eq!(notifier.tick(start()).await.unwrap().dead, 1);
    assert_eq!(notifier.tick(after(9999)).await, Ok(Tally::default()));
    assert_eq!(receiver.count(), 1);
    assert_eq!(outbox.outcome("b-1", "hook"), (0, None));
    assert_eq!(
        outbox.oldest_undelivered().await.unwrap(),
        Some(alert("b", 1).at)
    );
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            drop(listener.accept().await);
        }
    });
    let outbox = outbox(vec![alert("a", 1)]);
    let tally = notifier(&outbox, vec![webhook("hook", &url)])
        .tick(start())
        .await
        .unwrap();
    assert_eq!(
        tally,
        Tally {
            delivered: 0,
            again: 1,
            dead: 0
        }
    );
}

#[tokio::test]
async fn an_alert_is_given_up_in_the_end() {
    let answers = [(503, None); 32];
    let receiver = Receiver::answering(&answers).await;
    let outbox = outbox(vec![alert("a", 1)]);
    let notifier = notifier(&outbox, vec![webhook("hook", &receiver.url)]);
    for hours in 0..32 {
        notifier.tick(after(hours * 7 * 3600)).await.unwrap();
    }
    let (attempts, last) = outbox.outcome("a-1", "hook");
    assert_eq!(attempts, 18);
    assert!(matches!(last, Some(Attempted::Dead { .. })));
}

/// An output that takes an alert only when it is told to.
struct Held {
    arrived: mpsc::UnboundedSender<String>,
    go: tokio::sync::Semaphore,
}

#[async_trait]
impl Output for Arc<Held> {
    async fn send(&self, alert: &Notification, _: Timestamp) -> Result<Receipt, Refusal> {
        self.arrived.send(alert.id.clone()).unwrap();
        self.go.acquire().await.unwrap().forget();
        Ok(Receipt::new("synthetic"))
    }
}

fn held(permits: usize) -> (Arc<Held>, mpsc::UnboundedReceiver<String>) {
    let (arrived, arrivals) = mpsc::unbounded_channel();
    (
        Arc::new(Held {
            arrived,
            go: tokio::sync::Semaphore::new(permits),
        }),
        arrivals,
    )
}

#[tokio::test]
async fn an_output_that_hangs_holds_up_no_other() {
    let (stuck, mut at_stuck) = held(0);
    let (quick, mut at_quick) = held(100);
    let outbox = outbox(vec![alert("a", 1)]);
    let outputs: Vec<(String, Box<dyn Output>)> = vec![
        ("stuck".to_owned(), Box::new(stuck)),
        ("quick".to_owned(), Box::new(quick)),
    ];
    let notifier = Arc::new(notifier(&outbox, outputs));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = notifier.clone();
    let run = tokio::spawn(async move {
        let stopped = async move { drop(stopped.await) };
        running.run(Duration::from_secs(3600), stopped).await;
    });
    assert_eq!(at_stuck.recv().await.unwrap(), "a-1");
    assert_eq!(at_quick.recv().await.unwrap(), "a-1");
    // The first output still hangs; the other takes the next alert as soon as it is woken.
    outbox.state.lock().unwrap().unrouted.push(alert("b", 1));
    notifier.wake();
    assert_eq!(at_quick.recv().await.unwrap(), "b-1");
    assert!(at_stuck.try_recv().is_err());
    stop.send(()).unwrap();
    run.await.unwrap();
    assert_eq!(
        outbox.outcome("a-1", "stuck"),
        (0, None),
        "it is tried again later"
    );
}

#[tokio::test]
async fn a_denial_that_hangs_does_not_hold_up_break_glass() {
    let (output, mut arrivals) = held(0);
    let outbox = outbox(vec![denial("d")]);
    let outputs: Vec<(String, Box<dyn Output>)> = vec![("pager".to_owned(), Box::new(output))];
    let notifier = Arc::new(notifier(&outbox, outputs));
    let running = notifier.clone();
    let run = tokio::spawn(async move {
        running
            .run(Duration::from_secs(3600), std::future::pending())
            .await;
    });
    assert_eq!(arrivals.recv().await.unwrap(), "d-1");
    outbox.state.lock().unwrap().unrouted.push(denial("e"));
    outbox.state.lock().unwrap().unrouted.push(alert("b", 1));
    notifier.wake();
    assert_eq!(arrivals.recv().await.unwrap(), "b-1");
    assert!(arrivals.try_recv().is_err(), "one at a time in each lane");
    run.abort();
}

#[tokio::test]
async fn a_dead_receiver_is_left_alone_but_for_urgent_alerts() {
    let receiver = Receiver::answering(&[(503, None); 11]).await;
    let denials = (0..20).map(|index| denial(&format!("d{index:02}")));
    let outbox = outbox(denials.collect());
    let notifier = notifier(&outbox, vec![webhook("hook", &receiver.url)]);
    assert_eq!(notifier.tick(start()).await.unwrap().again, 8);
    assert_eq!(notifier.tick(after(3)).await, Ok(Tally::default()));
    assert_eq!(receiver.count(), 8, "it is not asked");
    outbox.state.lock().unwrap().unrouted.push(alert("b", 1));
    assert_eq!(notifier.tick(after(4)).await.unwrap().again, 1);
    assert_eq!(notifier.tick(after(16)).await.unwrap().again, 2);
    assert_eq!(
        receiver.count(),
        11,
        "the urgent one, and one denial as a probe"
    );
    let back = notifier.tick(after(3600)).await.unwrap();
    assert_eq!((back.delivered, back.again), (21, 0));
}

#[tokio::test]
async fn the_gauges_say_what_waits_where() {
    let metrics = postern_host::telemetry::metrics();
    let receiver = Receiver::answering(&[(400, None), (503, None)]).await;
    let outbox = outbox(vec![alert("a", 1), alert("b", 1)]);
    notifier(&outbox, vec![webhook("gauged", &receiver.url)])
        .tick(start())
        .await
        .unwrap();
    let text = metrics.render();
    let mut lines: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("postern_output") && line.contains("\"gauged\""))
        .collect();
    lines.sort_unstable();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    postern_output_circuit{output="gauged"} 0
    postern_output_dead{output="gauged"} 1
    postern_output_oldest_undelivered_seconds{output="gauged"} 3590
    postern_output_pending{output="gauged"} 1
    "#);
}

#[tokio::test]
async fn the_gauges_of_an_output_that_is_gone_go_back_to_zero() {
    let metrics = postern_host::telemetry::metrics();
    let receiver = Receiver::answering(&[]).await;
    let outbox = outbox(vec![alert("a", 1)]);
    outbox.route(&|_| vec!["left".to_owned()]).await.unwrap();
    let notifier = notifier(&outbox, vec![webhook("stays", &receiver.url)]);
    let pending = async |now| {
        notifier.tick(now).await.unwrap();
        let (text, name) = (metrics.render(), "postern_output_pending{output=\"left\"} ");
        let mut lines = text.lines();
        let count = lines.find_map(|line| line.strip_prefix(name));
        count.unwrap().to_owned()
    };
    assert_eq!(pending(start()).await, "1");
    outbox.state.lock().unwrap().deliveries.clear();
    assert_eq!(pending(after(60)).await, "0");
}

/// Takes a second for each alert.
struct Slow;

#[async_trait]
impl Output for Slow {
    async fn send(&self, _: &Notification, _: Timestamp) -> Result<Receipt, Refusal> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(Receipt::new("synthetic"))
    }
}

#[tokio::test(start_paused = true)]
async fn a_tick_ends_in_time_and_the_next_one_goes_on() {
    let alerts: Vec<_> = (0..24).map(|n| alert(&format!("case{n:02}"), 1)).collect();
    let outbox = outbox(alerts);
    let notifier = notifier(&outbox, vec![("slow".to_owned(), Box::new(Slow))]);
    let mut delivered = 0;
    for tick in 0..3 {
        let begun = Instant::now();
        delivered += notifier.tick(after(tick * 600)).await.unwrap().delivered;
        assert!(begun.elapsed() <= TURN * 4, "{:?}", begun.elapsed());
        assert_eq!(delivered < 24, tick < 2, "{delivered} after tick {tick}");
    }
}

#[tokio::test]
async fn alerts_wait_where_there_is_no_output() {
    let outbox = outbox(vec![alert("a", 1)]);
    assert_eq!(
        notifier(&outbox, Vec::new()).tick(start()).await,
        Ok(Tally::default())
    );
    assert_eq!(outbox.state.lock().unwrap().unrouted.len(), 1);
}

#[tokio::test]
async fn a_tick_over_http_needs_the_right_and_says_what_it_did() {
    let receiver = Receiver::answering(&[]).await;
    let outbox = outbox(vec![alert("a", 1)]);
    let notifier = Arc::new(notifier(&outbox, vec![webhook("hook", &receiver.url)]));
    let router = crate::http::router(notifier);
    let tick = |identity: Identity| {
        let mut request = Request::post("/v1/tick").body(Body::empty()).unwrap();
        request.extensions_mut().insert(identity);
        router.clone().oneshot(request)
    };
    let caller = postern_core::decision::Caller {
        issuer: "https://accounts.google.com".to_owned(),
        subject: "1".to_owned(),
        email: None,
    };
    let refused = tick(Identity::with_rights(caller, &[])).await.unwrap();
    assert_eq!(refused.status(), 403);
    let done = tick(Identity::local()).await.unwrap();
    let body = axum::body::to_bytes(done.into_body(), 1024).await.unwrap();
    assert_eq!(body, r#"{"delivered":1,"again":0,"dead":0}"#);
    outbox.state.lock().unwrap().outage = true;
    assert_eq!(tick(Identity::local()).await.unwrap().status(), 503);
}
