//! The policy's answer on one image.

use std::collections::BTreeMap;

use jiff::Timestamp;
use postern_core::decision::{EnforcementMode, ImageDecision};
use postern_core::image::{Digest, ImageReference};
use postern_core::policy::{Conclusion, Demand, Policy, Ruling, conclude, route};
use postern_core::ports::{ImageResolver, ResolvedImage};
use postern_core::reason::{Reason, ReasonCode, Verdict};
use postern_core::request::RequestedImage;
use postern_core::revocation::Revocations;
use tokio::time::Instant;

use crate::evidence::{Evidences, Question};
use crate::options::GateOptions;

/// The revocation list, and whether it is as of now.
pub(crate) struct KnownRevocations {
    /// The entries known.
    pub(crate) list: Revocations,
    /// Why the list could not be read now.
    pub(crate) outage: Option<String>,
}

/// Everything that one request's images are judged by.
pub(crate) struct Judge<'a> {
    pub(crate) policy: Result<&'a Policy, Reason>,
    pub(crate) revocations: &'a KnownRevocations,
    pub(crate) resolver: &'a dyn ImageResolver,
    pub(crate) evidences: &'a Evidences,
    pub(crate) options: &'a GateOptions,
    pub(crate) now: Timestamp,
    pub(crate) deadline: Instant,
}

/// What the registry says about an image.
enum Lookup {
    Known(ResolvedImage),
    /// By digest, and not looked up, or the registry did not answer: the digest stands by itself.
    Assumed(Digest),
    NotFound,
    Unavailable(Reason),
}

impl Judge<'_> {
    /// Judges one image. Never fails: what goes wrong is a reason.
    pub(crate) async fn image(&self, requested: &RequestedImage) -> ImageDecision {
        let mut decision = self.strictly(requested).await;
        let observed = &self.options.observe;
        observed.apply(&mut decision, self.revocations);
        decision
    }

    /// The same, whether the target is only observed or not.
    async fn strictly(&self, requested: &RequestedImage) -> ImageDecision {
        let image = match ImageReference::parse(&requested.image) {
            Ok(image) => image,
            Err(error) => {
                let in_container = match requested.container.as_str() {
                    "" => String::new(),
                    name => format!(" (container {name:?})"),
                };
                let message = format!("{error}{in_container}");
                let reason = Reason::new(ReasonCode::ImageReferenceInvalid, message);
                return refused(requested, None, vec![reason]);
            }
        };
        // The list comes first: it needs no policy to say no.
        if let Some(reason) = image.digest().and_then(|digest| self.listed([&digest])) {
            return refused(requested, Some(&image), vec![reason]);
        }
        let policy = match &self.policy {
            Ok(policy) => *policy,
            Err(reason) => return refused(requested, Some(&image), vec![reason.clone()]),
        };
        if requested.target.is_gke() && image.digest().is_none() {
            self.by_tag(requested, &image, policy).await
        } else {
            self.resolved(requested, &image, policy).await
        }
    }

    /// Google refuses a tag on GKE where attestations are required; an exempt image may have one.
    async fn by_tag(
        &self,
        requested: &RequestedImage,
        image: &ImageReference,
        policy: &Policy,
    ) -> ImageDecision {
        let ruling = self.route(policy, requested, image);
        let needs_a_digest = matches!(ruling.demand, Demand::RequireAttestation(_));
        // Only a revoked digest could still stand against it, and only the registry knows it.
        if self.revocations.outage.is_some() || self.revocations.list.has_digests() {
            if !needs_a_digest {
                return self.resolved(requested, image, policy).await;
            }
            match self.look_up(image).await {
                Lookup::Known(resolved) => {
                    if let Some(reason) = self.listed(resolved.digests()) {
                        let pinned = image.pinned(resolved.digest);
                        return refused(requested, Some(&pinned), vec![reason]);
                    }
                }
                // A dry run would let through what may be revoked.
                Lookup::Unavailable(outage)
                    if ruling.enforcement == EnforcementMode::DryRun
                        || self.options.observe.has(&requested.target) =>
                {
                    return refused(requested, Some(image), vec![outage]);
                }
                Lookup::Assumed(_) | Lookup::NotFound | Lookup::Unavailable(_) => {}
            }
        }
        let conclusion = conclude(&ruling, image, &BTreeMap::new());
        decided(requested, None, &ruling, conclusion)
    }

    fn route(&self, policy: &Policy, requested: &RequestedImage, image: &ImageReference) -> Ruling {
        route(
            policy,
            self.options.system_policy.as_ref(),
            &requested.target,
            image,
        )
    }

    async fn resolved(
        &self,
        requested: &RequestedImage,
        image: &ImageReference,
        policy: &Policy,
    ) -> ImageDecision {
        let resolved = match self.look_up(image).await {
            Lookup::Known(resolved) => resolved,
            Lookup::Assumed(digest) => ResolvedImage {
                digest,
                children: Vec::new(),
            },
            Lookup::NotFound => {
                let reason = Reason::new(
                    ReasonCode::ImageNotFound,
                    format!("the registry {} has no image {image}", image.registry()),
                )
                .with_remedy("push the image first, or correct its name");
                return refused(requested, Some(image), vec![reason]);
            }
            Lookup::Unavailable(reason) => {
                return self.unresolved(requested, image, policy, reason);
            }
        };
        let pinned = image.pinned(resolved.digest);
        let ruling = self.route(policy, requested, &pinned);
        let mut decision = match self.revoked(&pinned, &resolved) {
            // The list beats every rule, dry run included.
            Some(reason) => refused(requested, Some(&pinned), vec![reason]),
            None => self.by_ruling(requested, &pinned, &ruling, &resolved).await,
        };
        decision.children = resolved.children;
        decision
    }

    async fn by_ruling(
        &self,
        requested: &RequestedImage,
        pinned: &ImageReference,
        ruling: &Ruling,
        resolved: &ResolvedImage,
    ) -> ImageDecision {
        let mut outcomes = BTreeMap::new();
        if let Demand::RequireAttestation(attestors) = &ruling.demand {
            let question = Question {
                image: pinned,
                digest: resolved.digest,
                revocations: &self.revocations.list,
                now: self.now,
                deadline: self.deadline,
            };
            outcomes = self
                .evidences
                .of_attestors(attestors, &question, self.resolver)
                .await;
        }
        decided(
            requested,
            Some(pinned),
            ruling,
            conclude(ruling, pinned, &outcomes),
        )
    }

    async fn look_up(&self, image: &ImageReference) -> Lookup {
        if let (Some(digest), false) = (image.digest(), self.options.resolve_digests) {
            return Lookup::Assumed(digest);
        }
        let answer = tokio::time::timeout_at(self.deadline, self.resolver.resolve(image)).await;
        let reason = match answer {
            Ok(Ok(Some(resolved))) => return Lookup::Known(resolved),
            Ok(Ok(None)) => return Lookup::NotFound,
            Ok(Err(outage)) => Reason::new(
                ReasonCode::EvidenceUnavailable,
                format!("what {image} stands for could not be learned: {outage}"),
            ),
            Err(_) => Reason::new(
                ReasonCode::DeadlineExceeded,
                format!("the registry did not say in time what {image} stands for"),
            ),
        };
        match image.digest() {
            // Unless one of its manifests may be revoked, which only the registry could tell.
            Some(digest) if !self.revocations.list.has_digests() => Lookup::Assumed(digest),
            _ => Lookup::Unavailable(
                reason
                    .with_remedy("try again, or name the image by digest, which needs no registry"),
            ),
        }
    }

    /// What is denied whatever the tag stands for is denied; all else is not known.
    fn unresolved(
        &self,
        requested: &RequestedImage,
        image: &ImageReference,
        policy: &Policy,
        outage: Reason,
    ) -> ImageDecision {
        let any_digest = image.pinned(Digest::of(b""));
        let ruling = self.route(policy, requested, &any_digest);
        let by_digest = format!("{}@sha256:", image.name());
        let patterns = &policy.admission_whitelist_patterns;
        let may_be_exempt = patterns.iter().any(|p| p.name_pattern.contains(&by_digest));
        let enforced = ruling.enforcement == EnforcementMode::Enforced;
        if matches!(ruling.demand, Demand::AlwaysDeny) && enforced && !may_be_exempt {
            let conclusion = conclude(&ruling, image, &BTreeMap::new());
            return decided(requested, None, &ruling, conclusion);
        }
        refused(requested, Some(image), vec![outage])
    }

    /// Why the image may not run whatever the policy says: it, or a manifest of it, is on the list,
    /// or whether it is cannot be known.
    fn revoked(&self, image: &ImageReference, resolved: &ResolvedImage) -> Option<Reason> {
        let listed = self.listed(resolved.digests());
        listed.or_else(|| {
            let outage = self.revocations.outage.as_ref()?;
            Some(Reason::new(
                ReasonCode::EvidenceUnavailable,
                format!(
                    "whether {image} is revoked is not known, the list cannot be read: {outage}"
                ),
            ))
        })
    }

    fn listed<'d>(&self, digests: impl IntoIterator<Item = &'d Digest>) -> Option<Reason> {
        let list = &self.revocations.list;
        let entry = digests
            .into_iter()
            .find_map(|digest| list.of_digest(digest))?;
        let message = format!(
            "{} was revoked at {} by {}: {}",
            entry.what, entry.at, entry.by, entry.reason
        );
        let remedy = format!(
            "deploy another image; `postern unrevoke {}` if it was a mistake",
            entry.what
        );
        Some(Reason::new(ReasonCode::Revoked, message).with_remedy(remedy))
    }
}

/// A decision that no rule was needed for.
fn refused(
    requested: &RequestedImage,
    image: Option<&ImageReference>,
    reasons: Vec<Reason>,
) -> ImageDecision {
    let verdict = reasons.iter().map(|reason| reason.code.verdict()).max();
    ImageDecision {
        image: requested.image.clone(),
        resolved: image.filter(|image| image.digest().is_some()).cloned(),
        children: Vec::new(),
        target: requested.target.clone(),
        verdict: verdict.unwrap_or(Verdict::NonConformant),
        enforcement: EnforcementMode::Enforced,
        rule: None,
        reasons,
        evidence: Vec::new(),
    }
}

fn decided(
    requested: &RequestedImage,
    pinned: Option<&ImageReference>,
    ruling: &Ruling,
    conclusion: Conclusion,
) -> ImageDecision {
    ImageDecision {
        resolved: pinned.cloned(),
        verdict: conclusion.verdict,
        enforcement: ruling.enforcement,
        rule: Some(ruling.place.to_string()),
        evidence: conclusion.evidence,
        ..refused(requested, None, conclusion.reasons)
    }
}
