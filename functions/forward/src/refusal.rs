//! Refusals as Google's APIs answer them, so that `gcloud` and Terraform print reason and remedy.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use postern_core::ports::{GoogleAnswer, Unavailable};
use serde_json::{Value, json};

/// Why a call does not go on.
#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    /// In our words.
    Ours(Box<Error>),
    /// In Google's own, which was asked before.
    Theirs(GoogleAnswer),
}

/// `{"error": {"code", "message", "status", "details"}}` (google.rpc.Status as JSON).
#[derive(Debug, PartialEq)]
pub(crate) struct Error {
    code: Code,
    message: String,
    details: Vec<Value>,
}

/// The canonical codes in use here (`google.rpc.Code`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    InvalidArgument,
    FailedPrecondition,
    Unauthenticated,
    PermissionDenied,
    Unavailable,
}

impl Code {
    const fn parts(self) -> (StatusCode, &'static str) {
        match self {
            Self::InvalidArgument => (StatusCode::BAD_REQUEST, "INVALID_ARGUMENT"),
            Self::FailedPrecondition => (StatusCode::BAD_REQUEST, "FAILED_PRECONDITION"),
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"),
            Self::PermissionDenied => (StatusCode::FORBIDDEN, "PERMISSION_DENIED"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
        }
    }
}

impl Refusal {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self::Ours(Box::new(Error {
            code,
            message: message.into(),
            details: Vec::new(),
        }))
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    /// A denial, with what a program may want to know of it (google.rpc.ErrorInfo).
    pub(crate) fn denied(message: String, reason: &str, metadata: Value) -> Self {
        Self::Ours(Box::new(Error {
            code: Code::FailedPrecondition,
            message,
            details: vec![json!({
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": reason,
                "domain": "postern.dev",
                "metadata": metadata,
            })],
        }))
    }
}

/// What could not be asked is never taken for a "no".
impl From<Unavailable> for Refusal {
    fn from(error: Unavailable) -> Self {
        tracing::error!(%error, "a call could not be judged or passed on");
        Self::new(
            Code::Unavailable,
            format!("nothing was deployed, since {error}; try again"),
        )
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = match self {
            Self::Theirs(answer) => return answered(answer),
            Self::Ours(error) => *error,
        };
        let (status, word) = error.code.parts();
        let mut body = json!({"error": {
            "code": status.as_u16(),
            "message": error.message,
            "status": word,
        }});
        if !error.details.is_empty() {
            body["error"]["details"] = Value::Array(error.details);
        }
        let mut response = (status, Json(body)).into_response();
        if error.code == Code::Unavailable {
            response.headers_mut().insert(RETRY_AFTER, 5.into());
        }
        response
    }
}

/// An answer of Google's, given back as it came.
pub(crate) fn answered(answer: GoogleAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    headers.clear();
    for (field, value) in answer.headers {
        let field = field.parse::<axum::http::HeaderName>();
        if let (Ok(field), Ok(value)) = (field, value.parse()) {
            headers.append(field, value);
        }
    }
    response
}
