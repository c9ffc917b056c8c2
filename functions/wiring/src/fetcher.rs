//! Small documents of the web, over HTTPS.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use postern_core::ports::{Fetcher, Unavailable};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};

use crate::WiringError;

const TIMEOUT: Duration = Duration::from_secs(10);

struct Web(Client);

/// A client that follows no redirect, and speaks HTTPS only.
///
/// # Errors
/// If no client can be made.
pub fn fetcher() -> Result<Arc<dyn Fetcher>, WiringError> {
    Ok(Arc::new(Web(client(true).map_err(WiringError::mistake)?)))
}

fn client(https_only: bool) -> reqwest::Result<Client> {
    Client::builder()
        .timeout(TIMEOUT)
        .redirect(Policy::none())
        .https_only(https_only)
        .build()
}

#[async_trait]
impl Fetcher for Web {
    async fn get(&self, url: &str, limit: usize) -> Result<Vec<u8>, Unavailable> {
        // The query may hold a token.
        let shown = url.split('?').next().unwrap_or_default();
        let failed = |error: reqwest::Error| Unavailable::new(shown, error.without_url());
        let mut answer = self.0.get(url).send().await.map_err(failed)?;
        if answer.status() != StatusCode::OK {
            let status = answer.status();
            return Err(Unavailable::new(
                shown,
                format_args!("it answered {status}"),
            ));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > limit {
                let more = format_args!("it answered more than {limit} bytes");
                return Err(Unavailable::new(shown, more));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::response::Redirect;
    use axum::routing::get;

    use super::*;

    #[tokio::test]
    async fn redirects_long_answers_and_plain_http_are_refused() {
        let router = Router::new()
            .route("/short", get(async || "synthetic"))
            .route("/elsewhere", get(async || Redirect::to("/short")));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let web = Web(client(false).unwrap());
        let short = format!("{url}/short");
        assert_eq!(web.get(&short, 9).await.unwrap(), b"synthetic");
        assert!(web.get(&short, 8).await.is_err());
        let elsewhere = format!("{url}/elsewhere?token=s3cret");
        let error = web.get(&elsewhere, 9).await.unwrap_err();
        assert!(error.to_string().contains("303"), "{error}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
        assert!(fetcher().unwrap().get(&short, 9).await.is_err());
    }
}
