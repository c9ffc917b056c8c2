//! What an operator is told when AWS does not do what it was asked.

use std::error::Error;
use std::fmt::{Debug, Write as _};

use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};

/// How much of the service's own text is quoted.
const MAX_MESSAGE: usize = 300;

/// Says what happened, and for a refusal which permission is missing on what.
pub(crate) fn explain<E, R>(error: &SdkError<E, R>, permission: &str, resource: &str) -> String
where
    E: Error + ProvideErrorMetadata + 'static,
    R: Debug + 'static,
{
    match error {
        SdkError::ServiceError(service) if service.err().code().is_some() => {
            refusal(service.err(), permission, resource)
        }
        SdkError::TimeoutError(_) => "it did not answer in time".to_owned(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            "it did not answer in time".to_owned()
        }
        SdkError::DispatchFailure(_) => format!("it could not be reached: {}", causes(error)),
        other => causes(other),
    }
}

fn refusal(error: &impl ProvideErrorMetadata, permission: &str, resource: &str) -> String {
    let code = error.code().unwrap_or_default();
    let message: String = error
        .message()
        .unwrap_or_default()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_MESSAGE)
        .collect();
    let advice = match code {
        "AccessDeniedException" | "AccessDenied" | "AuthorizationError" => {
            format!("allow {permission} on {resource} to this identity")
        }
        "NotFoundException"
        | "NotFound"
        | "ResourceNotFoundException"
        | "QueueDoesNotExist"
        | "AWS.SimpleQueueService.NonExistentQueue" => {
            format!("there is no {resource} in this account and region; check both")
        }
        "DisabledException" | "KMSInvalidStateException" => {
            format!("{resource} is disabled or to be deleted; enable it")
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "ExpiredTokenException" => {
            "the credentials are not or no longer valid; renew them".to_owned()
        }
        _ => String::new(),
    };
    let mut text = format!("it answered {code}");
    for part in [message, advice].iter().filter(|part| !part.is_empty()) {
        // Writing to a String does not fail.
        let _ = write!(text, "; {part}");
    }
    text
}

/// An error and its causes in one line, without repetitions.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            let _ = write!(text, ": {cause_text}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_kms::error::ErrorMetadata;

    fn told(code: &str) -> String {
        let meta = ErrorMetadata::builder()
            .code(code)
            .message("Service\nsays so")
            .build();
        refusal(&meta, "kms:Sign", "key alias/ci")
    }

    #[test]
    fn a_refusal_names_the_remedy() {
        insta::assert_snapshot!(told("AccessDeniedException"), @"it answered AccessDeniedException; Service says so; allow kms:Sign on key alias/ci to this identity");
        insta::assert_snapshot!(told("NotFoundException"), @"it answered NotFoundException; Service says so; there is no key alias/ci in this account and region; check both");
        insta::assert_snapshot!(told("DisabledException"), @"it answered DisabledException; Service says so; key alias/ci is disabled or to be deleted; enable it");
        insta::assert_snapshot!(told("ExpiredTokenException"), @"it answered ExpiredTokenException; Service says so; the credentials are not or no longer valid; renew them");
        insta::assert_snapshot!(told("ThrottlingException"), @"it answered ThrottlingException; Service says so");
    }

    #[test]
    fn causes_are_told_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("dispatch failure")]
        struct Outer(#[source] Inner);
        #[derive(Debug, thiserror::Error)]
        #[error("connection refused")]
        struct Inner;
        assert_eq!(
            causes(&Outer(Inner)),
            "dispatch failure: connection refused"
        );
    }
}
