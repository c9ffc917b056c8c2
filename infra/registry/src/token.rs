//! Tokens that a registry's realm issues (distribution, "Token Authentication Specification" and
//! "OAuth2 token authentication").

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use postern_core::image::shortened;
use postern_core::ports::Unavailable;
use reqwest::Method;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use crate::auth::{Granted, Login, Scope};
use crate::endpoint::Endpoint;
use crate::guard::Reach;
use crate::transport::{Answer, Request, Transport};

const MAX_TOKEN_ANSWER: usize = 64 * 1024;
/// What a token without `expires_in` is good for, as the specification has it.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);
const MAX_LIFETIME: Duration = Duration::from_secs(3600);

/// Gets a token for the scope.
///
/// A credential is sent only to realms that the endpoint trusts; a foreign realm is asked for an
/// anonymous token, over HTTPS, at a public address.
pub(crate) async fn fetch(
    transport: &Transport,
    endpoint: &Endpoint,
    scope: &Scope,
    (realm, service): (&Url, Option<&str>),
    login: &Login,
) -> Result<Granted, Unavailable> {
    let reach = realm_reach(endpoint, realm, login)?;
    let request = token_request(realm, service, scope, login, reach);
    let answer = transport
        .send(request, MAX_TOKEN_ANSWER)
        .await
        .map_err(|error| endpoint.unavailable(format!("its token service {realm}: {error}")))?;
    granted(&answer).map_err(|problem| {
        let host = realm.host_str().unwrap_or_default();
        endpoint.unavailable(format!("its token service {host} {problem}"))
    })
}

fn realm_reach(endpoint: &Endpoint, realm: &Url, login: &Login) -> Result<Reach, Unavailable> {
    if endpoint.trusts_realm(realm) {
        return Ok(endpoint.reach);
    }
    let host = shortened(realm.host_str().unwrap_or_default());
    if !matches!(login, Login::Anonymous) {
        return Err(endpoint.unavailable(format!(
            "it sends for tokens to {host}, which is not among its realms; nothing was sent there. \
             If that host is right, add it to the registry's `realms`"
        )));
    }
    if realm.scheme() != "https" {
        return Err(endpoint.unavailable(format!(
            "it sends for tokens to {host} without TLS; nothing was sent there"
        )));
    }
    Ok(Reach::Public)
}

fn token_request(
    realm: &Url,
    service: Option<&str>,
    scope: &Scope,
    login: &Login,
    reach: Reach,
) -> Request {
    let (asks, scope) = (!scope.is_none(), scope.to_string());
    let mut parameters = vec![("client_id", "postern")];
    if asks {
        parameters.insert(0, ("scope", scope.as_str()));
    }
    parameters.extend(service.map(|service| ("service", service)));
    let mut url = realm.clone();
    if let Login::Identity(token) = login {
        parameters.push(("grant_type", "refresh_token"));
        parameters.push(("refresh_token", token.expose_secret()));
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(parameters)
            .finish();
        let mut request = Request::new(Method::POST, url, reach);
        request.body = Some((
            "application/x-www-form-urlencoded".to_owned(),
            Bytes::from(form),
        ));
        return request;
    }
    url.query_pairs_mut().extend_pairs(parameters);
    let mut request = Request::new(Method::GET, url, reach);
    if let Login::Basic { username, password } = login {
        request.authorization = basic(username, password);
    }
    request
}

/// The header of HTTP Basic (RFC 7617); base64 is always a header value.
pub(crate) fn basic(username: &str, password: &SecretString) -> Option<HeaderValue> {
    let pair = format!("{username}:{}", password.expose_secret());
    sensitive(&format!("Basic {}", BASE64_STANDARD.encode(pair)))
}

/// The header of a bearer token (RFC 6750), unless the token is no header value.
pub(crate) fn bearer(token: &SecretString) -> Option<HeaderValue> {
    sensitive(&format!("Bearer {}", token.expose_secret()))
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Some realms send the token under both names.
#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<SecretString>,
    access_token: Option<SecretString>,
    expires_in: Option<u64>,
}

fn granted(answer: &Answer) -> Result<Granted, String> {
    if !answer.status.is_success() {
        return Err(match answer.status.as_u16() {
            401 | 403 => format!(
                "answered {}: the credential was refused; check it, or log in again",
                answer.status
            ),
            _ => format!("answered {}", answer.status),
        });
    }
    let unusable = || "answered without a usable token".to_owned();
    let parsed: TokenAnswer = serde_json::from_slice(&answer.body).map_err(|_| unusable())?;
    let header = parsed
        .token
        .or(parsed.access_token)
        .as_ref()
        .and_then(bearer)
        .ok_or_else(unusable)?;
    let lifetime = parsed
        .expires_in
        .map_or(DEFAULT_LIFETIME, Duration::from_secs)
        .min(MAX_LIFETIME);
    // A token that is about to end would end on its way.
    Ok(Granted {
        header,
        lifetime: lifetime.mul_f32(0.9),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    fn answer(status: StatusCode, body: &'static str) -> Answer {
        Answer {
            status,
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[test]
    fn a_token_goes_by_either_name_or_both() {
        for body in [
            r#"{"token":"t","expires_in":100}"#,
            r#"{"access_token":"t","expires_in":100}"#,
            r#"{"token":"t","access_token":"t","expires_in":100}"#,
        ] {
            let granted = granted(&answer(StatusCode::OK, body)).unwrap();
            assert_eq!(granted.header, "Bearer t", "{body}");
            assert_eq!(granted.lifetime.as_secs(), 90, "{body}");
        }
    }

    #[test]
    fn what_is_no_token_is_said() {
        let problem = |status, body| granted(&answer(status, body)).err().unwrap();
        insta::assert_snapshot!(problem(StatusCode::OK, "{}"), @"answered without a usable token");
        insta::assert_snapshot!(problem(StatusCode::OK, "{\"token\":\"a\\nb\"}"), @"answered without a usable token");
        insta::assert_snapshot!(problem(StatusCode::FORBIDDEN, ""), @"answered 403 Forbidden: the credential was refused; check it, or log in again");
        insta::assert_snapshot!(problem(StatusCode::BAD_GATEWAY, ""), @"answered 502 Bad Gateway");
    }
}
