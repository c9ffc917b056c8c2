//! Where an API is, and whether our identity is shown to it.

use std::net::IpAddr;

use reqwest::Url;

/// The base address of an API: Google's own, a private endpoint's, or an emulator's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
    anonymous: bool,
}

/// Why an address is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no endpoint: write https://HOST, or http://127.0.0.1:PORT for an emulator on this machine"
)]
pub struct EndpointError(String);

impl Endpoint {
    /// Reads `https://HOST[:PORT]`, which is shown an access token, or `http://LOOPBACK[:PORT]`, which
    /// is an emulator and shown none.
    ///
    /// # Errors
    /// If it is neither: an access token never goes over plain HTTP.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let error = || EndpointError(postern_core::image::shortened(text));
        let url: Url = text.parse().map_err(|_| error())?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let nobody = url.username().is_empty() && url.password().is_none();
        let host = url.host_str().ok_or_else(error)?;
        let anonymous = match url.scheme() {
            "https" => false,
            "http" if is_loopback(host) => true,
            _ => return Err(error()),
        };
        if bare && nobody {
            Ok(Self { url, anonymous })
        } else {
            Err(error())
        }
    }

    /// Whether no credential is shown: it is an emulator.
    pub fn is_anonymous(&self) -> bool {
        self.anonymous
    }

    /// The address of a path below it, which is made of checked names.
    pub(crate) fn at(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(path);
        url
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

fn is_loopback(host: &str) -> bool {
    let literal: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    host == "localhost" || literal.is_some_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_asked_without_tls_and_then_without_a_token() {
        let anonymous = |text: &str| Endpoint::parse(text).map(|endpoint| endpoint.is_anonymous());
        assert_eq!(anonymous("https://logging.googleapis.com"), Ok(false));
        assert_eq!(anonymous("https://127.0.0.1:8443/"), Ok(false));
        assert_eq!(anonymous("http://127.0.0.1:8085"), Ok(true));
        assert_eq!(anonymous("http://[::1]:8085"), Ok(true));
        assert_eq!(anonymous("http://localhost:8085"), Ok(true));
        for text in [
            "http://logging.googleapis.com",
            "http://localhost.example.com",
            "http://192.0.2.7",
            "https://user:word@example.com",
            "https://example.com/v2",
            "ftp://127.0.0.1",
            "logging.googleapis.com",
        ] {
            assert!(anonymous(text).is_err(), "{text}");
        }
    }
}
