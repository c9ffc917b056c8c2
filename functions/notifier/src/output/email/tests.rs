use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::super::Retry;
use super::*;
use crate::testing::sample::opened;

/// A server that says what it is told to, by what a line starts with.
struct Script {
    url: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Script {
    async fn start(answers: &'static [(&'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(speak(stream, answers, Arc::clone(&log)));
            }
        });
        Self { url, heard }
    }

    fn heard(&self) -> String {
        self.heard.lock().unwrap().join("\n")
    }
}

async fn speak(
    stream: TcpStream,
    answers: &[(&str, &str)],
    heard: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    let answer = |line: &str| {
        let known = answers.iter().find(|(start, _)| line.starts_with(start));
        known.map_or("250 ok", |(_, answer)| *answer).to_owned() + "\r\n"
    };
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let greeting = answer("greeting").replace("250", "220");
    write.write_all(greeting.as_bytes()).await.ok()?;
    let mut in_mail = false;
    while let Some(line) = lines.next_line().await.ok()? {
        if in_mail && line != "." {
            continue;
        }
        let said = match (in_mail, line.as_str()) {
            (true, _) => answer("."),
            (false, "DATA") => answer("DATA").replace("250", "354"),
            (false, line) => answer(line),
        };
        in_mail = said.starts_with("354");
        heard.lock().unwrap().push(line);
        if said == "\r\n" {
            continue;
        }
        write.write_all(said.as_bytes()).await.ok()?;
    }
    None
}

fn email(fields: serde_json::Value) -> Result<Email, String> {
    let mut whole = json!({
        "name": "mail", "type": "email", "from": "postern@example.com",
        "to": ["security@example.com", "lead@example.org"],
    });
    whole
        .as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    let output: config::Output = serde_json::from_value(whole).unwrap();
    let config::OutputKind::Email(mail) = output.kind else {
        panic!("no mail");
    };
    Email::new(&mail, output.group, &|_| Ok("synthetic\n".to_owned()))
        .map_err(|error| error.to_string())
}

async fn sent(script: &Script) -> Result<Receipt, Refusal> {
    postern_host::crypto::install();
    let alert = opened();
    email(json!({"server": script.url}))
        .unwrap()
        .send(&alert, alert.at)
        .await
}

#[tokio::test]
async fn a_mail_is_handed_in() {
    let script = Script::start(&[(".", "250 queued as 7")]).await;
    assert_eq!(
        sent(&script).await.unwrap().to_string(),
        "SMTP 250 queued as 7"
    );
    let heard = script.heard();
    let (_, heard) = heard.split_once('\n').unwrap();
    insta::assert_snapshot!(heard, @r"
    MAIL FROM:<postern@example.com>
    RCPT TO:<security@example.com>
    RCPT TO:<lead@example.org>
    DATA
    .
    QUIT
    ");
}

#[tokio::test]
async fn a_mail_that_was_taken_is_not_sent_again_for_want_of_a_farewell() {
    let script = Script::start(&[("QUIT", "")]).await;
    let sent = sent(&script).await;
    assert_eq!(sent.unwrap().to_string(), "SMTP 250 ok");
    assert!(script.heard().ends_with("QUIT"));
}

#[tokio::test]
async fn one_recipient_that_is_refused_keeps_it_from_no_other() {
    let script = Script::start(&[("RCPT TO:<lead", "550 5.1.1 no such user")]).await;
    let receipt = sent(&script).await.unwrap().to_string();
    assert_eq!(receipt, "SMTP 250 ok (not for 1 of 2 recipients)");
}

/// A full mailbox must not keep an alert from whoever is on duty.
#[tokio::test]
async fn one_recipient_who_is_to_come_later_gets_it_later_and_nobody_twice() {
    let script = Script::start(&[("RCPT TO:<security", "452 4.2.2 full")]).await;
    let mut email = email(json!({"server": script.url})).unwrap();
    let alert = opened();
    let refusal = email.send(&alert, alert.at).await.unwrap_err();
    assert_eq!(refusal.retry, Retry::Again(None));
    assert!(
        script
            .heard()
            .contains("RCPT TO:<lead@example.org>\nDATA\n.")
    );

    let script = Script::start(&[]).await;
    email.server = Server::parse(&script.url).unwrap();
    email.send(&alert, alert.at).await.unwrap();
    let heard = script.heard();
    assert!(
        heard.contains("RCPT TO:<security@example.com>\nDATA"),
        "{heard}"
    );
    // That is over: the next alert is everybody's again.
    email.send(&alert, alert.at).await.unwrap();
    let heard = script.heard();
    assert!(
        heard.contains("RCPT TO:<lead@example.org>\nDATA"),
        "{heard}"
    );
}

#[tokio::test]
async fn who_is_refused_for_good_in_the_end_is_no_reason_to_give_it_up() {
    let script = Script::start(&[("RCPT TO:<security", "450 later")]).await;
    let mut email = email(json!({"server": script.url})).unwrap();
    let alert = opened();
    email.send(&alert, alert.at).await.unwrap_err();
    let script = Script::start(&[("RCPT TO:<security", "550 5.1.1 gone")]).await;
    email.server = Server::parse(&script.url).unwrap();
    let receipt = email.send(&alert, alert.at).await.unwrap().to_string();
    assert_eq!(receipt, "SMTP 250 taken before (not for 1 of 2 recipients)");
    assert!(!script.heard().contains("DATA"));
}

#[rstest::rstest]
#[case(&[("greeting", "421 busy")], Retry::Again(None))]
#[case(&[("greeting", "554 go away")], Retry::Again(None))]
#[case(&[("EHLO", "500 what")], Retry::Again(None))]
#[case(&[("MAIL", "451 later")], Retry::Again(None))]
#[case(&[("MAIL", "530 log in")], Retry::Again(None))]
#[case(&[("MAIL", "553 bad sender")], Retry::Again(None))]
#[case(&[("RCPT", "450 later")], Retry::Again(None))]
#[case(&[("RCPT TO:<lead", "450 later")], Retry::Again(None))]
#[case(&[("RCPT", "550 5.7.1 relaying denied")], Retry::Again(None))]
#[case(&[("RCPT", "550 5.1.1 no such user")], Retry::Dead)]
#[case(&[("DATA", "451 later")], Retry::Again(None))]
#[case(&[(".", "452 full")], Retry::Again(None))]
#[case(&[(".", "554 no")], Retry::Dead)]
#[tokio::test]
async fn only_what_is_said_of_the_mail_is_final(
    #[case] answers: &'static [(&'static str, &'static str)],
    #[case] expected: Retry,
) {
    let script = Script::start(answers).await;
    let refusal = sent(&script).await.unwrap_err();
    assert_eq!(refusal.retry, expected, "{}", refusal.error);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again() {
    postern_host::crypto::install();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("smtp://{}", listener.local_addr().unwrap());
    drop(listener);
    let alert = opened();
    let refusal = email(json!({"server": server}))
        .unwrap()
        .send(&alert, alert.at)
        .await;
    assert_eq!(refusal.unwrap_err().retry, Retry::Again(None));
}

/// What stands between us and a server takes the offer out; nothing is to go over the rest.
#[tokio::test]
async fn without_the_offer_of_starttls_nothing_goes_out() {
    postern_host::crypto::install();
    let script = Script::start(&[]).await;
    let mut email = email(json!({
        "server": script.url, "username": "postern", "password": "env:PASSWORD",
    }))
    .unwrap();
    email.server.security = Security::StartTls;
    let alert = opened();
    let refusal = email.send(&alert, alert.at).await.unwrap_err();
    assert_eq!(refusal.retry, Retry::Again(None));
    assert!(refusal.error.contains("no STARTTLS"), "{}", refusal.error);
    assert_eq!(script.heard().lines().count(), 1, "{}", script.heard());
}

/// What somebody on the way puts behind the agreement to encrypt is never an answer of the server.
#[tokio::test]
async fn nothing_that_came_in_the_clear_counts_after_starttls() {
    postern_host::crypto::install();
    let script = Script::start(&[
        ("EHLO", "250-synthetic\r\n250 STARTTLS"),
        ("STARTTLS", "220 go on\r\n250 put in\r\n250 put in"),
    ])
    .await;
    let mut email = email(json!({"server": script.url})).unwrap();
    email.server.security = Security::StartTls;
    let alert = opened();
    let refusal = email.send(&alert, alert.at).await.unwrap_err();
    assert_eq!(refusal.retry, Retry::Again(None));
    assert!(
        refusal.error.contains("corrupt message"),
        "{}",
        refusal.error
    );
}

#[test]
fn mistakes_say_what_to_write() {
    postern_host::crypto::install();
    let server = "smtps://mail.example.com";
    let messages = [
        json!({"server": "mail.example.com"}),
        json!({"server": server, "from": "postern"}),
        json!({"server": server, "to": ["x@example.com\r\nBcc: eve@example.org"]}),
        json!({"server": server, "to": ["\u{fc}ber@example.com"]}),
    ]
    .map(|fields| email(fields).err().unwrap());
    insta::assert_snapshot!(messages.join("\n"), @r#"
"mail.example.com" is no mail server; write smtps://HOST[:PORT], or smtp://HOST[:PORT] with STARTTLS
"postern" is no mail address; write security@example.com, or Name <security@example.com>
"x@example.com��Bcc: eve@example.org" is no mail address; write security@example.com, or Name <security@example.com>
"über@example.com" is no mail address; write security@example.com, or Name <security@example.com>
"#);
}
