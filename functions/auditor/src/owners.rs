//! Whose case it is: a file of rules, of which the first that matches names the team.

use std::collections::BTreeMap;
use std::fmt;

use postern_core::case::Case;
use postern_core::event::AuditEvent;
use postern_core::finding::{Category, Finding};
use postern_core::glob::Glob;
use postern_core::target::Target;
use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;

/// Labels of a service or workload.
pub type Labels = BTreeMap<String, String>;

/// Rules that are read; more are a mistake.
const RULES_LIMIT: usize = 2000;
/// Where events carry the labels of what they are about: Cloud Run's v1 and v2, Kubernetes.
const LABELS: [&str; 6] = [
    "/metadata/labels",
    "/labels",
    "/service/labels",
    "/service/metadata/labels",
    "/job/labels",
    "/spec/template/metadata/labels",
];

/// Who owns what.
#[derive(Debug, Clone, Default)]
pub struct Owners {
    rules: Vec<Rule>,
}

/// An owner.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    r#match: Match,
    team: String,
    channel: Option<String>,
    #[serde(default)]
    escalation: Vec<String>,
}

/// What must hold, all of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Match {
    /// `*` stands for any characters.
    target: Option<String>,
    project: Option<String>,
    label: Labels,
    category: Option<Category>,
}

/// Everything that is wrong with a file of owners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnersError {
    /// Line, from 1, and what is wrong there.
    pub mistakes: Vec<(u64, String)>,
}

impl fmt::Display for OwnersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (line, message)) in self.mistakes.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n  " };
            write!(f, "{separator}line {line}: {message}")?;
        }
        Ok(())
    }
}

impl std::error::Error for OwnersError {}

impl Owners {
    /// Reads a file: a list of `{match: {target | project | label | category}, team, channel,
    /// escalation}`.
    ///
    /// # Errors
    /// With every mistake in what it means, or the first in its form.
    pub fn parse(text: &str) -> Result<Self, OwnersError> {
        let form = |error: serde_saphyr::Error| {
            let line = error.location().map_or(1, |location| location.line());
            let message = error.without_snippet().to_string();
            let message = message.lines().next().unwrap_or_default().to_owned();
            OwnersError {
                mistakes: vec![(line, message)],
            }
        };
        let rules = serde_saphyr::from_str::<Option<Vec<Spanned<Rule>>>>(text).map_err(form)?;
        let rules = rules.unwrap_or_default();
        let mut mistakes = Vec::new();
        for rule in &rules {
            let line = rule.referenced.line();
            mistakes.extend(
                rule.value
                    .mistakes()
                    .map(|message| (line, message.to_owned())),
            );
        }
        if rules.len() > RULES_LIMIT {
            mistakes.push((1, format!("there are more than {RULES_LIMIT} rules")));
        }
        match mistakes.is_empty() {
            true => Ok(Self {
                rules: rules.into_iter().map(|rule| rule.value).collect(),
            }),
            false => Err(OwnersError { mistakes }),
        }
    }

    /// The team and the channel of a finding.
    pub(crate) fn of(
        &self,
        finding: &Finding,
        labels: &Labels,
    ) -> (Option<String>, Option<String>) {
        let target = finding.target.as_deref();
        let mut rules = self.rules.iter();
        let rule = rules.find(|rule| rule.r#match.holds(target, finding.category, labels));
        rule.map_or((None, None), |rule| {
            (Some(rule.team.clone()), rule.channel.clone())
        })
    }

    /// Who is told when the owner of a case does not act: by the first rule that names its team for
    /// its target and category; its labels are not known any more.
    pub(crate) fn escalation_of(&self, case: &Case) -> &[String] {
        let Some(owner) = &case.owner else { return &[] };
        let of_team = |rule: &&Rule| {
            rule.team == *owner
                && rule
                    .r#match
                    .holds_without_labels(case.target.as_deref(), case.category)
        };
        self.rules
            .iter()
            .find(of_team)
            .map_or(&[], |rule| &rule.escalation)
    }
}

impl Rule {
    fn mistakes(&self) -> impl Iterator<Item = &'static str> {
        let blank = |text: &String| text.trim().is_empty();
        let matching = &self.r#match;
        let texts = matching.target.iter().chain(&matching.project);
        [
            (*matching == Match::default())
                .then_some("match: name a `target`, a `project`, a `label` or a `category`"),
            texts
                .into_iter()
                .any(blank)
                .then_some("match: a pattern is empty"),
            blank(&self.team).then_some("team: this is empty"),
            self.channel
                .as_ref()
                .is_some_and(blank)
                .then_some("channel: this is empty"),
            self.escalation
                .iter()
                .any(blank)
                .then_some("escalation: a name is empty"),
        ]
        .into_iter()
        .flatten()
    }
}

impl Match {
    fn holds(&self, target: Option<&str>, category: Category, labels: &Labels) -> bool {
        let mut wanted = self.label.iter();
        self.holds_without_labels(target, category)
            && wanted.all(|(key, value)| {
                labels
                    .get(key)
                    .is_some_and(|has| Glob::new(value).matches(has))
            })
    }

    fn holds_without_labels(&self, target: Option<&str>, category: Category) -> bool {
        let project = || Some(target?.parse::<Target>().ok()?.project()?.to_owned());
        self.category.is_none_or(|wanted| wanted == category)
            && self
                .target
                .as_ref()
                .is_none_or(|wanted| target.is_some_and(|has| Glob::new(wanted).matches(has)))
            && self
                .project
                .as_ref()
                .is_none_or(|wanted| project().is_some_and(|has| Glob::new(wanted).matches(&has)))
    }
}

/// The labels of what an event is about.
pub(crate) fn labels_of(event: &AuditEvent) -> Labels {
    let mut labels = Labels::new();
    for body in [&event.request, &event.response].into_iter().flatten() {
        let maps = LABELS
            .iter()
            .filter_map(|pointer| body.pointer(pointer)?.as_object());
        for (key, value) in maps.flatten() {
            if let Value::String(value) = value {
                labels.insert(key.clone(), value.clone());
            }
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::classify;
    use crate::testing::{catalogue, entry, read};

    const OWNERS: &str = "
- match: {label: {team: pay*}}
  team: payments
- match: {target: 'cloud-run:*/europe-west1/*', category: BREAK_GLASS}
  team: europe
  channel: '#europe-oncall'
  escalation: [lead@example.com, cto@example.com]
- match: {project: acme-shop}
  team: shop
";

    fn finding(name: &str) -> Finding {
        classify(&catalogue(), &read(&entry(name)))
            .remove(0)
            .finding
    }

    #[test]
    fn the_first_rule_that_matches_names_the_team() {
        let owners = Owners::parse(OWNERS).unwrap();
        let of = |name: &str, labels: Labels| owners.of(&finding(name), &labels).0;
        let label = |value: &str| Labels::from([("team".to_owned(), value.to_owned())]);
        let none = Labels::new;
        assert_eq!(
            of("cloud-run-break-glass", none()).as_deref(),
            Some("europe")
        );
        assert_eq!(
            of("cloud-run-break-glass", label("payout")).as_deref(),
            Some("payments")
        );
        assert_eq!(
            of("cloud-run-break-glass", label("web")).as_deref(),
            Some("europe")
        );
        assert_eq!(of("cloud-run-blocked", none()).as_deref(), Some("shop"));
        assert_eq!(of("gke-break-glass", none()).as_deref(), Some("shop"));
        let nobody = Owners::default().of(&finding("cloud-run-blocked"), &none());
        assert_eq!(nobody, (None, None));
    }

    #[test]
    fn every_mistake_is_named_by_its_line() {
        let text = "- match: {}\n  team: a\n- match: {project: ''}\n  team: ' '\n";
        assert_eq!(
            Owners::parse(text).unwrap_err().to_string(),
            "line 1: match: name a `target`, a `project`, a `label` or a `category`\n  \
             line 3: match: a pattern is empty\n  line 3: team: this is empty"
        );
        let text = "- match: {project: a}\n  team: a\n- match: {projekt: a}\n  team: b\n";
        let error = Owners::parse(text).unwrap_err().to_string();
        assert!(
            error.starts_with("line 3: ") && error.contains("projekt"),
            "{error}"
        );
    }
}
