//! Errors as Google's APIs answer them.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use postern_core::ports::Unavailable;
use serde_json::json;

/// The canonical codes that are in use here (`google.rpc.Code`), with their HTTP statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The request is wrong by itself.
    InvalidArgument,
    /// The request is right, and the state does not allow it.
    FailedPrecondition,
    /// Nobody knows who is calling.
    Unauthenticated,
    /// The caller may not do that.
    PermissionDenied,
    /// There is no such resource.
    NotFound,
    /// There is such a resource already.
    AlreadyExists,
    /// Somebody else wrote in the meantime.
    Aborted,
    /// This is not served here.
    Unimplemented,
    /// Try again.
    Unavailable,
    /// A mistake of this program.
    Internal,
}

impl Code {
    const fn status(self) -> StatusCode {
        match self {
            Self::InvalidArgument | Self::FailedPrecondition => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::PermissionDenied => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::AlreadyExists | Self::Aborted => StatusCode::CONFLICT,
            Self::Unimplemented => StatusCode::NOT_IMPLEMENTED,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::Aborted => "ABORTED",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Unavailable => "UNAVAILABLE",
            Self::Internal => "INTERNAL",
        }
    }

    /// The code that stands for a status of the layers in front.
    pub(crate) const fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 | 405 => Self::NotFound,
            400..=499 => Self::InvalidArgument,
            503 | 504 => Self::Unavailable,
            _ => Self::Internal,
        }
    }
}

/// `{"error": {"code", "message", "status"}}`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.word())]
pub struct ApiError {
    code: Code,
    message: String,
}

impl ApiError {
    /// An error with what happened, in words.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    pub(crate) fn not_found(what: &str, name: &str) -> Self {
        Self::new(Code::NotFound, format!("{what} {name} was not found"))
    }

    pub(crate) fn exists(what: &str, name: &str) -> Self {
        Self::new(Code::AlreadyExists, format!("{what} {name} already exists"))
    }

    /// Somebody else wrote it in the meantime, or the etag is an old one.
    pub(crate) fn stale(name: &str) -> Self {
        let message = format!("{name} was changed since it was read: read it again, and its etag");
        Self::new(Code::Aborted, message)
    }

    /// The canonical code.
    pub const fn code(&self) -> Code {
        self.code
    }
}

impl From<Unavailable> for ApiError {
    fn from(error: Unavailable) -> Self {
        tracing::error!(%error, "the trust chain cannot be read or written");
        Self::new(Code::Unavailable, error.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let error = json!({"error": {
            "code": status.as_u16(),
            "message": self.message,
            "status": self.code.word(),
        }});
        let mut response = (status, Json(error)).into_response();
        if self.code == Code::Unavailable {
            response.headers_mut().insert(RETRY_AFTER, 5.into());
        }
        response
    }
}
