//! Runs one function as a process: an HTTP server, or a Lambda where the Lambda environment is there.

use std::io::Write as _;
use std::sync::Arc;

use axum::Router;
use postern_host::auth::{Authenticator, AuthenticatorError, Unguarded, guard};
use postern_host::config::{Access, Config};
use postern_host::environment::{Environment, Platform};
use postern_host::load::{self, ConfigErrors};
use postern_host::queue::Consume;
use postern_host::secret::Managed;
use postern_host::server::{Server, VirtualHost, listen_address, termination};
use postern_host::telemetry::{self, Format, Readiness};

use crate::{SecretsError, WiringError, with_secrets};

/// Why a function cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration has mistakes.
    #[error("{0}")]
    Config(ConfigErrors),
    /// Secrets that it refers to cannot be fetched.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
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
/// `POSTERN_CONFIG` names, checked whole. From there on the environment answers for the secrets that
/// it refers to, too.
///
/// # Errors
/// With every mistake of the configuration at once, or if its secrets cannot be fetched.
pub async fn start<E: Environment>(environment: E) -> Result<(Config, Managed<E>), StartError> {
    let filter = environment
        .get("POSTERN_LOG")
        .unwrap_or_else(|| "info".to_owned());
    telemetry::init(Format::detect(&environment), &filter);
    postern_host::crypto::install();
    let file = environment.get("POSTERN_CONFIG");
    let file = file.as_deref().map(std::path::Path::new);
    let environment = with_secrets(file, environment).await?;
    let config = load::load(file, &environment).map_err(StartError::Config)?;
    Ok((config, environment))
}

/// A part of a function's paths with an `auth` of its own.
pub struct Part<'a> {
    /// What `auth` calls it.
    pub name: &'static str,
    /// Its paths.
    pub routes: Router,
    /// Who may call them.
    pub access: Option<&'a Access>,
    /// What is laid around paths and authentication; [`std::convert::identity`] where nothing is.
    pub around: fn(Router) -> Router,
}

/// Ways into a function that show no token.
#[derive(Default)]
pub struct Doors {
    /// Paths whose requests are authenticated by what is in them.
    pub signed: Router,
    /// What the messages of a queue are for, where the platform reads one for us (AWS Lambda).
    pub queue: Option<Consume>,
    /// What requests for other hosts are answered by.
    pub beside: Option<VirtualHost>,
}

/// Serves a function until the process is told to end, beside `/health`, `/ready` and `/metrics`.
///
/// # Errors
/// If it cannot listen, or would answer strangers.
pub async fn run(
    parts: Vec<Part<'_>>,
    doors: Doors,
    readiness: Readiness,
    config: &Config,
    environment: &dyn Environment,
) -> Result<(), StartError> {
    let accesses: Vec<_> = parts.iter().map(|part| (part.name, part.access)).collect();
    let viewers = Arc::new(Authenticator::new(
        parts.first().and_then(|part| part.access),
    )?);
    let mut router = telemetry::router(readiness, viewers).merge(doors.signed);
    for part in parts {
        let authenticator = Arc::new(Authenticator::new(part.access)?);
        let routes = postern_host::auth::authenticated(part.routes, authenticator);
        router = router.merge((part.around)(routes));
    }
    if Platform::detect(environment) == Platform::Lambda {
        return lambda(router, doors.queue, environment).await;
    }
    let address = listen_address(None, config.listen.as_deref(), environment);
    let server = bind(config, &address).await?;
    let by_certificate = config
        .gate
        .tls
        .as_ref()
        .is_some_and(|tls| tls.client_ca.is_some());
    if !by_certificate {
        guard(server.address(), accesses)?;
    }
    let server = match doors.beside {
        Some(other) => server.beside(other),
        None => server,
    };
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
async fn lambda(
    router: Router,
    queue: Option<Consume>,
    environment: &dyn Environment,
) -> Result<(), StartError> {
    Ok(postern_host::lambda::run(router, queue, environment).await?)
}

#[cfg(not(feature = "lambda"))]
async fn lambda(
    _router: Router,
    _queue: Option<Consume>,
    _environment: &dyn Environment,
) -> Result<(), StartError> {
    Err(StartError::Wiring(WiringError::not_built(
        "running as a Lambda",
        "lambda",
    )))
}
