use axum::body::{Body, to_bytes};
use axum::http::Request;
use postern_core::decision::Caller;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::auditor::Believed;
use crate::testing::{self, MemoryStore, catalogue};

fn service(state: CaseState) -> (Router, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::default());
    let case = testing::case(state);
    store.with(|known| known.cases.insert(case.id.clone(), case));
    let auditor = Auditor::new(store.clone(), catalogue(), Believed::default())
        .with_clock(|| "2026-03-03T09:00:00Z".parse().unwrap());
    (cases_router(Arc::new(auditor)), store)
}

fn identity(email: &str, rights: &[Right]) -> Identity {
    let caller = Caller {
        issuer: "https://accounts.google.com".to_owned(),
        subject: "1".to_owned(),
        email: Some(email.to_owned()),
    };
    Identity::with_rights(caller, rights)
}

struct Answer {
    status: u16,
    etag: Option<String>,
    body: Value,
}

async fn send(
    router: &Router,
    request: axum::http::request::Builder,
    body: &str,
    who: Identity,
) -> Answer {
    let mut request: Request<Body> = request.body(body.to_owned().into()).unwrap();
    request.extensions_mut().insert(who);
    let response = router.clone().oneshot(request).await.unwrap();
    let etag = response.headers().get("etag");
    let etag = etag.map(|etag| etag.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Answer { status, etag, body }
}

async fn post_step(
    router: &Router,
    verb: &str,
    revision: &str,
    body: &str,
    who: Identity,
) -> Answer {
    let request = Request::post(format!("/v1/cases/01CASE:{verb}")).header("if-match", revision);
    send(router, request, body, who).await
}

fn responder() -> Identity {
    identity("dana@example.com", &[Right::View, Right::Respond])
}

#[tokio::test]
async fn a_case_is_walked_by_the_revision_that_was_read() {
    let (router, store) = service(CaseState::Open);
    let shown = send(&router, Request::get("/v1/cases/01CASE"), "", responder()).await;
    assert_eq!((shown.status, shown.etag.as_deref()), (200, Some("\"1\"")));
    let seen = post_step(&router, "acknowledge", "\"1\"", "", responder()).await;
    assert_eq!((seen.status, seen.etag.as_deref()), (200, Some("\"2\"")));
    assert_eq!(seen.body["state"], "ACKNOWLEDGED");
    let said = r#"{"comment": "payments were down", "ticket": "INC-4711"}"#;
    let stale = post_step(&router, "justify", "\"1\"", said, responder()).await;
    assert_eq!(
        (stale.status, &stale.body["code"]),
        (412, &json!("REVISION_OUTDATED"))
    );
    let said = post_step(&router, "justify", "2", said, responder()).await;
    assert_eq!(
        (said.status, &said.body["ticket"]),
        (200, &json!("INC-4711"))
    );
    store.with(|state| assert_eq!((state.entries.len(), state.outbox.len()), (2, 2)));
}

#[rstest::rstest]
#[case::no_precondition(None, "{}", 428, "IF_MATCH_MISSING")]
#[case::any(Some("*"), "{}", 412, "IF_MATCH_MALFORMED")]
#[case::weak(Some("W/\"1\""), "{}", 412, "IF_MATCH_MALFORMED")]
#[case::unknown_member(Some("1"), r#"{"coment": "x"}"#, 400, "BODY_MALFORMED")]
#[case::no_json(Some("1"), "comment=x", 400, "BODY_MALFORMED")]
#[tokio::test]
async fn malformed_requests_change_nothing(
    #[case] revision: Option<&str>,
    #[case] body: &str,
    #[case] status: u16,
    #[case] code: &str,
) {
    let (router, store) = service(CaseState::Open);
    let request = Request::post("/v1/cases/01CASE:acknowledge");
    let request = revision
        .into_iter()
        .fold(request, |r, value| r.header("if-match", value));
    let answer = send(&router, request, body, responder()).await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (status, &json!(code))
    );
    store.with(|state| assert_eq!(state.cases["01CASE"].revision, 1));
}

#[rstest::rstest]
#[case::viewer("acknowledge", CaseState::Open, identity("x@example.com", &[Right::View]), 403, "RIGHT_MISSING")]
#[case::own("acknowledge", CaseState::Open, identity("night-duty@example.com", &[Right::Respond]), 403, "OWN_CASE")]
#[case::local(
    "close",
    CaseState::Justified,
    Identity::local(),
    403,
    "NOT_A_SECOND_PERSON"
)]
#[case::unattested("close", CaseState::Justified, identity("lead@example.com", &[Right::Approve]), 409, "NOT_ATTESTED_OR_REPLACED")]
#[case::too_early("justify", CaseState::Open, responder(), 409, "WRONG_STATE")]
#[case::blank(
    "justify",
    CaseState::Acknowledged,
    responder(),
    422,
    "JUSTIFICATION_TOO_SHORT"
)]
#[case::unknown_step("silence", CaseState::Open, responder(), 404, "NO_SUCH_STEP")]
#[tokio::test]
async fn refusals_say_which_rule(
    #[case] verb: &str,
    #[case] state: CaseState,
    #[case] who: Identity,
    #[case] status: u16,
    #[case] code: &str,
) {
    let (router, store) = service(state);
    let before = store.with(|state| state.cases["01CASE"].clone());
    let revision = before.revision.to_string();
    let comment = if verb == "justify" {
        " "
    } else {
        "looked at it"
    };
    let body = json!({"comment": comment}).to_string();
    let answer = post_step(&router, verb, &revision, &body, who).await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (status, &json!(code))
    );
    assert!(answer.body["remedy"].is_string());
    store.with(|state| assert_eq!(state.cases["01CASE"], before));
}

#[tokio::test]
async fn cases_are_listed_by_what_is_asked_for() {
    let (router, store) = service(CaseState::Open);
    let second = Case {
        id: "02CASE".to_owned(),
        ..testing::case(CaseState::Closed)
    };
    store.with(|state| state.cases.insert(second.id.clone(), second));
    let list = async |query: &str| {
        let request = Request::get(format!("/v1/cases?{query}"));
        send(&router, request, "", responder()).await
    };
    let page = list("limit=1").await.body;
    assert_eq!(
        (&page["cases"][0]["id"], &page["next"]),
        (&json!("02CASE"), &json!("02CASE"))
    );
    let page = list("limit=1&before=02CASE").await.body;
    assert_eq!(page["cases"][0]["id"], "01CASE");
    let page = list("state=CLOSED&category=BREAK_GLASS&severity=LOW")
        .await
        .body;
    assert_eq!(
        (page["cases"].as_array().unwrap().len(), page.get("next")),
        (1, None)
    );
    assert_eq!(list("before=none").await.status, 400);
    assert_eq!(list("stat=OPEN").await.status, 400);
    assert_eq!(list("severity=BAD").await.status, 400);
    let request = Request::get("/v1/cases");
    let other = identity("x@example.com", &[Right::Ingest]);
    assert_eq!(send(&router, request, "", other).await.status, 403);
}

#[tokio::test]
async fn drills_are_declared_and_uses_counted() {
    let (router, store) = service(CaseState::Open);
    let drill = json!({"target": "cloud-run:acme-shop/europe-west1/checkout", "reason": "practice",
                       "from": "2026-03-04T05:00:00Z", "until": "2026-03-04T06:00:00Z"});
    let declare = async |who, drill: &Value| {
        send(
            &router,
            Request::post("/v1/drills"),
            &drill.to_string(),
            who,
        )
        .await
    };
    let refused = declare(responder(), &drill).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (403, &json!("RIGHT_MISSING"))
    );
    let lead = || identity("lead@example.com", &[Right::Approve]);
    let declared = declare(lead(), &drill).await;
    assert_eq!(
        (declared.status, &declared.body["declaredBy"]),
        (201, &json!("lead@example.com"))
    );
    let late = json!({"target": "cloud-run:acme-shop/europe-west1/checkout", "reason": "practice",
                      "from": "2026-03-03T05:00:00Z", "until": "2026-03-03T06:00:00Z"});
    assert_eq!(declare(lead(), &late).await.status, 422);
    store.with(|state| assert_eq!((state.drills.len(), state.entries.len()), (1, 1)));

    let stats = Request::get("/v1/cases/stats?since=2026-03-03T00:00:00Z");
    let stats = send(&router, stats, "", responder()).await;
    assert_eq!(
        (stats.status, &stats.body["total"]["uses"]),
        (200, &json!(1))
    );
    let wrong = Request::get("/v1/cases/stats?since=yesterday");
    assert_eq!(send(&router, wrong, "", responder()).await.status, 400);
}
