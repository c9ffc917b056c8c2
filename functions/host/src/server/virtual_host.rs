//! Paths of their own for requests to other hosts than this listener's: whoever stands in front of an API
//! is told from the rest by the host alone.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::header::HOST;
use http::uri::Authority;
use tower::ServiceExt as _;

/// Paths that are served to requests for certain hosts, in place of all others.
#[derive(Debug, Clone)]
pub struct VirtualHost {
    hosts: Vec<String>,
    routes: Router,
}

/// The host that a request was sent to, without its port, in lower case. In the requests of a
/// [`VirtualHost`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedHost(pub String);

impl VirtualHost {
    /// Routes for requests to `HOST`, and where it is written `*-HOST` to any `X-HOST`.
    pub fn new(hosts: &[String], routes: Router) -> Self {
        Self {
            hosts: hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            routes,
        }
    }

    /// The host that the request is for, if it is one of these. A request that names two is for none.
    pub(super) fn host_of(&self, request: &Request) -> Option<RequestedHost> {
        let in_header = request.headers().get_all(HOST).iter();
        let in_header = in_header.map(|value| value.to_str().ok().and_then(host));
        // HTTP/2 and absolute-form requests name the host in the URI.
        let in_uri = request.uri().authority();
        let in_uri = in_uri.map(|authority| host(authority.as_str()));
        let mut named = in_header.chain(in_uri);
        let first = named.next()??;
        (named.all(|other| other.as_ref() == Some(&first)) && self.has(&first))
            .then_some(RequestedHost(first))
    }

    fn has(&self, host: &str) -> bool {
        self.hosts
            .iter()
            .any(|pattern| match pattern.strip_prefix("*-") {
                Some(base) => host
                    .strip_suffix(base)
                    .and_then(|rest| rest.strip_suffix('-'))
                    .is_some_and(|region| !region.is_empty() && !region.contains('.')),
                None => pattern == host,
            })
    }
}

fn host(authority: &str) -> Option<String> {
    let authority: Authority = authority.parse().ok()?;
    let plain = !authority.as_str().contains('@');
    plain.then(|| authority.host().to_ascii_lowercase())
}

/// Serves a virtual host's requests by its own routes, and all others by `router`.
pub(super) fn beside(router: Router, other: VirtualHost) -> Router {
    router.layer(from_fn_with_state(other, pick))
}

async fn pick(State(other): State<VirtualHost>, mut request: Request, next: Next) -> Response {
    let Some(host) = other.host_of(&request) else {
        return next.run(request).await;
    };
    request.extensions_mut().insert(host);
    match other.routes.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use rstest::rstest;

    #[rstest]
    #[case::itself("run.gate.example", None, Some("run.gate.example"))]
    #[case::a_region(
        "us-central1-run.gate.example",
        None,
        Some("us-central1-run.gate.example")
    )]
    #[case::in_capitals(
        "US-central1-RUN.gate.example:8080",
        None,
        Some("us-central1-run.gate.example")
    )]
    #[case::absolute("run.gate.example", Some("run.gate.example"), Some("run.gate.example"))]
    #[case::two("run.gate.example", Some("us-central1-run.gate.example"), None)]
    #[case::no_region("-run.gate.example", None, None)]
    #[case::a_domain("evil.example-run.gate.example", None, None)]
    #[case::another("other.gate.example", None, None)]
    #[case::longer("run.gate.example.org", None, None)]
    #[case::with_a_user("x@run.gate.example", None, None)]
    fn a_request_is_for_the_host_it_names(
        #[case] header: &str,
        #[case] authority: Option<&str>,
        #[case] found: Option<&str>,
    ) {
        let hosts = [
            "run.gate.example".to_owned(),
            "*-run.gate.example".to_owned(),
        ];
        let other = VirtualHost::new(&hosts, Router::new());
        let uri = authority.map_or("/".to_owned(), |host| format!("http://{host}/"));
        let request = http::Request::get(uri).header(HOST, header);
        let request = request.body(Body::empty()).unwrap();
        let host = other.host_of(&request).map(|host| host.0);
        assert_eq!(host.as_deref(), found);
    }
}
