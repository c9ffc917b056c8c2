//! A mail about an alert (RFC 5322): plain text, one line for each fact. What others wrote stays on its
//! line, so that nobody writes a fact of ours, let alone a header.

use std::time::SystemTime;

use jiff::Timestamp;
use lettre::Message;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use postern_core::change::Notification;

use super::text::{fit, plain};
use super::view::{self, View};
use crate::group::AlertGroup;

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
    let mut headers = headers(&view, &alert.id, alert.at, from, to);
    let case = &alert.case;
    if case.revision > 1 {
        // The first mail of the case. Whoever never got it still sees the later ones together.
        let first = message_id(&format!("{}-1", case.id), from);
        headers = headers.in_reply_to(first.clone()).references(first);
    }
    written(headers, &view)
}

/// The mail about a group, dated as its newest alert.
///
/// # Errors
/// As [`mail`].
pub(crate) fn mail_of_group(
    group: &AlertGroup,
    from: &Mailbox,
    to: &[Mailbox],
) -> Result<Vec<u8>, lettre::error::Error> {
    let view = view::of_group(group);
    let newest = group.alerts.iter().map(|alert| alert.at).max();
    let headers = headers(&view, &group.id, newest.unwrap_or_default(), from, to);
    written(headers, &view)
}

fn headers(view: &View, id: &str, at: Timestamp, from: &Mailbox, to: &[Mailbox]) -> MessageBuilder {
    let target = view.target.as_deref().unwrap_or_default();
    let subject = format!("[Postern] {} {target}", view.title);
    let builder = to
        .iter()
        .cloned()
        .fold(Message::builder(), MessageBuilder::to);
    builder
        .from(from.clone())
        .date(SystemTime::from(at))
        .subject(fit(&subject, SUBJECT, plain))
        // The same for every attempt, so that a mail that comes twice is known as one.
        .message_id(Some(message_id(id, from)))
        .raw_header(auto_submitted())
}

fn written(headers: MessageBuilder, view: &View) -> Result<Vec<u8>, lettre::error::Error> {
    let mut text = format!("{}\n\n{}\n\n", view.title, fit(&view.summary, FACT, plain));
    for (name, value) in &view.facts {
        text.push_str(&format!("{name}: {}\n", fit(value, FACT, plain)));
    }
    let mail = headers.header(ContentType::TEXT_PLAIN).body(text)?;
    Ok(mail.formatted())
}

/// Tells vacation notices and the like not to answer (RFC 3834).
fn auto_submitted() -> HeaderValue {
    let name = HeaderName::new_from_ascii_str("Auto-Submitted");
    HeaderValue::new(name, "auto-generated".to_owned())
}

fn message_id(id: &str, from: &Mailbox) -> String {
    let known = |char: &char| char.is_ascii_alphanumeric() || *char == '-';
    let left: String = id.chars().filter(known).collect();
    format!("<{left}@{}>", from.email.domain())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::{
        acknowledged, denials, hostile, hostile_group, hostile_texts, opened,
    };

    fn written_of(alert: &Notification) -> String {
        let from = "Postern <postern@example.com>".parse().unwrap();
        let to = ["security@example.com", "lead@example.org"].map(|to| to.parse().unwrap());
        String::from_utf8(mail(alert, &from, &to).unwrap()).unwrap()
    }

    fn written_of_group(group: &AlertGroup) -> String {
        let from = "Postern <postern@example.com>".parse().unwrap();
        let to = ["security@example.com".parse().unwrap()];
        String::from_utf8(mail_of_group(group, &from, &to).unwrap()).unwrap()
    }

    #[test]
    fn a_case_is_a_mail() {
        insta::assert_snapshot!(written_of(&opened()).replace('\r', ""), @r#"
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
    fn a_group_is_one_mail() {
        insta::assert_snapshot!(written_of_group(&denials(12)).replace('\r', ""), @r#"
        To: security@example.com
        From: Postern <postern@example.com>
        Date: Tue, 03 Mar 2026 05:00:21 +0000
        Subject: [Postern] LOW: DENIED in 12 cases acme-shop
        Message-ID: <group-6416cefac1f375055cc1988991d7d084@example.com>
        Auto-Submitted: auto-generated
        Content-Type: text/plain; charset=utf-8
        Content-Transfer-Encoding: quoted-printable

        LOW: DENIED in 12 cases

        12 cases changed from 2026-03-03T05:00:10Z to 2026-03-03T05:00:21Z.

        Project: acme-shop
        LOW: DENIED: 01D000 (revision 1): cloud-run:acme-shop/europe-west1/job-0: j=
        ob-0 was denied: <no attestation>
        LOW: DENIED: 01D001 (revision 1): cloud-run:acme-shop/europe-west1/job-1: j=
        ob-1 was denied: <no attestation>
        LOW: DENIED: 01D002 (revision 1): cloud-run:acme-shop/europe-west1/job-2: j=
        ob-2 was denied: <no attestation>
        LOW: DENIED: 01D003 (revision 1): cloud-run:acme-shop/europe-west1/job-3: j=
        ob-3 was denied: <no attestation>
        LOW: DENIED: 01D004 (revision 1): cloud-run:acme-shop/europe-west1/job-4: j=
        ob-4 was denied: <no attestation>
        LOW: DENIED: 01D005 (revision 1): cloud-run:acme-shop/europe-west1/job-5: j=
        ob-5 was denied: <no attestation>
        LOW: DENIED: 01D006 (revision 1): cloud-run:acme-shop/europe-west1/job-6: j=
        ob-6 was denied: <no attestation>
        LOW: DENIED: 01D007 (revision 1): cloud-run:acme-shop/europe-west1/job-7: j=
        ob-7 was denied: <no attestation>
        LOW: DENIED: 01D008 (revision 1): cloud-run:acme-shop/europe-west1/job-8: j=
        ob-8 was denied: <no attestation>
        LOW: DENIED: 01D009 (revision 1): cloud-run:acme-shop/europe-west1/job-9: j=
        ob-9 was denied: <no attestation>
        Not shown: 2 more; all of them: postern case list
        Message: group-6416cefac1f375055cc1988991d7d084
        "#);
    }

    #[test]
    fn later_mails_of_a_case_stand_with_the_first() {
        let mail = written_of(&acknowledged());
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
            is_text_only(&written_of(&hostile(&text)), &["In-Reply-To", "References"]);
            is_text_only(&written_of_group(&hostile_group(&text)), &[]);
        }
    }

    fn is_text_only(mail: &str, further: &[&str]) {
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
            "Content-Type",
            "Content-Transfer-Encoding",
        ];
        expected.extend(further);
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
