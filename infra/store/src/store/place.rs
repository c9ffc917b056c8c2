//! Where a database is: what its URL says.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use postern_core::image::shortened;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use crate::error::StoreError;

/// The database in a data directory.
const FILE_NAME: &str = "postern.db";

/// Where a database is.
#[derive(Debug)]
pub(crate) enum Place {
    /// A file of SQLite.
    File(PathBuf),
    /// A server of PostgreSQL.
    Server(Url),
}

impl Place {
    /// The place that a URL means.
    pub(super) fn of(url: &str) -> Result<Self, StoreError> {
        let nothing = || StoreError::Url(without_credentials(url));
        match url.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() && !path.starts_with(":memory:") => {
                // Both `sqlite:PATH` and `sqlite://PATH` are written.
                let path = path.strip_prefix("//").unwrap_or(path);
                Ok(Self::File(PathBuf::from(path)))
            }
            Some(("postgres" | "postgresql", _)) => server(url.parse().map_err(|_| nothing())?),
            _ => Err(nothing()),
        }
    }

    /// What `--data` and `store:` name: `DIR/postern.db`, or a server by its URL.
    pub(super) fn of_data(data: &Path) -> Result<Self, StoreError> {
        match data.to_str().filter(|word| word.starts_with("postgres")) {
            Some(url) if url.contains("://") => Self::of(url),
            _ => Ok(Self::File(data.join(FILE_NAME))),
        }
    }

    /// As [`Place::of`] takes it.
    pub(super) fn url(&self) -> String {
        match self {
            Self::File(path) => format!("sqlite:{}", path.display()),
            Self::Server(url) => url.to_string(),
        }
    }

    /// Whether it can be there already: a file is, and of a server nobody knows until it is asked.
    pub(super) fn may_exist(&self) -> bool {
        match self {
            Self::File(path) => path.exists(),
            Self::Server(_) => true,
        }
    }

    /// Where break-glass is spooled that the database does not take: on this machine's own disk.
    pub(super) fn spool(&self) -> PathBuf {
        match self {
            Self::File(path) => path.with_file_name("spool"),
            Self::Server(_) => std::env::temp_dir().join("postern-spool"),
        }
    }

    /// What evidence and errors call it; nothing of its credentials.
    pub(super) fn name(&self) -> Arc<str> {
        match self {
            Self::File(path) => {
                let directory = path.parent().filter(|parent| *parent != Path::new(""));
                let directory = directory.unwrap_or(Path::new("."));
                format!("store:{}", directory.display()).into()
            }
            Self::Server(url) => match options(url) {
                Ok(options) => {
                    let socket = options.get_socket().map(|path| path.display().to_string());
                    let host = socket.unwrap_or_else(|| options.get_host().to_owned());
                    format!(
                        "postgres:{host}/{}",
                        options.get_database().unwrap_or_default()
                    )
                    .into()
                }
                Err(_) => "postgres".into(),
            },
        }
    }
}

/// A server that is not on this machine must be spoken to by TLS: what a database of this kind knows
/// is not for the network to read, or to change.
fn server(url: Url) -> Result<Place, StoreError> {
    let options = options(&url).map_err(|error| StoreError::Server(error.to_string()))?;
    let local = options.get_socket().is_some() || is_loopback(options.get_host());
    match options.get_ssl_mode() {
        PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer if !local => {
            Err(StoreError::Plaintext(options.get_host().to_owned()))
        }
        _ => Ok(Place::Server(url)),
    }
}

fn options(url: &Url) -> Result<PgConnectOptions, sqlx::Error> {
    use sqlx::ConnectOptions as _;
    PgConnectOptions::from_url(url)
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<std::net::IpAddr>();
    host == "localhost" || host.starts_with('/') || address.is_ok_and(|ip| ip.is_loopback())
}

/// The URL of another database may hold a password.
fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, _)) => format!("{}://…", shortened(scheme)),
        None => shortened(url),
    }
}
