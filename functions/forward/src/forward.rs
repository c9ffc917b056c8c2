//! One call, from its path to its answer.

use std::sync::Arc;

use futures::future::try_join_all;
use postern_core::attestor::ProjectNumbers;
use postern_core::decision::Decision;
use postern_core::ports::{
    Authorization, DeploymentGate, GateRefusal, GoogleAnswer, GoogleApi, GoogleApis, GoogleCall,
    InTheNameOf, ProposedDeployment,
};
use postern_core::target::{CloudRunKind, CloudRunResource, Target};
use postern_host::config::{DeployAs, ForwardedBreakGlass, JobChecks};
use serde_json::{Value, json};

use crate::after::after;
use crate::asked::{Dialect, Verb, Write};
use crate::body;
use crate::change::Change;
use crate::manifest::manifest;
use crate::permission::Question;
use crate::pin::{Pins, keeps_state};
use crate::query::Query;
use crate::refusal::{Code, Refusal};
use crate::region::Regions;
use crate::resource::{BREAK_GLASS, BREAK_GLASS_V2, Resource};
use crate::revision::{Revision, is_by_digest};
use crate::told;

/// Revisions that are looked at for one write. Traffic is split between fewer.
const MAX_REVISIONS: usize = 32;

/// What the forwarding gate stands between.
pub struct ForwardParts {
    /// Google.
    pub google: Arc<dyn GoogleApis>,
    /// Who decides.
    pub gate: Arc<dyn DeploymentGate>,
}

/// How it does so.
#[derive(Debug, Clone, Default)]
pub struct ForwardOptions {
    /// Hosts it answers to, as they are configured.
    pub hosts: Vec<String>,
    /// Regions that are forwarded to; none: those that Cloud Run is known to have.
    pub regions: Vec<String>,
    /// Project id to number: what a path names by number is judged under its id.
    pub projects: ProjectNumbers,
    /// In whose name is written.
    pub deploy_as: DeployAs,
    /// What a caller needs in the project where the gate writes.
    pub permission: Option<String>,
    /// What becomes of a break-glass that was honoured.
    pub break_glass: ForwardedBreakGlass,
    /// When jobs are refused.
    pub jobs: JobChecks,
}

/// The forwarding gate.
pub struct Forward {
    parts: ForwardParts,
    options: ForwardOptions,
    regions: Regions,
}

/// A call, once its form is found to be plain.
#[derive(Debug)]
pub(crate) struct Call {
    /// The region that its host names.
    pub(crate) region: Option<String>,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Query,
    /// What goes on of its header fields.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) user_agent: String,
    pub(crate) authorization: Option<Authorization>,
    pub(crate) body: Option<Value>,
}

/// What is to go on, and what its caller should know.
pub(crate) struct Passed {
    pub(crate) answer: GoogleAnswer,
    pub(crate) warning: Option<String>,
}

/// A write that is being judged.
struct Judged<'a> {
    call: &'a Call,
    write: &'a Write,
    place: CloudRunResource,
    authorization: &'a Authorization,
}

impl Forward {
    /// A forwarding gate.
    pub fn new(parts: ForwardParts, options: ForwardOptions) -> Self {
        let regions = Regions::of(&options.regions);
        Self {
            parts,
            options,
            regions,
        }
    }

    /// The region that a host names before one of ours.
    pub(crate) fn region_of(&self, host: &str) -> Result<Option<String>, Refusal> {
        let region = self.regions.before(&self.options.hosts, host);
        region.map(|region| region.map(str::to_owned)).map_err(|other| {
            let other = postern_core::image::shortened(other);
            Refusal::invalid(format!(
                "{other:?} is no region that this gate forwards to; they are listed in `forward.regions`"
            ))
        })
    }

    /// Passes on what deploys nothing.
    pub(crate) async fn pass(&self, call: Call) -> Result<Passed, Refusal> {
        let name = call.authorization.clone().map(InTheNameOf::Caller);
        let name = name.ok_or_else(unauthenticated)?;
        let answer = self.parts.google.call(onwards(call, name)).await?;
        Ok(Passed {
            answer,
            warning: None,
        })
    }

    /// Judges a write, and passes it on if what newly runs by it is allowed to.
    pub(crate) async fn write(&self, mut call: Call, write: &Write) -> Result<Passed, Refusal> {
        let authorization = call.authorization.clone().ok_or_else(unauthenticated)?;
        let mut body = call.body.take().unwrap_or_else(|| json!({}));
        body::in_one_spelling(&body)?;
        let judged = Judged {
            place: self.place(&call, write, &body)?,
            call: &call,
            write,
            authorization: &authorization,
        };
        self.may_write(&judged).await?;
        let warning = match write.verb {
            Verb::Run => self.run(&judged, &mut body).await?,
            _ => self.change(&judged, &mut body).await?,
        };
        let name = match self.options.deploy_as {
            DeployAs::Caller => InTheNameOf::Caller(authorization),
            DeployAs::Gate => InTheNameOf::Gate,
        };
        call.body = Some(body);
        let answer = self.parts.google.call(onwards(call, name)).await?;
        Ok(Passed { answer, warning })
    }

    /// What is written, and where.
    fn place(&self, call: &Call, write: &Write, body: &Value) -> Result<CloudRunResource, Refusal> {
        let location = write.location.as_ref().or(call.region.as_ref());
        let location = location.filter(|location| self.regions.has(location));
        let location = location.ok_or_else(|| {
            Refusal::invalid(
                "the call names no region that is forwarded to: gcloud writes it before the host, \
                 as in https://us-central1-HOST, where the gate must be reached, too",
            )
        })?;
        let parameter = match write.kind {
            CloudRunKind::Service => "serviceId",
            CloudRunKind::Job => "jobId",
            CloudRunKind::WorkerPool => "workerPoolId",
        };
        let in_body = write.dialect.resource(body).name();
        let named = [
            write.name.clone(),
            call.query.get(parameter).map(str::to_owned),
            in_body.filter(|_| write.verb != Verb::Run),
        ];
        let mut names = named.into_iter().flatten().filter(|name| !name.is_empty());
        let name = names
            .next()
            .ok_or_else(|| Refusal::invalid("the call does not name what it writes"))?;
        if names.any(|other| other != name) {
            return Err(Refusal::invalid(
                "the call names two resources that it writes",
            ));
        }
        Ok(CloudRunResource {
            project: self.project_id(&write.project),
            location: location.clone(),
            name,
        })
    }

    /// Policies are those of project ids.
    fn project_id(&self, project: &str) -> String {
        let numbers = &self.options.projects;
        let known = numbers
            .0
            .keys()
            .find(|id| numbers.same_project(id, project));
        known.map_or(project, |id| id).to_owned()
    }

    /// Refuses whoever may not write this: before anything is gathered, and before anything is recorded.
    async fn may_write(&self, judged: &Judged<'_>) -> Result<(), Refusal> {
        let write = judged.write;
        let question = match (self.options.deploy_as, &self.options.permission) {
            (DeployAs::Gate, permission) => {
                let act_as = "iam.serviceAccounts.actAs".to_owned();
                let permissions = permission.iter().cloned().chain([act_as]).collect();
                Question::in_project(&write.project, permissions)
            }
            (DeployAs::Caller, _) if write.verb == Verb::Create => Question::to_create(write),
            (DeployAs::Caller, _) => {
                Question::on_resource(write, &judged.place.location, &judged.place.name)
            }
        };
        self.ask(judged, &question).await
    }

    async fn ask(&self, judged: &Judged<'_>, question: &Question) -> Result<(), Refusal> {
        let answer = self.parts.google.call(GoogleCall {
            api: question.api.clone(),
            method: "POST".to_owned(),
            path: question.path.clone(),
            query: Vec::new(),
            headers: judged.call.headers.clone(),
            name: InTheNameOf::Caller(judged.authorization.clone()),
            body: Some(question.body()),
        });
        let answer = read(answer.await?)?;
        match question.missing(&answer) {
            None => Ok(()),
            Some(missing) => Err(Refusal::new(Code::PermissionDenied, missing)),
        }
    }

    /// Judges what newly runs once the resource is written, and makes the body what may go on.
    async fn change(
        &self,
        judged: &Judged<'_>,
        body: &mut Value,
    ) -> Result<Option<String>, Refusal> {
        let write = judged.write;
        let current = self.current(judged).await?;
        let upsert = judged.call.query.says("allowMissing");
        if current.is_none() && upsert && self.options.deploy_as == DeployAs::Caller {
            self.ask(judged, &Question::to_create(write)).await?;
        }
        let after = match (write.verb, &current) {
            (Verb::Patch, Some(current)) => {
                after(current, body, judged.call.query.get("updateMask"))?
            }
            (_, Some(current)) if write.dialect == Dialect::V1 => with_status(body, current),
            _ => body.clone(),
        };
        let current = current.as_ref().map(|value| write.dialect.resource(value));
        let after = write.dialect.resource(&after);
        let mut change = Change::between(write.kind, current, after);
        change.template |= judged.call.query.says("forceNewRevision");
        if let Some(current) = current {
            only_this_version(current, body);
        }
        if change.is_nothing() {
            return Ok(None);
        }
        let revisions = self.revisions(judged, &change).await?;
        let template = Some(after).filter(|_| change.template);
        let break_glass = after.break_glass();
        let only_told = write.kind == CloudRunKind::Job
            && self.options.jobs == JobChecks::Execution
            && !after.starts();
        let proposed = ProposedDeployment {
            manifest: manifest(write.kind, &judged.place, template, &revisions, break_glass),
            target: target(write.kind, &judged.place),
            dry_run: only_told || judged.call.query.is_a_trial(),
        };
        let decision = match self.decide(&proposed).await {
            // A job is judged again when it runs.
            Err(refusal) if only_told => {
                let warning = "Postern could not say whether this job may run".to_owned();
                tracing::warn!(?refusal, "a job that is written could not be judged");
                return Ok(Some(warning));
            }
            decision => decision?,
        };
        if !decision.allowed && !only_told {
            let names: Vec<_> = revisions
                .into_iter()
                .map(|revision| revision.name)
                .collect();
            return Err(told::denied(&decision, &names));
        }
        if change.template {
            pin(judged, &decision, body)?;
        }
        self.strip(&decision, write.dialect, body);
        let refused_later = !decision.allowed && only_told;
        Ok(refused_later.then(|| told_only(&decision)))
    }

    /// Judges a job as it is stored: that is what runs.
    async fn run(&self, judged: &Judged<'_>, body: &mut Value) -> Result<Option<String>, Refusal> {
        only_overrides(body)?;
        let current = self.current(judged).await?.ok_or_else(|| {
            let name = &judged.place.name;
            Refusal::invalid(format!(
                "there is no job {name:?} to run, or it is not shown"
            ))
        })?;
        let job = judged.write.dialect.resource(&current);
        let kind = judged.write.kind;
        let proposed = ProposedDeployment {
            manifest: manifest(kind, &judged.place, Some(job), &[], job.break_glass()),
            target: target(kind, &judged.place),
            dry_run: judged.call.query.is_a_trial(),
        };
        let decision = self.decide(&proposed).await?;
        if !decision.allowed {
            return Err(told::denied(&decision, &[]));
        }
        let by_tag = decision
            .images
            .iter()
            .find(|image| !is_by_digest(&image.image));
        if let (Some(image), None) = (by_tag, &decision.break_glass) {
            return Err(Refusal::new(
                Code::FailedPrecondition,
                format!(
                    "the job names {} by tag, and what it stands for may change before it runs: write \
                     the job through this gate, which pins it, or name the image by digest",
                    image.image
                ),
            ));
        }
        if judged.write.dialect == Dialect::V2 {
            only_this_version(job, body);
        }
        Ok(None)
    }

    /// The resource as it is; `None` where it is not there.
    async fn current(&self, judged: &Judged<'_>) -> Result<Option<Value>, Refusal> {
        let write = judged.write;
        if write.verb == Verb::Create {
            return Ok(None);
        }
        let path = match write.verb {
            Verb::Run => judged.call.path.trim_end_matches(":run"),
            _ => &judged.call.path,
        };
        self.get(judged, judged.call.region.clone(), path).await
    }

    /// What the revisions run that are to get traffic.
    async fn revisions(
        &self,
        judged: &Judged<'_>,
        change: &Change,
    ) -> Result<Vec<Revision>, Refusal> {
        if change.revisions.len() > MAX_REVISIONS {
            return Err(Refusal::invalid(format!(
                "traffic is split between more than {MAX_REVISIONS} revisions"
            )));
        }
        try_join_all(
            change
                .revisions
                .iter()
                .map(|name| self.revision(judged, name)),
        )
        .await
    }

    /// v1 alone says which digest a revision of a service runs.
    async fn revision(&self, judged: &Judged<'_>, name: &str) -> Result<Revision, Refusal> {
        let CloudRunResource {
            location,
            name: pool,
            ..
        } = &judged.place;
        let project = &judged.write.project;
        let (dialect, path) = match judged.write.kind {
            CloudRunKind::Service | CloudRunKind::Job => {
                let group = "/apis/serving.knative.dev/v1";
                (
                    Dialect::V1,
                    format!("{group}/namespaces/{project}/revisions/{name}"),
                )
            }
            CloudRunKind::WorkerPool => {
                let pools = format!("/v2/projects/{project}/locations/{location}/workerPools");
                (Dialect::V2, format!("{pools}/{pool}/revisions/{name}"))
            }
        };
        let refused = |message| Err(Refusal::new(Code::FailedPrecondition, message));
        if !path
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.:/".contains(&b))
        {
            return refused(format!("{name:?} is the name of no revision"));
        }
        let Some(revision) = self.get(judged, Some(location.clone()), &path).await? else {
            return refused(format!(
                "the revision {name} is to get traffic, and is not there"
            ));
        };
        Revision::of(name, dialect, &revision).or_else(|image| {
            refused(format!(
                "the revision {name} names {image} by tag, and nobody says what it runs: deploy the \
                 image by digest"
            ))
        })
    }

    /// Reads something in the caller's name; `None` where Google says that it is not there.
    async fn get(
        &self,
        judged: &Judged<'_>,
        region: Option<String>,
        path: &str,
    ) -> Result<Option<Value>, Refusal> {
        let answer = self.parts.google.call(GoogleCall {
            api: GoogleApi::Run { region },
            method: "GET".to_owned(),
            path: path.to_owned(),
            query: Vec::new(),
            headers: judged.call.headers.clone(),
            name: InTheNameOf::Caller(judged.authorization.clone()),
            body: None,
        });
        match answer.await? {
            answer if answer.status == 404 => Ok(None),
            answer => read(answer).map(Some),
        }
    }

    async fn decide(&self, proposed: &ProposedDeployment) -> Result<Decision, Refusal> {
        self.parts
            .gate
            .decide(proposed)
            .await
            .map_err(|refusal| match refusal {
                GateRefusal::Unreadable(why) => Refusal::invalid(why),
                GateRefusal::Unavailable(outage) => outage.into(),
            })
    }

    /// Takes a break-glass that was honoured off what goes on, if that is configured.
    fn strip(&self, decision: &Decision, dialect: Dialect, body: &mut Value) {
        let strips = self.options.break_glass == ForwardedBreakGlass::Strip;
        if !strips || decision.break_glass.is_none() {
            return;
        }
        let (holder, field) = match dialect {
            Dialect::V1 => ("/metadata/annotations", BREAK_GLASS),
            Dialect::V2 => BREAK_GLASS_V2.rsplit_once('/').unwrap_or_default(),
        };
        if let Some(holder) = body.pointer_mut(holder).and_then(Value::as_object_mut) {
            holder.remove(field);
        }
    }
}

/// What goes on to Google.
fn onwards(call: Call, name: InTheNameOf) -> GoogleCall {
    GoogleCall {
        api: GoogleApi::Run {
            region: call.region,
        },
        method: call.method,
        path: call.path,
        query: call.query.into_pairs(),
        headers: call.headers,
        name,
        body: call.body,
    }
}

/// Google's answer as JSON, or as the caller is to see it.
fn read(answer: GoogleAnswer) -> Result<Value, Refusal> {
    if answer.status != 200 {
        return Err(Refusal::Theirs(answer));
    }
    serde_json::from_slice(&answer.body).map_err(|_| {
        Refusal::new(
            Code::Unavailable,
            "nothing was deployed: Google's answer was no JSON; try again",
        )
    })
}

/// A body of v1 with what Cloud Run alone writes: the caller's `status` says nothing.
fn with_status(body: &Value, current: &Value) -> Value {
    let mut after = body.clone();
    if let Some(after) = after.as_object_mut() {
        let status = current.get("status").cloned().unwrap_or_default();
        after.insert("status".to_owned(), status);
    }
    after
}

/// What was judged is what is written: not if somebody else writes in between. A body that says which version
/// it is for already is left as it is.
fn only_this_version(current: Resource<'_>, body: &mut Value) {
    let (place, Some(version)) = current.version() else {
        return;
    };
    if body.pointer(place).is_some_and(|said| !said.is_null()) {
        return;
    }
    let (holder, field) = place.rsplit_once('/').unwrap_or_default();
    let holder = match holder {
        "" => Some(&mut *body),
        holder => body.pointer_mut(holder),
    };
    if let Some(holder) = holder.and_then(Value::as_object_mut) {
        holder.insert(field.to_owned(), json!(version));
    }
}

/// Writes digests in place of the tags that were judged, where nobody minds.
fn pin(judged: &Judged<'_>, decision: &Decision, body: &mut Value) -> Result<(), Refusal> {
    let pins = Pins::of(decision);
    let Some(template) = body.pointer_mut(judged.write.dialect.template()) else {
        return Ok(());
    };
    let written = pins.write_into(template);
    match written.first() {
        Some((tag, digest)) if keeps_state(&judged.call.user_agent) => Err(Refusal::new(
            Code::FailedPrecondition,
            format!(
                "{tag} is named by tag, which may be another image in a second. It would be pinned, but \
                 your client would find a difference for ever: write {digest} in its place"
            ),
        )),
        _ => Ok(()),
    }
}

/// A run says how, never what.
fn only_overrides(body: &Value) -> Result<(), Refusal> {
    let only = |value: &Value, known: &[&str]| match value.as_object() {
        Some(fields) => fields.keys().all(|field| known.contains(&field.as_str())),
        None => value.is_null(),
    };
    let overrides = body.get("overrides").unwrap_or(&Value::Null);
    let containers = overrides
        .get("containerOverrides")
        .and_then(Value::as_array);
    let plain = only(body, &["etag", "name", "overrides", "validateOnly"])
        && only(
            overrides,
            &[
                "containerOverrides",
                "taskCount",
                "timeout",
                "timeoutSeconds",
            ],
        )
        && containers
            .into_iter()
            .flatten()
            .all(|container| only(container, &["args", "clearArgs", "env", "name"]));
    match plain {
        true => Ok(()),
        false => Err(Refusal::invalid(
            "only arguments, environment, the number of tasks and their time may be overridden in a run",
        )),
    }
}

fn target(kind: CloudRunKind, place: &CloudRunResource) -> Target {
    Target::CloudRun {
        kind,
        resource: Some(place.clone()),
    }
}

fn told_only(decision: &Decision) -> String {
    format!(
        "Postern will not let this job run as it is (decided on trial as {})",
        decision.id
    )
}

fn unauthenticated() -> Refusal {
    Refusal::new(
        Code::Unauthenticated,
        "the call shows no access token (Authorization: Bearer …)",
    )
}
