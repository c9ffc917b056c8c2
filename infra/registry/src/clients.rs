//! HTTP clients, made when they are first needed: reading every root certificate of the platform is
//! most of what a cold check costs, and a registry without TLS needs none.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::{Client, redirect};
use url::Url;

use crate::guard::{PublicResolver, Reach};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// One client for each reach, with and without TLS.
pub(crate) struct Clients {
    timeout: Duration,
    slots: [OnceLock<Client>; 4],
}

impl Clients {
    pub(crate) const fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            slots: [const { OnceLock::new() }; 4],
        }
    }

    /// The time that a request and its answer may take.
    pub(crate) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The client for a URL.
    ///
    /// # Errors
    /// If it cannot be set up, for example for want of root certificates.
    pub(crate) fn of(&self, url: &Url, reach: Reach) -> Result<&Client, reqwest::Error> {
        let tls = url.scheme() != "http";
        let slot = match (reach, tls) {
            (Reach::Public, true) => &self.slots[0],
            (Reach::Public, false) => &self.slots[1],
            (Reach::Anywhere, true) => &self.slots[2],
            (Reach::Anywhere, false) => &self.slots[3],
        };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let made = self.make(reach, tls)?;
        Ok(slot.get_or_init(|| made))
    }

    /// A client that follows no redirect, uses no proxy and decompresses nothing: a proxy would look
    /// names up out of the guard's sight.
    fn make(&self, reach: Reach, tls: bool) -> Result<Client, reqwest::Error> {
        let builder = Client::builder()
            .user_agent(concat!("postern/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(self.timeout);
        let builder = match reach {
            Reach::Public => builder.dns_resolver(PublicResolver),
            Reach::Anywhere => builder,
        };
        // Without TLS no root is trusted, so that an https URL could not pass by mistake.
        let builder = if tls {
            builder
        } else {
            builder.tls_certs_only([])
        };
        builder.build()
    }
}
