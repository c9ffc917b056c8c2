//! Whether topics, queues, buses and mail servers are written as such. Whether they are there, only
//! an attempt shows.

use url::Url;

use crate::auth::is_confidential;
use crate::config::{Mail, OutputKind};

/// The key of each mistake, and what is wrong with it.
pub(super) fn mistakes(kind: &OutputKind) -> Vec<(&'static str, String)> {
    let one = |key, good: bool, message: &str| {
        let mistake = (!good).then(|| (key, message.to_owned()));
        mistake.into_iter().collect()
    };
    match kind {
        OutputKind::Sns { topic, .. } => one(
            "topic",
            is_arn_of(topic, "sns"),
            "this should be the ARN of a topic: arn:aws:sns:REGION:ACCOUNT:NAME",
        ),
        OutputKind::Sqs { queue, .. } => one(
            "queue",
            is_queue(queue),
            "this should be the URL of a queue: https://sqs.REGION.amazonaws.com/ACCOUNT/NAME",
        ),
        OutputKind::EventBridge { bus, region, .. } => {
            let mut mistakes: Vec<_> = one(
                "bus",
                is_arn_of(bus, "events") || is_name(bus),
                "this should be the name of an event bus, or its ARN",
            );
            if region.is_some() && bus.starts_with("arn:") {
                mistakes.push(("region", "the ARN says it: leave it out".to_owned()));
            }
            mistakes
        }
        OutputKind::PubSub { topic, .. } => one(
            "topic",
            is_topic(topic),
            "this should be a topic: projects/PROJECT/topics/TOPIC",
        ),
        OutputKind::Email(mail) => of_mail(mail),
        _ => Vec::new(),
    }
}

fn is_arn_of(text: &str, service: &str) -> bool {
    let parts: Vec<_> = text.splitn(6, ':').collect();
    matches!(parts[..], ["arn", partition, of, region, account, name]
        if of == service
            && [partition, region, account, name].iter().all(|part| !part.is_empty()))
}

fn is_queue(text: &str) -> bool {
    let path = |url: &Url| {
        let segments = url.path_segments();
        segments.map_or(0, |all| all.filter(|one| !one.is_empty()).count())
    };
    is_confidential(text) && Url::parse(text).is_ok_and(|url| path(&url) == 2)
}

fn is_name(text: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || b"/._-".contains(&b);
    !text.is_empty() && text.bytes().all(known)
}

fn is_topic(text: &str) -> bool {
    let parts: Vec<_> = text.split('/').collect();
    matches!(parts[..], ["projects", project, "topics", topic]
        if !project.is_empty() && !topic.is_empty())
}

fn of_mail(mail: &Mail) -> Vec<(&'static str, String)> {
    let mut mistakes = Vec::new();
    let url = Url::parse(&mail.server).ok();
    let server = url.is_some_and(|url| {
        matches!(url.scheme(), "smtp" | "smtps")
            && url.host_str().is_some_and(|host| !host.is_empty())
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
    });
    if !server {
        let message = "this should be smtps://HOST, or smtp://HOST with STARTTLS";
        mistakes.push(("server", message.to_owned()));
    }
    if mail.server.contains('@') {
        let message = "a URL is no place for a secret: use `username` and `password: env:NAME`";
        mistakes.push(("server", message.to_owned()));
    }
    if mail.to.is_empty() {
        let message = "nobody would be told: name an address";
        mistakes.push(("to", message.to_owned()));
    }
    let senders = [("from", &mail.from)];
    let recipients = mail.to.iter().map(|address| ("to", address));
    for (key, address) in senders.into_iter().chain(recipients) {
        if !address.contains('@') {
            let message = "this should be a mail address, such as security@example.com";
            mistakes.push((key, message.to_owned()));
        }
    }
    mistakes
}
