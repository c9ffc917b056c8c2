//! One call, from its path to its answer.

mod reading;
mod runs;
mod written;

use std::sync::Arc;

use postern_core::attestor::ProjectNumbers;
use postern_core::decision::Decision;
use postern_core::ports::{
    Authorization, DeploymentGate, GateRefusal, GoogleAnswer, GoogleApi, GoogleApis, GoogleCall,
    InTheNameOf, ProposedDeployment,
};
use postern_core::target::{CloudRunKind, CloudRunResource, Target};
use postern_host::config::{DeployAs, ForwardedBreakGlass, JobChecks};
use serde_json::{Value, json};

use crate::asked::{Verb, Write};
use crate::body;
use crate::permission::Question;
use crate::query::Query;
use crate::refusal::{Code, Refusal};
use crate::region::Regions;
use crate::resource::Resource;

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
        let in_body = write.dialect.resource(body);
        if !in_body
            .namespace()
            .is_none_or(|other| self.may_be(other, &write.project))
        {
            return Err(Refusal::invalid(
                "the call names two projects that it writes in",
            ));
        }
        let in_body = in_body.name();
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

    /// Whether two spellings may mean one project; which number an id has is not always known here.
    fn may_be(&self, one: &str, other: &str) -> bool {
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let numbers = &self.options.projects;
        numbers.same_project(one, other) || is_number(one) != is_number(other)
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

fn target(kind: CloudRunKind, place: &CloudRunResource) -> Target {
    Target::CloudRun {
        kind,
        resource: Some(place.clone()),
    }
}

fn unauthenticated() -> Refusal {
    Refusal::new(
        Code::Unauthenticated,
        "the call shows no access token (Authorization: Bearer …)",
    )
}
