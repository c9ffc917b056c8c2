//! Tokens of callers: none of them is signed, so none may pass where signatures are checked.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use postern_host::auth::Authenticator;
use postern_host::config::Access;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().unwrap());
/// Keys are never there: port 1 of loopback refuses at once.
static AUTHENTICATOR: LazyLock<Authenticator> = LazyLock::new(|| {
    let access: Access = serde_json::from_str(
        r#"[{"issuer": "https://i.example", "audience": "a", "may": ["decide"],
             "jwksUri": "http://127.0.0.1:1/keys"}]"#,
    )
    .unwrap();
    Authenticator::new(Some(&access)).unwrap()
});

fuzz_target!(|header: &[u8]| {
    let Ok(request) = http::Request::get("/")
        .header("authorization", header)
        .body(())
    else {
        return;
    };
    let (parts, ()) = request.into_parts();
    let outcome = RUNTIME.block_on(AUTHENTICATOR.identify(&parts));
    assert!(outcome.is_err(), "an unsigned token was accepted");
});
