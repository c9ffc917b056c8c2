//! One registry host: where its API is, which addresses it may have, who may see its credential.

use postern_core::image::shortened;
use postern_core::ports::Unavailable;
use url::Url;

use crate::guard::Reach;
use crate::options::{Credential, HostOptions, RegistryError};

/// Docker Hub's name in image references, and where its API is (docs.docker.com, "Registry API").
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_API: &str = "registry-1.docker.io";
const DOCKER_HUB_REALM: &str = "auth.docker.io";

/// One registry host.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// As in image names.
    pub(crate) host: String,
    /// `https://HOST/`.
    pub(crate) base: Url,
    /// Which addresses it may have.
    pub(crate) reach: Reach,
    /// Its credential.
    pub(crate) credential: Credential,
    /// Whether it is configured, rather than just named by an image.
    pub(crate) listed: bool,
    plain_http: bool,
    realms: Vec<String>,
}

impl Endpoint {
    /// The endpoint of a host that is not configured.
    pub(crate) fn unlisted(host: &str) -> Result<Self, RegistryError> {
        Ok(Self {
            listed: false,
            ..Self::new(HostOptions::new(host))?
        })
    }

    /// The endpoint that the options describe.
    pub(crate) fn new(options: HostOptions) -> Result<Self, RegistryError> {
        let host = authority(&options.host)?;
        let mut realms = options
            .realms
            .iter()
            .map(|realm| authority(realm))
            .collect::<Result<Vec<_>, _>>()?;
        let api = if host == DOCKER_HUB {
            realms.push(DOCKER_HUB_REALM.to_owned());
            DOCKER_HUB_API
        } else {
            &host
        };
        let scheme = if options.plain_http { "http" } else { "https" };
        let base = Url::parse(&format!("{scheme}://{api}/"))
            .map_err(|_| RegistryError::Host(shortened(&options.host)))?;
        Ok(Self {
            base,
            reach: if options.allow_private {
                Reach::Anywhere
            } else {
                Reach::Public
            },
            credential: options.credential,
            listed: true,
            plain_http: options.plain_http,
            realms,
            host,
        })
    }

    /// The URL of a path under `/v2/`, such as `NAME/manifests/TAG`. The parts come from an
    /// `ImageReference` or are digests, so none of them can leave the path.
    pub(crate) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("/v2/{path}"));
        url
    }

    /// Whether a URL belongs to this registry itself.
    pub(crate) fn owns(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// Whether this realm may see the credential: it is the registry itself, or listed, and as
    /// well protected on the way.
    pub(crate) fn trusts_realm(&self, realm: &Url) -> bool {
        let listed = url_authority(realm).is_some_and(|host| self.realms.contains(&host));
        let protected = realm.scheme() == "https" || (realm.scheme() == "http" && self.plain_http);
        self.owns(realm) || (listed && protected)
    }

    /// Whether HTTP without TLS is configured.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain_http
    }

    /// Something about this registry failed.
    pub(crate) fn unavailable(&self, message: impl ToString) -> Unavailable {
        Unavailable::new(self.source_name(), message)
    }

    /// What errors call it.
    pub(crate) fn source_name(&self) -> String {
        format!("registry {}", self.host)
    }
}

/// `HOST[:PORT]` as image names and URLs have it: lower case, without the default port of HTTPS.
pub(crate) fn authority(text: &str) -> Result<String, RegistryError> {
    let bad = || RegistryError::Host(shortened(text));
    let url = Url::parse(&format!("https://{text}/")).map_err(|_| bad())?;
    let only_host = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if only_host {
        url_authority(&url).ok_or_else(bad)
    } else {
        Err(bad())
    }
}

/// Host and, where it is not the default of HTTPS, port of a URL.
pub(crate) fn url_authority(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(match url.port_or_known_default() {
        None | Some(443) => host.to_owned(),
        Some(port) => format!("{host}:{port}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn endpoint(options: HostOptions) -> Endpoint {
        Endpoint::new(options).unwrap()
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[rstest]
    #[case("Registry.Example:443", "registry.example")]
    #[case("localhost:5000", "localhost:5000")]
    #[case("[::1]:5000", "[::1]:5000")]
    fn hosts_are_canonical(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(authority(text).unwrap(), expected);
    }

    #[rstest]
    #[case("https://registry.example")]
    #[case("registry.example/path")]
    #[case("user@registry.example")]
    #[case("registry.example?x")]
    #[case("")]
    fn what_is_no_host_is_refused(#[case] text: &str) {
        assert!(authority(text).is_err(), "{text}");
    }

    #[test]
    fn docker_hub_has_its_api_and_realm_elsewhere() {
        let hub = endpoint(HostOptions::new("docker.io"));
        assert_eq!(
            hub.url("library/nginx/manifests/latest").as_str(),
            "https://registry-1.docker.io/v2/library/nginx/manifests/latest"
        );
        assert!(hub.trusts_realm(&url("https://auth.docker.io/token")));
    }

    #[rstest]
    #[case("https://registry.example/token", true)]
    #[case("https://auth.example/token", true)]
    #[case("https://auth.example:8443/token", false)]
    #[case("http://auth.example/token", false)]
    #[case("http://registry.example/token", false)]
    #[case("https://registry.example.evil.example/token", false)]
    #[case("https://registry.example@evil.example/token", false)]
    fn only_listed_realms_are_trusted(#[case] realm: &str, #[case] trusted: bool) {
        let endpoint = endpoint(HostOptions {
            realms: vec!["auth.example".to_owned()],
            ..HostOptions::new("registry.example")
        });
        assert_eq!(endpoint.trusts_realm(&url(realm)), trusted);
    }
}
