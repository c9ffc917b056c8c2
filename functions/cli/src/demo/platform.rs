//! A stand-in for Cloud Run's API: all the traffic goes to the revision that break-glass admitted. Only
//! a build that can ask Cloud Run asks it.

use axum::http::Uri;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::events::REVISION;

/// What runs, for whichever service is asked about; `image` is its image's name.
pub(crate) fn router(image: &str) -> Router {
    let revision = json!({
        "name": format!("projects/demo-project/locations/us-central1/services/web/revisions/{REVISION}"),
        "containers": [{"image": format!("{image}:hotfix")}],
    });
    let revisions = json!({"revisions": [revision]});
    let service = json!({
        "trafficStatuses": [{"revision": REVISION, "percent": 100}],
        "latestReadyRevision": REVISION, "latestCreatedRevision": REVISION,
    });
    let answer = move |uri: Uri| {
        let answer: &Value = match uri.path().contains("/revisions") {
            true => &revisions,
            false => &service,
        };
        std::future::ready(Json(answer.clone()))
    };
    Router::new().route("/{*path}", get(answer))
}
