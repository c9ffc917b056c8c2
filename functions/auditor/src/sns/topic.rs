//! Topics, and the addresses that their messages may name.

/// Where SNS has its certificates, from its host on.
const CERTIFICATE: &str = "SimpleNotificationService-";

/// A topic that may deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Topic {
    pub(super) arn: String,
    /// `https://sns.REGION.amazonaws.com/`.
    host: String,
}

impl Topic {
    /// Reads `arn:aws:sns:REGION:ACCOUNT:NAME`.
    pub(super) fn parse(arn: &str) -> Option<Self> {
        let word = |text: &str, more: &[u8]| {
            let known = |b: u8| b.is_ascii_alphanumeric() || more.contains(&b);
            !text.is_empty() && text.len() <= 256 && text.bytes().all(known)
        };
        let parts: Vec<_> = arn.split(':').collect();
        let ["arn", partition, "sns", region, account, name] = parts[..] else {
            return None;
        };
        let domain = match partition {
            "aws" | "aws-us-gov" => "amazonaws.com",
            "aws-cn" => "amazonaws.com.cn",
            _ => return None,
        };
        let sound = word(region, b"-") && word(account, b"") && word(name, b"-_.");
        sound.then(|| Self {
            arn: arn.to_owned(),
            host: format!("https://sns.{region}.{domain}/"),
        })
    }

    /// Whether a certificate of SNS in the topic's region is at that address, and nothing else can be.
    pub(super) fn has_certificate_at(&self, url: &str) -> bool {
        let rest = url.strip_prefix(self.host.as_str());
        let rest = rest.and_then(|rest| rest.strip_prefix(CERTIFICATE));
        let id = rest.and_then(|rest| rest.strip_suffix(".pem"));
        id.is_some_and(|id| {
            let known = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
            !id.is_empty() && id.len() <= 128 && id.bytes().all(known)
        })
    }

    /// Whether getting that address confirms a subscription, at SNS in the topic's region.
    pub(super) fn is_confirmed_at(&self, url: &str) -> bool {
        let rest = url.strip_prefix(self.host.as_str());
        let rest = rest.and_then(|rest| rest.strip_prefix("?Action=ConfirmSubscription&"));
        rest.is_some_and(|rest| {
            let known = |b: u8| b.is_ascii_alphanumeric() || b"=&%:._-~+".contains(&b);
            rest.len() <= 2048 && rest.bytes().all(known)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic() -> Topic {
        Topic::parse("arn:aws:sns:eu-west-1:111122223333:audit").unwrap()
    }

    #[test]
    fn only_arns_of_topics_are_topics() {
        for arn in [
            "arn:aws:sqs:eu-west-1:111122223333:audit",
            "arn:aws:sns:evil.example/x:111122223333:audit",
            "arn:aws:sns:eu-west-1:111122223333:audit:subscription",
            "arn:aws-other:sns:eu-west-1:111122223333:audit",
            "arn:aws:sns::111122223333:audit",
            "*",
        ] {
            assert_eq!(Topic::parse(arn), None, "{arn}");
        }
        let china = Topic::parse("arn:aws-cn:sns:cn-north-1:111122223333:a.fifo").unwrap();
        assert_eq!(china.host, "https://sns.cn-north-1.amazonaws.com.cn/");
    }

    #[test]
    fn certificates_come_from_the_topics_own_region() {
        let url = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1b.pem";
        assert!(topic().has_certificate_at(url));
        for url in [
            "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1b.pem",
            "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0a1b.pem",
            "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-0a.pem",
            "https://evil.example@sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
            "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0a.pem",
            "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0a1b.pem",
            "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-../../a.pem",
            "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1b.pem?x=.pem",
            "https://sns.eu-west-1.amazonaws.com/bucket/SimpleNotificationService-0a1b.pem",
            "https://sns.eu-west-1.amazonaws.com\\@evil.example/SimpleNotificationService-0a.pem",
            "HTTPS://SNS.EU-WEST-1.AMAZONAWS.COM/SimpleNotificationService-0a1b.pem",
            "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-.pem",
        ] {
            assert!(!topic().has_certificate_at(url), "{url}");
        }
    }

    #[test]
    fn subscriptions_are_confirmed_at_the_topics_own_region() {
        let url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription\
                   &TopicArn=arn:aws:sns:eu-west-1:111122223333:audit&Token=0a1b";
        assert!(topic().is_confirmed_at(url));
        for url in [
            "https://sns.eu-west-1.amazonaws.com/?Action=DeleteTopic&TopicArn=x",
            "http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=0a1b",
            "https://sns.eu-west-1.amazonaws.com@evil.example/?Action=ConfirmSubscription&a=b",
            "https://evil.example/?Action=ConfirmSubscription&Token=0a1b",
            "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=0a#1b",
        ] {
            assert!(!topic().is_confirmed_at(url), "{url}");
        }
    }
}
