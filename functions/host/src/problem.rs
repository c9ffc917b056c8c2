//! Errors as HTTP clients see them: problem details of RFC 9457.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, StatusCode};
use serde::Serialize;

/// An `application/problem+json` answer (RFC 9457).
///
/// `code` is the stable member that scripts compare; `detail` and `remedy` are for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    remedy: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem with the given status, stable upper-case code, and what happened in words.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            remedy: None,
            headers: Vec::new(),
        }
    }

    /// Says after how many seconds asking again makes sense (`Retry-After`).
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.headers.push((RETRY_AFTER, seconds.into()));
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn remedy(mut self, text: impl Into<String>) -> Self {
        self.remedy = Some(text.into());
        self
    }

    /// Asks for a bearer token (RFC 6750 §3); `error` is one of its codes, such as `invalid_token`,
    /// and absent where the request had no token at all.
    #[must_use]
    pub fn challenge(mut self, error: Option<&'static str>) -> Self {
        let value = match error {
            Some("invalid_token") => {
                HeaderValue::from_static("Bearer realm=\"postern\", error=\"invalid_token\"")
            }
            Some("invalid_request") => {
                HeaderValue::from_static("Bearer realm=\"postern\", error=\"invalid_request\"")
            }
            _ => HeaderValue::from_static("Bearer realm=\"postern\""),
        };
        self.headers.push((WWW_AUTHENTICATE, value));
        self
    }

    /// The status it is answered with.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What happened.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

/// The members of the JSON body, in the order they are written.
#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'a str>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            remedy: self.remedy.as_deref(),
        };
        // Strings and a number: there is nothing in it that JSON cannot hold.
        let bytes = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (self.status, bytes).into_response();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.extend(
            self.headers
                .into_iter()
                .map(|(name, value)| (Some(name), value)),
        );
        response
    }
}

/// Outside text as it may be quoted in a message: at most 120 characters, none of them control.
pub fn quoted(text: &str) -> String {
    const LIMIT: usize = 120;
    let mut short: String = text
        .chars()
        .take(LIMIT)
        .map(|char| if char.is_control() { '\u{fffd}' } else { char })
        .collect();
    if text.chars().nth(LIMIT).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_problem_has_the_members_of_the_rfc_and_ours() {
        let problem = Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "OVERLOADED",
            "too much at once",
        )
        .retry_after(2)
        .remedy("ask again later");
        let response = problem.into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "2");
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        let body = response.into_body().collect().await.unwrap().to_bytes();
        insta::assert_snapshot!(
            String::from_utf8_lossy(&body),
            @r#"{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"too much at once","code":"OVERLOADED","remedy":"ask again later"}"#
        );
    }

    #[test]
    fn quoted_text_is_short_and_harmless() {
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(quoted("a\r\nb\u{1b}[31m"), "a\u{fffd}\u{fffd}b\u{fffd}[31m");
        assert_eq!(quoted(&"x".repeat(500)).chars().count(), 121);
    }
}
