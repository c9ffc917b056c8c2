//! Where alerts go.

mod place;

use std::collections::BTreeSet;

use postern_core::finding::Category;
use url::Url;

use super::{Findings, secret};
use crate::auth::is_confidential;
use crate::config::{Config, Grouping, OneOrMore, OutputKind, RouteMatch, Silence};
use crate::environment::Environment;
use crate::load::path::{Place, at};
use crate::load::shape::Shaped;
use crate::problem::quoted;

pub(super) fn check(
    config: &Config,
    environment: &dyn Environment,
    shaped: &Shaped,
    findings: &mut Findings,
) {
    let mut names = BTreeSet::new();
    for (index, output) in config.outputs.iter().enumerate() {
        let here = at("outputs").index(index);
        if output.name.is_empty() {
            findings.push((
                here.key("name"),
                "routes need a name to call it by".to_owned(),
            ));
        }
        if !names.insert(output.name.as_str()) {
            findings.push((here.key("name"), "another output has this name".to_owned()));
        }
        let mut url = |url: &str, wants: &str| {
            if let Err(message) = receiver(url, wants) {
                findings.push((here.key("url"), message));
            }
        };
        let referred = match &output.kind {
            OutputKind::Webhook {
                url: to, secret, ..
            } => {
                url(to, "sign with `secret: env:NAME`");
                secret.as_ref().map(|reference| ("secret", reference))
            }
            OutputKind::Alertmanager(to) | OutputKind::CloudEvents(to) => {
                url(&to.url, "use `token: env:NAME`");
                to.token.as_ref().map(|reference| ("token", reference))
            }
            OutputKind::PagerDuty {
                routing_key,
                url: to,
                ..
            } => {
                url(to, "the key is `routingKey: env:NAME`");
                Some(("routingKey", routing_key))
            }
            OutputKind::Slack(hook) | OutputKind::Teams(hook) | OutputKind::GoogleChat(hook) => {
                Some(("url", &hook.url))
            }
            OutputKind::File { path, .. } => {
                if path.is_empty() {
                    let message = "this should be the path of a file".to_owned();
                    findings.push((here.key("path"), message));
                }
                None
            }
            OutputKind::Email(mail) => mail.login.as_ref().map(|(_, word)| ("password", word)),
            OutputKind::Stdout { .. }
            | OutputKind::Sns { .. }
            | OutputKind::Sqs { .. }
            | OutputKind::EventBridge { .. }
            | OutputKind::PubSub { .. } => None,
        };
        if let Some(group) = &output.group {
            grouped(group, &here.key("group"), findings);
        }
        let misplaced = place::mistakes(&output.kind).into_iter();
        findings.extend(misplaced.map(|(key, message)| (here.key(key), message)));
        if let Some((key, reference)) = referred {
            secret(reference, here.key(key), environment, findings);
        }
    }
    for (index, route) in config.routes.iter().enumerate() {
        matches(
            &route.matches,
            &at("routes").index(index).key("match"),
            findings,
        );
        let here = at("routes").index(index).key("to");
        if route.to.is_empty() {
            findings.push((
                here.clone(),
                "alerts would go nowhere: name an output".to_owned(),
            ));
        }
        // An output that was left out for another mistake is there, as far as its user knows.
        let known = |name: &str| names.contains(name) || shaped.is_partial(&at("outputs"));
        for (index, name) in route.to.iter().enumerate().filter(|(_, name)| !known(name)) {
            let message = format!("there is no output `{}`", quoted(name));
            findings.push((here.index(index), message));
        }
    }
    if let Some(heartbeat) = &config.heartbeat {
        secret(
            &heartbeat.url,
            at("heartbeat").key("url"),
            environment,
            findings,
        );
    }
    for (index, silence) in config.silences.iter().enumerate() {
        silenced(silence, &at("silences").index(index), findings);
    }
}

fn grouped(group: &Grouping, here: &Place, findings: &mut Findings) {
    if group.by.is_empty() {
        let message = "say what alerts have in common that are told together";
        findings.push((here.key("by"), message.to_owned()));
    }
    if group.wait.is_negative() || group.wait > Grouping::LONGEST_WAIT {
        let message = "this should be from 0s to 1h: for so long an alert may wait for others";
        findings.push((here.key("wait"), message.to_owned()));
    }
    if !Grouping::MOST.contains(&group.most) {
        let message = "this should be from 2 to 200: so many alerts stand in one message at most";
        findings.push((here.key("most"), message.to_owned()));
    }
}

fn silenced(silence: &Silence, here: &Place, findings: &mut Findings) {
    let place = here.key("match");
    matches(&silence.matches, &place, findings);
    if silence.matches == RouteMatch::default() {
        let message = "this would silence everything: say what".to_owned();
        findings.push((place.clone(), message));
    }
    let categories = silence.matches.category.iter().flat_map(OneOrMore::iter);
    if categories.copied().any(Category::is_always_told) {
        let message =
            "BREAK_GLASS, TRUST_CHAIN, AUDIT_BLINDED and BYPASS are never silenced: name others";
        findings.push((place.key("category"), message.to_owned()));
    }
    for (key, text, message) in [
        ("owner", &silence.owner, "say who answers for it"),
        ("reason", &silence.reason, "say why"),
    ] {
        if text.trim().is_empty() {
            findings.push((here.key(key), message.to_owned()));
        }
    }
}

/// What matches nothing at all is a mistake.
fn matches(matches: &RouteMatch, here: &Place, findings: &mut Findings) {
    let severities = matches.severity.as_ref().map(|list| list.iter().count());
    let categories = matches.category.as_ref().map(|list| list.iter().count());
    for (key, count) in [("severity", severities), ("category", categories)] {
        if count == Some(0) {
            findings.push((here.key(key), "an empty list matches nothing".to_owned()));
        }
    }
}

/// `wants` says where a secret belongs.
fn receiver(url: &str, wants: &str) -> Result<(), String> {
    let parsed = Url::parse(url).map_err(|_| "this is no URL".to_owned())?;
    if !is_confidential(url) {
        return Err("this should be an https:// URL (http:// only to loopback)".to_owned());
    }
    match parsed.username().is_empty() && parsed.password().is_none() {
        true => Ok(()),
        false => Err(format!("a URL is no place for a secret: {wants}")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    #[test]
    fn a_group_has_something_in_common_and_bounds() {
        let text = r#"
outputs:
  - {name: a, type: slack, url: "env:URL", group: {by: [], wait: 2h, most: 1}}
  - {name: b, type: slack, url: "env:URL", group: {wait: 30s}}
  - {name: c, type: slack, url: "env:URL", group: {by: [actor]}}
  - {name: d, type: pubsub, topic: projects/demo-mart/topics/alerts, group: {by: [category]}}
  - {name: e, type: slack, url: "env:URL", group: {by: [severity, owner], wait: 5m, most: 200}}
"#;
        let environment = BTreeMap::from([("URL".to_owned(), "https://chat.example/x".to_owned())]);
        let mistakes = crate::load::parse("postern.yaml", text, &environment).unwrap_err();
        insta::assert_snapshot!(mistakes, @r#"
        postern.yaml has 7 mistakes:
          line 3: outputs[0].group.by: say what alerts have in common that are told together
          line 3: outputs[0].group.wait: this should be from 0s to 1h: for so long an alert may wait for others
          line 3: outputs[0].group.most: this should be from 2 to 200: so many alerts stand in one message at most
          line 4: outputs[1].group: `by` is missing
          line 5: outputs[2].group.by[0]: this should be one of category, severity, project, target, owner
          line 5: outputs[2].group.by: say what alerts have in common that are told together
          line 6: outputs[3]: `pubsub` is told of each case by itself and takes no `group`; slack, teams, googleChat, email take it
        "#);
    }
}
