//! The caller of one request, as handlers see it.

use std::collections::BTreeSet;

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use postern_core::decision::Caller;

use crate::config::Right;
use crate::problem::Problem;

/// Who is calling and what they may do. Handlers take it as an argument; a request that passed no
/// [`authenticated`](super::authenticated) layer has none, and is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The verified caller; absent where no authentication is configured.
    pub caller: Option<Caller>,
    rights: BTreeSet<Right>,
}

impl Identity {
    /// Whoever reaches a listener on loopback where no authentication is configured: every right,
    /// and no caller.
    pub fn local() -> Self {
        Self {
            caller: None,
            rights: Right::ALL.into(),
        }
    }

    /// A verified caller with these rights.
    pub fn with_rights(caller: Caller, rights: &[Right]) -> Self {
        Self {
            caller: Some(caller),
            rights: rights.iter().copied().collect(),
        }
    }

    /// Whether this caller has the right.
    pub fn may(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }

    /// Refuses callers without the right.
    ///
    /// # Errors
    ///
    /// 403 `RIGHT_MISSING`, naming the right.
    pub fn require(&self, right: Right) -> Result<(), Problem> {
        if self.may(right) {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "RIGHT_MISSING",
            format!("this caller does not have the right `{right}`"),
        )
        .remedy(format!(
            "add `{right}` to the `may` of this caller's issuer in the configuration"
        )))
    }
}

impl<S: Sync> FromRequestParts<S> for Identity {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // A route that was wired without the layer is our mistake: it stays closed.
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "AUTHENTICATION_NOT_WIRED",
                "nothing established who is calling",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller() -> Caller {
        Caller {
            issuer: "https://issuer.example".into(),
            subject: "1".into(),
            email: None,
        }
    }

    #[test]
    fn a_right_that_was_not_given_is_refused_by_name() {
        let identity = Identity::with_rights(caller(), &[Right::Decide]);
        assert_eq!(identity.require(Right::Decide), Ok(()));
        let problem = identity.require(Right::BreakGlass).unwrap_err();
        assert_eq!(problem.status(), StatusCode::FORBIDDEN);
        assert_eq!(
            problem.detail(),
            "this caller does not have the right `breakGlass`"
        );
    }

    #[test]
    fn loopback_without_authentication_has_every_right() {
        assert!(Right::ALL.iter().all(|right| Identity::local().may(*right)));
    }

    #[tokio::test]
    async fn a_request_that_nothing_identified_is_refused() {
        let (mut parts, ()) = http::Request::new(()).into_parts();
        let problem = Identity::from_request_parts(&mut parts, &())
            .await
            .unwrap_err();
        assert_eq!(problem.code(), "AUTHENTICATION_NOT_WIRED");
    }
}
