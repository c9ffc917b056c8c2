//! Which entries are asked for, in the language of Cloud Logging's filters.

/// The audit logs. Admin Activity and System Event cannot be switched off; the others are there as far
/// as they are on.
const AUDIT_LOGS: [&str; 4] = [
    "cloudaudit.googleapis.com/activity",
    "cloudaudit.googleapis.com/system_event",
    "cloudaudit.googleapis.com/data_access",
    "cloudaudit.googleapis.com/policy",
];

/// The log of continuous validation, whose entries name no service.
const CONTINUOUS_VALIDATION: &str = "binaryauthorization.googleapis.com/continuous_validation";

/// The services that detections look at.
const SERVICES: [&str; 17] = [
    "artifactregistry.googleapis.com",
    "binaryauthorization.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudkms.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "container.googleapis.com",
    "containeranalysis.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "k8s.io",
    "logging.googleapis.com",
    "orgpolicy.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "servicemanagement.googleapis.com",
    "serviceusage.googleapis.com",
    "storage.googleapis.com",
];

/// The filter of what is delivered, and of `extra` besides where that is said.
pub fn filter(extra: Option<&str>) -> String {
    let logs = AUDIT_LOGS.map(|log| format!("log_id(\"{log}\")"));
    let services = SERVICES.map(|service| format!("\"{service}\""));
    let ours = format!(
        "(({}) AND protoPayload.serviceName=({})) OR log_id(\"{CONTINUOUS_VALIDATION}\")",
        logs.join(" OR "),
        services.join(" OR ")
    );
    match extra {
        Some(extra) => format!("({ours}) AND ({extra})"),
        None => ours,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_of_ones_own_only_narrows() {
        let ours = filter(None);
        assert!(ours.starts_with("((log_id(\"cloudaudit.googleapis.com/activity\") OR "));
        assert!(
            ours.ends_with("log_id(\"binaryauthorization.googleapis.com/continuous_validation\")")
        );
        let narrowed = filter(Some("severity>=ERROR OR resource.type=\"k8s_cluster\""));
        let expected = format!("({ours}) AND (severity>=ERROR OR resource.type=\"k8s_cluster\")");
        assert_eq!(narrowed, expected);
    }
}
