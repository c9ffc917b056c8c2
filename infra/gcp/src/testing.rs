//! A server on loopback that records what it is asked.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{Method, StatusCode, Uri};
use serde_json::Value;

use crate::endpoint::Endpoint;

pub(crate) struct Recorder {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    /// Answers by path and body.
    pub(crate) async fn start(
        answer: impl Fn(&str, &Value) -> Value + Clone + Send + Sync + 'static,
    ) -> Self {
        Self::answering(200, answer).await
    }

    /// As [`start`](Self::start), with this status.
    pub(crate) async fn answering(
        status: u16,
        answer: impl Fn(&str, &Value) -> Value + Clone + Send + Sync + 'static,
    ) -> Self {
        let status = StatusCode::from_u16(status).unwrap();
        Self::by_method(move |_, path, body| (status, answer(path, body))).await
    }

    /// Answers with a status and a document by method, path and body.
    pub(crate) async fn by_method(
        answer: impl Fn(&Method, &str, &Value) -> (StatusCode, Value) + Clone + Send + Sync + 'static,
    ) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let router = Router::new().fallback(move |method: Method, uri: Uri, body: Bytes| {
            let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
            let line = match &body {
                Value::Null => format!("{method} {uri}"),
                body => format!("{method} {uri} {body}"),
            };
            log.lock().unwrap().push(line);
            let (status, answered) = answer(&method, uri.path(), &body);
            async move { (status, answered.to_string()) }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, asked }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::parse(&format!("http://{}", self.address)).unwrap()
    }

    /// One line for each request.
    pub(crate) fn asked(&self) -> String {
        self.asked.lock().unwrap().join("\n")
    }
}
