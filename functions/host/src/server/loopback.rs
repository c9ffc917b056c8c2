//! Keeps web pages away from listeners on loopback.
//!
//! A page can make a visitor's browser send requests to 127.0.0.1, and with DNS rebinding even read
//! the answers. Its requests give themselves away: they carry the page's own host name in `Host`,
//! or its origin in `Origin`.

use std::net::IpAddr;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderValue, StatusCode};

use crate::problem::{Problem, quoted};

/// Answers only requests that name this listener by a loopback name and its port.
pub(super) fn guarded(router: Router, port: u16) -> Router {
    router.layer(from_fn_with_state(port, check))
}

async fn check(State(port): State<u16>, request: Request, next: Next) -> Response {
    match permitted(&request, port) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn permitted(request: &Request, port: u16) -> Result<(), Problem> {
    let in_header = request
        .headers()
        .get_all(HOST)
        .iter()
        .map(HeaderValue::to_str);
    // HTTP/2 and absolute-form requests name the host in the URI.
    let in_uri = request
        .uri()
        .authority()
        .map(|authority| Ok(authority.as_str()));
    let mut named = false;
    for host in in_header.chain(in_uri) {
        named = true;
        let host = host.unwrap_or("(not ASCII)");
        if !is_loopback(host, port) {
            return Err(foreign(
                "FOREIGN_HOST",
                format!("`{}` is not this listener", quoted(host)),
            ));
        }
    }
    if !named {
        return Err(foreign(
            "FOREIGN_HOST",
            "the request names no host".to_owned(),
        ));
    }
    for origin in request.headers().get_all(ORIGIN) {
        let origin = origin.to_str().unwrap_or("(not ASCII)");
        let host = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"));
        if !host.is_some_and(|host| is_loopback(host, port)) {
            let detail = format!("a page of `{}` may not call this listener", quoted(origin));
            return Err(foreign("FOREIGN_ORIGIN", detail));
        }
    }
    Ok(())
}

fn foreign(code: &'static str, detail: String) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, code, detail)
        .remedy("call it as `127.0.0.1`, `[::1]` or `localhost`, with its port")
}

fn is_loopback(authority: &str, port: u16) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else {
        return false;
    };
    let host = authority.host();
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    let local = host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|ip| ip.is_loopback());
    let plain = !authority.as_str().contains('@');
    local && plain && authority.port_u16().unwrap_or(80) == port
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[rstest::rstest]
    #[case::address("127.0.0.1:8080", None, None)]
    #[case::other_loopback("127.0.0.2:8080", None, None)]
    #[case::six("[::1]:8080", None, None)]
    #[case::name("LocalHost:8080", None, None)]
    #[case::own_page("localhost:8080", Some("http://localhost:8080"), None)]
    #[case::rebound("evil.example:8080", None, Some("FOREIGN_HOST"))]
    #[case::prefixed("localhost.evil.example:8080", None, Some("FOREIGN_HOST"))]
    #[case::other_port("127.0.0.1:9", None, Some("FOREIGN_HOST"))]
    #[case::no_port("127.0.0.1", None, Some("FOREIGN_HOST"))]
    #[case::user("x@127.0.0.1:8080", None, Some("FOREIGN_HOST"))]
    #[case::foreign_page("127.0.0.1:8080", Some("https://evil.example"), Some("FOREIGN_ORIGIN"))]
    #[case::sandboxed_page("127.0.0.1:8080", Some("null"), Some("FOREIGN_ORIGIN"))]
    fn only_loopback_names_pass(
        #[case] host: &str,
        #[case] origin: Option<&str>,
        #[case] refused: Option<&str>,
    ) {
        let mut request = http::Request::get("/").header(HOST, host);
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        let answer = permitted(&request.body(Body::empty()).unwrap(), 8080);
        assert_eq!(answer.err().map(|problem| problem.code()), refused);
    }

    #[test]
    fn a_host_in_the_uri_counts_too() {
        let request = http::Request::get("http://evil.example/").header(HOST, "localhost:8080");
        assert!(permitted(&request.body(Body::empty()).unwrap(), 8080).is_err());
        assert!(permitted(&http::Request::get("/").body(Body::empty()).unwrap(), 8080).is_err());
    }
}
