//! Which trace a request belongs to.

use http::HeaderMap;

/// The trace id, 32 hex digits, of `traceparent` (W3C Trace Context §3.2) or of
/// `X-Cloud-Trace-Context` (`TRACE_ID/SPAN_ID;o=OPTIONS`).
pub(crate) fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let w3c = header("traceparent").and_then(|value| value.split('-').nth(1));
    let google = header("x-cloud-trace-context").and_then(|value| value.split(['/', ';']).next());
    w3c.filter(is_trace_id).or(google.filter(is_trace_id))
}

fn is_trace_id(text: &&str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::w3c(
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        true
    )]
    #[case::google(
        "x-cloud-trace-context",
        "4bf92f3577b34da6a3ce929d0e0e4736/123;o=1",
        true
    )]
    #[case::bare("x-cloud-trace-context", "4bf92f3577b34da6a3ce929d0e0e4736", true)]
    #[case::injected("x-cloud-trace-context", "4bf92f3577b34da6a3ce929d0e0e47\"6/1", false)]
    #[case::short("traceparent", "00-4bf9-00f067aa0ba902b7-01", false)]
    fn trace_ids_are_read(#[case] name: &'static str, #[case] value: &str, #[case] read: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        let expected = read.then_some("4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(trace_id(&headers), expected);
    }
}
