//! `POST /v1/terraform/run-task`: HCP Terraform asks whether a plan may be applied. Its signature is the
//! authentication: it shows no token.
//!
//! It wants its answer at once and the verdict later, so the plan is looked at after the answer: this is for
//! processes that go on between requests.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use postern_core::ports::RunTaskHost;
use postern_host::config::RunTask;
use postern_host::environment::Environment;
use postern_host::problem::Problem;
use postern_host::secret::{self, SecretError};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::read_up_to;
use crate::terraform::run_task::{self, Asked, PLAN_LIMIT, SIGNATURE, Task};
use crate::terraform::{Code, UnknownCode, scan};

/// The largest request: it holds names and addresses.
const BODY_LIMIT: usize = 256 * 1024;
/// Plans looked at at the same time: each may have [`PLAN_LIMIT`] bytes.
const AT_ONCE: usize = 2;
/// Within this the verdict is told. HCP Terraform waits for ten minutes.
const TIMEOUT: Duration = Duration::from_secs(300);

/// What answers run tasks.
pub struct RunTasks {
    key: SecretString,
    host: Arc<dyn RunTaskHost>,
    except: Vec<Code>,
    room: Arc<Semaphore>,
}

/// Why run tasks cannot be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunTasksError {
    /// There is no key to hold signatures against.
    #[error("terraform.runTask.key: {0}")]
    Key(#[from] SecretError),
    /// What is to be accepted is nothing that is ever found.
    #[error("terraform.runTask.except: {0}")]
    Except(#[from] UnknownCode),
}

impl RunTasks {
    /// As the configuration says, over what answers go by.
    ///
    /// # Errors
    /// If there is no key, or a code is none.
    pub fn of_config(
        task: &RunTask,
        environment: &dyn Environment,
        host: Arc<dyn RunTaskHost>,
    ) -> Result<Self, RunTasksError> {
        let except = task.except.iter().map(|code| code.parse());
        Ok(Self {
            key: secret::resolve(&task.key, environment)?,
            host,
            except: except.collect::<Result<_, UnknownCode>>()?,
            room: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// Looks at the plan of a task, and tells what was found. What goes wrong on the way fails the task.
    async fn answer(&self, task: &Task) {
        let told = self
            .host
            .tell(&task.callback, &task.token, &run_task::running())
            .await;
        if let Err(error) = told {
            tracing::warn!(%error, run = task.run, "a run task could not be told that it runs");
        }
        let verdict = match self.host.plan(&task.plan, &task.token, PLAN_LIMIT).await {
            Ok(plan) => self.look(plan).await,
            Err(error) => run_task::failed(&format!("the plan could not be read: {error}")),
        };
        self.tell(task, &verdict).await;
    }

    /// Parsing megabytes is nothing to do between other people's requests.
    async fn look(&self, plan: Vec<u8>) -> Value {
        let scanned = tokio::task::spawn_blocking(move || scan(&plan)).await;
        match scanned {
            Ok(Ok(mut report)) => {
                report.except(&self.except);
                run_task::verdict(&report)
            }
            Ok(Err(error)) => run_task::failed(&format!("the plan could not be read: {error}")),
            Err(error) => {
                tracing::error!(%error, "looking at a plan failed");
                run_task::failed("the plan could not be looked at")
            }
        }
    }

    async fn tell(&self, task: &Task, verdict: &Value) {
        match self.host.tell(&task.callback, &task.token, verdict).await {
            Ok(()) => tracing::info!(
                run = task.run,
                status = verdict["data"]["attributes"]["status"].as_str(),
                "a run task was answered"
            ),
            // It then fails by itself, for want of an answer.
            Err(error) => {
                tracing::error!(%error, run = task.run, "a run task could not be answered")
            }
        }
    }
}

/// Where HCP Terraform asks. Not to be put behind a check of tokens, of which it has none.
pub fn run_task_router(tasks: RunTasks) -> Router {
    Router::new()
        .route("/v1/terraform/run-task", post(receive))
        .with_state(Arc::new(tasks))
}

async fn receive(
    State(tasks): State<Arc<RunTasks>>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let body = read_up_to(body, BODY_LIMIT).await?;
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
    let key = tasks.key.expose_secret().as_bytes();
    if !run_task::is_signed(key, &body, signature.unwrap_or_default()) {
        let why = "the request is not signed by the key that is configured";
        return Err(
            Problem::new(StatusCode::UNAUTHORIZED, "RUN_TASK_REFUSED", why)
                .remedy("terraform.runTask.key and the HMAC key of the run task must be the same"),
        );
    }
    let asked = run_task::asked(&body).map_err(|error| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "REQUEST_INVALID",
            error.to_string(),
        )
    })?;
    let (task, said) = match asked {
        Asked::Nothing => return Ok(StatusCode::OK),
        Asked::Plan(task) => (task, None),
        Asked::OtherStage(task, said) => (task, Some(said)),
    };
    let room = Arc::clone(&tasks.room).try_acquire_owned().map_err(|_| {
        let why = "other plans are being looked at";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "OVERLOADED", why).retry_after(30)
    })?;
    tokio::spawn(answer(tasks, task, said, room));
    Ok(StatusCode::OK)
}

async fn answer(
    tasks: Arc<RunTasks>,
    task: Task,
    said: Option<Value>,
    _room: OwnedSemaphorePermit,
) {
    let answered = match &said {
        Some(said) => tokio::time::timeout(TIMEOUT, tasks.tell(&task, said)).await,
        None => tokio::time::timeout(TIMEOUT, tasks.answer(&task)).await,
    };
    if answered.is_err() {
        let verdict = run_task::failed("the plan could not be looked at in time");
        tasks.tell(&task, &verdict).await;
    }
}

#[cfg(test)]
mod tests;
