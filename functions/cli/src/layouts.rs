//! Images that are OCI layouts on this disk: `oci:DIR[@sha256:…]`.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use postern_core::image::{Digest, ImageReference};
use postern_core::ports::{ImageResolver, ResolvedImage, Unavailable};
use postern_registry::{Layout, Registry};

use crate::outcome::Failure;

/// Resolves the images of a command line: layouts from the disk, tags at the registry, and digests
/// only where the registry is asked anyway.
pub(crate) struct Resolver {
    layouts: BTreeMap<Digest, ResolvedImage>,
    registry: Arc<Registry>,
    ask_for_digests: bool,
}

impl Resolver {
    pub(crate) fn new(registry: Arc<Registry>, ask_for_digests: bool) -> Self {
        Self {
            layouts: BTreeMap::new(),
            registry,
            ask_for_digests,
        }
    }

    /// The reference to judge for an image as it was written. A layout has no registry: it is
    /// judged as `localhost/oci-layout`, which only a policy that means it exempts.
    pub(crate) fn reference(&mut self, written: &str) -> Result<String, Failure> {
        if !Layout::is_meant(written) {
            return Ok(written.to_owned());
        }
        let layout: Layout = written.parse().map_err(Failure::mistake)?;
        let resolved = layout.resolve().map_err(Failure::mistake)?;
        let reference = format!("localhost/oci-layout@{}", resolved.digest);
        self.layouts.insert(resolved.digest, resolved);
        Ok(reference)
    }
}

#[async_trait]
impl ImageResolver for Resolver {
    async fn resolve(&self, image: &ImageReference) -> Result<Option<ResolvedImage>, Unavailable> {
        match image.digest() {
            Some(digest) if self.layouts.contains_key(&digest) => {
                Ok(self.layouts.get(&digest).cloned())
            }
            Some(digest) if !self.ask_for_digests => Ok(Some(ResolvedImage {
                digest,
                children: Vec::new(),
            })),
            _ => self.registry.resolve(image).await,
        }
    }
}
