//! The other end of the connection that a request came by.

use std::net::{IpAddr, SocketAddr};

/// The other end of the connection; in the extensions of every request that the host serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    address: Option<SocketAddr>,
    certificate: Option<[u8; 32]>,
}

impl Peer {
    /// A client over plain TCP.
    pub fn tcp(address: SocketAddr) -> Self {
        Self {
            address: Some(address),
            certificate: None,
        }
    }

    /// A client over TLS, with the SHA-256 of the certificate that it was verified by, if it was.
    pub fn tls(address: SocketAddr, certificate: Option<[u8; 32]>) -> Self {
        Self {
            address: Some(address),
            certificate,
        }
    }

    /// The platform itself, which hands over events rather than connections.
    pub fn platform() -> Self {
        Self {
            address: None,
            certificate: None,
        }
    }

    /// Where it is; absent for [`Peer::platform`].
    pub fn ip(&self) -> Option<IpAddr> {
        self.address.map(|address| address.ip().to_canonical())
    }

    /// Whether it is on this machine.
    pub fn is_loopback(&self) -> bool {
        self.ip().is_some_and(|ip| ip.is_loopback())
    }

    /// Whether it is the platform, which hands over events: their headers are the caller's own, and
    /// nobody has verified them.
    pub fn is_platform(&self) -> bool {
        self.address.is_none()
    }

    /// SHA-256 of the DER of the client's certificate, which the configured CA has signed.
    pub fn certificate(&self) -> Option<[u8; 32]> {
        self.certificate
    }
}
