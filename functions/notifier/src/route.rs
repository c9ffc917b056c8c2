//! Which alert goes to which outputs.

mod matcher;

use std::collections::BTreeSet;

use jiff::Timestamp;
use postern_core::change::Notification;
use postern_host::config::{Route, Silence};

use self::matcher::Matcher;
pub(crate) use self::matcher::project;

/// The routes over the outputs there are, and the silences over the routes.
#[derive(Debug, Clone)]
pub struct Routes {
    routes: Vec<(Matcher, Vec<String>)>,
    silences: Vec<(Matcher, Silence)>,
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
        if let Some(name) = named.into_iter().find(|name| !outputs.contains(name)) {
            return Err(RouteError {
                name: name.clone(),
                known: outputs.join(", "),
            });
        }
        let routes = routes.into_iter();
        Ok(Self {
            routes: routes
                .map(|route| (Matcher::new(&route.matches), route.to))
                .collect(),
            silences: Vec::new(),
            outputs,
        })
    }

    /// The same routes, with silences over them.
    #[must_use]
    pub fn silenced(mut self, silences: &[Silence]) -> Self {
        let silences = silences.iter();
        self.silences = silences
            .map(|silence| (Matcher::new(&silence.matches), silence.clone()))
            .collect();
        self
    }

    /// The silences that have ended, and that somebody forgot.
    pub fn ended(&self, now: Timestamp) -> impl Iterator<Item = &Silence> {
        let all = self.silences.iter().map(|(_, silence)| silence);
        all.filter(move |silence| silence.until <= now)
    }

    /// The outputs of one alert, each once; none where it is silenced, or no route takes it. A
    /// break-glass, a weakened trust chain, a bypass and a blinded audit that no route takes go everywhere.
    pub fn outputs(&self, alert: &Notification) -> Vec<String> {
        if let Some(silence) = self.silence(alert) {
            silenced(alert, silence);
            return Vec::new();
        }
        if self.routes.is_empty() {
            return self.outputs.clone();
        }
        let taken = self.routes.iter().filter(|(takes, _)| takes.takes(alert));
        let names: BTreeSet<_> = taken.flat_map(|(_, to)| to.iter().cloned()).collect();
        // What must never be missed does not depend on somebody having thought of it.
        if names.is_empty() && alert.is_always_told() {
            return self.outputs.clone();
        }
        names.into_iter().collect()
    }

    /// What keeps an alert from being sent. Its own time decides, so that the answer is the same
    /// however late it is asked for.
    fn silence(&self, alert: &Notification) -> Option<&Silence> {
        if alert.is_always_told() {
            return None;
        }
        let mut silences = self.silences.iter();
        let found = silences.find(|(what, silence)| alert.at < silence.until && what.takes(alert));
        found.map(|(_, silence)| silence)
    }
}

fn silenced(alert: &Notification, silence: &Silence) {
    metrics::counter!("postern_alerts_silenced_total").increment(1);
    tracing::info!(
        alert = alert.id,
        owner = silence.owner,
        reason = silence.reason,
        until = %silence.until,
        "an alert is silenced"
    );
}

#[cfg(test)]
mod tests;
