use rstest::rstest;

use super::*;
use crate::outcome::Exit;

#[rstest]
#[case("https://postern.example", true)]
#[case("http://127.0.0.1:8080", true)]
#[case("http://[::1]:8080/", true)]
#[case("http://localhost:8080", true)]
#[case("http://postern.example", false)]
#[case("http://127.0.0.1.example", false)]
#[case("postern.example", false)]
#[case("file:///etc", false)]
fn a_token_goes_over_tls_or_nowhere(#[case] server: &str, #[case] taken: bool) {
    assert_eq!(parse(server).is_ok(), taken);
}

#[rstest]
#[case(403, Exit::No)]
#[case(409, Exit::No)]
#[case(412, Exit::No)]
#[case(400, Exit::Mistake)]
#[case(401, Exit::Mistake)]
#[case(302, Exit::Undetermined)]
#[case(500, Exit::Undetermined)]
#[case(503, Exit::Undetermined)]
fn an_answer_has_its_exit_code(#[case] status: u16, #[case] exit: Exit) {
    assert_eq!(refused(status, b"<html>").exit, exit);
}

#[test]
fn what_the_server_says_does_not_act_on_the_terminal() {
    let body = br#"{"code": "OWN_CASE", "detail": "\u001b[2Jno", "remedy": "ask\u202e"}"#;
    let failure = refused(403, body);
    assert_eq!(failure.message, "OWN_CASE: \\u{1b}[2Jno");
    assert_eq!(failure.remedy.as_deref(), Some("ask\\u{202e}"));
}

#[test]
fn a_path_below_the_server_stays_and_an_id_cannot_leave_it() {
    let client = Client::new("https://example.com/postern/", None).unwrap();
    let url = |path: &[&str]| client.url(path).unwrap().to_string();
    assert_eq!(url(&["cases"]), "https://example.com/postern/v1/cases");
    assert_eq!(
        url(&["cases", "../x?y"]),
        "https://example.com/postern/v1/cases/..%2Fx%3Fy"
    );
}
