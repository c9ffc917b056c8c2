//! The gate's opinion without a deployment: what the auditor closes cases by, and what a platform's
//! break-glass bypassed.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use postern_core::decision::ImageDecision;
use postern_core::ports::{Appraisal, AppraisedEvidence, AppraisedImage, Appraiser, Unavailable};
use postern_core::reason::Verdict;
use postern_core::request::{DeployRequest, RequestedImage};
use postern_core::target::Target;
use postern_host::auth::Identity;
use tokio::time::Instant;

use crate::gate::{Asked, Gate};

/// How long an appraisal may take: nobody waits at a door for it.
const PATIENCE: Duration = Duration::from_secs(10);

#[async_trait]
impl Appraiser for Gate {
    async fn appraise(&self, target: &Target, images: &[String]) -> Result<Appraisal, Unavailable> {
        let requested = |image: &String| RequestedImage {
            image: image.clone(),
            container: String::new(),
            target: target.clone(),
        };
        let request = DeployRequest {
            images: images.iter().map(requested).collect(),
            target: target.clone(),
            ..DeployRequest::default()
        };
        let asked = Asked::now(Timestamp::now(), Instant::now() + PATIENCE).on_trial();
        let decision = self
            .decide(&request, &Identity::local(), asked)
            .await
            .map_err(|error| Unavailable::new("the gate", error))?;
        let appraised = decision.images.iter().map(appraised);
        let images = appraised.collect::<Result<_, _>>()?;
        Ok(Appraisal { images })
    }
}

fn appraised(image: &ImageDecision) -> Result<AppraisedImage, Unavailable> {
    if image.verdict == Verdict::Undetermined {
        let reasons = image.reasons.iter().map(|reason| reason.message.as_str());
        let reasons: Vec<_> = reasons.collect();
        return Err(Unavailable::new("the gate", reasons.join("; ")));
    }
    let evidence = |evidence: &postern_core::evidence::Evidence| AppraisedEvidence {
        attestor: evidence.attestor.to_string(),
        key_id: evidence.key_id.clone(),
        occurrence: evidence.occurrence.clone(),
        signer: None,
    };
    Ok(AppraisedImage {
        image: image.image.clone(),
        verdict: image.verdict,
        reasons: image.reasons.clone(),
        evidence: image.evidence.iter().map(evidence).collect(),
    })
}
