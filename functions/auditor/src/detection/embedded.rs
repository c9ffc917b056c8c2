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
    "postern.audit.gap",
    "postern.audit.reused-id",
    "postern.audit.unreadable-entry",
    "postern.gate.break-glass",
    "postern.gate.fail-open",
    "postern.gate.revoked",
    "postern.gate.unrevoked",
];
