//! Calls as they come in: what is not plain about them is refused before anybody is asked.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT, WARNING};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use postern_core::ports::Authorization;
use postern_host::server::RequestedHost;

use crate::asked::{Asked, asked};
use crate::body;
use crate::forward::{Call, Forward};
use crate::query::Query;
use crate::refusal::{Code, Refusal, answered};

/// The longest body, in bytes.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// Header fields that go on. What is not here stays here: others may say who calls, or what.
const PASSED: [&str; 6] = [
    "accept",
    "user-agent",
    "x-goog-api-client",
    "x-goog-request-params",
    "x-goog-request-reason",
    "x-goog-user-project",
];

/// Header fields by which a call is another one than it looks like.
const DISGUISES: [&str; 4] = [
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
];

/// Every path of the hosts that are forwarded for.
pub fn router(forward: Arc<Forward>) -> Router {
    Router::new()
        .fallback(serve)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(forward)
}

async fn serve(State(forward): State<Arc<Forward>>, request: Request) -> Response {
    match respond(&forward, request).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    }
}

async fn respond(forward: &Forward, request: Request) -> Result<Response, Refusal> {
    let (parts, stream) = request.into_parts();
    let host = parts.extensions.get::<RequestedHost>();
    let host = host.map(|host| host.0.as_str()).unwrap_or_default();
    let region = forward.region_of(host)?;
    plain(&parts.headers)?;
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    let asked = asked(method, path);
    if asked == Asked::Unlisted {
        return Err(unlisted(method, path, region.as_deref()));
    }
    let write = matches!(asked, Asked::Write(_));
    let query = Query::parse(parts.uri.query().unwrap_or_default(), write)?;
    let authorization = authorization(&parts.headers)?;
    let bytes = bytes(&parts, stream).await?;
    let call = Call {
        region,
        method: method.to_owned(),
        path: path.to_owned(),
        query,
        headers: passed(&parts.headers),
        user_agent: text(&parts.headers, &USER_AGENT)
            .unwrap_or_default()
            .to_owned(),
        authorization,
        body: body::parse(&bytes)?,
    };
    let passed = match &asked {
        Asked::Write(write) => forward.write(call, write).await?,
        Asked::Pass | Asked::Unlisted => forward.pass(call).await?,
    };
    let mut response = answered(passed.answer);
    let warning = passed
        .warning
        .map(|text| HeaderValue::from_str(&format!("299 postern {text:?}")));
    if let Some(Ok(warning)) = warning {
        response.headers_mut().insert(WARNING, warning);
    }
    Ok(response)
}

async fn bytes(parts: &Parts, stream: axum::body::Body) -> Result<Bytes, Refusal> {
    let request = Request::from_parts(parts.clone(), stream);
    let bytes = Bytes::from_request(request, &()).await;
    let bytes = bytes.map_err(|rejection| Refusal::invalid(rejection.body_text()))?;
    let is_json = text(&parts.headers, &CONTENT_TYPE).is_some_and(is_json);
    match bytes.is_empty() || is_json {
        true => Ok(bytes),
        false => Err(Refusal::invalid(
            "only bodies of the type application/json are forwarded",
        )),
    }
}

fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let json = parts
        .next()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    json && parts.all(|parameter| parameter.eq_ignore_ascii_case("charset=utf-8"))
}

fn plain(headers: &HeaderMap) -> Result<(), Refusal> {
    if let Some(disguise) = DISGUISES.iter().find(|name| headers.contains_key(**name)) {
        return Err(Refusal::invalid(format!(
            "calls with the header field {disguise} are not forwarded"
        )));
    }
    let encodings = headers.get_all(CONTENT_ENCODING).iter();
    let mut others =
        encodings.filter(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    match others.next() {
        None => Ok(()),
        Some(_) => Err(Refusal::invalid(
            "encoded bodies are not forwarded: send plain JSON",
        )),
    }
}

fn authorization(headers: &HeaderMap) -> Result<Option<Authorization>, Refusal> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (first, second) = (all.next(), all.next());
    if second.is_some() {
        return Err(Refusal::invalid(
            "there are two header fields Authorization",
        ));
    }
    let Some(value) = first else { return Ok(None) };
    let value = value.to_str().ok().filter(|value| {
        let scheme = value.get(..7).unwrap_or_default();
        scheme.eq_ignore_ascii_case("bearer ")
    });
    let value = value.ok_or_else(|| {
        Refusal::new(
            Code::Unauthenticated,
            "only bearer tokens are forwarded (Authorization: Bearer …)",
        )
    })?;
    Ok(Some(Authorization(value.to_owned())))
}

fn passed(headers: &HeaderMap) -> Vec<(String, String)> {
    let fields = PASSED.iter().filter_map(|name| {
        let value = headers.get(*name)?.to_str().ok()?;
        Some(((*name).to_owned(), value.to_owned()))
    });
    fields.collect()
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// The way past the gate is said, since there is one for whoever may.
fn unlisted(method: &str, path: &str, region: Option<&str>) -> Refusal {
    let why = match path.ends_with("/builds:submit") {
        true => {
            "Postern does not forward builds from source: no attestation covers what comes out of them. Build \
             the image in your pipeline, have it attested, and deploy it by digest"
                .to_owned()
        }
        false => {
            let path = postern_host::problem::quoted(path);
            format!("Postern forwards what it can judge, and {method} {path} is not of it")
        }
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    let direct = match path.bytes().all(plain) {
        true => {
            let host = region.map_or("run".to_owned(), |region| format!("{region}-run"));
            format!(
                "; past the gate, if you may: curl -X {method} -H \"Authorization: Bearer $(gcloud auth \
                 print-access-token)\" https://{host}.googleapis.com{path}"
            )
        }
        false => String::new(),
    };
    Refusal::new(Code::PermissionDenied, why + &direct)
}

#[cfg(test)]
mod tests;
