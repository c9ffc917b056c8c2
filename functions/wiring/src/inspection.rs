//! Gathers what is known about a target, for the command line and for a server's `GET /v1/inspect`. A
//! part that cannot be read never hides the others.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use postern_core::case::{Case, CaseState};
use postern_core::decision::{ApiVersion, Decision};
use postern_core::entry::Record;
use postern_core::image::Digest;
use postern_core::ports::{
    AuditStore as _, CaseFilter, RevocationList as _, RunningRevision, Runtime, RuntimeState,
};
use postern_core::reason::Verdict;
use postern_core::revocation::Revocations;
use postern_core::rollback;
use postern_core::target::Target;
use postern_store::Store;
use serde::{Deserialize, Serialize};

/// Entries of the journal that are read at once.
const PAGE: u32 = 500;
/// Open cases that are listed.
const CASES: u32 = 100;

/// A part, or why it was not read.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Part<T> {
    /// It was read.
    Read(T),
    /// It was not.
    NotRead {
        /// Why.
        #[serde(rename = "notRead")]
        why: String,
    },
}

/// What is known about a target.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    /// The version of the form.
    pub api_version: ApiVersion,
    /// `Inspection`.
    pub kind: String,
    /// The target.
    pub target: String,
    /// What can still be reached or run.
    pub revisions: Part<Vec<Revision>>,
    /// What the gate decided last.
    pub last_decision: Part<Option<Decided>>,
    /// Attestations of what is in use.
    pub attestations: Part<Vec<Attested>>,
    /// Cases that are not closed.
    pub open_cases: Part<Vec<OpenCase>>,
    /// The last that was found to conform.
    pub last_conformant: Part<Option<Conformant>>,
    /// The command that goes back to the last conformant revision.
    pub rollback: Option<String>,
}

/// A revision, or an execution of a job.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// Its name.
    pub name: String,
    /// Its images.
    pub images: Vec<String>,
    /// Its share of the traffic.
    pub traffic_percent: u8,
    /// Tags that reach it.
    pub tags: Vec<String>,
    /// Executions that have not ended.
    pub running_executions: u32,
    /// Whether it was made last.
    pub latest: bool,
    /// Whether every image was found to conform here, and none is revoked; absent where no decision
    /// is known.
    pub conformant: Option<bool>,
}

/// A decision of the gate.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decided {
    /// Its id.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Whether it let through.
    pub allowed: bool,
    /// What the policy said.
    pub verdict: Verdict,
    /// Why the emergency door was used; absent where it was not.
    pub break_glass: Option<String>,
    /// The images, by digest where that is known.
    pub images: Vec<String>,
}

/// What attests a digest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attested {
    /// The digest.
    pub digest: String,
    /// Why it is revoked, if it is.
    pub revoked: Option<String>,
    /// The notes of its attestations.
    pub notes: BTreeSet<String>,
}

/// A case that is not closed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenCase {
    /// Its id.
    pub id: String,
    /// How far it is.
    pub state: CaseState,
    /// How bad it is.
    pub severity: postern_core::finding::Severity,
    /// What it is about.
    pub category: postern_core::finding::Category,
    /// Whose it is.
    pub owner: Option<String>,
    /// Since when.
    pub opened_at: Timestamp,
}

/// What was found to conform.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Conformant {
    /// The revision; absent where what runs was not read.
    pub revision: Option<String>,
    /// Its digests.
    pub digests: BTreeSet<String>,
    /// When the gate last found it to conform.
    pub decided_at: Option<Timestamp>,
    /// Whether it is what gets the traffic now.
    pub in_use: Option<bool>,
}

/// What the journal says about a target.
#[derive(Default)]
struct Past {
    last: Option<Decision>,
    /// What the last decision on each digest was.
    digests: BTreeMap<Digest, (Timestamp, Verdict)>,
}

/// What a data directory says.
struct Kept {
    store: Store,
    past: Result<Past, String>,
    revocations: Result<Revocations, String>,
    cases: Result<Vec<Case>, String>,
}

impl Inspection {
    /// Whether every part was read.
    pub fn is_whole(&self) -> bool {
        fn read<T>(part: &Part<T>) -> bool {
            matches!(part, Part::Read(_))
        }
        read(&self.revisions)
            && read(&self.last_decision)
            && read(&self.attestations)
            && read(&self.open_cases)
            && read(&self.last_conformant)
    }
}

impl<T> From<Result<T, String>> for Part<T> {
    fn from(result: Result<T, String>) -> Self {
        match result {
            Ok(value) => Self::Read(value),
            Err(why) => Self::NotRead { why },
        }
    }
}

/// Gathers what a store and the platform say about a target.
///
/// `patience` is how long the platform may take.
pub async fn inspect(
    target: &Target,
    store: Result<Store, String>,
    runtime: Option<&dyn Runtime>,
    patience: Duration,
) -> Inspection {
    let state = match runtime.filter(|_| matches!(target, Target::CloudRun { .. })) {
        Some(runtime) => match tokio::time::timeout(patience, runtime.state(target)).await {
            Ok(state) => state.map_err(|error| error.to_string()),
            Err(_) => Err("the platform did not answer in time".to_owned()),
        },
        None => Err(format!(
            "nothing here reads what runs on {}",
            target.platform()
        )),
    };
    let kept = match store {
        Ok(store) => Ok(Kept::read(target, store).await),
        Err(why) => Err(why),
    };
    let conformant = last_conformant(state.as_ref().ok(), &kept);
    let away = conformant.as_ref().ok().and_then(Option::as_ref);
    let away = away.filter(|found| found.in_use != Some(true));
    let revision = away.and_then(|found| found.revision.as_deref());
    Inspection {
        api_version: ApiVersion::V1,
        kind: "Inspection".to_owned(),
        target: target.to_string(),
        rollback: revision.and_then(|revision| rollback::command(target, revision)),
        last_decision: last_decision(&kept).into(),
        attestations: attestations(state.as_ref().ok(), &kept).await.into(),
        open_cases: open_cases(&kept).into(),
        last_conformant: conformant.into(),
        revisions: state.map(|state| revisions(&state, &kept)).into(),
    }
}

impl Kept {
    async fn read(target: &Target, store: Store) -> Self {
        let text = target.to_string();
        let filter = |state| CaseFilter {
            target: Some(text.clone()),
            state: Some(state),
            limit: CASES,
            ..CaseFilter::default()
        };
        let mut cases = Ok(Vec::new());
        for state in [
            CaseState::Open,
            CaseState::Acknowledged,
            CaseState::Justified,
        ] {
            let found = store.cases_like(&filter(state)).await;
            cases = cases.and_then(|mut all: Vec<Case>| {
                all.extend(found.map_err(|error| error.to_string())?);
                Ok(all)
            });
        }
        Self {
            past: past(&store, target).await,
            revocations: store.revocations().await.map_err(|e| e.to_string()),
            cases,
            store,
        }
    }
}

/// Reads the whole journal, a page at a time: it has no index by target.
async fn past(store: &Store, target: &Target) -> Result<Past, String> {
    let (mut past, mut after) = (Past::default(), 0);
    loop {
        let page = store
            .entries(after, PAGE)
            .await
            .map_err(|e| e.to_string())?;
        let Some(last) = page.last() else {
            return Ok(past);
        };
        after = last.position;
        for stored in page {
            if let Record::Decision(decision) = stored.entry.record {
                past.take(*decision, target);
            }
        }
    }
}

impl Past {
    fn take(&mut self, decision: Decision, target: &Target) {
        let mut here = decision.target == *target;
        for image in decision
            .images
            .iter()
            .filter(|image| image.target == *target)
        {
            here = true;
            let resolved = image.resolved.as_ref().and_then(|image| image.digest());
            for digest in resolved.iter().chain(&image.children) {
                let known = (decision.decided_at, image.verdict);
                self.digests.insert(*digest, known);
            }
        }
        if here {
            self.last = Some(decision);
        }
    }
}

fn last_decision(kept: &Result<Kept, String>) -> Result<Option<Decided>, String> {
    let past = kept.as_ref()?.past.as_ref()?;
    Ok(past.last.as_ref().map(|decision| Decided {
        id: decision.id.clone(),
        at: decision.decided_at,
        allowed: decision.allowed,
        verdict: decision.verdict,
        break_glass: decision.break_glass.as_ref().map(|used| {
            let why = used.justification.as_deref();
            why.unwrap_or("no justification").to_owned()
        }),
        images: decision
            .images
            .iter()
            .map(|image| match &image.resolved {
                Some(resolved) => resolved.to_string(),
                None => image.image.clone(),
            })
            .collect(),
    }))
}

fn open_cases(kept: &Result<Kept, String>) -> Result<Vec<OpenCase>, String> {
    let cases = kept.as_ref()?.cases.as_ref()?;
    Ok(cases
        .iter()
        .map(|case| OpenCase {
            id: case.id.clone(),
            state: case.state,
            severity: case.severity,
            category: case.category,
            owner: case.owner.clone(),
            opened_at: case.opened_at,
        })
        .collect())
}

/// Of what runs; of what was decided last, where what runs is not known.
async fn attestations(
    state: Option<&RuntimeState>,
    kept: &Result<Kept, String>,
) -> Result<Vec<Attested>, String> {
    let kept = kept.as_ref()?;
    let revocations = kept.revocations.as_ref()?;
    let mut digests: BTreeSet<Digest> = BTreeSet::new();
    match state {
        Some(state) => {
            let used = state.revisions.iter().filter(|r| r.is_in_use());
            digests.extend(used.flat_map(digests_of));
        }
        None => {
            let last = kept.past.as_ref()?.last.iter();
            let images = last.flat_map(|decision| &decision.images);
            digests.extend(images.filter_map(|image| image.resolved.as_ref()?.digest()));
        }
    }
    let mut all = Vec::new();
    for digest in digests {
        let about = kept.store.occurrences_about(&digest).await;
        let about = about.map_err(|error| error.to_string())?;
        all.push(Attested {
            digest: digest.to_string(),
            revoked: revocations.of_digest(&digest).map(|r| r.reason.clone()),
            notes: about.iter().map(|o| o.note_name.to_string()).collect(),
        });
    }
    Ok(all)
}

fn revisions(state: &RuntimeState, kept: &Result<Kept, String>) -> Vec<Revision> {
    let one = |revision: &RunningRevision| Revision {
        conformant: conforms(revision, kept).map(|(conforms, _)| conforms),
        latest: state.latest.as_ref() == Some(&revision.name),
        name: revision.name.clone(),
        images: revision.images.clone(),
        traffic_percent: revision.traffic_percent,
        tags: revision.tags.clone(),
        running_executions: revision.running_executions,
    };
    state.revisions.iter().map(one).collect()
}

/// Whether every image of a revision was last found to conform here and is not revoked, and since
/// when all of them are known to. `None` where that is not known of every image.
fn conforms(revision: &RunningRevision, kept: &Result<Kept, String>) -> Option<(bool, Timestamp)> {
    let kept = kept.as_ref().ok()?;
    let (past, revocations) = (kept.past.as_ref().ok()?, kept.revocations.as_ref().ok()?);
    let digests: Vec<Digest> = digests_of(revision).collect();
    if digests.is_empty() || digests.len() < revision.images.len() {
        return None;
    }
    let mut all = (true, Timestamp::MIN);
    for digest in &digests {
        let (at, verdict) = past.digests.get(digest)?;
        let good = *verdict == Verdict::Conformant && revocations.of_digest(digest).is_none();
        all = (all.0 && good, all.1.max(*at));
    }
    Some(all)
}

/// The revision that was found to conform last; without knowing what runs, the digest.
fn last_conformant(
    state: Option<&RuntimeState>,
    kept: &Result<Kept, String>,
) -> Result<Option<Conformant>, String> {
    let whole = kept.as_ref()?;
    let (past, revocations) = (whole.past.as_ref()?, whole.revocations.as_ref()?);
    if let Some(state) = state {
        let found = state.revisions.iter().filter_map(|revision| {
            let (conforms, at) = conforms(revision, kept)?;
            conforms.then_some((at, revision))
        });
        let last = found.max_by_key(|(at, revision)| (*at, revision.traffic_percent));
        return Ok(last.map(|(at, revision)| Conformant {
            revision: Some(revision.name.clone()),
            digests: digests_of(revision).map(|d| d.to_string()).collect(),
            decided_at: Some(at),
            in_use: Some(revision.traffic_percent == 100),
        }));
    }
    let good = past.digests.iter().filter(|(digest, (_, verdict))| {
        *verdict == Verdict::Conformant && revocations.of_digest(digest).is_none()
    });
    let last = good.max_by_key(|(_, (at, _))| *at);
    Ok(last.map(|(digest, (at, _))| Conformant {
        revision: None,
        digests: [digest.to_string()].into(),
        decided_at: Some(*at),
        in_use: None,
    }))
}

fn digests_of(revision: &RunningRevision) -> impl Iterator<Item = Digest> {
    let digest = |image: &String| image.rsplit_once('@')?.1.parse().ok();
    revision.images.iter().filter_map(digest)
}
