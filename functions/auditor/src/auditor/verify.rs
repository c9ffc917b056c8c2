//! Reads at the source whether what a case is about was put right.

use postern_core::case::Case;
use postern_core::entry::Signing;
use postern_core::image::ImageReference;
use postern_core::ports::{Appraisal, Appraiser, Runtime, Unavailable};
use postern_core::target::Target;

use super::Auditor;
use crate::case::{self, Verified};

impl Auditor {
    /// Attested or replaced, or what speaks against both. An outage is an error where the answer
    /// hangs on it: it is never "not attested".
    pub(super) async fn verify(&self, case: &Case) -> Result<Verified, Unavailable> {
        let Some(appraiser) = &self.appraiser else {
            return Ok(neither(
                "there is no gate here that could verify attestations",
            ));
        };
        let target = case
            .target
            .as_deref()
            .and_then(|target| target.parse().ok());
        let attested = self
            .attested(case, target.as_ref(), appraiser.as_ref())
            .await;
        let mut why = match attested {
            Ok(Ok(unknown_signer)) => return Ok(Verified::Attested { unknown_signer }),
            Ok(Err(why)) => why,
            Err(error) if !error.permanent => return self.or_replaced(case, target, error).await,
            Err(error) => vec![error.to_string()],
        };
        match self
            .replaced(case, target.as_ref(), appraiser.as_ref())
            .await?
        {
            Ok(by) => Ok(Verified::Replaced { by }),
            Err(more) => {
                why.extend(more);
                Ok(Verified::Neither { why })
            }
        }
    }

    /// While attestations cannot be verified, only a replacement can be.
    async fn or_replaced(
        &self,
        case: &Case,
        target: Option<Target>,
        outage: Unavailable,
    ) -> Result<Verified, Unavailable> {
        let Some(appraiser) = &self.appraiser else {
            return Err(outage);
        };
        match self
            .replaced(case, target.as_ref(), appraiser.as_ref())
            .await
        {
            Ok(Ok(by)) => Ok(Verified::Replaced { by }),
            _ => Err(outage),
        }
    }

    async fn attested(
        &self,
        case: &Case,
        target: Option<&Target>,
        appraiser: &dyn Appraiser,
    ) -> Result<Result<bool, Vec<String>>, Unavailable> {
        let images: Vec<String> = case::images(case).into_iter().collect();
        if images.is_empty() {
            return Ok(case::attested(case, &Appraisal::default()));
        }
        let Some(target) = target else {
            return Ok(Err(vec![
                "the case names no target, so no policy for it".to_owned(),
            ]));
        };
        let mut appraisal = appraiser.appraise(target, &images).await?;
        self.name_signers(&mut appraisal).await?;
        Ok(case::attested(case, &appraisal))
    }

    /// The journal knows who asked the attestor function for a signature. The name of an occurrence
    /// is its writer's choice, so what was signed then must be what counts now.
    async fn name_signers(&self, appraisal: &mut Appraisal) -> Result<(), Unavailable> {
        for image in &mut appraisal.images {
            let reference = image.image.parse::<ImageReference>().ok();
            let digest = reference.and_then(|image| image.digest());
            let unnamed = image.evidence.iter_mut().filter(|e| e.signer.is_none());
            for evidence in unnamed {
                let Some(occurrence) = &evidence.occurrence else {
                    continue;
                };
                let same = |signing: &Signing| {
                    signing.attestor.to_string() == evidence.attestor
                        && signing.key_id == evidence.key_id
                        && digest.is_some()
                        && signing.image.digest() == digest
                };
                let signing = self.store.signing(occurrence).await?.filter(same);
                let caller = signing.and_then(|signing| signing.caller);
                evidence.signer = caller.map(|caller| caller.display_name().to_owned());
            }
        }
        Ok(())
    }

    async fn replaced(
        &self,
        case: &Case,
        target: Option<&Target>,
        appraiser: &dyn Appraiser,
    ) -> Result<Result<Vec<String>, Vec<String>>, Unavailable> {
        let (Some(runtime), Some(target)) = (&self.runtime, target) else {
            return Ok(Err(vec![
                "what runs there cannot be read from here".to_owned(),
            ]));
        };
        let runtime: &dyn Runtime = runtime.as_ref();
        let state = match runtime.state(target).await {
            Err(error) if error.permanent => return Ok(Err(vec![error.to_string()])),
            state => state?,
        };
        let images = case::successors(case, &state).into_iter();
        let mut images: Vec<String> = images.flat_map(|new| new.images.clone()).collect();
        images.sort();
        images.dedup();
        let appraisal = match images.is_empty() {
            true => Appraisal::default(),
            false => appraiser.appraise(target, &images).await?,
        };
        Ok(case::replaced(case, &state, &appraisal))
    }
}

fn neither(why: &str) -> Verified {
    Verified::Neither {
        why: vec![why.to_owned()],
    }
}
