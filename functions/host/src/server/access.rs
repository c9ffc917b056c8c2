//! The id, the log line and the measures of a request.

use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tracing::Instrument as _;

use super::Peer;
use crate::problem::quoted;
use crate::telemetry::trace_id;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of one request: the caller's `x-request-id` where it is a sane one, else a ULID. In the
/// extensions of the request, in every log line about it, and in the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

/// Gives requests their id, their span and their line in the log.
pub(super) fn logged(router: Router) -> Router {
    router.layer(from_fn(log))
}

async fn log(mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = request_id(request.headers());
    let trace = trace_id(request.headers()).unwrap_or_default();
    let span = tracing::info_span!("request", request_id = %id.0, trace);
    let line = Line::of(&request);
    let header = HeaderValue::from_str(&id.0);
    request.extensions_mut().insert(id);
    async move {
        let mut response = next.run(request).await;
        if let Ok(header) = header {
            response.headers_mut().insert(REQUEST_ID, header);
        }
        line.write(response.status().as_u16(), start.elapsed());
        response
    }
    .instrument(span)
    .await
}

fn request_id(headers: &HeaderMap) -> RequestId {
    let sane = |id: &&str| {
        (8..=64).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let given = headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    match given.filter(sane) {
        Some(id) => RequestId(id.to_owned()),
        None => RequestId(ulid::Ulid::new().to_string()),
    }
}

/// What the log says of a request besides its outcome. The query is left out: it is the caller's.
struct Line {
    method: Method,
    path: String,
    route: String,
    remote: String,
    user_agent: String,
}

impl Line {
    fn of(request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>();
        let remote = request.extensions().get::<Peer>().and_then(Peer::ip);
        let agent = request.headers().get(http::header::USER_AGENT);
        Self {
            method: request.method().clone(),
            path: quoted(request.uri().path()),
            route: route.map_or("none", MatchedPath::as_str).to_owned(),
            remote: remote.map(|ip| ip.to_string()).unwrap_or_default(),
            user_agent: quoted(
                agent
                    .and_then(|value| value.to_str().ok())
                    .unwrap_or_default(),
            ),
        }
    }

    fn write(self, status: u16, latency: Duration) {
        let seconds = latency.as_secs_f64();
        let labels = [
            ("method", bounded_method(&self.method).to_owned()),
            ("route", self.route),
            ("status", status.to_string()),
        ];
        metrics::counter!("postern_http_requests_total", &labels).increment(1);
        metrics::histogram!("postern_http_request_duration_seconds", &labels).record(seconds);
        let latency = format!("{seconds:.6}s");
        let (method, path) = (bounded_method(&self.method), self.path);
        let (remote, agent) = (self.remote, self.user_agent);
        if status >= 500 {
            tracing::error!(target: "postern::access", http_method = method, http_path = path,
                http_status = status, http_latency = latency, http_remote = remote,
                http_user_agent = agent, "{method} {path} {status}");
        } else {
            tracing::info!(target: "postern::access", http_method = method, http_path = path,
                http_status = status, http_latency = latency, http_remote = remote,
                http_user_agent = agent, "{method} {path} {status}");
        }
    }
}

/// A method as a label: callers can invent methods, and each label value costs memory for good.
fn bounded_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::sane("01J8XAMPLE-id_1.2", true)]
    #[case::short("abc", false)]
    #[case::long(&"a".repeat(65), false)]
    #[case::spaces("two words here", false)]
    fn only_sane_ids_are_taken_over(#[case] id: &str, #[case] taken: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_str(id).unwrap());
        assert_eq!(request_id(&headers).0 == id, taken);
    }

    #[test]
    fn an_invented_method_is_one_label() {
        assert_eq!(
            bounded_method(&Method::from_bytes(b"BREW").unwrap()),
            "OTHER"
        );
    }
}
