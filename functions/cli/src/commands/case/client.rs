//! The cases of a server, and what it knows about targets, over HTTP.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use postern_auditor::case::{DrillRequest, Stats, Step};
use postern_core::case::{Case, CaseAction, Drill};
use postern_core::ports::CaseFilter;
use postern_core::target::Target;
use postern_wiring::inspection::Inspection;
use reqwest::header::IF_MATCH;
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::render::word;
use crate::escape::terminal;
use crate::outcome::Failure;

const TIMEOUT: Duration = Duration::from_secs(20);
/// The longest answer that is read, in bytes.
const ANSWER_LIMIT: usize = 32 * 1024 * 1024;
/// The longest token that is read, in bytes.
const TOKEN_LIMIT: u64 = 64 * 1024;

/// A server, and who asks it.
pub(crate) struct Client {
    http: reqwest::Client,
    server: Url,
    token: Option<String>,
}

/// What a server says of a refusal (RFC 9457).
#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: String,
    remedy: Option<String>,
}

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

impl Client {
    pub(crate) fn new(server: &str, token_file: Option<&Path>) -> Result<Self, Failure> {
        let server = parse(server)?;
        let mut builder = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(Policy::none());
        if is_loopback(&server) {
            builder = builder.no_proxy();
        }
        Ok(Self {
            http: builder.build().map_err(Failure::undetermined)?,
            token: token_file.map(token).transpose()?,
            server,
        })
    }

    /// What the server knows about a target.
    pub(crate) async fn inspect(&self, target: &Target) -> Result<Inspection, Failure> {
        let mut url = self.url(&["inspect"])?;
        url.query_pairs_mut()
            .append_pair("target", &target.to_string());
        self.answer(self.http.get(url)).await
    }

    pub(super) async fn list(&self, filter: &CaseFilter) -> Result<Vec<Case>, Failure> {
        let mut url = self.url(&["cases"])?;
        let texts = [
            ("state", filter.state.map(|state| word(&state))),
            ("category", filter.category.map(|category| word(&category))),
            ("severity", filter.severity.map(|severity| word(&severity))),
            ("owner", filter.owner.clone()),
            ("target", filter.target.clone()),
            ("before", filter.before.clone()),
            ("limit", Some(filter.limit.to_string())),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, &value);
            }
        }
        let cases: Cases = self.answer(self.http.get(url)).await?;
        Ok(cases.cases)
    }

    pub(super) async fn case(&self, id: &str) -> Result<Case, Failure> {
        self.answer(self.http.get(self.url(&["cases", id])?)).await
    }

    pub(super) async fn walk(&self, id: &str, revision: u64, step: &Step) -> Result<Case, Failure> {
        let verb = match step.action {
            CaseAction::Acknowledged => "acknowledge",
            CaseAction::Justified => "justify",
            CaseAction::Reopened => "reopen",
            _ => "close",
        };
        let url = self.url(&["cases", &format!("{id}:{verb}")])?;
        let body = json!({
            "comment": step.comment,
            "ticket": step.ticket,
            "exceptionUntil": step.exception_until,
        });
        let request = self
            .http
            .post(url)
            .header(IF_MATCH, format!("\"{revision}\""));
        self.answer(request.json(&body)).await
    }

    pub(super) async fn stats(&self, since: Option<Timestamp>) -> Result<Stats, Failure> {
        let mut url = self.url(&["cases", "stats"])?;
        if let Some(since) = since {
            url.query_pairs_mut()
                .append_pair("since", &since.to_string());
        }
        self.answer(self.http.get(url)).await
    }

    pub(super) async fn declare_drill(&self, request: &DrillRequest) -> Result<Drill, Failure> {
        #[derive(Serialize)]
        struct Body<'a> {
            target: &'a str,
            from: Timestamp,
            until: Timestamp,
            reason: &'a str,
        }
        let body = Body {
            target: &request.target,
            from: request.from,
            until: request.until,
            reason: &request.reason,
        };
        self.answer(self.http.post(self.url(&["drills"])?).json(&body))
            .await
    }

    fn url(&self, path: &[&str]) -> Result<Url, Failure> {
        let mut url = self.server.clone();
        let mut segments = url
            .path_segments_mut()
            .map_err(|()| Failure::mistake("--server is no URL of a server"))?;
        segments.pop_if_empty().push("v1").extend(path);
        drop(segments);
        Ok(url)
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let mut answer = request
            .send()
            .await
            .map_err(|error| self.unreachable(&error))?;
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = answer
            .chunk()
            .await
            .map_err(|error| self.unreachable(&error))?
        {
            if body.len() + chunk.len() > ANSWER_LIMIT {
                return Err(Failure::undetermined("the server's answer is too long")
                    .remedy("ask for fewer with --limit"));
            }
            body.extend_from_slice(&chunk);
        }
        match status {
            200..=299 => serde_json::from_slice(&body).map_err(|error| {
                Failure::undetermined(format_args!("the server's answer cannot be read: {error}"))
            }),
            _ => Err(refused(status, &body)),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let mut message = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Failure::undetermined(format_args!(
            "{} cannot be reached: {}",
            self.server,
            terminal(&message)
        ))
    }
}

/// Refused is 1, a mistake of ours 2, and whatever may pass 3.
fn refused(status: u16, body: &[u8]) -> Failure {
    let problem: Option<Problem> = serde_json::from_slice(body).ok();
    let message = match &problem {
        Some(problem) => format!("{}: {}", terminal(&problem.code), terminal(&problem.detail)),
        None => format!("the server answered {status}"),
    };
    let failure = match status {
        403 | 404 | 409 | 412 | 422 => Failure::not_so(message),
        400 | 401 | 405 | 413 | 415 | 428 => Failure::mistake(message),
        _ => Failure::undetermined(message),
    };
    match problem.and_then(|problem| problem.remedy) {
        Some(remedy) => failure.remedy(terminal(&remedy)),
        None => failure,
    }
}

fn parse(server: &str) -> Result<Url, Failure> {
    let url = Url::parse(server).ok().filter(|url| url.host().is_some());
    let mistake = || Failure::mistake("--server takes a URL such as https://postern.example");
    let url = url.ok_or_else(mistake)?;
    // A token that went over the network in the clear would be anybody's.
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(Failure::mistake(
            "plain http:// is for this machine only; use https://",
        )),
        _ => Err(mistake()),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            host.parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback())
        }
        None => false,
    }
}

fn token(path: &Path) -> Result<String, Failure> {
    let cannot = |reason: &dyn std::fmt::Display| {
        Failure::mistake(format_args!("the token {}: {reason}", path.display()))
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| cannot(&error))?;
    let read = file.take(TOKEN_LIMIT).read_to_string(&mut text);
    read.map_err(|error| cannot(&error))?;
    match text.trim() {
        "" => Err(cannot(&"the file is empty")),
        token if token.bytes().all(|b| b.is_ascii_graphic()) => Ok(token.to_owned()),
        _ => Err(cannot(&"this is no token")),
    }
}

#[cfg(test)]
mod tests;
