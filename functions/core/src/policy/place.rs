//! Where in a policy a rule stands.

use std::fmt;

use serde::{Serialize, Serializer};

/// The place of the rule that holds for an image, written like
/// `clusterAdmissionRules.us-central1-a.prod`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Google's own images, on GKE.
    SystemPolicy,
    /// An exempt pattern, by its index.
    Pattern(usize),
    /// An entry of one of the scoped maps.
    Scoped(Scope, String),
    /// The default rule.
    Default,
}

/// The scoped maps, most specific first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// By Istio service identity.
    IstioServiceIdentity,
    /// By Kubernetes service account.
    ServiceAccount,
    /// By Kubernetes namespace.
    Namespace,
    /// By cluster.
    Cluster,
}

impl Scope {
    /// Every map, most specific first.
    pub const ALL: [Self; 4] = [
        Self::IstioServiceIdentity,
        Self::ServiceAccount,
        Self::Namespace,
        Self::Cluster,
    ];

    /// The policy's field.
    pub const fn field(self) -> &'static str {
        match self {
            Self::IstioServiceIdentity => "istioServiceIdentityAdmissionRules",
            Self::ServiceAccount => "kubernetesServiceAccountAdmissionRules",
            Self::Namespace => "kubernetesNamespaceAdmissionRules",
            Self::Cluster => "clusterAdmissionRules",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SystemPolicy => f.write_str("systemPolicy"),
            Self::Pattern(index) => write!(f, "admissionWhitelistPatterns[{index}]"),
            Self::Scoped(scope, key) => write!(f, "{}.{key}", scope.field()),
            Self::Default => f.write_str("defaultAdmissionRule"),
        }
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
