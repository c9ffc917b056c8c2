//! The scan as a run task of HCP Terraform: what is asked, whether it was HCP Terraform that asked, and what it
//! is answered.
//!
//! Source: HashiCorp, "Run tasks integration" (payload version 1) and "Run tasks: securing your run task".

use hmac::{Hmac, KeyInit as _, Mac as _};
use postern_core::image::shortened;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha512;

use super::{Finding, Level, Report};

/// The header with the signature of a request.
pub const SIGNATURE: &str = "x-tfc-task-signature";
/// The largest plan that is read, in bytes.
pub const PLAN_LIMIT: usize = 32 * 1024 * 1024;

/// How many findings are told one by one: the document may have a megabyte.
const MAX_OUTCOMES: usize = 100;

/// Whether a body was signed by whoever has the key: HMAC of SHA-512 over its bytes, in hex.
pub fn is_signed(key: &[u8], body: &[u8], signature: &str) -> bool {
    let Ok(signature) = hex::decode(signature.trim()) else {
        return false;
    };
    let Ok(mut mac) = Hmac::<Sha512>::new_from_slice(key) else {
        return false;
    };
    mac.update(body);
    mac.verify_slice(&signature).is_ok()
}

/// What a request is about.
#[derive(Clone, PartialEq, Eq)]
pub enum Asked {
    /// Whether anybody is here, when the task is set up.
    Nothing,
    /// A plan to look at.
    Plan(Task),
    /// A stage of a run in which there is nothing to be looked at; what to answer it.
    OtherStage(Task, Value),
}

/// A plan that is waiting for a verdict.
#[derive(Clone, PartialEq, Eq)]
pub struct Task {
    /// Where the plan is; empty where the stage has none.
    pub plan: String,
    /// Where the verdict goes.
    pub callback: String,
    /// What both are asked with. Good for this run only.
    pub token: String,
    /// The run, for logs.
    pub run: String,
}

/// Why a request is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAsked {
    /// Not what HCP Terraform sends.
    #[error("this is no request of a run task: {0}")]
    Form(String),
    /// A later version of it.
    #[error("its payload version is {0}; 1 is known")]
    Version(u64),
}

#[derive(Deserialize)]
struct Payload {
    payload_version: u64,
    stage: String,
    access_token: String,
    #[serde(default)]
    plan_json_api_url: Option<String>,
    #[serde(default)]
    task_result_callback_url: Option<String>,
    #[serde(default)]
    run_id: Option<String>,
}

/// The token of the request by which a new task is tried out.
const TRIAL: &str = "test-token";

/// Reads a request, whose signature was looked at before.
///
/// # Errors
/// If it is none.
pub fn asked(body: &[u8]) -> Result<Asked, NotAsked> {
    let payload: Payload = serde_json::from_slice(body)
        .map_err(|error| NotAsked::Form(shortened(&error.to_string())))?;
    if payload.payload_version != 1 {
        return Err(NotAsked::Version(payload.payload_version));
    }
    if payload.access_token == TRIAL || payload.stage == "test" {
        return Ok(Asked::Nothing);
    }
    let missing = |name: &str| NotAsked::Form(format!("it has no {name}"));
    let task = Task {
        plan: payload.plan_json_api_url.unwrap_or_default(),
        callback: payload
            .task_result_callback_url
            .ok_or_else(|| missing("task_result_callback_url"))?,
        token: payload.access_token,
        run: shortened(&payload.run_id.unwrap_or_default()),
    };
    match payload.stage.as_str() {
        "post_plan" | "pre_apply" if task.plan.is_empty() => Err(missing("plan_json_api_url")),
        "post_plan" | "pre_apply" => Ok(Asked::Plan(task)),
        stage => {
            let why = format!(
                "there is no plan to look at in the stage {}: use this task after the plan (post_plan)",
                shortened(stage)
            );
            // Whoever believes that plans are looked at shall learn that they are not.
            Ok(Asked::OtherStage(task, failed(&why)))
        }
    }
}

/// That the plan is being looked at.
pub fn running() -> Value {
    document("running", "Postern looks at the plan", &[])
}

/// The verdict: failed by an error and by what cannot be told, passed otherwise, warnings and all.
pub fn verdict(report: &Report) -> Value {
    let (errors, warnings, open) = (
        report.count(Level::Error),
        report.count(Level::Warning),
        report.count(Level::CannotTell),
    );
    let message = match report.findings.len() {
        0 => "nothing in the plan weakens the gate".to_owned(),
        all => {
            let counts = format!("{errors} error(s), {warnings} warning(s), {open} cannot be told");
            let shown = match all > MAX_OUTCOMES {
                true => format!("; the gravest {MAX_OUTCOMES} are shown"),
                false => String::new(),
            };
            format!("{counts}{shown}")
        }
    };
    let mut findings: Vec<&Finding> = report.findings.iter().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    findings.truncate(MAX_OUTCOMES);
    let status = match errors + open {
        0 => "passed",
        _ => "failed",
    };
    document(status, &message, &findings)
}

/// That no verdict could be reached, which is none in its favour.
pub fn failed(why: &str) -> Value {
    document("failed", why, &[])
}

fn document(status: &str, message: &str, findings: &[&Finding]) -> Value {
    let outcomes: Vec<Value> = findings
        .iter()
        .enumerate()
        .map(|(index, finding)| outcome(index + 1, finding))
        .collect();
    let mut data = json!({
        "type": "task-results",
        "attributes": {"status": status, "message": message},
    });
    if !outcomes.is_empty() {
        data["relationships"] = json!({"outcomes": {"data": outcomes}});
    }
    json!({"data": data})
}

fn outcome(number: usize, finding: &Finding) -> Value {
    let (label, level) = match finding.level {
        Level::Error => ("Failed", "error"),
        Level::Warning => ("Warning", "warning"),
        Level::CannotTell => ("Cannot tell", "error"),
    };
    json!({
        "type": "task-result-outcomes",
        "attributes": {
            "outcome-id": format!("{}-{number}", finding.code),
            "description": format!("{}: {}", shortened(&finding.address), finding.code.title()),
            "tags": {"Status": [{"label": label, "level": level}]},
            "body": format!(
                "{}\n\n{}\n\n{}",
                code(&finding.address),
                plain(&finding.message),
                finding.remedy
            ),
        },
    })
}

/// Markdown in which nothing of the plan is markup.
fn code(text: &str) -> String {
    format!(
        "`{}`",
        text.replace('`', "'").replace(char::is_control, " ")
    )
}

fn plain(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        if "\\`*_{}[]<>()#!|".contains(char) {
            escaped.push('\\');
        }
        escaped.push(if char.is_control() { ' ' } else { char });
    }
    escaped
}

#[cfg(test)]
mod tests;
