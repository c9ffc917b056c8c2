//! What the domain needs of the outside world. Adapters in `infra/` implement these; only binaries
//! join the two.
//!
//! Every implementation bounds what it reads in size and time by itself. A caller with a deadline
//! drops the future when it passes: no port does anything that must not be dropped half-way, but
//! for the writes, which are atomic.

mod anchor;
mod appraisal;
mod bus;
mod cases;
mod estate;
mod fetcher;
mod forwarding;
mod identity;
mod ledger;
mod policies;
mod resources;
mod rollout;
mod run_task;
mod runtime;
mod sources;
mod vault;

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;

pub use self::anchor::Anchor;
pub use self::appraisal::{Appraisal, AppraisedEvidence, AppraisedImage, Appraiser};
pub use self::bus::{BusMessage, BusRefusal, BusRemedy, Buses, MessageBus};
pub use self::cases::CaseFilter;
pub use self::estate::{
    AuditConfig, BinaryAuthorizationConstraint, CloudRunWorkload, Cluster, EstateReader,
    LogExclusion, LogSink, TopicSubscription, WorkloadKind,
};
pub use self::fetcher::Fetcher;
pub use self::forwarding::{
    Authorization, DeploymentGate, GateRefusal, GoogleAnswer, GoogleApi, GoogleApis, GoogleCall,
    InTheNameOf, ProposedDeployment,
};
pub use self::identity::IdentityTokens;
pub use self::ledger::{Head, Inclusion, Leaf, LedgerStore};
pub use self::policies::{LivePolicy, PolicyAuthority, Replaced};
pub use self::resources::{
    OccurrenceWrite, OccurrencesOf, Resource, ResourceStore, ResourceWrite, Wrote,
};
pub use self::rollout::{CameOut, Judged, PlannedRollout, RolloutError, RolloutPlatform, Staged};
pub use self::run_task::RunTaskHost;
pub use self::runtime::{RunningRevision, Runtime, RuntimeState};
pub use self::vault::{KeyUse, KeyVault, SealedKey};
use crate::attestor::{Attestor, AttestorName, NoteName};
use crate::case::{Case, Drill};
use crate::change::{Change, Lane, Notification};
use crate::entry::{Entry, Signing};
use crate::image::{Digest, ImageReference};
use crate::memory::{Expectation, Memory, Questions};
use crate::occurrence::Occurrence;
use crate::policy::Policy;
use crate::revocation::Revocations;

pub use self::sources::{
    EventSubscription, LogPage, LogQuery, LogReader, Message, Progress, ReconcileProgress,
};

/// Something outside could not be reached or read. Never to be taken for "there is none".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{source_name}: {message}")]
pub struct Unavailable {
    /// What it was, such as `registry us-docker.pkg.dev`.
    pub source_name: String,
    /// What happened.
    pub message: String,
    /// Whether there is more than is ever looked at (`EVIDENCE_LIMIT_EXCEEDED`) rather than an
    /// outage. Nobody may gain by a flood, so this never fails open.
    pub limit: bool,
    /// Whether trying again is of no use: what was to be written contradicts what is there.
    pub permanent: bool,
}

impl Unavailable {
    /// An outage of this source.
    pub fn new(source_name: impl Into<String>, message: impl ToString) -> Self {
        Self {
            source_name: source_name.into(),
            message: message.to_string(),
            limit: false,
            permanent: false,
        }
    }

    /// This source will never take that.
    pub fn permanent(source_name: impl Into<String>, message: impl ToString) -> Self {
        Self {
            permanent: true,
            ..Self::new(source_name, message)
        }
    }

    /// This source has more than is ever looked at.
    pub fn limit(source_name: impl Into<String>, message: impl ToString) -> Self {
        Self {
            limit: true,
            ..Self::new(source_name, message)
        }
    }
}

/// An image as the registry has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedImage {
    /// The digest that the tag stands for, or that was asked for; the body was hashed.
    pub digest: Digest,
    /// The manifests of an index; empty for a single image.
    pub children: Vec<Digest>,
}

impl ResolvedImage {
    /// The image's own digest and those of its manifests.
    pub fn digests(&self) -> impl Iterator<Item = &Digest> {
        std::iter::once(&self.digest).chain(&self.children)
    }
}

/// Finds out what an image reference stands for.
#[async_trait]
pub trait ImageResolver: Send + Sync {
    /// The image, or `None` if the registry says there is no such image (404).
    async fn resolve(&self, image: &ImageReference) -> Result<Option<ResolvedImage>, Unavailable>;
}

/// Where attestations are looked for.
#[async_trait]
pub trait AttestationSource: Send + Sync {
    /// What decisions call it: `registry`, `store:DIR`, a file.
    fn name(&self) -> &str;

    /// The occurrences about this image (its digest is set) that hang on the note. More than are
    /// asked for may come; callers check note and digest again.
    async fn occurrences(
        &self,
        image: &ImageReference,
        note: &NoteName,
    ) -> Result<Vec<Occurrence>, Unavailable>;

    /// At most so many other digests of the image's repository that an occurrence on the note is
    /// about: an index that lists the image may be among them. A source that cannot tell names none.
    async fn attested_beside(
        &self,
        image: &ImageReference,
        note: &NoteName,
        limit: usize,
    ) -> Result<Vec<Digest>, Unavailable> {
        let _ = (image, note, limit);
        Ok(Vec::new())
    }
}

/// What became of an occurrence that was to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// It is there now, under this name.
    Created(Occurrence),
    /// The same statement by the same key was there already.
    AlreadyThere(Occurrence),
}

/// Where attestations are stored.
#[async_trait]
pub trait AttestationSink: Send + Sync {
    /// Stores an occurrence. The name is given by the sink.
    async fn store(&self, occurrence: Occurrence) -> Result<Stored, Unavailable>;
}

/// A policy and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcedPolicy {
    /// `projects/P/policy`, or a file's name.
    pub name: String,
    /// The policy.
    pub policy: Policy,
}

/// Where policies and attestors come from.
#[async_trait]
pub trait TrustMaterial: Send + Sync {
    /// The policy for a project, or `None` where none was ever set.
    async fn policy(&self, project: Option<&str>) -> Result<Option<SourcedPolicy>, Unavailable>;

    /// An attestor, or `None` where there is none of that name.
    async fn attestor(&self, name: &AttestorName) -> Result<Option<Attestor>, Unavailable>;
}

/// Makes signatures with one key.
#[async_trait]
pub trait Signer: Send + Sync {
    /// Signs the payload: DER for ECDSA, raw for RSA, an armored attached message for OpenPGP.
    async fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, Unavailable>;

    /// The public half: the PEM of a SubjectPublicKeyInfo, or an armored OpenPGP key.
    async fn public_key(&self) -> Result<SignerKey, Unavailable>;

    /// Why it would not sign, as far as that can be told without a signature: a key service writes each of
    /// those down, and one that belongs to no attestation looks like misuse. `None`: nothing is known to
    /// stand against it.
    async fn objection(&self) -> Result<Option<String>, Unavailable> {
        self.public_key().await.map(|_| None)
    }
}

/// The public half of a signer's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignerKey {
    /// PEM of a SubjectPublicKeyInfo.
    Pkix(String),
    /// An armored OpenPGP public key.
    Pgp(String),
}

/// The record that everything is written to before it is answered.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Appends entries, all or none, durably. An id that is there already changes nothing.
    async fn append(&self, entries: Vec<Entry>) -> Result<(), Unavailable>;
}

/// Where break-glass is recorded when nothing else works. Depends on nothing but a disk.
#[async_trait]
pub trait EmergencySpool: Send + Sync {
    /// Records an entry durably: it is synced when this returns.
    async fn record(&self, entry: &Entry) -> Result<(), Unavailable>;
}

/// How often the emergency door was used.
#[async_trait]
pub trait BreakGlassUses: Send + Sync {
    /// Uses by one caller (its e-mail address, else its subject) since a time.
    async fn break_glass_uses(&self, caller: &str, since: Timestamp) -> Result<u32, Unavailable>;
}

/// The revocation list.
#[async_trait]
pub trait RevocationList: Send + Sync {
    /// The list as it stands.
    async fn revocations(&self) -> Result<Revocations, Unavailable>;
}

/// How a change was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// It is written.
    Written,
    /// The event is known already, with the same content: nothing was written.
    AlreadySeen,
    /// The event is known already, with other content: nothing was written.
    SeenWithOtherContent,
    /// A case has moved on since it was read, or a key shows another one: read again and decide again.
    Stale,
}

/// What the auditor knows when it decides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// What the event's key was last seen with.
    pub seen: Option<Digest>,
    /// Open cases that a finding may join, by correlation key.
    pub cases: BTreeMap<String, Case>,
    /// Drills at the targets of break-glass findings.
    pub drills: Vec<Drill>,
}

/// A part of an entry that its log has split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What the parts of one entry have in common.
    pub uid: String,
    /// Its place, from 0.
    pub index: u32,
    /// How many there are.
    pub total: u32,
    /// When it arrived.
    pub received_at: Timestamp,
    /// The bytes as they came.
    pub raw: Vec<u8>,
}

/// The auditor's state.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// What is known about an event key, and the unclosed cases under these correlation keys.
    async fn snapshot(
        &self,
        event_key: &str,
        correlation_keys: &[String],
    ) -> Result<Snapshot, Unavailable>;

    /// What is remembered of what is asked.
    async fn recall(&self, questions: &Questions) -> Result<Memory, Unavailable>;

    /// Expectations whose time has come, the oldest first.
    async fn expectations(
        &self,
        due: Timestamp,
        limit: u32,
    ) -> Result<Vec<Expectation>, Unavailable>;

    /// When something was last heard of each project or account, by the time of its arrival.
    async fn last_heard(&self) -> Result<BTreeMap<String, Timestamp>, Unavailable>;

    /// Keeps a part of an entry that was split, and returns all parts of it that are there.
    async fn keep_part(&self, part: Part) -> Result<Vec<Part>, Unavailable>;

    /// Entries of which parts are missing, and whose first part arrived before this time.
    async fn incomplete(&self, before: Timestamp) -> Result<Vec<Part>, Unavailable>;

    /// Forgets what the parts of an entry say, and not that they came: one that is delivered again is
    /// known, and has no bytes.
    async fn forget_parts(&self, uid: &str) -> Result<(), Unavailable>;

    /// Writes a change in one transaction.
    async fn commit(&self, change: Change) -> Result<Committed, Unavailable>;

    /// One case.
    async fn case(&self, id: &str) -> Result<Option<Case>, Unavailable>;

    /// Cases that pass the filter, newest first.
    async fn cases_like(&self, filter: &CaseFilter) -> Result<Vec<Case>, Unavailable>;

    /// At most `limit` cases that time alone may change at `now`: an open one whose due time has come,
    /// a closed one whose exception has ended. Longest overdue first; some may be there too early.
    async fn overdue(&self, now: Timestamp, limit: u32) -> Result<Vec<Case>, Unavailable>;

    /// Another case that is justified by a text of this hash.
    async fn justified_elsewhere(
        &self,
        hash: &Digest,
        case_id: &str,
    ) -> Result<Option<String>, Unavailable>;

    /// Drills at a target whose time includes `at`.
    async fn drills(&self, target: &str, at: Timestamp) -> Result<Vec<Drill>, Unavailable>;

    /// Who had an occurrence signed, by the journal; `None` where the journal does not know.
    async fn signing(&self, occurrence: &str) -> Result<Option<Signing>, Unavailable>;
}

/// One attempt that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueDelivery {
    /// The alert.
    pub notification: Notification,
    /// The output it goes to.
    pub output: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Since when it is due. The alert's own time, until it is claimed for the first time; what was claimed
    /// or tried together shares one from then on.
    pub due: Timestamp,
}

/// Which of the deliveries that are due are wanted now.
pub type Choose<'a> = &'a (dyn Fn(Vec<DueDelivery>) -> Vec<DueDelivery> + Send + Sync);

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempted {
    /// The output confirmed it.
    Delivered,
    /// Try again then.
    Again {
        /// When.
        at: Timestamp,
        /// What happened.
        error: String,
    },
    /// It will never be taken: a dead letter.
    Dead {
        /// What happened.
        error: String,
    },
}

/// The alerts that are still to be sent.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Makes a delivery of every new notification for each of its outputs. Of very many it leaves some for
    /// the next call; urgent ones come first.
    async fn route(
        &self,
        outputs: &(dyn for<'a> Fn(&'a Notification) -> Vec<String> + Send + Sync),
    ) -> Result<(), Unavailable>;

    /// Claims deliveries of one lane to one output that are due, longest due first, until `until`:
    /// nobody else gets them before then. Of each case only the oldest that is not yet delivered or given up,
    /// in whichever lane.
    async fn claim(
        &self,
        output: &str,
        lane: Lane,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueDelivery>, Unavailable> {
        self.claim_chosen(output, lane, now, until, limit, &|due| due)
            .await
    }

    /// As [`claim`](Self::claim), but claims only what `choose` leaves of those that it would claim.
    async fn claim_chosen(
        &self,
        output: &str,
        lane: Lane,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
        choose: Choose<'_>,
    ) -> Result<Vec<DueDelivery>, Unavailable>;

    /// Records one attempt at these alerts, of all or none; a confirmation is also an entry of the journal.
    async fn attempted(
        &self,
        notifications: &[&str],
        output: &str,
        outcome: Attempted,
        now: Timestamp,
    ) -> Result<(), Unavailable>;

    /// When the oldest alert was written that an output has not confirmed and that is not dead.
    async fn oldest_undelivered(&self) -> Result<Option<Timestamp>, Unavailable>;

    /// What waits, and what was given up, at every output that has either.
    async fn queues(&self) -> Result<Vec<Queue>, Unavailable>;
}

/// What has not reached an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// The output.
    pub output: String,
    /// Alerts that are still to be delivered.
    pub pending: u64,
    /// Alerts that were given up.
    pub dead: u64,
    /// When the oldest of the pending ones was written.
    pub oldest: Option<Timestamp>,
}

/// A user name and a password that a registry takes, for a short while.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistryCredential {
    /// The user name, such as `oauth2accesstoken` (Google) or `AWS` (Amazon ECR).
    pub username: String,
    /// The password or token.
    pub password: String,
}

impl std::fmt::Debug for RegistryCredential {
    /// Never shows the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistryCredential")
            .field("username", &self.username)
            .field("password", &"[redacted]")
            .finish()
    }
}

/// Where the credential of a registry comes from when a cloud's identity stands behind it.
#[async_trait]
pub trait CredentialProvider: Send + Sync {
    /// A credential for this registry host (with its port where that is not the default), still
    /// good for a request that is made now. Implementations renew it before it ends.
    async fn credential(&self, registry_host: &str) -> Result<RegistryCredential, Unavailable>;
}
