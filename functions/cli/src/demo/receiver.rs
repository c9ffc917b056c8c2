//! A stand-in for where alerts are read: a webhook's receiver in this process.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The receiver's path, and what arrives there.
pub(crate) fn receiver() -> (Router, UnboundedReceiver<Value>) {
    let (sender, receiver) = unbounded_channel();
    (
        Router::new()
            .route("/alerts", post(receive))
            .with_state(sender),
        receiver,
    )
}

async fn receive(State(sender): State<UnboundedSender<Value>>, body: Bytes) -> StatusCode {
    match serde_json::from_slice(&body).map(|alert| sender.send(alert)) {
        Ok(Ok(())) => StatusCode::NO_CONTENT,
        _ => StatusCode::BAD_REQUEST,
    }
}
