//! One decision, from request to record.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use postern_core::decision::{
    ApiVersion, BreakGlass, Decision, DecisionKind, EnforcementMode, ImageDecision, PolicyIdentity,
};
use postern_core::entry::{Entry, Record};
use postern_core::ports::{
    AttestationSource, BreakGlassUses, EmergencySpool, ImageResolver, Journal, RevocationList,
    SourcedPolicy, TrustMaterial, Unavailable,
};
use postern_core::reason::{Reason, ReasonCode, Verdict};
use postern_core::request::{BreakGlassRequest, DeployRequest};
use postern_core::revocation::Revocations;
use postern_host::auth::Identity;
use postern_host::config::Right;
use tokio::time::Instant;
use ulid::Ulid;

use crate::count::count;
use crate::evidence::Evidences;
use crate::judge::{Judge, KnownRevocations};
use crate::options::GateOptions;

/// The ports that the gate decides through.
pub struct GateParts {
    /// Policy and attestors.
    pub trust: Arc<dyn TrustMaterial>,
    /// What tags stand for.
    pub resolver: Arc<dyn ImageResolver>,
    /// Where attestations are looked for.
    pub sources: Vec<Arc<dyn AttestationSource>>,
    /// What is revoked.
    pub revocations: Arc<dyn RevocationList>,
    /// Where decisions are recorded before they are answered.
    pub journal: Arc<dyn Journal>,
    /// How often the emergency door was used.
    pub uses: Arc<dyn BreakGlassUses>,
    /// Where break-glass is recorded when the journal is down.
    pub spool: Arc<dyn EmergencySpool>,
    /// Who is told of decisions once they are recorded.
    pub observer: Arc<dyn DecisionObserver>,
}

/// Is told of decisions once they are recorded: the auditor, which makes findings of some.
#[async_trait]
pub trait DecisionObserver: Send + Sync {
    /// Takes note of a recorded decision.
    async fn decided(&self, decision: &Decision);
}

/// The circumstances of one request.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// The time to decide by.
    pub now: Timestamp,
    /// When the caller stops waiting.
    pub deadline: Instant,
    /// Whether the decision has any consequence; a trial is neither recorded nor told.
    pub for_real: bool,
    /// Whether the caller left less time than a look at the evidence takes.
    pub hurried: bool,
}

/// Less time than this is too short to look at evidence that is not at hand.
const HURRY: Duration = Duration::from_secs(2);

impl Asked {
    /// A request of now that has consequences.
    pub fn now(now: Timestamp, deadline: Instant) -> Self {
        Self {
            now,
            deadline,
            for_real: true,
            hurried: deadline < Instant::now() + HURRY,
        }
    }

    /// The same without any consequence.
    #[must_use]
    pub const fn on_trial(self) -> Self {
        Self {
            for_real: false,
            ..self
        }
    }
}

/// The decision was made and could not be recorded, so it must not be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the decision could not be recorded: {0}")]
pub struct NotRecorded(#[from] Unavailable);

/// The gate.
pub struct Gate {
    parts: GateParts,
    options: GateOptions,
    evidences: Evidences,
    /// The revocation list as it was last read: what was revoked then stays revoked in an outage.
    last_revocations: RwLock<Revocations>,
}

/// How long is left at the end for recording.
const RESERVED_FOR_RECORDING: Duration = Duration::from_millis(250);

/// How long the count of earlier uses may take.
const PATIENCE_WITH_COUNT: Duration = Duration::from_millis(200);
/// How long a break-glass waits for the journal before it goes on through the spool.
const PATIENCE_WITH_JOURNAL: Duration = Duration::from_secs(2);

impl Gate {
    /// A gate over these ports.
    pub fn new(parts: GateParts, options: GateOptions) -> Self {
        let evidences = Evidences::new(&parts, &options);
        Self {
            parts,
            options,
            evidences,
            last_revocations: RwLock::default(),
        }
    }

    /// Decides, records, and answers.
    ///
    /// # Errors
    /// If the decision could not be recorded, unless it is a break-glass by someone who may: that
    /// one goes on through the spool.
    pub async fn decide(
        &self,
        request: &DeployRequest,
        identity: &Identity,
        asked: Asked,
    ) -> Result<Decision, NotRecorded> {
        let mut decision = self.judge(request, identity, asked).await;
        let wanted = self
            .open_door(&mut decision, request, identity, asked)
            .await;
        if asked.for_real {
            self.record(&decision, wanted, asked).await?;
        }
        count(&decision);
        Ok(decision)
    }

    /// The policy's answer, before any emergency door.
    async fn judge(&self, request: &DeployRequest, identity: &Identity, asked: Asked) -> Decision {
        let door = request.break_glass.is_some() && identity.may(Right::BreakGlass);
        let deadline = until_gathered(asked.deadline, door);
        let (policy, revocations) = futures::join!(
            self.policy(request.target.project(), deadline),
            self.revocations(deadline)
        );
        let judge = Judge {
            policy: policy
                .as_ref()
                .map(|sourced| &sourced.policy)
                .map_err(Clone::clone),
            revocations: &revocations,
            resolver: &*self.parts.resolver,
            evidences: &self.evidences,
            options: &self.options,
            now: asked.now,
            deadline,
        };
        let images = join_all(request.images.iter().map(|image| judge.image(image))).await;
        let reasons = self.request_reasons(request);
        let verdict = images
            .iter()
            .map(|image| image.verdict)
            .chain(reasons.iter().map(|reason| reason.code.verdict()))
            .max()
            .unwrap_or(Verdict::NonConformant);
        let observed = images
            .iter()
            .all(|image| self.options.observe.has(&image.target))
            && self.options.observe.has(&request.target);
        let enforcement = self.enforcement(&images, &reasons, observed);
        let allowed = verdict == Verdict::Conformant
            || (dry_run(&images) && may_be_dry_run(&images, &reasons, observed))
            || (verdict == Verdict::Undetermined && self.may_fail_open(&images, asked));
        let mut decision = Decision {
            api_version: ApiVersion::V1,
            kind: DecisionKind::Decision,
            id: Ulid::new().to_string(),
            decided_at: asked.now,
            allowed,
            verdict,
            enforcement,
            retryable: false,
            break_glass: None,
            caller: identity.caller.clone(),
            requester: request.requester.clone(),
            target: request.target.clone(),
            policy: policy.ok().map(|sourced| PolicyIdentity {
                sha256: sourced.policy.sha256(),
                name: sourced.name,
            }),
            images,
            reasons,
            warnings: request.warnings.clone(),
        };
        let warning = self
            .options
            .observe
            .warning(&decision.target, allowed, verdict);
        decision.warnings.extend(warning);
        decision.retryable = !allowed && is_retryable(&decision);
        decision
    }

    /// Whether the operator lets undetermined requests through, and nobody brought this one about:
    /// neither by a flood of evidence nor by leaving no time to look.
    fn may_fail_open(&self, images: &[ImageDecision], asked: Asked) -> bool {
        let mut reasons = images.iter().flat_map(|image| &image.reasons);
        self.options.allow_undetermined
            && !asked.hurried
            && !reasons.any(|reason| reason.code == ReasonCode::EvidenceLimitExceeded)
    }

    async fn policy(
        &self,
        project: Option<&str>,
        deadline: Instant,
    ) -> Result<SourcedPolicy, Reason> {
        let unavailable = |message: String| {
            Reason::new(ReasonCode::PolicyUnavailable, message).with_remedy(
                "postern policy lint FILE, then name the file as `policy` in the configuration",
            )
        };
        match tokio::time::timeout_at(deadline, self.parts.trust.policy(project)).await {
            Ok(Ok(Some(policy))) => Ok(policy),
            Ok(Ok(None)) => Err(unavailable(match project {
                Some(project) => format!("no policy was ever set for the project {project}"),
                None => "no policy is configured, and the target names no project whose policy could hold"
                    .to_owned(),
            })),
            Ok(Err(outage)) => Err(unavailable(format!(
                "the policy could not be read: {outage}"
            ))),
            Err(_) => Err(unavailable(
                "the policy could not be read in time".to_owned(),
            )),
        }
    }

    async fn revocations(&self, deadline: Instant) -> KnownRevocations {
        let read = tokio::time::timeout_at(deadline, self.parts.revocations.revocations()).await;
        let outage = match read {
            Ok(Ok(list)) => {
                let mut last = self
                    .last_revocations
                    .write()
                    .unwrap_or_else(PoisonError::into_inner);
                last.clone_from(&list);
                return KnownRevocations { list, outage: None };
            }
            Ok(Err(outage)) => outage.to_string(),
            Err(_) => "it was not read in time".to_owned(),
        };
        let list = self
            .last_revocations
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        KnownRevocations {
            list,
            outage: Some(outage),
        }
    }

    /// Reasons that are about the request as a whole.
    fn request_reasons(&self, request: &DeployRequest) -> Vec<Reason> {
        let allowed = &self.options.allow_code_outside_image;
        let outside = request
            .code_outside_image
            .iter()
            .filter(|code| !allowed.contains(&code.field));
        let reasons = outside.map(|code| {
            let message = format!(
                "{} brings code that is not in the image and that no attestation covers: {}",
                code.field, code.value
            );
            Reason::new(ReasonCode::CodeOutsideImage, message).with_remedy(format!(
                "build the code into the image, or list {} under gate.allowCodeOutsideImage",
                code.field
            ))
        });
        request.reasons.iter().cloned().chain(reasons).collect()
    }

    /// The strictest of the images'; code outside of them is never a matter of a policy's dry run.
    fn enforcement(
        &self,
        images: &[ImageDecision],
        reasons: &[Reason],
        observed: bool,
    ) -> EnforcementMode {
        if !reasons.is_empty() && !observed {
            return EnforcementMode::Enforced;
        }
        images
            .iter()
            .map(|image| image.enforcement)
            .max()
            .unwrap_or_default()
    }

    /// Opens the emergency door if it was asked for, by someone who may, in the right words, and
    /// nothing is revoked. Says in the decision's warnings why it stays shut.
    async fn open_door(
        &self,
        decision: &mut Decision,
        request: &DeployRequest,
        identity: &Identity,
        asked: Asked,
    ) -> bool {
        let Some(wanted) = &request.break_glass else {
            return false;
        };
        match self.admit(decision, wanted, identity, asked).await {
            Ok(break_glass) => {
                decision.break_glass = Some(break_glass);
                decision.allowed = true;
                decision.retryable = false;
                true
            }
            Err(why) => {
                decision.warnings.push(why);
                false
            }
        }
    }

    async fn admit(
        &self,
        decision: &Decision,
        wanted: &BreakGlassRequest,
        identity: &Identity,
        asked: Asked,
    ) -> Result<BreakGlass, String> {
        if !identity.may(Right::BreakGlass) {
            return Err(
                "break-glass was asked for, but this caller has not the right \
                        `breakGlass`; it had no effect"
                    .to_owned(),
            );
        }
        let all = decision.images.iter().flat_map(|image| &image.reasons);
        if all
            .into_iter()
            .any(|reason| reason.code == ReasonCode::Revoked)
        {
            return Err(
                "break-glass was asked for, but what is revoked stays revoked; \
                        `postern unrevoke` is the way"
                    .to_owned(),
            );
        }
        let uses = self.uses_today(identity, asked).await;
        self.options
            .break_glass
            .admit(wanted, &decision.target, decision.verdict, uses)
    }

    /// An unknown count never shuts the door.
    async fn uses_today(&self, identity: &Identity, asked: Asked) -> u32 {
        if self.options.break_glass.max_per_day.is_none() {
            return 0;
        }
        let caller = identity.caller.as_ref().map_or("", |c| c.display_name());
        let since = asked.now.saturating_sub(SignedDuration::from_hours(24));
        let Ok(since) = since else { return 0 };
        let count = self.parts.uses.break_glass_uses(caller, since);
        match tokio::time::timeout(PATIENCE_WITH_COUNT, count).await {
            Ok(Ok(uses)) => uses,
            Ok(Err(_)) | Err(_) => 0,
        }
    }

    /// Writes the decision where it cannot be lost, before anyone hears of it.
    async fn record(
        &self,
        decision: &Decision,
        break_glass: bool,
        asked: Asked,
    ) -> Result<(), NotRecorded> {
        let entry = Entry {
            id: decision.id.clone(),
            at: decision.decided_at,
            record: Record::Decision(Box::new(decision.clone())),
        };
        // The emergency door does not wait for a journal that hangs. A write that comes through
        // later is the same entry by its id.
        let patience = if break_glass {
            PATIENCE_WITH_JOURNAL
        } else {
            Duration::MAX
        };
        let last = if break_glass {
            before(asked.deadline)
        } else {
            asked.deadline
        };
        let until = Instant::now().checked_add(patience);
        let until = until.map_or(last, |until| until.min(last));
        let append = self.parts.journal.append(vec![entry.clone()]);
        let outcome = match tokio::time::timeout_at(until, append).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Unavailable::new("journal", "it did not answer in time")),
        };
        match outcome {
            Ok(()) => {
                // It is on record: whoever makes findings of it has until the caller stops waiting,
                // and finds it in the journal otherwise.
                let told = self.parts.observer.decided(decision);
                if tokio::time::timeout_at(asked.deadline, told).await.is_err() {
                    tracing::warn!(decision = decision.id, "no finding was made in time");
                }
                Ok(())
            }
            Err(outage) if break_glass => {
                self.parts.spool.record(&entry).await?;
                shout(decision, &outage);
                Ok(())
            }
            Err(outage) => Err(NotRecorded(outage)),
        }
    }
}

/// A little before the caller stops waiting.
fn before(deadline: Instant) -> Instant {
    deadline
        .checked_sub(RESERVED_FOR_RECORDING)
        .unwrap_or(deadline)
}

/// How long evidence may be gathered. Whoever is to open the emergency door anyway does not wait
/// for it to the end: half of the time is for the record.
fn until_gathered(deadline: Instant, door: bool) -> Instant {
    if door {
        let now = Instant::now();
        return now + deadline.saturating_duration_since(now) / 2;
    }
    before(deadline)
}

/// The second record of a break-glass in an outage: a structured log line of severity CRITICAL.
fn shout(decision: &Decision, outage: &Unavailable) {
    let message = format!("break-glass was answered from the spool: {outage}");
    let record = serde_json::to_value(decision).unwrap_or_default();
    if let Err(error) = postern_host::telemetry::critical(&message, &record) {
        tracing::error!(%error, decision = decision.id, "standard output cannot be written");
    }
}

/// Code outside of images is let through where everything is only observed, and never by a policy.
fn may_be_dry_run(images: &[ImageDecision], reasons: &[Reason], observed: bool) -> bool {
    match reasons {
        [] => !images.is_empty(),
        _ => observed,
    }
}

fn dry_run(images: &[ImageDecision]) -> bool {
    images.iter().all(|image| {
        image.verdict == Verdict::Conformant
            || (image.enforcement == EnforcementMode::DryRun
                && !image
                    .reasons
                    .iter()
                    .any(|reason| reason.code == ReasonCode::Revoked))
    })
}

/// Asking again helps only if every image that fails may still be helped.
fn is_retryable(decision: &Decision) -> bool {
    let failing = decision
        .images
        .iter()
        .filter(|image| image.verdict != Verdict::Conformant);
    failing
        .flat_map(|image| &image.reasons)
        .filter(|reason| reason.code.verdict() != Verdict::Conformant)
        .chain(&decision.reasons)
        .all(|reason| reason.code.is_retryable())
}
