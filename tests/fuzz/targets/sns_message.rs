//! What is posted to the door of Amazon SNS, and the addresses that it names.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use url::Url;

/// The auditor's own sources: these are private to it.
#[allow(dead_code, reason = "only the parser is wanted")]
#[path = "../../../functions/auditor/src/sns/message.rs"]
mod message;
#[allow(dead_code, reason = "only the parser is wanted")]
#[path = "../../../functions/auditor/src/sns/topic.rs"]
mod topic;

static TOPIC: LazyLock<topic::Topic> =
    LazyLock::new(|| topic::Topic::parse("arn:aws:sns:eu-west-1:111122223333:audit").unwrap());

fuzz_target!(|body: &[u8]| {
    let Ok(message) = serde_json::from_slice::<message::Message>(body) else {
        return;
    };
    let _ = message.time();
    if let Some(signed) = message.signed() {
        assert!(signed.starts_with(&format!("Message\n{}\nMessageId\n", message.message)));
        assert!(signed.contains(&format!("\nTopicArn\n{}\nType\n", message.topic_arn)));
    }
    if let Some(topic) = topic::Topic::parse(&message.topic_arn) {
        assert_eq!(topic.arn, message.topic_arn);
    }
    let certificate = &message.signing_cert_url;
    if TOPIC.has_certificate_at(certificate) {
        is_of_amazon(certificate);
    }
    let confirmed = message.subscribe_url.iter();
    confirmed
        .filter(|url| TOPIC.is_confirmed_at(url))
        .for_each(|url| is_of_amazon(url));
});

/// As whoever asks for it understands the address.
fn is_of_amazon(url: &str) {
    let url = Url::parse(url).unwrap();
    assert_eq!(url.scheme(), "https");
    assert_eq!(url.host_str(), Some("sns.eu-west-1.amazonaws.com"));
    assert_eq!(
        (url.port(), url.username(), url.password()),
        (None, "", None)
    );
}
