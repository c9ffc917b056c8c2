//! Where alerts go.

mod fields;
mod grouping;

use serde::Deserialize;

pub use self::grouping::{GroupBy, Grouping};
use super::SecretReference;

/// One place that alerts are sent to.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "fields::OutputFields")]
pub struct Output {
    /// How routes call it.
    pub name: String,
    /// What it is.
    pub kind: OutputKind,
    /// How alerts of several cases are told in one message. Absent: each is told by itself.
    pub group: Option<Grouping>,
}

/// What an output is.
#[derive(Debug, Clone)]
pub enum OutputKind {
    /// HTTP POST, signed as Standard Webhooks says where a secret is given.
    Webhook {
        /// `https://…`; `http://` only to loopback.
        url: String,
        /// By reference.
        secret: Option<SecretReference>,
        /// Whether the address may be private or loopback.
        allow_private: bool,
        /// What is sent.
        body: BodyFormat,
    },
    /// One alert per line, appended.
    File {
        /// Where.
        path: String,
        /// What a line is.
        body: BodyFormat,
    },
    /// One alert per line on standard output.
    Stdout {
        /// What a line is.
        body: BodyFormat,
    },
    /// An incoming webhook of Slack.
    Slack(Hook),
    /// A workflow of Microsoft Teams that starts when a webhook request is received.
    Teams(Hook),
    /// An incoming webhook of Google Chat.
    GoogleChat(Hook),
    /// A service of PagerDuty, by the Events API v2.
    PagerDuty {
        /// The integration key, by reference.
        routing_key: SecretReference,
        /// Where events go; [`PAGER_DUTY`] unless it is said.
        url: String,
        /// Whether the address may be private or loopback.
        allow_private: bool,
    },
    /// An Alertmanager, by its API v2.
    Alertmanager(Endpoint),
    /// A receiver of CloudEvents, by HTTP in structured mode.
    CloudEvents(Endpoint),
    /// A topic of Amazon SNS.
    Sns {
        /// Its ARN, which says the region.
        topic: String,
        /// What is sent.
        body: BodyFormat,
    },
    /// A queue of Amazon SQS.
    Sqs {
        /// Its URL.
        queue: String,
        /// Where it is, if the URL does not say that.
        region: Option<String>,
        /// What is sent.
        body: BodyFormat,
    },
    /// An event bus of Amazon EventBridge.
    EventBridge {
        /// Its name or ARN.
        bus: String,
        /// Where it is, if there is only a name.
        region: Option<String>,
        /// What the detail is.
        body: BodyFormat,
    },
    /// A topic of Pub/Sub.
    PubSub {
        /// `projects/P/topics/T`.
        topic: String,
        /// What is sent.
        body: BodyFormat,
    },
    /// Mail, by SMTP.
    Email(Mail),
}

/// Where mail is handed in, and whose it is.
#[derive(Debug, Clone)]
pub struct Mail {
    /// `smtps://HOST[:PORT]`, or `smtp://HOST[:PORT]` with STARTTLS.
    pub server: String,
    /// The sender.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
    /// Whom to log in as, and by which password.
    pub login: Option<(String, SecretReference)>,
}

/// Where PagerDuty takes events, outside of its European region.
pub const PAGER_DUTY: &str = "https://events.pagerduty.com/v2/enqueue";

/// An incoming webhook: who knows the URL may post, so it is a secret as a whole.
#[derive(Debug, Clone)]
pub struct Hook {
    /// By reference.
    pub url: SecretReference,
    /// Whether the address may be private or loopback.
    pub allow_private: bool,
}

/// An HTTP endpoint that may want a bearer token.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// `https://…`; `http://` only to loopback.
    pub url: String,
    /// By reference.
    pub token: Option<SecretReference>,
    /// Whether the address may be private or loopback.
    pub allow_private: bool,
}

/// In which form an alert is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BodyFormat {
    /// A CloudEvent whose data is the case.
    #[default]
    CloudEvents,
    /// The case, and nothing around it.
    Native,
    /// A Detection Finding of the Open Cybersecurity Schema Framework.
    Ocsf,
    /// A document of the Elastic Common Schema.
    Ecs,
}
