//! Establishes who is calling.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use postern_core::decision::Caller;
use thiserror::Error;

use super::Identity;
use super::claims::{Claims, PlatformClaims, Rejection};
use super::keys::{KeyError, Keys};
use super::token::Token;
use crate::config::{Access, Issuer, Right};
use crate::problem::{Problem, quoted};
use crate::server::Peer;

/// The header that Cloud Run checks where both are given.
const SERVERLESS_AUTHORIZATION: HeaderName = HeaderName::from_static("x-serverless-authorization");

/// What time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Why callers cannot be recognised as configured.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuthenticatorError {
    /// The HTTP client for the issuers' keys cannot be made.
    #[error("no HTTP client for the keys of issuers: {0}")]
    Client(#[from] reqwest::Error),
}

/// Establishes who is calling one function, as its `auth` says.
pub struct Authenticator {
    mode: Mode,
    clock: Clock,
}

enum Mode {
    /// No authentication is configured: this machine only.
    Loopback,
    /// Tokens are verified here.
    Issuers(Vec<(Issuer, Arc<Keys>)>),
    /// The platform has verified tokens, and may have taken their signatures away. Without entries,
    /// whoever it lets in.
    Platform(Vec<Issuer>),
}

/// What a caller has whom the platform let in, where the configuration names no callers. No audience
/// is compared then, so no signature is made for them, and no right that is given to somebody by name
/// is among it.
const PLATFORM_RIGHTS: [Right; 4] = [Right::Decide, Right::Ingest, Right::View, Right::Respond];

/// Where the API server of a cluster asks, which has a certificate and no token. Everywhere else a
/// certificate is no identity.
const CLUSTER_PATHS: [&str; 2] = ["/v1/admission", "/v1/imagereview"];

impl Authenticator {
    /// Reads the `auth` of one function. Keys are fetched when the first token needs them.
    ///
    /// # Errors
    ///
    /// [`AuthenticatorError`], where keys could never be fetched.
    pub fn new(access: Option<&Access>) -> Result<Self, AuthenticatorError> {
        Self::with_clock(access, Arc::new(Timestamp::now))
    }

    /// As [`Authenticator::new`], by another clock.
    ///
    /// # Errors
    ///
    /// [`AuthenticatorError`], where keys could never be fetched.
    pub fn with_clock(access: Option<&Access>, clock: Clock) -> Result<Self, AuthenticatorError> {
        let mode = match access {
            None => Mode::Loopback,
            Some(Access::Platform(_)) => Mode::Platform(Vec::new()),
            Some(Access::PlatformCallers(callers)) => Mode::Platform(callers.platform.clone()),
            Some(Access::Issuers(issuers)) => Mode::Issuers(with_keys(issuers, &clock)?),
        };
        Ok(Self { mode, clock })
    }

    /// Who sent this request.
    ///
    /// # Errors
    ///
    /// 401 where the request does not prove who sent it, 403 where it may not come from there, 503
    /// where the issuer's keys cannot be had.
    pub async fn identify(&self, parts: &Parts) -> Result<Identity, Problem> {
        let outcome = self.outcome(parts).await;
        let label = match &outcome {
            Ok(_) => "accepted",
            Err(Refusal::NoToken) => "no_token",
            Err(Refusal::Unavailable { .. }) => "unavailable",
            Err(_) => "rejected",
        };
        metrics::counter!("postern_auth_total", "outcome" => label).increment(1);
        outcome.map_err(|refusal| {
            tracing::info!(reason = %refusal, "a caller was refused");
            refusal.into()
        })
    }

    async fn outcome(&self, parts: &Parts) -> Result<Identity, Refusal> {
        let peer = parts.extensions.get::<Peer>();
        if let Some(certificate) = peer.and_then(Peer::certificate)
            && CLUSTER_PATHS.contains(&parts.uri.path())
            && !parts.headers.contains_key(AUTHORIZATION)
        {
            return Ok(cluster(certificate));
        }
        match &self.mode {
            Mode::Loopback if peer.is_some_and(|peer| !peer.is_loopback()) => {
                Err(Refusal::LoopbackOnly)
            }
            Mode::Loopback => Ok(Identity::local()),
            Mode::Issuers(issuers) => {
                let token = bearer(&parts.headers, &AUTHORIZATION)?.ok_or(Refusal::NoToken)?;
                self.verified(issuers, Token::parse(token)?).await
            }
            Mode::Platform(callers) => self.vouched_for(callers, parts),
        }
    }

    /// A token whose signature is checked here.
    async fn verified(
        &self,
        issuers: &[(Issuer, Arc<Keys>)],
        token: Token<'_>,
    ) -> Result<Identity, Refusal> {
        let named = token.unverified_claims()?.issuer;
        let (_, keys) = issuers
            .iter()
            .find(|(issuer, _)| issuer.issuer == named)
            .ok_or_else(|| Rejection::Issuer(quoted(&named)))?;
        let key = keys
            .key(token.key_id())
            .await
            .map_err(|error| match error {
                KeyError::Unknown => Refusal::from(Rejection::KeyUnknown),
                KeyError::Unavailable => Refusal::Unavailable { issuer: named },
            })?;
        let claims = token.verify(&key)?;
        self.admit(issuers.iter().map(|(issuer, _)| issuer), &claims)
    }

    /// A token, or the claims of another proof, that the platform has verified.
    fn vouched_for(&self, callers: &[Issuer], parts: &Parts) -> Result<Identity, Refusal> {
        let claims = match parts.extensions.get::<PlatformClaims>() {
            Some(PlatformClaims(claims)) => claims.clone(),
            None if parts
                .extensions
                .get::<Peer>()
                .is_some_and(Peer::is_platform) =>
            {
                return Err(Refusal::NoToken);
            }
            None => {
                let headers = &parts.headers;
                let token = match bearer(headers, &SERVERLESS_AUTHORIZATION)? {
                    Some(token) => token,
                    None => bearer(headers, &AUTHORIZATION)?.ok_or(Refusal::NoToken)?,
                };
                Token::parse(token)?.claims_verified_by_platform()?
            }
        };
        if callers.is_empty() {
            claims.check_time((self.clock)())?;
            return Ok(Identity::with_rights(claims.caller()?, &PLATFORM_RIGHTS));
        }
        self.admit(callers.iter(), &claims)
    }

    /// The rights of every entry that the claims meet, together.
    fn admit<'a>(
        &self,
        entries: impl Iterator<Item = &'a Issuer>,
        claims: &Claims,
    ) -> Result<Identity, Refusal> {
        claims.check_time((self.clock)())?;
        let mut rejection = None;
        let mut rights = Vec::new();
        for entry in entries {
            match claims.meet(entry) {
                Ok(()) => rights.extend(&entry.may),
                // An entry that the claims came further with says more about what is wrong.
                Err(other) => rejection = rejection.max(Some(other)),
            }
        }
        match (rights.is_empty(), rejection) {
            (true, Some(rejection)) => Err(rejection.into()),
            _ => Ok(Identity::with_rights(claims.caller()?, &rights)),
        }
    }
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.mode {
            Mode::Loopback => "Authenticator(loopback only)",
            Mode::Issuers(_) => "Authenticator(issuers)",
            Mode::Platform(_) => "Authenticator(platform)",
        })
    }
}

/// Puts the [`Identity`] of the caller into every request to these routes, or refuses it.
pub fn authenticated(router: Router, authenticator: Arc<Authenticator>) -> Router {
    router.route_layer(from_fn_with_state(authenticator, identify))
}

async fn identify(
    State(authenticator): State<Arc<Authenticator>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    match authenticator.identify(&parts).await {
        Ok(identity) => {
            parts.extensions.insert(identity);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// A function that would answer strangers.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "`auth.{function}` is not configured, so {function} may only listen on loopback, and {address} \
     is not: add `auth.{function}`, or listen on 127.0.0.1"
)]
pub struct Unguarded {
    function: String,
    address: SocketAddr,
}

/// Refuses to expose functions without authentication anywhere but on loopback.
///
/// # Errors
///
/// [`Unguarded`], naming the first function whose callers would be strangers.
pub fn guard<'a>(
    address: SocketAddr,
    functions: impl IntoIterator<Item = (&'a str, Option<&'a Access>)>,
) -> Result<(), Unguarded> {
    if address.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    match functions.into_iter().find(|(_, access)| access.is_none()) {
        None => Ok(()),
        Some((function, _)) => Err(Unguarded {
            function: function.to_owned(),
            address,
        }),
    }
}

/// Entries for one set of keys share its cache.
fn with_keys(
    issuers: &[Issuer],
    clock: &Clock,
) -> Result<Vec<(Issuer, Arc<Keys>)>, reqwest::Error> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(2))
        .timeout(Duration::from_secs(5))
        .build()?;
    let mut shared: BTreeMap<(String, Option<String>), Arc<Keys>> = BTreeMap::new();
    let with_keys = issuers.iter().map(|issuer| {
        let place = (issuer.issuer.clone(), issuer.jwks_uri.clone());
        let keys = shared.entry(place).or_insert_with_key(|(name, uri)| {
            Arc::new(Keys::new(
                name.clone(),
                uri.clone(),
                client.clone(),
                clock.clone(),
            ))
        });
        (issuer.clone(), keys.clone())
    });
    Ok(with_keys.collect())
}

/// A client whose certificate the configured CA signed: the API server of a cluster, which sends no
/// tokens. Who may write its break-glass label is that cluster's own RBAC, so it may relay one.
fn cluster(certificate: [u8; 32]) -> Identity {
    let digest: String = certificate
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let caller = Caller {
        issuer: "tls-client-ca".to_owned(),
        subject: format!("sha256:{digest}"),
        email: None,
    };
    Identity::with_rights(caller, &[Right::Decide, Right::BreakGlass])
}

/// The token of a header (RFC 6750 §2.1); of two headers neither is believed.
fn bearer<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter().map(HeaderValue::to_str);
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(Ok(value)), None) => value,
        _ => return Err(Rejection::Malformed("there must be one header with one token").into()),
    };
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(Rejection::Malformed("it is not of the scheme `Bearer`").into()),
    }
}

/// Why a request was refused.
#[derive(Debug, Error)]
enum Refusal {
    #[error("the request has no bearer token")]
    NoToken,
    #[error(transparent)]
    Rejected(#[from] Rejection),
    #[error("the keys of {issuer} cannot be had at the moment")]
    Unavailable { issuer: String },
    #[error("no authentication is configured, so only this machine is answered")]
    LoopbackOnly,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::NoToken => Self::new(StatusCode::UNAUTHORIZED, "TOKEN_MISSING", detail)
                .challenge(None)
                .remedy("send `Authorization: Bearer TOKEN` with an ID token"),
            Refusal::Rejected(rejection) => {
                Self::new(StatusCode::UNAUTHORIZED, rejection.code(), detail)
                    .challenge(Some("invalid_token"))
            }
            Refusal::Unavailable { .. } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "ISSUER_UNAVAILABLE",
                detail,
            )
            .retry_after(5),
            Refusal::LoopbackOnly => Self::new(StatusCode::FORBIDDEN, "LOOPBACK_ONLY", detail)
                .remedy("configure `auth` for this function"),
        }
    }
}
