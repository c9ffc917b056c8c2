//! Where mail is handed in, as it is written.

use std::net::IpAddr;

use postern_host::problem::quoted;
use reqwest::Url;

use super::EmailError;

/// A mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
}

/// How the way there is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    /// TLS from the start.
    Tls,
    /// STARTTLS, or nothing is sent.
    StartTls,
    /// There is no way: it is on this machine.
    Loopback,
}

impl Server {
    /// `smtps://HOST[:PORT]` or `smtp://HOST[:PORT]`.
    pub(super) fn parse(text: &str) -> Result<Self, EmailError> {
        let read = || {
            let url: Url = text.parse().ok()?;
            let (port, security) = match url.scheme() {
                "smtps" => (465, Security::Tls),
                "smtp" => (587, Security::StartTls),
                _ => return None,
            };
            let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
            let known = |b: u8| b.is_ascii_alphanumeric() || b"-.:".contains(&b);
            let bare = url.username().is_empty() && url.password().is_none();
            let whole = matches!(url.path(), "" | "/") && url.query().is_none();
            let security = match security {
                Security::StartTls if is_loopback(&host) => Security::Loopback,
                other => other,
            };
            (bare && whole && !host.is_empty() && host.bytes().all(known)).then(|| Self {
                port: url.port().unwrap_or(port),
                host,
                security,
            })
        };
        read().ok_or_else(|| EmailError::Server(quoted(text)))
    }
}

fn is_loopback(host: &str) -> bool {
    let literal: Option<IpAddr> = host.parse().ok();
    host == "localhost" || literal.is_some_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("smtps://mail.example.com", "mail.example.com", 465, Security::Tls)]
    #[case("smtps://127.0.0.1:1465/", "127.0.0.1", 1465, Security::Tls)]
    #[case("smtp://mail.example.com", "mail.example.com", 587, Security::StartTls)]
    #[case(
        "smtp://mail.example.com:25",
        "mail.example.com",
        25,
        Security::StartTls
    )]
    #[case(
        "smtp://localhost.example.com",
        "localhost.example.com",
        587,
        Security::StartTls
    )]
    #[case("smtp://localhost:25", "localhost", 25, Security::Loopback)]
    #[case("smtp://[::1]:25", "::1", 25, Security::Loopback)]
    fn a_server_is_written(
        #[case] text: &str,
        #[case] host: &str,
        #[case] port: u16,
        #[case] security: Security,
    ) {
        let host = host.to_owned();
        assert_eq!(
            Server::parse(text).unwrap(),
            Server {
                host,
                port,
                security
            }
        );
    }

    #[test]
    fn all_else_is_refused() {
        for text in [
            "mail.example.com",
            "https://mail.example.com",
            "smtp://",
            "smtp://me:word@mail.example.com",
            "smtp://mail.example.com/inbox",
            "smtp://mail.example.com?tls=no",
            "smtp://mail%0d%0a.example.com",
        ] {
            assert!(Server::parse(text).is_err(), "{text}");
        }
    }
}
