//! The files of `detections/`, embedded.

macro_rules! detections {
    ($($id:literal),* $(,)?) => {
        &[$(($id, include_str!(concat!("../../detections/", $id, ".yaml")))),*]
    };
}

/// Every file, by the id in it.
pub(super) const FILES: &[(&str, &str)] = detections![
    "gcp.cloud-run.break-glass",
    "gcp.cloud-run.break-glass-requested",
    "gcp.cloud-run.blocked",
    "gcp.cloud-run.check-failed",
    "gcp.cloud-run.dry-run",
    "gcp.cloud-run.fail-open",
    "gcp.gke.break-glass",
    "gcp.gke.blocked",
    "gcp.gke.dry-run",
    "gcp.gke.fail-open",
    "postern.audit.incomplete-entry",
    "postern.audit.reused-id",
    "postern.audit.silence",
    "postern.audit.unreadable-entry",
    "postern.break-glass.never-attested",
    "postern.break-glass.sticky",
    "postern.deployment.after-denial",
    "postern.deployment.traffic-to-unverified",
    "postern.deployment.without-decision",
    "postern.gate.break-glass",
    "postern.gate.fail-open",
    "postern.gate.revoked",
    "postern.gate.unrevoked",
    "postern.policy.open-deploy-close",
    "postern.signature.unreconciled",
];
