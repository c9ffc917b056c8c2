//! A mail about an alert (RFC 5322): plain text, one line for each fact. What others wrote stays on its
//! line, so that nobody writes a fact of ours, let alone a header.

use std::time::SystemTime;

use lettre::Message;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use postern_core::change::Notification;

use super::text::{fit, plain};
use super::view;

/// A subject that mail programs show whole, more or less.
const SUBJECT: usize = 120;
/// What one fact may say.
const FACT: usize = 2000;

/// The mail, as it is handed in.
///
/// # Errors
/// If an id of the alert is not what ids are.
pub(crate) fn mail(
    alert: &Notification,
    from: &Mailbox,
    to: &[Mailbox],
) -> Result<Vec<u8>, lettre::error::Error> {
    let view = view::of(alert);
    let case = &alert.case;
    let domain = from.email.domain();
    let target = view.target.as_deref().unwrap_or_default();
    let subject = format!("[Postern] {} {target}", view.title);
    let mut text = format!("{}\n\n{}\n\n", view.title, fit(&view.summary, FACT, plain));
    for (name, value) in &view.facts {
        text.push_str(&format!("{name}: {}\n", fit(value, FACT, plain)));
    }
    let builder = to
        .iter()
        .cloned()
        .fold(Message::builder(), MessageBuilder::to);
    let mut builder = builder
        .from(from.clone())
        .date(SystemTime::from(alert.at))
        .subject(fit(&subject, SUBJECT, plain))
        // The same for every attempt, so that a mail that comes twice is known as one.
        .message_id(Some(format!("<{}@{domain}>", id(&alert.id))))
        .raw_header(auto_submitted());
    if case.revision > 1 {
        // The first mail of the case. Whoever never got it still sees the later ones together.
        let first = format!("<{}-1@{domain}>", id(&case.id));
        builder = builder.in_reply_to(first.clone()).references(first);
    }
    let mail = builder.header(ContentType::TEXT_PLAIN).body(text)?;
    Ok(mail.formatted())
}

/// Tells vacation notices and the like not to answer (RFC 3834).
fn auto_submitted() -> HeaderValue {
    let name = HeaderName::new_from_ascii_str("Auto-Submitted");
    HeaderValue::new(name, "auto-generated".to_owned())
}

/// The left side of a Message-ID.
fn id(text: &str) -> String {
    let known = |char: &char| char.is_ascii_alphanumeric() || *char == '-';
    text.chars().filter(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::{acknowledged, hostile, hostile_texts, opened};

    fn written(alert: &Notification) -> String {
        let from = "Postern <postern@example.com>".parse().unwrap();
        let to = ["security@example.com", "lead@example.org"].map(|to| to.parse().unwrap());
        String::from_utf8(mail(alert, &from, &to).unwrap()).unwrap()
    }

    #[test]
    fn a_case_is_a_mail() {
        insta::assert_snapshot!(written(&opened()).replace('\r', ""), @r#"
To: security@example.com, lead@example.org
From: Postern <postern@example.com>
Date: Tue, 03 Mar 2026 05:00:10 +0000
Subject: [Postern] HIGH: BREAK GLASS
 cloud-run:acme-shop/europe-west1/checkout
Message-ID: <01CASE-1@example.com>
Auto-Submitted: auto-generated
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 7bit

HIGH: BREAK GLASS

night-duty@example.com deployed checkout past the policy

Target: cloud-run:acme-shop/europe-west1/checkout
Images: europe-docker.pkg.dev/acme-shop/web/checkout@sha256:11
Who: night-duty@example.com
Reason given: INC-77 <payments> are down
Without it: would have been denied
Owner: team-checkout
Due: 2026-03-03T09:00:10Z
Back by: gcloud run services update-traffic checkout
Detection: gcp.cloud-run.break-glass
Opened: 2026-03-03T05:00:10Z
Case: 01CASE (revision 1)
"#);
    }

    #[test]
    fn later_mails_of_a_case_stand_with_the_first() {
        let mail = written(&acknowledged());
        for header in [
            "Message-ID: <01CASE-2@example.com>\r\n",
            "In-Reply-To: <01CASE-1@example.com>\r\n",
            "References: <01CASE-1@example.com>\r\n",
        ] {
            assert!(mail.contains(header), "{mail}");
        }
    }

    #[test]
    fn nobody_else_writes_a_header_or_a_fact() {
        let mut texts = hostile_texts();
        texts.truncate(6);
        texts.push(
            "INC-1\r\n.\r\nBcc: eve@example.org\r\n\r\nSeverity: none\n\r\u{85}\u{2028}x"
                .to_owned(),
        );
        for text in texts {
            let mail = written(&hostile(&text));
            let (headers, _) = mail.split_once("\r\n\r\n").unwrap();
            let names: Vec<_> = headers
                .lines()
                .filter(|line| !line.starts_with(' '))
                .filter_map(|line| line.split_once(':'))
                .map(|(name, _)| name)
                .collect();
            let mut expected = vec![
                "To",
                "From",
                "Date",
                "Subject",
                "Message-ID",
                "Auto-Submitted",
                "In-Reply-To",
                "References",
                "Content-Type",
                "Content-Transfer-Encoding",
            ];
            let mut found = names.clone();
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "{headers}");
            assert!(mail.is_ascii());
            // RFC 5322 §2.1.1.
            assert!(mail.lines().all(|line| line.len() <= 998));
            assert!(mail.len() < 200_000, "{}", mail.len());
        }
    }
}
