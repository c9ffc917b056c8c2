//! Mail, at a server of somebody else.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use postern_tests::{Server, have, smtp_receiver};
use rstest::rstest;
use serde_json::{Value, json};

use super::{break_glass, serve, until};
use crate::support::World;

/// A certificate for this machine, which stands for itself. Synthetic.
fn certificate(world: &World) -> [String; 2] {
    let [cert, key] = ["mail.pem", "mail-key.pem"].map(|name| world.path(name));
    let mut openssl = Command::new("openssl");
    openssl
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ])
        .args(["-subj", "/CN=localhost", "-days", "2"])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&cert);
    postern_tests::run(&mut openssl);
    [cert, key].map(|path| path.to_str().unwrap().to_owned())
}

fn outputs(server: &str, login: bool) -> Value {
    let mut output = json!({
        "name": "mail", "type": "email", "server": server, "from": "Postern <postern@example.com>",
        "to": ["security@example.com", "lead@example.org"],
    });
    if login {
        output["username"] = "postern".into();
        output["password"] = "env:MAIL_PASSWORD".into();
    }
    json!([output])
}

/// The first mail in a folder.
fn mail(folder: &Path) -> Value {
    until("the mail", || {
        let text = std::fs::read_to_string(folder.join("1.json")).ok()?;
        Some(serde_json::from_str(&text).unwrap())
    })
}

fn port(receiver: &Server) -> &str {
    receiver.address().rsplit_once(':').unwrap().1
}

#[rstest]
#[case("smtp", &[])]
#[case("smtps", &["--at-once"])]
fn mail_is_handed_in_over_tls_after_logging_in(#[case] scheme: &str, #[case] further: &[&str]) {
    if !have(&["smtp-receiver", "openssl"]) {
        return;
    }
    let world = World::new();
    let [cert, key] = certificate(&world);
    let words = ["--login", "postern", "synthetic", "--tls", &cert, &key];
    let folder = world.path("mail");
    let receiver = smtp_receiver(&folder, 0, &[&words, further].concat());
    let address = format!("{scheme}://localhost:{}", port(&receiver));
    let environment = [("MAIL_PASSWORD", "synthetic"), ("SSL_CERT_FILE", &cert)];
    let server = serve(&world, outputs(&address, true), &environment);
    let case = break_glass(&server, "INC-7 hotfix");
    let mail = mail(&folder);
    assert_eq!(mail["tls"], true);
    assert_eq!(mail["login"], "postern");
    assert_eq!(mail["from"], "postern@example.com");
    assert_eq!(
        mail["to"],
        json!(["security@example.com", "lead@example.org"])
    );
    let text = mail["mail"].as_str().unwrap();
    let id = format!(
        "Message-ID: <{}-1@example.com>\r\n",
        case["id"].as_str().unwrap()
    );
    assert!(text.contains(&id), "{text}");
    assert!(
        text.contains("Auto-Submitted: auto-generated\r\n"),
        "{text}"
    );

    // Somebody else's certificate is none, and a wrong password is no reason to lose an alert.
    let mut command = world.postern(&["notify", "test", "mail", "--config", "postern.yaml"]);
    let tried = postern_tests::output(command.env("MAIL_PASSWORD", "synthetic"));
    assert_eq!(tried.status.code(), Some(3), "{tried:?}");
    let mut command = world.postern(&["notify", "test", "mail", "--config", "postern.yaml"]);
    let command = command
        .env("MAIL_PASSWORD", "other")
        .env("SSL_CERT_FILE", &cert);
    let tried = postern_tests::output(command);
    assert_eq!(tried.status.code(), Some(3), "{tried:?}");
    assert!(!folder.join("2.json").exists());
}

#[test]
fn whatever_was_given_as_a_reason_is_text_on_one_line() {
    if !have(&["smtp-receiver"]) {
        return;
    }
    let world = World::new();
    let folder = world.path("mail");
    let receiver = smtp_receiver(&folder, 0, &[]);
    let server = format!("smtp://127.0.0.1:{}", port(&receiver));
    let server = serve(&world, outputs(&server, false), &[]);
    // The entry says it twice and may have 1 MiB; a fact has no room for any of that.
    let long = "long ".repeat(90_000);
    let words = format!("INC-7\r\n.\r\nMAIL FROM:<eve@example.org>\r\nBcc: eve@example.org {long}");
    break_glass(&server, &words);
    let mail = mail(&folder);
    assert_eq!(
        mail["to"],
        json!(["security@example.com", "lead@example.org"])
    );
    let text = mail["mail"].as_str().unwrap();
    assert!(
        !text.contains("\nBcc:") && !text.contains("\nMAIL FROM"),
        "{text}"
    );
    // Quoted-printable: no line is too long, and it is whole after the dot.
    assert!(text.lines().all(|line| line.len() <= 998), "{text}");
    let unfolded = text.replace("=\r\n", "");
    assert!(
        unfolded.contains("INC-7  .  MAIL FROM:<eve@example.org>"),
        "{text}"
    );
    assert!(unfolded.contains("\r\nDetection: "), "{text}");
    assert!(text.len() < 64 * 1024, "{}", text.len());
    assert!(!folder.join("2.json").exists());
}

#[test]
fn a_server_that_is_down_at_first_has_the_mail_later() {
    if !have(&["smtp-receiver"]) {
        return;
    }
    let world = World::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let server = format!("smtp://127.0.0.1:{port}");
    let server = serve(&world, outputs(&server, false), &[]);
    break_glass(&server, "INC-7 hotfix");
    server.line("an alert was not taken");
    let folder = world.path("mail");
    let _receiver = smtp_receiver(&folder, port, &[]);
    assert_eq!(mail(&folder)["from"], "postern@example.com");
}
