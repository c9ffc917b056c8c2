//! Runs one function as a process: an HTTP server, or a Lambda where the Lambda environment is there.

use std::io::Write as _;
use std::sync::Arc;

use axum::Router;
use postern_host::auth::{Authenticator, AuthenticatorError, Unguarded, guard};
use postern_host::config::{Access, Config};
use postern_host::environment::{Environment, Platform};
use postern_host::load::{self, ConfigErrors};
use postern_host::server::{Server, listen_address, termination};
use postern_host::telemetry::{self, Format, Readiness};

use crate::WiringError;

/// Why a function cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration has mistakes.
    #[error("{0}")]
    Config(ConfigErrors),
    /// An adapter cannot be made.
    #[error(transparent)]
    Wiring(#[from] WiringError),
    /// The keys of callers could never be fetched.
    #[error(transparent)]
    Authenticator(#[from] AuthenticatorError),
    /// Strangers could call.
    #[error(transparent)]
    Unguarded(#[from] Unguarded),
    /// What the function itself says of its configuration.
    #[error("{0}")]
    Function(String),
    /// The listener.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: String,
        /// Why.
        error: std::io::Error,
    },
    /// TLS.
    #[error("gate.tls: {0}")]
    Tls(String),
    /// The Lambda runtime ended.
    #[cfg(feature = "lambda")]
    #[error(transparent)]
    Lambda(#[from] postern_host::lambda::LambdaError),
}

/// What every function's `main` does first: logs, the crypto provider, the configuration that
/// `POSTERN_CONFIG` names, checked whole.
///
/// # Errors
/// With every mistake of the configuration at once.
pub fn start(environment: &dyn Environment) -> Result<Config, StartError> {
    let filter = environment
        .get("POSTERN_LOG")
        .unwrap_or_else(|| "info".to_owned());
    telemetry::init(Format::detect(environment), &filter);
    postern_host::crypto::install();
    let file = environment.get("POSTERN_CONFIG");
    load::load(file.as_deref().map(std::path::Path::new), environment).map_err(StartError::Config)
}

/// Serves a function's routes until the process is told to end, beside `/health`, `/ready` and
/// `/metrics`. `access` is the function's part of `auth`.
///
/// # Errors
/// If it cannot listen, or would answer strangers.
pub async fn run(
    function: &str,
    routes: Router,
    access: Option<&Access>,
    readiness: Readiness,
    config: &Config,
    environment: &dyn Environment,
) -> Result<(), StartError> {
    let authenticator = Arc::new(Authenticator::new(access)?);
    let router = postern_host::auth::authenticated(routes, Arc::clone(&authenticator))
        .merge(telemetry::router(readiness, authenticator));
    if Platform::detect(environment) == Platform::Lambda {
        return lambda(router, environment).await;
    }
    let server = bind(
        config,
        &listen_address(None, config.listen.as_deref(), environment),
    )
    .await?;
    let by_certificate = config
        .gate
        .tls
        .as_ref()
        .is_some_and(|tls| tls.client_ca.is_some());
    if !by_certificate {
        guard(server.address(), [(function, access)])?;
    }
    announce(&server);
    server.serve(router, termination()).await;
    Ok(())
}

/// Binds the listener that the configuration describes.
///
/// # Errors
/// If the address cannot be had, or the TLS files cannot be used.
pub async fn bind(config: &Config, address: &str) -> Result<Server, StartError> {
    let server = Server::bind(address).await;
    let server = server
        .map_err(|error| StartError::Listen {
            address: address.to_owned(),
            error,
        })?
        .max_concurrency(config.gate.max_concurrency);
    match &config.gate.tls {
        None => Ok(server),
        Some(tls) => {
            let acceptor = postern_host::server::tls::Acceptor::new(tls);
            Ok(server.tls(acceptor.map_err(|error| StartError::Tls(error.to_string()))?))
        }
    }
}

/// Says on stdout where it listens, for people and for scripts that wait for it.
pub fn announce(server: &Server) {
    let mut out = std::io::stdout().lock();
    // A closed stdout is no reason not to serve.
    let _ = writeln!(out, "listening on {}", server.url()).and_then(|()| out.flush());
}

#[cfg(feature = "lambda")]
async fn lambda(router: Router, environment: &dyn Environment) -> Result<(), StartError> {
    Ok(postern_host::lambda::run(router, environment).await?)
}

#[cfg(not(feature = "lambda"))]
async fn lambda(_router: Router, _environment: &dyn Environment) -> Result<(), StartError> {
    Err(StartError::Wiring(WiringError::not_built(
        "running as a Lambda",
        "lambda",
    )))
}
