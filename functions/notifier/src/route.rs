//! Which alert goes to which outputs.

use std::collections::BTreeSet;

use postern_core::change::Notification;
use postern_host::config::{Route, RouteMatch};

/// The routes over the outputs there are.
#[derive(Debug, Clone)]
pub struct Routes {
    routes: Vec<Route>,
    outputs: Vec<String>,
}

/// A route to nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a route names the output {name:?}, which is not there; outputs: {known}")]
pub struct RouteError {
    name: String,
    known: String,
}

impl Routes {
    /// Routes over these outputs. With none, everything goes everywhere.
    ///
    /// # Errors
    /// If a route names an output that is not there.
    pub fn new(routes: Vec<Route>, outputs: Vec<String>) -> Result<Self, RouteError> {
        let named = routes.iter().flat_map(|route| &route.to);
        match named.into_iter().find(|name| !outputs.contains(name)) {
            Some(name) => Err(RouteError {
                name: name.clone(),
                known: outputs.join(", "),
            }),
            None => Ok(Self { routes, outputs }),
        }
    }

    /// The outputs of one alert, each once.
    pub fn outputs(&self, alert: &Notification) -> Vec<String> {
        if self.routes.is_empty() {
            return self.outputs.clone();
        }
        let taken = self
            .routes
            .iter()
            .filter(|route| takes(&route.matches, alert));
        let names: BTreeSet<_> = taken.flat_map(|route| route.to.iter().cloned()).collect();
        names.into_iter().collect()
    }
}

fn takes(matches: &RouteMatch, alert: &Notification) -> bool {
    matches
        .severity
        .is_none_or(|least| alert.case.severity >= least)
        && matches
            .category
            .is_none_or(|category| alert.case.category == category)
}

#[cfg(test)]
mod tests {
    use postern_core::finding::{Category, Severity};

    use super::*;
    use crate::testing::alert;

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

    #[test]
    fn a_route_to_nowhere_is_an_error() {
        let error = routes(serde_json::json!([{"to": ["pagr"]}])).unwrap_err();
        insta::assert_snapshot!(error, @r#"a route names the output "pagr", which is not there; outputs: bus, file, pager"#);
    }
}
