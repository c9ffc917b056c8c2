//! Runs a router as an AWS Lambda function, behind a function URL or API Gateway, and takes in the
//! messages of Amazon SQS queues that Lambda reads for it.
//!
//! Events of payload format 2.0 become requests, with the time that the invocation has left as
//! their [`Deadline`] and with what the platform has verified of the caller as [`PlatformClaims`].

mod batch;

use std::convert::Infallible;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::Uri;
use http::uri::PathAndQuery;
use lambda_http::aws_lambda_events::apigw::{
    ApiGatewayRequestAuthorizer, ApiGatewayRequestAuthorizerIamDescription,
    ApiGatewayV2httpRequestContext,
};
use lambda_http::request::{LambdaRequest, RequestContext};
use lambda_http::{Adapter, Context, LambdaEvent, RequestExt as _, Service as _, service_fn};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use thiserror::Error;
use tower::ServiceExt as _;

use crate::auth::PlatformClaims;
use crate::deadline::{DEFAULT, Deadline};
use crate::environment::Environment;
use crate::queue::Consume;
use crate::server::{Peer, wrap};

/// The `iss` under which callers of AWS IAM are known to `auth: {…: {platform: […]}}`.
pub const IAM_ISSUER: &str = "https://sts.amazonaws.com";

/// What is kept of the invocation's time to hand over the answer.
const MARGIN: Duration = Duration::from_millis(500);

/// What the Lambda runtime needs of its environment.
const VARIABLES: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];

/// Why a function does not run on Lambda.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LambdaError {
    /// The environment is not that of a Lambda function.
    #[error("the environment variable `{0}` is not set as Lambda sets it")]
    Environment(&'static str),
    /// The runtime API cannot be spoken to.
    #[error("the Lambda runtime: {0}")]
    Runtime(lambda_http::Error),
}

/// Whether this process was started by Lambda.
pub fn is_lambda(environment: &dyn Environment) -> bool {
    environment.get("AWS_LAMBDA_RUNTIME_API").is_some()
}

/// One invocation.
enum Event {
    Http(Box<LambdaRequest>),
    Queue(batch::Batch),
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        match serde_json::from_str(raw.get()) {
            Ok(batch) => Ok(Self::Queue(batch)),
            Err(_) => serde_json::from_str(raw.get())
                .map(|request| Self::Http(Box::new(request)))
                .map_err(de::Error::custom),
        }
    }
}

/// What is answered; `R` is how the runtime wants HTTP.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer<R> {
    Http(R),
    Queue(batch::Failures),
}

/// Answers events until Lambda ends the process; messages of a queue are for `take`.
///
/// # Errors
///
/// [`LambdaError`], where the environment is incomplete or the runtime API out of reach.
pub async fn run(
    router: Router,
    take: Option<Consume>,
    environment: &dyn Environment,
) -> Result<(), LambdaError> {
    for name in VARIABLES {
        let value = environment.get(name).filter(|value| !value.is_empty());
        let sane = match name {
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE" => {
                value.and_then(|size| size.parse::<i32>().ok()).is_some()
            }
            _ => value.is_some(),
        };
        if !sane {
            return Err(LambdaError::Environment(name));
        }
    }
    let router = wrap(router);
    let http = Adapter::from(service_fn(move |event: lambda_http::Request| {
        let router = router.clone();
        async move {
            let answer: Result<Response, Infallible> = router.oneshot(request(event)).await;
            answer
        }
    }));
    let handler = service_fn(move |event: LambdaEvent<Event>| {
        let (mut http, take) = (http.clone(), take.clone());
        async move {
            let LambdaEvent { payload, context } = event;
            Ok::<_, Infallible>(match payload {
                Event::Http(request) => {
                    Answer::Http(http.call(LambdaEvent::new(*request, context)).await?)
                }
                Event::Queue(batch) => {
                    let deadline = time_left(&context);
                    Answer::Queue(batch::take_in(batch, deadline, take.as_ref()).await)
                }
            })
        }
    });
    lambda_http::lambda_runtime::run(handler)
        .await
        .map_err(LambdaError::Runtime)
}

/// An event as a request that handlers cannot tell from one over HTTP.
fn request(event: lambda_http::Request) -> http::Request<Body> {
    let context = event.request_context_ref().cloned();
    let deadline = event.lambda_context_ref().map(deadline);
    let (mut parts, body) = event.into_parts();
    parts.extensions.insert(Peer::platform());
    if let Some(deadline) = deadline {
        parts.extensions.insert(deadline);
    }
    if let Some(RequestContext::ApiGatewayV2(context)) = &context {
        if let Some(uri) = without_stage(&parts.uri, context.stage.as_deref()) {
            parts.uri = uri;
        }
        if let Some(claims) = verified(context) {
            parts.extensions.insert(claims);
        }
    }
    http::Request::from_parts(parts, Body::from(body.to_vec()))
}

fn deadline(context: &Context) -> Deadline {
    Deadline::after(left(context).min(DEFAULT))
}

/// A batch may take all the time that the invocation has: nobody waits at the other end.
fn time_left(context: &Context) -> Deadline {
    Deadline::after(left(context))
}

fn left(context: &Context) -> Duration {
    let left = context.deadline().duration_since(SystemTime::now());
    left.unwrap_or_default().saturating_sub(MARGIN)
}

/// The path without the name of the stage, which API Gateway puts in front of it.
fn without_stage(uri: &Uri, stage: Option<&str>) -> Option<Uri> {
    let stage = stage.filter(|stage| *stage != "$default")?;
    let rest = uri.path().strip_prefix('/')?.strip_prefix(stage)?;
    if !rest.starts_with('/') {
        return None;
    }
    let query = uri
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("{rest}{query}")).ok()?);
    Uri::from_parts(parts).ok()
}

/// What the platform has verified of the caller: the signature of an AWS request, or a token.
fn verified(context: &ApiGatewayV2httpRequestContext) -> Option<PlatformClaims> {
    let ApiGatewayRequestAuthorizer { iam, jwt, .. } = context.authorizer.as_ref()?;
    match (iam, jwt) {
        (Some(iam), _) => iam_claims(iam, context.domain_name.as_deref()),
        (None, Some(jwt)) => Some(PlatformClaims::new(token_claims(&jwt.claims))),
        (None, None) => None,
    }
}

/// The caller of a signed AWS request. `sub` is its ARN; the session name at the end of an assumed
/// role's is the caller's own choice, so `role` is the ARN without it.
fn iam_claims(
    iam: &ApiGatewayRequestAuthorizerIamDescription,
    domain: Option<&str>,
) -> Option<PlatformClaims> {
    let arn = iam.user_arn.as_deref().filter(|arn| !arn.is_empty())?;
    let role = arn
        .rsplit_once('/')
        .filter(|(role, _)| role.contains(":assumed-role/"));
    let claims = json!({
        "iss": IAM_ISSUER,
        "sub": arn,
        "aud": domain,
        "account": iam.account_id,
        "organization": iam.principal_org_id,
        "role": role.map(|(role, _)| role),
    });
    match claims {
        Value::Object(claims) => Some(PlatformClaims::new(claims)),
        _ => None,
    }
}

/// The claims of a token that API Gateway's authorizer has verified, its times included. They come
/// as text, whatever they were.
fn token_claims<'a>(
    claims: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Map<String, Value> {
    claims
        .into_iter()
        .filter(|(name, _)| !["exp", "nbf", "iat"].contains(&name.as_str()))
        .map(|(name, text)| match (name.as_str(), text.as_str()) {
            ("email_verified", "true") => (name.clone(), true.into()),
            _ => (name.clone(), text.clone().into()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::auth::Authenticator;
    use crate::config::{Access, Issuer, PlatformCallers, PlatformWord, Right};

    /// An event of a function URL, as AWS documents it; every name in it is synthetic.
    fn event(stage: &str, path: &str, authorizer: Value) -> http::Request<Body> {
        let event = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "timeout=3s",
            "headers": {"host": "abc.lambda-url.us-east-1.on.aws", "content-type": "application/json",
                "authorization": "Bearer e30.eyJpc3MiOiJhIn0.x"},
            "requestContext": {
                "accountId": "anonymous", "apiId": "abc", "stage": stage, "requestId": "r",
                "domainName": "abc.lambda-url.us-east-1.on.aws", "domainPrefix": "abc",
                "routeKey": "$default", "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": 0,
                "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1",
                    "sourceIp": "192.0.2.1", "userAgent": "agent"},
                "authorizer": authorizer,
            },
            "body": "eyJpbWFnZXMiOltdfQ==", "isBase64Encoded": true,
        });
        let event: LambdaRequest = serde_json::from_value(event).unwrap();
        request(event.into())
    }

    fn iam(arn: &str) -> Value {
        json!({"iam": {"accessKey": "AKIAEXAMPLE", "accountId": "123456789012", "callerId": "c",
            "userArn": arn, "userId": "u"}})
    }

    async fn identity(
        access: &Access,
        request: http::Request<Body>,
    ) -> Result<Vec<Right>, &'static str> {
        let authenticator = Arc::new(Authenticator::new(Some(access)).unwrap());
        let (parts, _) = request.into_parts();
        let identity = authenticator
            .identify(&parts)
            .await
            .map_err(|problem| problem.code())?;
        Ok(Right::ALL
            .into_iter()
            .filter(|right| identity.may(*right))
            .collect())
    }

    #[tokio::test]
    async fn an_event_is_a_request() {
        let request = event("$default", "/v1/decisions", Value::Null);
        assert_eq!(request.method(), http::Method::POST);
        assert_eq!(
            request.uri().path_and_query().unwrap(),
            "/v1/decisions?timeout=3s"
        );
        assert!(!request.extensions().get::<Peer>().unwrap().is_loopback());
        let body = axum::body::to_bytes(request.into_body(), 100)
            .await
            .unwrap();
        assert_eq!(&body[..], br#"{"images":[]}"#);
    }

    #[rstest::rstest]
    #[case::of_the_gateway("prod", "/prod/v1/decisions", "/v1/decisions")]
    #[case::none("$default", "/prod/v1/decisions", "/prod/v1/decisions")]
    #[case::only_alike("prod", "/prod/production", "/production")]
    fn stages_are_no_part_of_the_path(#[case] stage: &str, #[case] path: &str, #[case] seen: &str) {
        assert_eq!(event(stage, path, Value::Null).uri().path(), seen);
    }

    #[tokio::test]
    async fn a_signed_request_is_its_role() {
        let caller = Issuer {
            issuer: IAM_ISSUER.to_owned(),
            audience: "abc.lambda-url.us-east-1.on.aws".to_owned(),
            claims: [(
                "role".to_owned(),
                json!("arn:aws:sts::123456789012:assumed-role/ci"),
            )]
            .into(),
            jwks_uri: None,
            may: vec![Right::Decide],
        };
        let access = Access::PlatformCallers(PlatformCallers {
            platform: vec![caller],
        });
        let signed = |arn| event("$default", "/", iam(arn));
        let ci = signed("arn:aws:sts::123456789012:assumed-role/ci/any-session");
        assert_eq!(identity(&access, ci).await, Ok(vec![Right::Decide]));
        let other = signed("arn:aws:sts::123456789012:assumed-role/other/ci");
        assert_eq!(identity(&access, other).await, Err("TOKEN_CLAIM"));
    }

    #[tokio::test]
    async fn a_token_that_the_gateway_verified_counts() {
        let claims = json!({"iss": "https://issuer.example", "sub": "1", "aud": "gate",
            "email": "ci@example.com", "email_verified": "true", "exp": "1"});
        let caller = Issuer {
            issuer: "https://issuer.example".to_owned(),
            audience: "gate".to_owned(),
            claims: [("email".to_owned(), json!("ci@example.com"))].into(),
            jwks_uri: None,
            may: vec![Right::Ingest],
        };
        let access = Access::PlatformCallers(PlatformCallers {
            platform: vec![caller],
        });
        let request = event(
            "$default",
            "/",
            json!({"jwt": {"claims": claims, "scopes": null}}),
        );
        assert_eq!(identity(&access, request).await, Ok(vec![Right::Ingest]));
    }

    #[tokio::test]
    async fn a_header_that_nobody_verified_proves_nothing() {
        let access = Access::Platform(PlatformWord::Platform);
        let request = event("$default", "/", Value::Null);
        assert_eq!(identity(&access, request).await, Err("TOKEN_MISSING"));
    }

    #[tokio::test]
    async fn the_invocation_bounds_the_deadline() {
        let mut context = Context::default();
        assert_eq!(deadline(&context).remaining(), Duration::ZERO);
        context.deadline = u64::MAX / 1_000_000;
        assert!(deadline(&context).remaining() <= DEFAULT);
    }

    #[tokio::test]
    async fn an_incomplete_environment_is_told() {
        let environment = std::collections::BTreeMap::from([(
            "AWS_LAMBDA_RUNTIME_API".to_owned(),
            "127.0.0.1:9001".to_owned(),
        )]);
        assert!(is_lambda(&environment));
        let error = run(Router::new(), None, &environment).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the environment variable `AWS_LAMBDA_FUNCTION_NAME` is not set as Lambda sets it"
        );
    }
}
