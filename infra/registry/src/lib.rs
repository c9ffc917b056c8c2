//! OCI registries behind the ports of `postern-core`: what a reference stands for, and the
//! attestations that lie next to an image.
//!
//! A registry is not trusted: every body is bounded and hashed, every request has an end, a
//! credential goes only to the host it is configured for and to that host's realms, and addresses
//! that are not public are refused unless the host is listed with `allow_private`. What could not
//! be read is [`Unavailable`](postern_core::ports::Unavailable), never "there is none".

mod attestations;
mod auth;
mod challenge;
mod clients;
mod content;
mod docker_config;
mod endpoint;
mod flight;
mod guard;
mod layout;
mod listing;
mod manifest;
mod options;
mod ping;
mod push;
mod registry;
mod token;
mod transport;

pub use attestations::{ARTIFACT_TYPE, MAX_ATTESTATIONS, RegistryAttestations};
pub use docker_config::DockerConfig;
pub use layout::{Layout, LayoutError};
pub use manifest::ManifestError;
pub use options::{Credential, HostOptions, RegistryError, RegistryOptions};
pub use ping::Ping;
pub use registry::Registry;
