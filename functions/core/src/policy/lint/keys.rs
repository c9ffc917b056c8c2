//! Keys of the scoped maps.

use super::Report;
use crate::image::shortened;
use crate::policy::Scope;
use crate::policy::document::Node;

/// Checks one key of a scoped map.
pub(super) fn check(scope: Scope, key: &Node, report: &mut Report) {
    let text = key.text().unwrap_or_default();
    match scope {
        Scope::Cluster => cluster(text, key, report),
        Scope::Namespace => namespace(text, key, report),
        Scope::ServiceAccount => service_account(text, key, report),
        Scope::IstioServiceIdentity => istio(text, key, report),
    }
}

fn cluster(text: &str, key: &Node, report: &mut Report) {
    match text.split_once('.') {
        Some((location, cluster)) if is_label(location) && is_label(cluster) => {
            if !is_location(location) {
                let fix = if is_location(cluster) {
                    format!("write {cluster}.{location}")
                } else {
                    "write LOCATION.CLUSTER, such as us-central1-a.prod".to_owned()
                };
                let message = format!("{location:?} looks like no zone and no region");
                report.warning("cluster-location", key, message, fix);
            }
        }
        _ => report.error(
            "cluster-key",
            key,
            format!("{:?} is not LOCATION.CLUSTER", shortened(text)),
            "write LOCATION.CLUSTER, such as us-central1-a.prod; `gcloud container clusters list` \
             shows both",
        ),
    }
}

fn namespace(text: &str, key: &Node, report: &mut Report) {
    if !is_label(text) {
        let message = format!("{:?} is no Kubernetes namespace", shortened(text));
        let fix = "up to 63 lower-case letters, digits and `-`, such as prod; no wildcards";
        report.error("namespace-key", key, message, fix);
    }
}

fn service_account(text: &str, key: &Node, report: &mut Report) {
    let ok = text
        .split_once(':')
        .is_some_and(|(namespace, account)| is_label(namespace) && is_subdomain(account));
    if !ok {
        let message = format!("{:?} is not NAMESPACE:SERVICEACCOUNT", shortened(text));
        let fix = "write the Kubernetes account, such as prod:web, not a Google e-mail address";
        report.error("service-account-key", key, message, fix);
    }
}

fn istio(text: &str, key: &Node, report: &mut Report) {
    let identity = text.strip_prefix("spiffe://").unwrap_or(text);
    let parts: Vec<&str> = identity.split('/').collect();
    let ok = matches!(
        parts[..],
        [domain, "ns", namespace, "sa", account]
            if !domain.is_empty() && is_label(namespace) && is_subdomain(account)
    );
    if !ok {
        let message = format!("{:?} is no Istio service identity", shortened(text));
        let fix = "write spiffe://PROJECT.svc.id.goog/ns/NAMESPACE/sa/SERVICEACCOUNT";
        report.error("istio-key", key, message, fix);
    } else if !parts[0].ends_with(".svc.id.goog") {
        let message = format!("{:?} is no domain of a GKE cluster", shortened(parts[0]));
        let fix = "on GKE the domain is PROJECT.svc.id.goog";
        report.warning("istio-domain", key, message, fix);
    }
}

/// A DNS label (RFC 1123), as Kubernetes wants it of namespaces.
fn is_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A DNS subdomain, as Kubernetes wants it of service accounts.
fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

/// `us-central1`, `us-central1-a`, `northamerica-northeast2-b`; `global` for attached clusters.
fn is_location(text: &str) -> bool {
    let region = match text.rsplit_once('-') {
        Some((region, zone)) if zone.len() == 1 && zone.bytes().all(|b| b.is_ascii_lowercase()) => {
            region
        }
        _ => text,
    };
    let words: Vec<&str> = region.split('-').collect();
    let numbered = region.ends_with(|c: char| c.is_ascii_digit());
    text == "global" || (numbered && words.len() >= 2)
}
