//! The forwarding gate.

use super::Findings;
use crate::config::{Access, Config, DeployAs};
use crate::load::path::at;

pub(super) fn check(config: &Config, findings: &mut Findings) {
    let forward = &config.forward;
    let here = at("forward");
    for (index, host) in forward.hosts.iter().enumerate() {
        if !is_host(host) {
            let message = "this should be `HOST`, or `*-HOST` for the hosts of all regions, without scheme \
                           and port";
            findings.push((here.key("hosts").index(index), message.to_owned()));
        }
    }
    for (index, region) in forward.regions.iter().enumerate() {
        if !is_label(region) {
            let message = "this should be a region, such as `us-central1`";
            findings.push((here.key("regions").index(index), message.to_owned()));
        }
    }
    match (forward.deploy_as, &forward.permission) {
        (DeployAs::Gate, None) => {
            let message = "name the permission that lets a caller deploy through this gate, such as \
                           `run.services.get`: nobody but the gate has the one to deploy";
            findings.push((here.key("permission"), message.to_owned()));
        }
        (DeployAs::Caller, Some(_)) => {
            let message = "with `deployAs: caller` callers need Cloud Run's own permissions, and this one is \
                           not asked for: leave it out";
            findings.push((here.key("permission"), message.to_owned()));
        }
        _ => {}
    }
    if !forward.hosts.is_empty() && believes_the_platform(config) {
        let message = "gcloud's access tokens are none that Cloud Run's IAM takes, so nothing stands in front \
                       of this process: `auth: platform` and `forward` go into two processes";
        findings.push((here.key("hosts"), message.to_owned()));
    }
}

fn believes_the_platform(config: &Config) -> bool {
    let auth = &config.auth;
    let all = [
        &auth.gate,
        &auth.attestor,
        &auth.trust,
        &auth.auditor,
        &auth.cases,
    ];
    all.into_iter()
        .flatten()
        .any(|access| matches!(access, Access::Platform(_) | Access::PlatformCallers(_)))
}

fn is_host(text: &str) -> bool {
    let host = text.strip_prefix("*-").unwrap_or(text);
    host.split('.').all(is_label)
}

/// RFC 1123 §2.1.
fn is_label(text: &str) -> bool {
    let ok = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let bare = !text.starts_with('-') && !text.ends_with('-');
    !text.is_empty() && text.len() <= 63 && bare && text.bytes().all(ok)
}
