//! A small client for Google's REST APIs: bounded in size and time, tried again where that helps.

mod write;

use std::time::Duration;

use google_cloud_gax::backoff_policy::BackoffPolicy as _;
use google_cloud_gax::exponential_backoff::{ExponentialBackoff, ExponentialBackoffBuilder};
use google_cloud_gax::retry_state::RetryState;
use jiff::Timestamp;
use postern_core::image::shortened;
use postern_core::ports::{BusRefusal, BusRemedy, Unavailable};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Method, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::access_token::GoogleCredentials;
use crate::endpoint::Endpoint;
use crate::refusal::Refusal;
use crate::resource::Access;

pub(crate) use self::write::Unwritten;

/// The largest answer that is read.
const BODY_LIMIT: usize = 32 * 1024 * 1024;
/// As much of an error's body as is read.
const ERROR_LIMIT: usize = 16 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often one call is tried.
const TRIES: u32 = 6;
/// The longest that an API is let to ask for by `Retry-After`. Quotas are per minute.
const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// One API at one endpoint, asked in the name of this process.
pub(crate) struct Api {
    name: &'static str,
    endpoint: Endpoint,
    client: Client,
    credentials: Option<GoogleCredentials>,
    pauses: ExponentialBackoff,
}

/// One call.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    /// Made of checked names, from the first slash.
    pub(crate) path: &'a str,
    pub(crate) query: &'a [(&'a str, &'a str)],
    /// One try takes at most this long.
    pub(crate) timeout: Duration,
    pub(crate) access: Access<'a>,
}

/// What became of one try.
enum Tried {
    Done(Vec<u8>),
    /// It may go better later, after so long at least.
    Again(Option<Duration>, String),
    /// It will not, as things are.
    Never(Unavailable),
    /// It will not, whatever is done: what was sent is wrong, says the API.
    Invalid(Unavailable),
    /// The API says no to what was asked.
    Refused(Unavailable),
    /// The API says that there is no such thing.
    Absent(Unavailable),
    /// The API says that there is such a thing already (409 `ALREADY_EXISTS`), in these words.
    Exists(Unavailable),
    /// The API says that somebody else wrote in the meantime (any other 409).
    Stale(Unavailable),
    /// The API says that what was said to be so is not (412).
    Unmet,
}

/// What is sent.
#[derive(Clone, Copy)]
struct Body<'a> {
    kind: &'static str,
    bytes: &'a [u8],
}

/// Why a call has no answer.
pub(crate) enum CallError {
    /// The API says no to what was asked, or that there is no such thing.
    Refused(Unavailable),
    /// It could not be asked, or did not answer in its own words.
    Outage(Unavailable),
}

impl Api {
    /// The API at this endpoint; credentials are not shown to one that is anonymous.
    pub(crate) fn new(
        name: &'static str,
        endpoint: Endpoint,
        credentials: Option<GoogleCredentials>,
    ) -> Result<Self, Unavailable> {
        let client = Client::builder()
            // A redirect would take the token to somebody else.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("postern/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Unavailable::new(name, told(&error)))?;
        Ok(Self {
            name,
            credentials: credentials.filter(|_| !endpoint.is_anonymous()),
            endpoint,
            client,
            pauses: pauses(Duration::from_millis(250), Duration::from_secs(30)),
        })
    }

    #[cfg(test)]
    pub(crate) fn hasty(mut self) -> Self {
        self.pauses = pauses(Duration::from_millis(1), Duration::from_millis(1));
        self
    }

    /// Where it is asked, and as what.
    pub(crate) fn name(&self) -> String {
        format!("{} at {}", self.name, self.endpoint)
    }

    /// Calls, and reads the answer. Every call must be one that may be made twice.
    pub(crate) async fn call<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        body: Option<&B>,
    ) -> Result<T, Unavailable> {
        let body = body.map(serde_json::to_vec).transpose();
        let body = body.map_err(|error| self.failed(call, error))?;
        let body = body.as_deref().map(|bytes| Body {
            kind: "application/json",
            bytes,
        });
        match self.tried(call, body).await {
            Tried::Done(answer) => self.read(call, &answer),
            tried => Err(self.not_done(call, tried)),
        }
    }

    /// Sends a text under a condition; `false` if the API says that the condition is not met.
    pub(crate) async fn send_if(&self, call: &Call<'_>, text: &str) -> Result<bool, Unavailable> {
        let body = Body {
            kind: "text/plain; charset=utf-8",
            bytes: text.as_bytes(),
        };
        match self.tried(call, Some(body)).await {
            Tried::Done(_) => Ok(true),
            Tried::Unmet => Ok(false),
            tried => Err(self.not_done(call, tried)),
        }
    }

    /// Gets something as it is, whatever it is.
    pub(crate) async fn fetch(&self, call: &Call<'_>) -> Result<Vec<u8>, Unavailable> {
        match self.tried(call, None).await {
            Tried::Done(answer) => Ok(answer),
            tried => Err(self.not_done(call, tried)),
        }
    }

    /// Gets something; tells a refusal from an outage.
    pub(crate) async fn get<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, CallError> {
        match self.tried(call, None).await {
            Tried::Done(answer) => self.read(call, &answer).map_err(CallError::Outage),
            Tried::Refused(error)
            | Tried::Invalid(error)
            | Tried::Absent(error)
            | Tried::Exists(error)
            | Tried::Stale(error) => Err(CallError::Refused(error)),
            tried => Err(CallError::Outage(self.not_done(call, tried))),
        }
    }

    /// Gets something; `None` if the API says that there is no such thing.
    pub(crate) async fn find<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
    ) -> Result<Option<T>, Unavailable> {
        match self.tried(call, None).await {
            Tried::Done(answer) => self.read(call, &answer).map(Some),
            Tried::Absent(_) => Ok(None),
            tried => Err(self.not_done(call, tried)),
        }
    }

    fn not_done(&self, call: &Call<'_>, tried: Tried) -> Unavailable {
        match tried {
            Tried::Again(_, error) => Unavailable::new(self.name(), error),
            Tried::Never(error)
            | Tried::Invalid(error)
            | Tried::Refused(error)
            | Tried::Absent(error)
            | Tried::Exists(error)
            | Tried::Stale(error) => error,
            Tried::Unmet | Tried::Done(_) => self.failed(call, "it answered something else"),
        }
    }

    /// Hands something in, once: when it is tried again is for the caller to say.
    pub(crate) async fn hand_in<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        body: &B,
    ) -> Result<T, BusRefusal> {
        let refused = |remedy| {
            move |error: Unavailable| BusRefusal {
                remedy,
                error: error.to_string(),
            }
        };
        let body = serde_json::to_vec(body).map_err(|error| self.failed(call, error));
        let body = body.map_err(refused(BusRemedy::Nothing))?;
        let body = Body {
            kind: "application/json",
            bytes: &body,
        };
        match self.once(call, Some(body)).await {
            Tried::Done(answer) => self
                .read(call, &answer)
                .map_err(refused(BusRemedy::Time(None))),
            Tried::Again(asked, error) => {
                let asked = asked.and_then(|asked| asked.try_into().ok());
                let error = Unavailable::new(self.name(), error);
                Err(refused(BusRemedy::Time(asked))(error))
            }
            Tried::Never(error)
            | Tried::Refused(error)
            | Tried::Absent(error)
            | Tried::Exists(error)
            | Tried::Stale(error) => Err(refused(BusRemedy::Person)(error)),
            Tried::Invalid(error) => Err(refused(BusRemedy::Nothing)(error)),
            Tried::Unmet => {
                let error = self.failed(call, "it answered something else");
                Err(refused(BusRemedy::Person)(error))
            }
        }
    }

    fn read<T: DeserializeOwned>(&self, call: &Call<'_>, answer: &[u8]) -> Result<T, Unavailable> {
        serde_json::from_slice(answer).map_err(|error| {
            let error = shortened(&error.to_string());
            self.failed(call, format_args!("it answered something else: {error}"))
        })
    }

    /// Tries until it is done, will never be, or was tried often enough.
    async fn tried(&self, call: &Call<'_>, body: Option<Body<'_>>) -> Tried {
        let mut state = RetryState::new(true);
        loop {
            state = state.clone().set_attempt_count(state.attempt_count + 1);
            match self.once(call, body).await {
                Tried::Again(asked, error) if state.attempt_count < TRIES => {
                    tracing::debug!(api = self.name, error, "tried again");
                    let pause = self.pauses.on_failure(&state);
                    let asked = asked.unwrap_or_default().min(LONGEST_ASKED);
                    tokio::time::sleep(pause.max(asked)).await;
                }
                tried => return tried,
            }
        }
    }

    async fn once(&self, call: &Call<'_>, body: Option<Body<'_>>) -> Tried {
        let mut url = self.endpoint.at(call.path);
        with_query(&mut url, call.query);
        let mut request = self.client.request(call.method.clone(), url);
        request = request.timeout(call.timeout);
        if let Some(credentials) = &self.credentials {
            match credentials.token().await {
                Ok(token) => request = request.bearer_auth(token),
                Err(error) => return Tried::Never(error),
            }
        }
        if let Some(body) = body {
            request = request
                .header(CONTENT_TYPE, body.kind)
                .body(body.bytes.to_vec());
        }
        let again = |error: reqwest::Error| {
            Tried::Again(None, format!("{}: {}", call.access.resource, told(&error)))
        };
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => return again(error),
        };
        let status = response.status();
        if !status.is_success() {
            let asked = asked(&response);
            let refusal = Refusal::parse(&start(&mut response).await);
            let explained = refusal.explain(status.as_u16(), &call.access);
            return match status {
                StatusCode::PRECONDITION_FAILED => Tried::Unmet,
                StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                    Tried::Again(asked, explained)
                }
                status if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => {
                    Tried::Again(asked, explained)
                }
                StatusCode::CONFLICT if refusal.is_there() => {
                    Tried::Exists(Unavailable::new(self.name(), explained))
                }
                StatusCode::CONFLICT => Tried::Stale(Unavailable::new(self.name(), explained)),
                status if refusal.is_absent(status.as_u16()) => {
                    Tried::Absent(Unavailable::new(self.name(), explained))
                }
                status if refusal.is_invalid(status.as_u16()) => {
                    Tried::Invalid(Unavailable::new(self.name(), explained))
                }
                status if status.is_client_error() => {
                    Tried::Refused(Unavailable::new(self.name(), explained))
                }
                _ => Tried::Never(Unavailable::new(self.name(), explained)),
            };
        }
        match whole(&mut response).await {
            Ok(Some(body)) => Tried::Done(body),
            Ok(None) => Tried::Never(Unavailable::limit(
                self.name(),
                format!(
                    "{}: the answer has more than the {BODY_LIMIT} bytes that are read",
                    call.access.resource
                ),
            )),
            Err(error) => again(error),
        }
    }

    fn failed(&self, call: &Call<'_>, what: impl std::fmt::Display) -> Unavailable {
        Unavailable::new(self.name(), format!("{}: {what}", call.access.resource))
    }
}

pub(crate) fn pauses(first: Duration, longest: Duration) -> ExponentialBackoff {
    ExponentialBackoffBuilder::new()
        .with_initial_delay(first)
        .with_maximum_delay(longest)
        .clamp()
}

pub(crate) fn with_query(url: &mut Url, query: &[(&str, &str)]) {
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
}

/// The body, or `None` if it is larger than is read.
pub(crate) async fn whole(response: &mut Response) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > BODY_LIMIT {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// An error's body only explains; the status stands without it.
async fn start(response: &mut Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = ERROR_LIMIT - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == ERROR_LIMIT {
            break;
        }
    }
    body
}

/// `Retry-After`, in seconds or as a date (RFC 9110 §10.2.3).
fn asked(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse::<u32>() {
        Ok(seconds) => Some(Duration::from_secs(seconds.into())),
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            date.duration_since(Timestamp::now()).try_into().ok()
        }
    }
}

/// The innermost cause says what happened.
pub(crate) fn told(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no whole answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let what = if error.is_connect() {
        "cannot connect"
    } else {
        "the connection failed"
    };
    format!("{what}: {}", shortened(&cause.to_string()))
}

#[cfg(test)]
mod tests;
