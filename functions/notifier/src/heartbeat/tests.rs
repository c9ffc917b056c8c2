use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use jiff::ToSpan as _;
use postern_host::config::SecretReference;
use tokio::net::TcpListener;

use super::*;
use crate::testing::{MemoryOutbox, alert};

/// A watch that answers as it is told, and keeps what came.
struct Watch {
    url: String,
    answer: Arc<AtomicU16>,
    bodies: Arc<Mutex<Vec<serde_json::Value>>>,
}

impl Watch {
    async fn start() -> Self {
        let answer = Arc::new(AtomicU16::new(200));
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let (status, kept) = (answer.clone(), bodies.clone());
        let router = Router::new().route(
            "/beat",
            post(move |body: Bytes| async move {
                kept.lock()
                    .unwrap()
                    .push(serde_json::from_slice(&body).unwrap());
                StatusCode::from_u16(status.load(Ordering::Relaxed)).unwrap()
            }),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/beat", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url,
            answer,
            bodies,
        }
    }

    fn heartbeat(&self) -> Heartbeat {
        let config = config::Heartbeat {
            url: SecretReference("env:WATCH".to_owned()),
            every: SignedDuration::from_mins(5),
            undelivered: SignedDuration::from_mins(15),
            allow_private: true,
        };
        Heartbeat::new(&config, &self.url).unwrap()
    }

    fn calls(&self) -> usize {
        self.bodies.lock().unwrap().len()
    }
}

fn now() -> Timestamp {
    "2026-03-03T06:00:00Z".parse().unwrap()
}

#[tokio::test]
async fn the_watch_is_called_when_it_is_time_and_again_when_it_did_not_take_it() {
    let watch = Watch::start().await;
    let (heartbeat, outbox) = (watch.heartbeat(), MemoryOutbox::default());
    heartbeat.beat(&outbox, now()).await.unwrap();
    heartbeat.beat(&outbox, now() + 4.minutes()).await.unwrap();
    assert_eq!(watch.calls(), 1);
    watch.answer.store(503, Ordering::Relaxed);
    heartbeat.beat(&outbox, now() + 5.minutes()).await.unwrap();
    watch.answer.store(200, Ordering::Relaxed);
    heartbeat.beat(&outbox, now() + 6.minutes()).await.unwrap();
    heartbeat.beat(&outbox, now() + 7.minutes()).await.unwrap();
    assert_eq!(watch.calls(), 3);
    let first = watch.bodies.lock().unwrap()[0].clone();
    let expected = json!({"apiVersion": "postern/v1", "kind": "Heartbeat",
        "at": "2026-03-03T06:00:00Z", "oldestUndeliveredSeconds": 0});
    assert_eq!(first, expected);
}

#[tokio::test]
async fn the_watch_is_not_called_while_an_alert_waits_too_long_or_nobody_knows() {
    let watch = Watch::start().await;
    let heartbeat = watch.heartbeat();
    // It was written at 05:00:10.
    let outbox = MemoryOutbox::of(vec![alert("C1", 1)]);
    outbox.route(&|_| vec!["bus".to_owned()]).await.unwrap();
    heartbeat.beat(&outbox, now()).await.unwrap();
    assert_eq!(watch.calls(), 0);
    outbox.state.lock().unwrap().outage = true;
    assert!(heartbeat.beat(&outbox, now()).await.is_err());
    assert_eq!(watch.calls(), 0);
    let waited: Timestamp = "2026-03-03T05:15:10Z".parse().unwrap();
    outbox.state.lock().unwrap().outage = false;
    heartbeat.beat(&outbox, waited).await.unwrap();
    assert_eq!(watch.calls(), 1);
}
