//! Everything the gate understands, each form a small parser into a `DeployRequest`.

mod annotations;
mod code;
mod kubernetes;
mod manifest;
mod own;

pub use manifest::{ManifestContext, manifest_request};
pub use own::{OwnRequest, parse_own};

pub(crate) use kubernetes::workload as kubernetes_workload;
use postern_core::image::shortened;

/// Why a request cannot be read. Answered with 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The body is not JSON of the expected shape.
    #[error("the request cannot be read: {0}")]
    Malformed(String),
    /// Both or neither of `images` and `manifest`.
    #[error("give exactly one of `images` and `manifest`")]
    OneOfImagesAndManifest,
    /// Nothing to decide on.
    #[error("the {0} names no image")]
    NoImages(String),
    /// More images than any deployment has.
    #[error("{0} images in one request; at most {MAX_IMAGES} are judged")]
    TooManyImages(usize),
    /// A kind that carries no containers.
    #[error("a {0} is no workload that this gate knows")]
    UnknownKind(String),
    /// Manifest and target disagree.
    #[error("the manifest says {what} {manifest:?}, the target says {target:?}")]
    Conflict {
        /// Which part.
        what: &'static str,
        /// In the manifest.
        manifest: String,
        /// In the target.
        target: String,
    },
    /// A Kubernetes manifest does not say which cluster it is for.
    #[error(
        "a Kubernetes manifest does not name its cluster; add \
         \"target\": \"gke:LOCATION.CLUSTER/NAMESPACE\""
    )]
    ClusterUnknown,
}

/// No platform runs more containers in one deployment.
pub(crate) const MAX_IMAGES: usize = 256;
