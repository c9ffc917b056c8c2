//! How registries are reached.

use std::collections::BTreeSet;
use std::net::IpAddr;

use http::uri::Authority;

use super::{Findings, secret};
use crate::config::{Credential, Registry};
use crate::environment::Environment;
use crate::load::path::at;

pub(super) fn check(
    registries: &[Registry],
    environment: &dyn Environment,
    findings: &mut Findings,
) {
    let mut hosts = BTreeSet::new();
    for (index, registry) in registries.iter().enumerate() {
        let here = at("registries").index(index);
        if !is_host(&registry.host) {
            let message = "this should be a host as in image names, such as `us-docker.pkg.dev` or \
                           `localhost:5000`";
            findings.push((here.key("host"), message.to_owned()));
        }
        if !hosts.insert(registry.host.to_ascii_lowercase()) {
            findings.push((here.key("host"), "this host stands here twice".to_owned()));
        }
        if registry.plain_http && !registry.allow_private && !is_loopback(&registry.host) {
            let message = "HTTP without TLS is for loopback, or with `allowPrivate` for a network \
                           that you trust";
            findings.push((here.key("plainHttp"), message.to_owned()));
        }
        for (realm, host) in registry.realms.iter().enumerate() {
            if !is_host(host) {
                let message = "this should be a host, such as `auth.docker.io`".to_owned();
                findings.push((here.key("realms").index(realm), message));
            }
        }
        let credential = here.key("credential");
        match &registry.credential {
            Credential::Basic { password, .. } => {
                secret(password, credential.key("password"), environment, findings);
            }
            Credential::Bearer { token } => {
                secret(token, credential.key("token"), environment, findings);
            }
            Credential::Google | Credential::Ecr if registry.plain_http => {
                let message = "a token of the cloud would go out in the clear: leave `plainHttp` \
                               out, or take another credential";
                findings.push((here.key("plainHttp"), message.to_owned()));
            }
            _ => {}
        }
    }
}

fn is_host(host: &str) -> bool {
    host.parse::<Authority>().is_ok_and(|authority| {
        !authority.host().is_empty() && !host.contains('@') && !host.ends_with(':')
    })
}

fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
