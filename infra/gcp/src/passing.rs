//! Google's APIs as somebody else calls them: requests that are passed on, and answers given back.

use std::time::Duration;

use async_trait::async_trait;
use postern_core::ports::{
    GoogleAnswer, GoogleApi, GoogleApis, GoogleCall, InTheNameOf, Unavailable,
};
use reqwest::header::{AUTHORIZATION, HOST};
use reqwest::{Client, Method, Response, Url};

use crate::access_token::GoogleCredentials;
use crate::api::{told, whole, with_query};
use crate::endpoint::Endpoint;

/// What the Admin API may take for one call. Deployments answer at once, with an operation.
const TIMEOUT: Duration = Duration::from_secs(50);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Header fields of an answer that are about the connection, or made anew.
const OF_THE_CONNECTION: [&str; 8] = [
    "connection",
    "content-encoding",
    "content-length",
    "date",
    "keep-alive",
    "server",
    "trailer",
    "transfer-encoding",
];

/// The Cloud Run Admin API and the Resource Manager, called once for each call, in the name it says.
pub struct PassedOn {
    run: Endpoint,
    resource_manager: Endpoint,
    /// For what is done in this process's own name.
    credentials: Option<GoogleCredentials>,
    client: Client,
}

impl PassedOn {
    /// The APIs at these endpoints.
    ///
    /// # Errors
    /// If no client can be made.
    pub fn new(
        run: Endpoint,
        resource_manager: Endpoint,
        credentials: Option<GoogleCredentials>,
    ) -> Result<Self, Unavailable> {
        let client = Client::builder()
            // A redirect would take the token to somebody else.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| Unavailable::new("Google's APIs", told(&error)))?;
        Ok(Self {
            run,
            resource_manager,
            credentials,
            client,
        })
    }

    fn endpoint(&self, api: &GoogleApi) -> &Endpoint {
        match api {
            GoogleApi::Run { .. } => &self.run,
            GoogleApi::ResourceManager => &self.resource_manager,
        }
    }

    async fn authorization(&self, call: &GoogleCall) -> Result<Option<String>, Unavailable> {
        match (&call.name, &self.credentials) {
            (InTheNameOf::Caller(authorization), _) => Ok(Some(authorization.0.clone())),
            (InTheNameOf::Gate, _) if self.endpoint(&call.api).is_anonymous() => Ok(None),
            (InTheNameOf::Gate, Some(credentials)) => {
                Ok(Some(format!("Bearer {}", credentials.token().await?)))
            }
            (InTheNameOf::Gate, None) => {
                let message = "this process has no credentials of its own";
                Err(Unavailable::permanent("Google's APIs", message))
            }
        }
    }
}

#[async_trait]
impl GoogleApis for PassedOn {
    async fn call(&self, call: GoogleCall) -> Result<GoogleAnswer, Unavailable> {
        let endpoint = self.endpoint(&call.api);
        let name = endpoint.to_string();
        let failed = |error: String| Unavailable::new(&name, error);
        let mut url = endpoint.at(&call.path);
        let query: Vec<_> = call
            .query
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        with_query(&mut url, &query);
        let method: Method = call
            .method
            .parse()
            .map_err(|_| failed("no method".into()))?;
        let region = match &call.api {
            GoogleApi::Run { region } => region.as_deref(),
            GoogleApi::ResourceManager => None,
        };
        let virtual_host = region.and_then(|region| in_region(&mut url, region));
        let mut request = self.client.request(method, url);
        for (field, value) in &call.headers {
            request = request.header(field, value);
        }
        if let Some(host) = virtual_host {
            request = request.header(HOST, host);
        }
        if let Some(authorization) = self.authorization(&call).await? {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        let response = request.send().await;
        let mut response = response.map_err(|error| failed(told(&error)))?;
        let headers = headers(&response);
        let body = whole(&mut response).await;
        match body.map_err(|error| failed(told(&error)))? {
            Some(body) => Ok(GoogleAnswer {
                status: response.status().as_u16(),
                headers,
                body,
            }),
            None => Err(Unavailable::limit(&name, "the answer is too long")),
        }
    }
}

/// Puts the region before the API's host, `us-central1-run.googleapis.com`. An API on this machine has no
/// such names: there, the host is only said.
fn in_region(url: &mut Url, region: &str) -> Option<String> {
    if url.scheme() == "http" {
        return Some(format!("{region}-run.googleapis.com"));
    }
    let host = format!("{region}-{}", url.host_str().unwrap_or_default());
    // A host stays a host with the name of a region before it.
    let _ = url.set_host(Some(&host));
    None
}

fn headers(response: &Response) -> Vec<(String, String)> {
    let fields = response.headers().iter();
    let of_the_caller = fields.filter(|(field, _)| !OF_THE_CONNECTION.contains(&field.as_str()));
    of_the_caller
        .filter_map(|(field, value)| {
            Some((field.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_comes_before_the_host() {
        let mut url: Url = "https://run.googleapis.com/v2/x".parse().unwrap();
        assert_eq!(in_region(&mut url, "us-central1"), None);
        assert_eq!(url.as_str(), "https://us-central1-run.googleapis.com/v2/x");
        let mut url: Url = "http://127.0.0.1:9/v2/x".parse().unwrap();
        let host = in_region(&mut url, "us-central1");
        assert_eq!(host.as_deref(), Some("us-central1-run.googleapis.com"));
        assert_eq!(url.as_str(), "http://127.0.0.1:9/v2/x");
    }
}
