//! The HTTP server around a router: its limits, its log, and how it ends.
//!
//! Every request gets an id, a line in the access log, a place among a bounded number of requests,
//! and an answer even where its handler panics. A listener on loopback answers to loopback names
//! only, so that a web page cannot reach it through the visitor's browser.

mod access;
mod first_bytes;
mod limits;
mod loopback;
mod peer;
#[cfg(feature = "tls")]
pub mod tls;
mod verb;
mod virtual_host;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt as _;

use crate::environment::Environment;
use first_bytes::FirstBytes;

pub use access::RequestId;
pub use peer::Peer;
pub use verb::verb;
pub use virtual_host::{RequestedHost, VirtualHost};

/// The longest body a handler reads unless its route says otherwise (`DefaultBodyLimit`), in bytes.
pub const BODY_LIMIT: usize = 1024 * 1024;
/// How long a client may take to shake hands for TLS, to say which HTTP it speaks, and to send the
/// head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections open at the same time; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 1024;

/// A bound listener, ready to serve.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    max_concurrency: usize,
    drain: Duration,
    virtual_host: Option<VirtualHost>,
    #[cfg(feature = "tls")]
    tls: Option<tls::Acceptor>,
}

impl Server {
    /// Binds an address; port 0 lets the system pick one, which [`Server::address`] tells.
    ///
    /// # Errors
    ///
    /// The system's, where the address cannot be had.
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        Self::on(TcpListener::bind(address).await?)
    }

    /// Serves on a listener that is bound already.
    ///
    /// # Errors
    ///
    /// The system's, where the listener does not know its address.
    pub fn on(listener: TcpListener) -> io::Result<Self> {
        Ok(Self {
            address: listener.local_addr()?,
            listener,
            max_concurrency: 64,
            drain: Duration::from_secs(8),
            virtual_host: None,
            #[cfg(feature = "tls")]
            tls: None,
        })
    }

    /// Requests handled at the same time; more are answered 503 with `Retry-After`. Default 64.
    #[must_use]
    pub fn max_concurrency(mut self, requests: usize) -> Self {
        self.max_concurrency = requests;
        self
    }

    /// How long requests in flight may go on after the shutdown began. Default 8 s, which is within
    /// the 10 s that Cloud Run leaves after SIGTERM.
    #[must_use]
    pub fn drain(mut self, limit: Duration) -> Self {
        self.drain = limit;
        self
    }

    /// Serves requests for other hosts than this listener's by routes of their own.
    #[must_use]
    pub fn beside(mut self, other: VirtualHost) -> Self {
        self.virtual_host = Some(other);
        self
    }

    /// Speaks TLS on this listener.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, acceptor: tls::Acceptor) -> Self {
        self.tls = Some(acceptor);
        self
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://ADDR`, or `https://ADDR` with TLS: what `listening on` is followed by.
    pub fn url(&self) -> String {
        #[cfg(feature = "tls")]
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        #[cfg(not(feature = "tls"))]
        let scheme = "http";
        format!("{scheme}://{}", self.address)
    }

    /// Answers requests until `shutdown` completes, then lets those in flight finish, for as long
    /// as [`Server::drain`] allows.
    pub async fn serve(self, router: Router, shutdown: impl Future<Output = ()>) {
        let router = self.wrap(router);
        let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let graceful = GracefulShutdown::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                accepted = self.accept(&connections) => accepted,
            };
            let Some((stream, remote, permit)) = accepted else {
                continue;
            };
            tokio::spawn(self.connection(
                stream,
                remote,
                router.clone(),
                graceful.watcher(),
                permit,
            ));
        }
        drop(self.listener);
        tracing::info!("shutting down: no new connections, waiting for requests in flight");
        if tokio::time::timeout(self.drain, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("requests were still in flight when the time to drain was over");
        }
    }

    /// The router with everything around it that a listener needs; the last layer is outermost.
    fn wrap(&self, router: Router) -> Router {
        let router = problems(router);
        let router = match self.address.ip().to_canonical().is_loopback() {
            true => loopback::guarded(router, self.address.port()),
            false => router,
        };
        // Whoever comes to one of these hosts must show a token there, which no web page has.
        let router = match &self.virtual_host {
            Some(other) => virtual_host::beside(router, other.clone()),
            None => router,
        };
        let router = limits::bounded(router, self.max_concurrency);
        access::logged(limits::panics_caught(router))
    }

    async fn accept(
        &self,
        connections: &Arc<Semaphore>,
    ) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let permit = connections.clone().acquire_owned().await.ok()?;
        match self.listener.accept().await {
            Ok((stream, remote)) => {
                // Answers are small and written at once: waiting for more only delays them.
                let _ = stream.set_nodelay(true);
                Some((stream, remote, permit))
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                // Out of descriptors: let some connections end before trying again.
                tokio::time::sleep(Duration::from_millis(100)).await;
                None
            }
        }
    }

    fn connection(
        &self,
        stream: TcpStream,
        remote: SocketAddr,
        router: Router,
        watcher: Watcher,
        permit: OwnedSemaphorePermit,
    ) -> impl Future<Output = ()> + Send + use<> {
        #[cfg(feature = "tls")]
        let tls = self.tls.clone();
        async move {
            let _permit = permit;
            #[cfg(feature = "tls")]
            if let Some(tls) = tls {
                match tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
                    Ok(Ok((stream, certificate))) => {
                        let peer = Peer::tls(remote, certificate);
                        return speak_http(stream, peer, router, watcher).await;
                    }
                    Ok(Err(error)) => tracing::debug!(%error, %remote, "TLS handshake failed"),
                    Err(_) => tracing::debug!(%remote, "TLS handshake took too long"),
                }
                return;
            }
            speak_http(stream, Peer::tcp(remote), router, watcher).await;
        }
    }
}

/// Where to listen: what the command line says, else the `PORT` that the platform demands on every
/// address (Cloud Run container contract), else what the configuration says, else loopback.
pub fn listen_address(
    argument: Option<&str>,
    configured: Option<&str>,
    environment: &dyn Environment,
) -> String {
    let port = environment
        .get("PORT")
        .and_then(|port| port.parse::<u16>().ok());
    match (argument, port, configured) {
        (Some(address), ..) | (None, None, Some(address)) => address.to_owned(),
        (None, Some(port), _) => format!("0.0.0.0:{port}"),
        (None, None, None) => "127.0.0.1:8080".to_owned(),
    }
}

/// Serves with the default limits on a listener that is bound already.
///
/// # Errors
///
/// The system's, where the listener does not know its address.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    Server::on(listener)?.serve(router, shutdown).await;
    Ok(())
}

/// The router with what it needs where no listener of ours is in front.
#[cfg(feature = "lambda")]
pub(crate) fn wrap(router: Router) -> Router {
    access::logged(limits::panics_caught(problems(router)))
}

/// Bounds bodies, and answers what axum itself refuses in our words.
fn problems(router: Router) -> Router {
    let router = router
        .fallback(limits::no_such_path)
        .method_not_allowed_fallback(limits::no_such_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    limits::refusals_as_problems(router)
}

/// Completes at the first SIGTERM or SIGINT.
pub async fn termination() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}

/// Serves one connection to its end, HTTP/1.1 or HTTP/2.
async fn speak_http(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    router: Router,
    watcher: Watcher,
) {
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        let router = router.clone();
        async move {
            let answer: Result<_, Infallible> = router.oneshot(request.map(Body::new)).await;
            answer
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(256)
        .keep_alive_interval(Duration::from_secs(30));
    let stream = FirstBytes::within(HEAD_TIMEOUT, stream);
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(error, "a connection ended badly");
    }
}

#[cfg(test)]
mod tests;
