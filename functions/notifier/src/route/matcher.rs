//! Whether an alert is what a route or a silence asks for.

use std::collections::BTreeMap;

use postern_core::change::Notification;
use postern_core::finding::{Category, Severity};
use postern_core::glob::Glob;
use postern_core::target::Target;
use postern_host::config::{OneOrMore, RouteMatch};

/// What is asked of an alert, all of it. What an alert does not say, it does not match.
#[derive(Debug, Clone)]
pub(super) struct Matcher {
    severity: Option<OneOrMore<Severity>>,
    category: Option<OneOrMore<Category>>,
    project: Option<Glob>,
    target: Option<Glob>,
    owner: Option<Glob>,
    label: BTreeMap<String, Glob>,
}

impl Matcher {
    pub(super) fn new(matches: &RouteMatch) -> Self {
        let glob = |written: &Option<String>| written.as_deref().map(Glob::new);
        Self {
            severity: matches.severity.clone(),
            category: matches.category.clone(),
            project: glob(&matches.project),
            target: glob(&matches.target),
            owner: glob(&matches.owner),
            label: matches
                .label
                .iter()
                .map(|(key, value)| (key.clone(), Glob::new(value)))
                .collect(),
        }
    }

    pub(super) fn takes(&self, alert: &Notification) -> bool {
        let case = &alert.case;
        let severity = match &self.severity {
            None => true,
            Some(OneOrMore::One(least)) => case.severity >= *least,
            Some(OneOrMore::More(any)) => any.contains(&case.severity),
        };
        let category = self
            .category
            .as_ref()
            .is_none_or(|any| any.iter().any(|category| *category == case.category));
        let is = |glob: &Option<Glob>, text: Option<&str>| {
            glob.as_ref()
                .is_none_or(|glob| text.is_some_and(|text| glob.matches(text)))
        };
        severity
            && category
            && is(&self.target, case.target.as_deref())
            && is(&self.owner, case.owner.as_deref())
            && self.label.iter().all(|(key, glob)| {
                let value = case.labels.get(key);
                value.is_some_and(|value| glob.matches(value))
            })
            && (self.project.is_none() || is(&self.project, project(alert).as_deref()))
    }
}

/// The project of what it happened to; where that names none, of the log that the first finding stood in.
pub(crate) fn project(alert: &Notification) -> Option<String> {
    let of_name = |name: &str| {
        let (project, _) = name.strip_prefix("projects/")?.split_once('/')?;
        Some(project.to_owned())
    };
    let target = alert.case.target.as_deref();
    let of_target = target.and_then(|target| match target.parse::<Target>() {
        Ok(target) => target.project().map(str::to_owned),
        Err(_) => of_name(target),
    });
    let logs = || alert.case.findings.first()?.source.log.as_deref();
    of_target.or_else(|| logs().and_then(of_name))
}
