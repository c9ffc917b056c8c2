//! What the roles in use around Binary Authorization allow. A role that is not here grants nothing.

/// A role and the permissions that it gives; a `*` at the end stands for all that begin alike.
struct Role {
    name: &'static str,
    permissions: &'static [&'static str],
}

/// By the pages "IAM roles and permissions" of the services' documentation; of each role what this function
/// asks for.
const ROLES: &[Role] = &[
    Role {
        name: "roles/owner",
        permissions: &["*"],
    },
    Role {
        name: "roles/editor",
        permissions: &[
            "binaryauthorization.platformPolicies.create",
            "binaryauthorization.platformPolicies.delete",
            "binaryauthorization.platformPolicies.evaluatePolicy",
            "binaryauthorization.platformPolicies.get",
            "binaryauthorization.platformPolicies.list",
            "binaryauthorization.platformPolicies.replace",
            "binaryauthorization.attestors.create",
            "binaryauthorization.attestors.delete",
            "binaryauthorization.attestors.get",
            "binaryauthorization.attestors.list",
            "binaryauthorization.attestors.update",
            "binaryauthorization.attestors.verifyImageAttested",
            "binaryauthorization.policy.get",
            "binaryauthorization.policy.update",
            "cloudkms.cryptoKeyVersions.create",
            "cloudkms.cryptoKeyVersions.destroy",
            "cloudkms.cryptoKeyVersions.get",
            "cloudkms.cryptoKeyVersions.list",
            "cloudkms.cryptoKeyVersions.restore",
            "cloudkms.cryptoKeyVersions.update",
            "cloudkms.cryptoKeys.create",
            "cloudkms.cryptoKeys.get",
            "cloudkms.cryptoKeys.list",
            "cloudkms.cryptoKeys.update",
            "cloudkms.keyRings.create",
            "cloudkms.keyRings.get",
            "cloudkms.keyRings.list",
            "cloudkms.locations.get",
            "cloudkms.locations.list",
            "containeranalysis.notes.attachOccurrence",
            "containeranalysis.notes.create",
            "containeranalysis.notes.delete",
            "containeranalysis.notes.get",
            "containeranalysis.notes.list",
            "containeranalysis.notes.listOccurrences",
            "containeranalysis.notes.update",
            "containeranalysis.occurrences.create",
            "containeranalysis.occurrences.delete",
            "containeranalysis.occurrences.get",
            "containeranalysis.occurrences.list",
            "containeranalysis.occurrences.update",
            "resourcemanager.projects.get",
            "serviceusage.services.get",
            "serviceusage.services.list",
        ],
    },
    Role {
        name: "roles/viewer",
        permissions: &[
            "binaryauthorization.platformPolicies.get",
            "binaryauthorization.platformPolicies.list",
            "binaryauthorization.attestors.get",
            "binaryauthorization.attestors.list",
            "binaryauthorization.policy.get",
            "cloudkms.cryptoKeyVersions.get",
            "cloudkms.cryptoKeyVersions.list",
            "cloudkms.cryptoKeys.get",
            "cloudkms.cryptoKeys.list",
            "cloudkms.keyRings.get",
            "cloudkms.keyRings.list",
            "cloudkms.locations.get",
            "cloudkms.locations.list",
            "containeranalysis.notes.get",
            "containeranalysis.notes.list",
            "containeranalysis.occurrences.get",
            "containeranalysis.occurrences.list",
            "resourcemanager.projects.get",
            "serviceusage.services.get",
            "serviceusage.services.list",
        ],
    },
    Role {
        name: "roles/binaryauthorization.policyAdmin",
        permissions: &[
            "binaryauthorization.platformPolicies.*",
            "binaryauthorization.policy.*",
        ],
    },
    Role {
        name: "roles/binaryauthorization.policyEditor",
        permissions: &[
            "binaryauthorization.platformPolicies.create",
            "binaryauthorization.platformPolicies.delete",
            "binaryauthorization.platformPolicies.evaluatePolicy",
            "binaryauthorization.platformPolicies.get",
            "binaryauthorization.platformPolicies.list",
            "binaryauthorization.platformPolicies.replace",
            "binaryauthorization.policy.get",
            "binaryauthorization.policy.update",
        ],
    },
    Role {
        name: "roles/binaryauthorization.policyEvaluator",
        permissions: &[
            "binaryauthorization.platformPolicies.evaluatePolicy",
            "binaryauthorization.platformPolicies.get",
            "binaryauthorization.platformPolicies.list",
        ],
    },
    Role {
        name: "roles/binaryauthorization.policyViewer",
        permissions: &[
            "binaryauthorization.platformPolicies.get",
            "binaryauthorization.platformPolicies.list",
            "binaryauthorization.policy.get",
        ],
    },
    Role {
        name: "roles/binaryauthorization.attestorsAdmin",
        permissions: &["binaryauthorization.attestors.*"],
    },
    Role {
        name: "roles/binaryauthorization.attestorsEditor",
        permissions: &[
            "binaryauthorization.attestors.create",
            "binaryauthorization.attestors.delete",
            "binaryauthorization.attestors.get",
            "binaryauthorization.attestors.list",
            "binaryauthorization.attestors.update",
            "binaryauthorization.attestors.verifyImageAttested",
        ],
    },
    Role {
        name: "roles/binaryauthorization.attestorsVerifier",
        permissions: &[
            "binaryauthorization.attestors.get",
            "binaryauthorization.attestors.list",
            "binaryauthorization.attestors.verifyImageAttested",
        ],
    },
    Role {
        name: "roles/binaryauthorization.attestorsViewer",
        permissions: &[
            "binaryauthorization.attestors.get",
            "binaryauthorization.attestors.list",
        ],
    },
    Role {
        name: "roles/cloudkms.admin",
        permissions: &[
            "cloudkms.cryptoKeyVersions.create",
            "cloudkms.cryptoKeyVersions.destroy",
            "cloudkms.cryptoKeyVersions.get",
            "cloudkms.cryptoKeyVersions.list",
            "cloudkms.cryptoKeyVersions.restore",
            "cloudkms.cryptoKeyVersions.update",
            "cloudkms.cryptoKeys.*",
            "cloudkms.keyRings.*",
            "cloudkms.locations.get",
            "cloudkms.locations.list",
            "resourcemanager.projects.get",
        ],
    },
    Role {
        name: "roles/cloudkms.cryptoOperator",
        permissions: &[
            "cloudkms.cryptoKeyVersions.useToSign",
            "cloudkms.cryptoKeyVersions.useToVerify",
            "cloudkms.cryptoKeyVersions.viewPublicKey",
            "cloudkms.locations.get",
            "cloudkms.locations.list",
            "resourcemanager.projects.get",
        ],
    },
    Role {
        name: "roles/cloudkms.publicKeyViewer",
        permissions: &[
            "cloudkms.cryptoKeyVersions.viewPublicKey",
            "cloudkms.locations.get",
            "cloudkms.locations.list",
            "resourcemanager.projects.get",
        ],
    },
    Role {
        name: "roles/cloudkms.signer",
        permissions: &[
            "cloudkms.cryptoKeyVersions.useToSign",
            "cloudkms.locations.get",
            "cloudkms.locations.list",
            "resourcemanager.projects.get",
        ],
    },
    Role {
        name: "roles/cloudkms.signerVerifier",
        permissions: &[
            "cloudkms.cryptoKeyVersions.useToSign",
            "cloudkms.cryptoKeyVersions.useToVerify",
            "cloudkms.cryptoKeyVersions.viewPublicKey",
            "cloudkms.locations.get",
            "cloudkms.locations.list",
            "resourcemanager.projects.get",
        ],
    },
    Role {
        name: "roles/cloudkms.verifier",
        permissions: &[
            "cloudkms.cryptoKeyVersions.useToVerify",
            "cloudkms.cryptoKeyVersions.viewPublicKey",
            "cloudkms.locations.get",
            "cloudkms.locations.list",
            "resourcemanager.projects.get",
        ],
    },
    Role {
        name: "roles/cloudkms.viewer",
        permissions: &[
            "cloudkms.cryptoKeyVersions.get",
            "cloudkms.cryptoKeyVersions.list",
            "cloudkms.cryptoKeys.get",
            "cloudkms.cryptoKeys.list",
            "cloudkms.keyRings.get",
            "cloudkms.keyRings.list",
            "cloudkms.locations.get",
            "cloudkms.locations.list",
            "resourcemanager.projects.get",
        ],
    },
    Role {
        name: "roles/containeranalysis.admin",
        permissions: &["containeranalysis.*"],
    },
    Role {
        name: "roles/containeranalysis.notes.attacher",
        permissions: &["containeranalysis.notes.attachOccurrence"],
    },
    Role {
        name: "roles/containeranalysis.notes.editor",
        permissions: &[
            "containeranalysis.notes.attachOccurrence",
            "containeranalysis.notes.create",
            "containeranalysis.notes.delete",
            "containeranalysis.notes.get",
            "containeranalysis.notes.list",
            "containeranalysis.notes.update",
        ],
    },
    Role {
        name: "roles/containeranalysis.notes.viewer",
        permissions: &[
            "containeranalysis.notes.get",
            "containeranalysis.notes.list",
        ],
    },
    Role {
        name: "roles/containeranalysis.notes.occurrences.viewer",
        permissions: &["containeranalysis.notes.listOccurrences"],
    },
    Role {
        name: "roles/containeranalysis.occurrences.editor",
        permissions: &[
            "containeranalysis.occurrences.create",
            "containeranalysis.occurrences.delete",
            "containeranalysis.occurrences.get",
            "containeranalysis.occurrences.list",
            "containeranalysis.occurrences.update",
        ],
    },
    Role {
        name: "roles/containeranalysis.occurrences.viewer",
        permissions: &[
            "containeranalysis.occurrences.get",
            "containeranalysis.occurrences.list",
        ],
    },
    Role {
        name: "roles/resourcemanager.projectIamAdmin",
        permissions: &[
            "resourcemanager.projects.get",
            "resourcemanager.projects.getIamPolicy",
            "resourcemanager.projects.setIamPolicy",
        ],
    },
    Role {
        name: "roles/serviceusage.serviceUsageAdmin",
        permissions: &["serviceusage.services.*"],
    },
    Role {
        name: "roles/serviceusage.serviceUsageViewer",
        permissions: &["serviceusage.services.get", "serviceusage.services.list"],
    },
];

/// Whether a role gives a permission.
pub(crate) fn gives(role: &str, permission: &str) -> bool {
    let known = ROLES.iter().find(|known| known.name == role);
    known.is_some_and(|role| {
        let given = role.permissions.iter();
        given.copied().any(|given| match given.strip_suffix('*') {
            Some(prefix) => permission.starts_with(prefix),
            None => given == permission,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_gives_what_it_is_for_and_no_more() {
        let sign = "containeranalysis.notes.attachOccurrence";
        assert!(gives("roles/containeranalysis.notes.attacher", sign));
        assert!(gives("roles/containeranalysis.admin", sign));
        assert!(gives("roles/owner", sign));
        assert!(!gives("roles/viewer", sign));
        assert!(!gives(
            "roles/binaryauthorization.policyEditor",
            "binaryauthorization.policy.setIamPolicy"
        ));
        assert!(gives(
            "roles/binaryauthorization.policyAdmin",
            "binaryauthorization.policy.setIamPolicy"
        ));
    }

    #[test]
    fn who_administers_keys_does_not_sign_with_them() {
        let sign = "cloudkms.cryptoKeyVersions.useToSign";
        for signs in ["signer", "signerVerifier", "cryptoOperator"] {
            assert!(gives(&format!("roles/cloudkms.{signs}"), sign), "{signs}");
        }
        for role in ["cloudkms.admin", "cloudkms.verifier", "editor", "viewer"] {
            assert!(!gives(&format!("roles/{role}"), sign), "{role}");
        }
        let open = "cloudkms.cryptoKeys.setIamPolicy";
        assert!(gives("roles/cloudkms.admin", open));
        assert!(!gives("roles/editor", open));
    }

    #[test]
    fn a_role_that_nobody_knows_gives_nothing() {
        assert!(!gives(
            "projects/demo-mart/roles/everything",
            "binaryauthorization.policy.get"
        ));
        assert!(!gives("", ""));
    }
}
