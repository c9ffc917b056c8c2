//! Names of resources, and the commands that grant something on them.

/// What a call needs to be allowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access<'a> {
    /// The API, such as `logging.googleapis.com`.
    pub(crate) service: &'static str,
    /// What is asked about, such as `projects/P`.
    pub(crate) resource: &'a str,
    /// The IAM permission.
    pub(crate) permission: &'static str,
    /// The smallest predefined role that has it.
    pub(crate) role: &'static str,
}

/// Why a name is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no resource; write {form}")]
pub struct ResourceError {
    name: String,
    form: &'static str,
}

impl ResourceError {
    pub(crate) fn new(name: &str, form: &'static str) -> Self {
        let name = postern_core::image::shortened(name);
        Self { name, form }
    }
}

/// Whether logs can be read of this: a project, a folder, an organization or a billing account.
pub(crate) fn is_log_owner(name: &str) -> bool {
    let Some((kind, id)) = name.split_once('/') else {
        return false;
    };
    match kind {
        "projects" => is_word(id),
        "folders" | "organizations" => !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()),
        "billingAccounts" => is_word(id),
        _ => false,
    }
}

/// Whether this can stand between two slashes of a path and as an argument of a command as it is.
/// Projects may have a domain: `example.com:shop`.
pub(crate) fn is_word(text: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'~');
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.len() <= 255
        && text.bytes().all(known)
}

/// The command that grants a role on a resource.
pub(crate) fn grant(resource: &str, role: &str) -> String {
    let binding = format!("--member=serviceAccount:EMAIL --role={role}");
    let parts: Vec<_> = resource.split('/').collect();
    match parts[..] {
        ["projects", project, "subscriptions", name] => format!(
            "gcloud pubsub subscriptions add-iam-policy-binding {name} --project={project} {binding}"
        ),
        ["projects", project, "topics", name] => {
            format!(
                "gcloud pubsub topics add-iam-policy-binding {name} --project={project} {binding}"
            )
        }
        ["projects", project, "secrets", name] => {
            format!("gcloud secrets add-iam-policy-binding {name} --project={project} {binding}")
        }
        ["projects", project, "attestors", name] => format!(
            "gcloud container binauthz attestors add-iam-policy-binding {name} --project={project} \
             {binding}"
        ),
        [
            "projects",
            project,
            "locations",
            location,
            "keyRings",
            ring,
            "cryptoKeys",
            key,
            ..,
        ] => format!(
            "gcloud kms keys add-iam-policy-binding {key} --keyring={ring} --location={location} \
             --project={project} {binding}"
        ),
        ["folders", id] => {
            format!("gcloud resource-manager folders add-iam-policy-binding {id} {binding}")
        }
        ["organizations", id] => {
            format!("gcloud organizations add-iam-policy-binding {id} {binding}")
        }
        ["billingAccounts", id] => {
            format!("gcloud billing accounts add-iam-policy-binding {id} {binding}")
        }
        ["projects", project, ..] => {
            format!("gcloud projects add-iam-policy-binding {project} {binding}")
        }
        _ => format!("{role} on {resource}"),
    }
}

/// The command that shows what became of something that is there and cannot be used as it is.
pub(crate) fn look(resource: &str) -> Option<String> {
    match resource.split('/').collect::<Vec<_>>()[..] {
        [
            "projects",
            project,
            "locations",
            location,
            "keyRings",
            ring,
            "cryptoKeys",
            key,
            "cryptoKeyVersions",
            version,
        ] => Some(format!(
            "the version may be disabled, destroyed or not made yet: gcloud kms keys versions describe \
             {version} --key={key} --keyring={ring} --location={location} --project={project}"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_belong_to_four_kinds_of_owners() {
        for name in [
            "projects/demo-mart",
            "projects/example.com:shop",
            "folders/12",
            "organizations/34",
            "billingAccounts/01AB-CD",
        ] {
            assert!(is_log_owner(name), "{name}");
        }
        for name in [
            "demo-mart",
            "projects/",
            "projects/../x",
            "projects/a/logs/b",
            "folders/a",
            "users/1",
            "projects/a b",
        ] {
            assert!(!is_log_owner(name), "{name}");
        }
    }

    #[test]
    fn each_kind_of_resource_has_its_command() {
        let grants = [
            "projects/demo-mart",
            "projects/demo-mart/subscriptions/audit",
            "projects/demo-mart/attestors/ci",
            "projects/demo-mart/notes/ci",
            "projects/demo-mart/locations/us-central1/services/web",
            "projects/demo-mart/locations/global/keyRings/trust/cryptoKeys/ci/cryptoKeyVersions/1",
            "folders/12",
            "organizations/34",
            "billingAccounts/01AB-CD",
        ]
        .map(|resource| grant(resource, "roles/R"))
        .join("\n");
        insta::assert_snapshot!(grants, @r"
        gcloud projects add-iam-policy-binding demo-mart --member=serviceAccount:EMAIL --role=roles/R
        gcloud pubsub subscriptions add-iam-policy-binding audit --project=demo-mart --member=serviceAccount:EMAIL --role=roles/R
        gcloud container binauthz attestors add-iam-policy-binding ci --project=demo-mart --member=serviceAccount:EMAIL --role=roles/R
        gcloud projects add-iam-policy-binding demo-mart --member=serviceAccount:EMAIL --role=roles/R
        gcloud projects add-iam-policy-binding demo-mart --member=serviceAccount:EMAIL --role=roles/R
        gcloud kms keys add-iam-policy-binding ci --keyring=trust --location=global --project=demo-mart --member=serviceAccount:EMAIL --role=roles/R
        gcloud resource-manager folders add-iam-policy-binding 12 --member=serviceAccount:EMAIL --role=roles/R
        gcloud organizations add-iam-policy-binding 34 --member=serviceAccount:EMAIL --role=roles/R
        gcloud billing accounts add-iam-policy-binding 01AB-CD --member=serviceAccount:EMAIL --role=roles/R
        ");
    }
}
