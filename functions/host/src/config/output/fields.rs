//! An output as it is written: taken flat, so that a key of another type's is a mistake that is told.

use serde::Deserialize;

use super::{BodyFormat, Endpoint, Grouping, Hook, Mail, Output, OutputKind, PAGER_DUTY};
use crate::config::SecretReference;

/// All keys that outputs have.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct OutputFields {
    name: String,
    r#type: String,
    url: Option<String>,
    secret: Option<SecretReference>,
    routing_key: Option<SecretReference>,
    token: Option<SecretReference>,
    allow_private: Option<bool>,
    path: Option<String>,
    topic: Option<String>,
    queue: Option<String>,
    bus: Option<String>,
    region: Option<String>,
    server: Option<String>,
    from: Option<String>,
    to: Option<Vec<String>>,
    username: Option<String>,
    password: Option<SecretReference>,
    body: Option<BodyFormat>,
    group: Option<Grouping>,
}

/// The types there are, and what each of them takes.
const TYPES: [(&str, &str, &[&str]); 14] = [
    (
        "webhook",
        "takes `url`, and may have `secret`, `allowPrivate` and `body`",
        &["url", "secret", "allowPrivate", "body"],
    ),
    (
        "file",
        "takes `path`, and may have `body`",
        &["path", "body"],
    ),
    ("stdout", "takes nothing else than `body`", &["body"]),
    ("slack", HOOK, &["url", "allowPrivate", "group"]),
    ("teams", HOOK, &["url", "allowPrivate", "group"]),
    ("googleChat", HOOK, &["url", "allowPrivate", "group"]),
    (
        "pagerduty",
        "takes `routingKey`, by reference, and may have `url` and `allowPrivate`",
        &["routingKey", "url", "allowPrivate"],
    ),
    ("alertmanager", ENDPOINT, &["url", "token", "allowPrivate"]),
    ("cloudEvents", ENDPOINT, &["url", "token", "allowPrivate"]),
    (
        "sns",
        "takes `topic`, an ARN, and may have `body`",
        &["topic", "body"],
    ),
    (
        "sqs",
        "takes `queue`, a URL, and may have `region` and `body`",
        &["queue", "region", "body"],
    ),
    (
        "eventbridge",
        "takes `bus`, a name or an ARN, and may have `region` and `body`",
        &["bus", "region", "body"],
    ),
    (
        "pubsub",
        "takes `topic`, projects/P/topics/T, and may have `body`",
        &["topic", "body"],
    ),
    (
        "email",
        "takes `server`, `from` and `to`, and may have `group`, and `username` and `password`, both or neither",
        &["server", "from", "to", "username", "password", "group"],
    ),
];

const HOOK: &str = "takes `url`, by reference, and may have `allowPrivate` and `group`";
const ENDPOINT: &str = "takes `url`, and may have `token` and `allowPrivate`";

impl TryFrom<OutputFields> for Output {
    type Error = String;

    fn try_from(fields: OutputFields) -> Result<Self, String> {
        let known = TYPES.iter().find(|(name, ..)| *name == fields.r#type);
        let Some((type_name, takes, keys)) = known else {
            return Err(unknown(&fields.r#type));
        };
        let mistake = || format!("`{type_name}` {takes}");
        if fields.group.is_some() && !keys.contains(&"group") {
            return Err(ungrouped(type_name));
        }
        if fields.given().any(|key| !keys.contains(&key)) {
            return Err(mistake());
        }
        let (name, group) = (fields.name.clone(), fields.group.clone());
        let kind = fields.kind().ok_or_else(mistake)?;
        Ok(Self { name, kind, group })
    }
}

impl OutputFields {
    /// The keys that are there, besides `name` and `type`.
    fn given(&self) -> impl Iterator<Item = &'static str> {
        [
            ("url", self.url.is_some()),
            ("secret", self.secret.is_some()),
            ("routingKey", self.routing_key.is_some()),
            ("token", self.token.is_some()),
            ("allowPrivate", self.allow_private.is_some()),
            ("path", self.path.is_some()),
            ("topic", self.topic.is_some()),
            ("queue", self.queue.is_some()),
            ("bus", self.bus.is_some()),
            ("region", self.region.is_some()),
            ("server", self.server.is_some()),
            ("from", self.from.is_some()),
            ("to", self.to.is_some()),
            ("username", self.username.is_some()),
            ("password", self.password.is_some()),
            ("body", self.body.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, given)| given.then_some(key))
    }

    /// What it is; `None` if a key is missing.
    fn kind(self) -> Option<OutputKind> {
        let body = self.body.unwrap_or_default();
        let allow_private = self.allow_private.unwrap_or_default();
        let kind = match self.r#type.as_str() {
            "webhook" => OutputKind::Webhook {
                url: self.url?,
                secret: self.secret,
                allow_private,
                body,
            },
            "file" => OutputKind::File {
                path: self.path?,
                body,
            },
            "stdout" => OutputKind::Stdout { body },
            "pagerduty" => OutputKind::PagerDuty {
                routing_key: self.routing_key?,
                url: self.url.unwrap_or_else(|| PAGER_DUTY.to_owned()),
                allow_private,
            },
            "alertmanager" | "cloudEvents" => {
                let endpoint = Endpoint {
                    url: self.url?,
                    token: self.token,
                    allow_private,
                };
                match self.r#type.as_str() {
                    "alertmanager" => OutputKind::Alertmanager(endpoint),
                    _ => OutputKind::CloudEvents(endpoint),
                }
            }
            "sns" => OutputKind::Sns {
                topic: self.topic?,
                body,
            },
            "sqs" => OutputKind::Sqs {
                queue: self.queue?,
                region: self.region,
                body,
            },
            "eventbridge" => OutputKind::EventBridge {
                bus: self.bus?,
                region: self.region,
                body,
            },
            "pubsub" => OutputKind::PubSub {
                topic: self.topic?,
                body,
            },
            "email" => OutputKind::Email(Mail {
                server: self.server?,
                from: self.from?,
                to: self.to?,
                login: match (self.username, self.password) {
                    (Some(username), Some(password)) => Some((username, password)),
                    (None, None) => None,
                    _ => return None,
                },
            }),
            chat => {
                let hook = Hook {
                    url: SecretReference(self.url?),
                    allow_private,
                };
                match chat {
                    "slack" => OutputKind::Slack(hook),
                    "teams" => OutputKind::Teams(hook),
                    "googleChat" => OutputKind::GoogleChat(hook),
                    _ => return None,
                }
            }
        };
        Some(kind)
    }
}

/// Machines, pagers and queues keep cases apart: by their ids, incidents and ordering keys.
fn ungrouped(type_name: &str) -> String {
    let grouped = TYPES.iter().filter(|(.., keys)| keys.contains(&"group"));
    let grouped = grouped.map(|(name, ..)| *name).collect::<Vec<_>>();
    format!(
        "`{type_name}` is told of each case by itself and takes no `group`; {} take it",
        grouped.join(", ")
    )
}

fn unknown(type_name: &str) -> String {
    let known = TYPES.map(|(name, ..)| name).join(", ");
    format!("this build has no output of type `{type_name}`: it is one of {known}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn output(fields: Value) -> Result<Output, String> {
        let mut whole = json!({"name": "a"});
        whole
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        serde_json::from_value(whole).map_err(|error| error.to_string())
    }

    #[test]
    fn each_type_says_what_it_takes() {
        let messages: Vec<_> = [
            json!({"type": "slack"}),
            json!({"type": "teams", "url": "env:U", "secret": "env:S"}),
            json!({"type": "googleChat", "url": "env:U", "body": "ocsf"}),
            json!({"type": "pagerduty", "url": "https://events.eu.pagerduty.com/v2/enqueue"}),
            json!({"type": "alertmanager", "token": "env:T"}),
            json!({"type": "cloudEvents", "url": "https://events.example/", "path": "x"}),
            json!({"type": "webhook", "url": "https://hooks.example/", "routingKey": "env:K"}),
            json!({"type": "file", "path": "x", "body": "cef"}),
            json!({"type": "stdout", "path": "x"}),
            json!({"type": "sns", "topic": "arn:aws:sns:eu-west-1:111122223333:alerts", "region": "eu-west-1"}),
            json!({"type": "sqs", "topic": "x"}),
            json!({"type": "eventbridge"}),
            json!({"type": "pubsub", "topic": "projects/demo-mart/topics/alerts", "url": "x"}),
            json!({"type": "email", "server": "smtp://mail.example.com", "from": "a@example.com", "to": ["b@example.com"], "username": "a"}),
        ]
        .into_iter()
        .map(|fields| output(fields).unwrap_err())
        .collect();
        insta::assert_snapshot!(messages.join("\n"), @r#"
        `slack` takes `url`, by reference, and may have `allowPrivate` and `group`
        `teams` takes `url`, by reference, and may have `allowPrivate` and `group`
        `googleChat` takes `url`, by reference, and may have `allowPrivate` and `group`
        `pagerduty` takes `routingKey`, by reference, and may have `url` and `allowPrivate`
        `alertmanager` takes `url`, and may have `token` and `allowPrivate`
        `cloudEvents` takes `url`, and may have `token` and `allowPrivate`
        `webhook` takes `url`, and may have `secret`, `allowPrivate` and `body`
        unknown variant `cef`, expected one of `cloudEvents`, `native`, `ocsf`, `ecs`
        `stdout` takes nothing else than `body`
        `sns` takes `topic`, an ARN, and may have `body`
        `sqs` takes `queue`, a URL, and may have `region` and `body`
        `eventbridge` takes `bus`, a name or an ARN, and may have `region` and `body`
        `pubsub` takes `topic`, projects/P/topics/T, and may have `body`
        `email` takes `server`, `from` and `to`, and may have `group`, and `username` and `password`, both or neither
        "#);
    }

    #[test]
    fn only_what_people_read_is_grouped() {
        let grouped = |fields: Value| {
            let mut fields = fields;
            fields["group"] = json!({"by": ["category", "project"]});
            output(fields)
        };
        let chat = grouped(json!({"type": "slack", "url": "env:U"})).unwrap();
        let group = chat.group.unwrap();
        assert_eq!((group.wait.as_secs(), group.most), (30, 50));
        let messages: Vec<_> = [
            json!({"type": "pagerduty", "routingKey": "env:K"}),
            json!({"type": "alertmanager", "url": "https://alertmanager.example/"}),
            json!({"type": "sqs", "queue": "https://sqs.eu-west-1.amazonaws.com/111122223333/a.fifo"}),
            json!({"type": "webhook", "url": "https://hooks.example/"}),
        ]
        .into_iter()
        .map(|fields| grouped(fields).unwrap_err())
        .collect();
        insta::assert_snapshot!(messages.join("\n"), @r#"
        `pagerduty` is told of each case by itself and takes no `group`; slack, teams, googleChat, email take it
        `alertmanager` is told of each case by itself and takes no `group`; slack, teams, googleChat, email take it
        `sqs` is told of each case by itself and takes no `group`; slack, teams, googleChat, email take it
        `webhook` is told of each case by itself and takes no `group`; slack, teams, googleChat, email take it
        "#);
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let kind = |fields| output(fields).unwrap().kind;
        let webhook = kind(json!({"type": "webhook", "url": "https://hooks.example/"}));
        assert!(matches!(
            webhook,
            OutputKind::Webhook {
                body: BodyFormat::CloudEvents,
                allow_private: false,
                secret: None,
                ..
            }
        ));
        let pager = kind(json!({"type": "pagerduty", "routingKey": "env:KEY"}));
        assert!(matches!(pager, OutputKind::PagerDuty { url, .. } if url == PAGER_DUTY));
        let file = kind(json!({"type": "file", "path": "x", "body": "ecs"}));
        assert!(matches!(
            file,
            OutputKind::File {
                body: BodyFormat::Ecs,
                ..
            }
        ));
    }
}
