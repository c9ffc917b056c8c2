//! A gate whose ports answer from memory, at once.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use postern_core::attestor::{Attestor, AttestorName, NoteName};
use postern_core::decision::Decision;
use postern_core::entry::Entry;
use postern_core::image::ImageReference;
use postern_core::occurrence::Occurrence;
use postern_core::ports::{
    AttestationSource, BreakGlassUses, EmergencySpool, ImageResolver, Journal, ResolvedImage,
    RevocationList, SourcedPolicy, TrustMaterial, Unavailable,
};
use postern_core::revocation::Revocations;
use postern_gate::{DecisionObserver, Gate, GateOptions, GateParts};

use crate::sample::Sample;

/// Everything that a gate asks for.
pub(crate) struct Memory {
    policy: SourcedPolicy,
    attestor: Attestor,
    occurrence: Occurrence,
}

impl Memory {
    pub(crate) fn of(sample: &Sample) -> Arc<Self> {
        Arc::new(Self {
            policy: SourcedPolicy {
                name: "projects/demo-project/policy".to_owned(),
                policy: sample.policy.clone(),
            },
            attestor: sample.attestor.clone(),
            occurrence: sample.occurrence.clone(),
        })
    }

    /// A gate that has not decided anything yet.
    pub(crate) fn gate(self: &Arc<Self>) -> Gate {
        let parts = GateParts {
            trust: self.clone(),
            resolver: self.clone(),
            sources: vec![self.clone()],
            revocations: self.clone(),
            journal: self.clone(),
            uses: self.clone(),
            spool: self.clone(),
            observer: self.clone(),
        };
        Gate::new(parts, GateOptions::default())
    }
}

#[async_trait]
impl TrustMaterial for Memory {
    async fn policy(&self, _: Option<&str>) -> Result<Option<SourcedPolicy>, Unavailable> {
        Ok(Some(self.policy.clone()))
    }

    async fn attestor(&self, _: &AttestorName) -> Result<Option<Attestor>, Unavailable> {
        Ok(Some(self.attestor.clone()))
    }
}

#[async_trait]
impl ImageResolver for Memory {
    async fn resolve(&self, _: &ImageReference) -> Result<Option<ResolvedImage>, Unavailable> {
        Err(Unavailable::new("memory", "a digest needs no registry"))
    }
}

#[async_trait]
impl AttestationSource for Memory {
    fn name(&self) -> &str {
        "memory"
    }

    async fn occurrences(
        &self,
        _: &ImageReference,
        _: &NoteName,
    ) -> Result<Vec<Occurrence>, Unavailable> {
        Ok(vec![self.occurrence.clone()])
    }
}

#[async_trait]
impl RevocationList for Memory {
    async fn revocations(&self) -> Result<Revocations, Unavailable> {
        Ok(Revocations::default())
    }
}

#[async_trait]
impl Journal for Memory {
    async fn append(&self, _: Vec<Entry>) -> Result<(), Unavailable> {
        Ok(())
    }
}

#[async_trait]
impl BreakGlassUses for Memory {
    async fn break_glass_uses(&self, _: &str, _: Timestamp) -> Result<u32, Unavailable> {
        Ok(0)
    }
}

#[async_trait]
impl EmergencySpool for Memory {
    async fn record(&self, _: &Entry) -> Result<(), Unavailable> {
        Ok(())
    }
}

#[async_trait]
impl DecisionObserver for Memory {
    async fn decided(&self, _: &Decision) {}
}
