//! What there is, as Google says it to the caller.

use futures::future::try_join_all;
use postern_core::ports::{GoogleApi, GoogleCall, InTheNameOf};
use postern_core::target::{CloudRunKind, CloudRunResource};
use serde_json::Value;

use super::{Forward, Judged, read};
use crate::asked::{Dialect, Verb};
use crate::change::Change;
use crate::refusal::{Code, Refusal};
use crate::revision::Revision;

/// Revisions that are looked at for one write. Traffic is split between fewer.
const MAX_REVISIONS: usize = 32;

impl Forward {
    /// The resource as it is; `None` where it is not there.
    pub(super) async fn current(&self, judged: &Judged<'_>) -> Result<Option<Value>, Refusal> {
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
    pub(super) async fn revisions(
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
}
