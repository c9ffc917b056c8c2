use postern_core::finding::{Category, Severity};

use super::*;
use crate::testing::{alert, denial};

fn routes(routes: serde_json::Value) -> Result<Routes, RouteError> {
    let outputs = ["bus", "file", "pager"].map(str::to_owned).to_vec();
    Routes::new(serde_json::from_value(routes).unwrap(), outputs)
}

#[test]
fn without_routes_everything_goes_everywhere() {
    let routes = routes(serde_json::json!([])).unwrap();
    assert_eq!(routes.outputs(&alert("c", 1)), ["bus", "file", "pager"]);
}

#[test]
fn a_route_takes_what_is_severe_enough_and_of_its_category() {
    let routes = routes(serde_json::json!([
        {"match": {"severity": "HIGH"}, "to": ["pager", "file"]},
        {"match": {"category": "BREAK_GLASS"}, "to": ["file"]},
        {"match": {"severity": "LOW", "category": "DRY_RUN"}, "to": ["bus"]},
    ]))
    .unwrap();
    let mut alert = alert("c", 1);
    for (severity, category, expected) in [
        (
            Severity::Critical,
            Category::BreakGlass,
            vec!["file", "pager"],
        ),
        (Severity::Low, Category::BreakGlass, vec!["file"]),
        (Severity::Low, Category::DryRun, vec!["bus"]),
        (Severity::Info, Category::DryRun, vec![]),
    ] {
        (alert.case.severity, alert.case.category) = (severity, category);
        assert_eq!(routes.outputs(&alert), expected);
    }
}

#[rstest::rstest]
#[case::in_the_list(serde_json::json!({"severity": ["LOW", "HIGH"]}), true)]
#[case::less_than_one(serde_json::json!({"severity": ["CRITICAL"]}), false)]
#[case::more_than_all(serde_json::json!({"severity": ["LOW", "MEDIUM"]}), false)]
#[case::one_of_the_categories(serde_json::json!({"category": ["DENIED", "BREAK_GLASS"]}), true)]
#[case::project(serde_json::json!({"project": "acme-*"}), true)]
#[case::not_a_part_of_the_project(serde_json::json!({"project": "acme"}), false)]
#[case::target(serde_json::json!({"target": "cloud-run:acme-shop/*/checkout"}), true)]
#[case::other_target(serde_json::json!({"target": "cloud-run:acme-shop/*/cart"}), false)]
#[case::owner(serde_json::json!({"owner": "payments"}), true)]
#[case::other_owner(serde_json::json!({"owner": "web"}), false)]
#[case::all_of_it(serde_json::json!({"owner": "payments", "project": "acme-shop", "severity": "LOW"}), true)]
#[case::all_but_one(serde_json::json!({"owner": "payments", "project": "demo-mart"}), false)]
fn a_route_asks_for_more(#[case] matches: serde_json::Value, #[case] taken: bool) {
    let routes = routes(serde_json::json!([{"match": matches, "to": ["bus"]}])).unwrap();
    let mut alert = denial("c");
    alert.case.owner = Some("payments".to_owned());
    assert_eq!(!routes.outputs(&alert).is_empty(), taken);
}

#[test]
fn where_there_is_no_target_the_log_names_the_project() {
    let routes = routes(serde_json::json!([
        {"match": {"project": "acme-shop"}, "to": ["bus"]},
        {"match": {"target": "*"}, "to": ["pager"]},
    ]))
    .unwrap();
    let mut alert = denial("c");
    for (target, expected) in [
        (None, vec![]),
        (
            Some("projects/acme-shop/attestors/ci"),
            vec!["bus", "pager"],
        ),
        (Some("lambda:eu-west-1/cart"), vec!["pager"]),
    ] {
        alert.case.target = target.map(str::to_owned);
        assert_eq!(routes.outputs(&alert), expected, "{target:?}");
    }
}

#[test]
fn a_route_to_nowhere_is_an_error() {
    let error = routes(serde_json::json!([{"to": ["pagr"]}])).unwrap_err();
    insta::assert_snapshot!(error, @r#"a route names the output "pagr", which is not there; outputs: bus, file, pager"#);
}

/// Everything at the targets of the synthetic alerts is silenced until shortly after they are written.
fn silenced() -> Routes {
    let silences: Vec<Silence> = serde_json::from_value(serde_json::json!([{
        "match": {"target": "cloud-run:acme-shop/*"},
        "owner": "payments", "reason": "a move", "until": "2026-03-03T05:00:11Z",
    }]))
    .unwrap();
    routes(serde_json::json!([])).unwrap().silenced(&silences)
}

#[test]
fn a_silence_ends() {
    let routes = silenced();
    let mut alert = denial("c");
    assert!(routes.outputs(&alert).is_empty());
    alert.at = "2026-03-03T05:00:11Z".parse().unwrap();
    assert_eq!(routes.outputs(&alert).len(), 3);
    assert_eq!(routes.ended(denial("c").at).count(), 0);
    assert_eq!(routes.ended(alert.at).count(), 1);
}

#[test]
fn a_silence_is_about_what_it_names_only() {
    let mut alert = denial("c");
    alert.case.target = Some("cloud-run:demo-mart/europe-west1/cart".to_owned());
    assert_eq!(silenced().outputs(&alert).len(), 3);
}

#[rstest::rstest]
#[case(Category::BreakGlass, true)]
#[case(Category::TrustChain, true)]
#[case(Category::AuditBlinded, true)]
#[case(Category::Bypass, true)]
#[case(Category::PolicyWeakened, false)]
#[case(Category::Denied, false)]
fn what_must_be_heard_is_never_silenced(#[case] category: Category, #[case] sent: bool) {
    let mut alert = denial("c");
    alert.case.category = category;
    assert_eq!(!silenced().outputs(&alert).is_empty(), sent);
}

#[test]
fn a_label_must_be_there_with_the_value_that_is_asked_for() {
    let routes = |value: &str| {
        let route: Route = serde_json::from_value(serde_json::json!({
            "match": {"label": {"team": value, "env": "prod"}}, "to": ["pager"]
        }))
        .unwrap();
        Routes::new(vec![route], vec!["pager".to_owned(), "bus".to_owned()]).unwrap()
    };
    let mut labelled = crate::testing::denial("C1");
    assert!(
        routes("pay*").outputs(&labelled).is_empty(),
        "without labels"
    );
    let labels = [("team", "payments"), ("env", "prod"), ("other", "x")];
    let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
    labelled.case.labels = labels.into();
    assert_eq!(routes("pay*").outputs(&labelled), ["pager"]);
    assert!(routes("web").outputs(&labelled).is_empty());
}

#[test]
fn what_is_always_told_goes_everywhere_where_no_route_takes_it() {
    let route: Route = serde_json::from_value(serde_json::json!({
        "match": {"category": "DENIED"}, "to": ["bus"]
    }))
    .unwrap();
    let routes = Routes::new(vec![route], vec!["bus".to_owned(), "pager".to_owned()]).unwrap();
    assert_eq!(
        routes.outputs(&crate::testing::alert("C1", 1)),
        ["bus", "pager"]
    );
    assert_eq!(routes.outputs(&crate::testing::denial("C2")), ["bus"]);
}
