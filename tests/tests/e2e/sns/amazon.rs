//! A stand-in for the host of Amazon SNS in one region, and the proxy that leads there.

use std::io::{BufReader, Write as _, copy};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

use postern_tests::openssl::{KeyPair, rsa_key};
use postern_tests::{Server, Stream};

use crate::support::{World, http};

/// Where the certificate of the signatures is.
pub(super) const CERTIFICATE: &str =
    "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1b2c.pem";
/// Where a subscription is confirmed.
pub(super) const CONFIRM: &str =
    "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=0a1b";
const HOST: &str = "sns.eu-west-1.amazonaws.com";

/// The host, over TLS, and a proxy in front of it.
pub(super) struct Amazon {
    /// The PEM file of the certificate that the host shows, and that stands for itself.
    pub(super) authority: String,
    proxy: String,
    asked: Arc<Mutex<Vec<String>>>,
    _host: Server,
}

impl Amazon {
    /// Starts both. The host has the certificate of the key that signs.
    pub(super) fn start(world: &World, signs: &KeyPair) -> Self {
        let folder = world.path("amazon");
        std::fs::create_dir(&folder).unwrap();
        let file = |url: &str| folder.join(url.rsplit_once('/').unwrap().1);
        certify(signs, &file(CERTIFICATE));
        std::fs::write(file(CONFIRM), "<ConfirmSubscriptionResponse/>").unwrap();
        let tls = rsa_key(&folder, 2048);
        let authority = world.path("amazon.pem");
        certify(&tls, &authority);
        let mut host = Command::new("openssl");
        host.current_dir(&folder)
            .args(["s_server", "-WWW", "-accept", "127.0.0.1:0", "-key"])
            .arg(&tls.private)
            .arg("-cert")
            .arg(&authority);
        let host = Server::start(host, Stream::Stdout, "ACCEPT ");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let proxy = proxy(host.address().to_owned(), Arc::clone(&asked));
        Self {
            authority: authority.to_str().unwrap().to_owned(),
            proxy,
            asked,
            _host: host,
        }
    }

    /// The proxy's URL.
    pub(super) fn proxy(&self) -> &str {
        &self.proxy
    }

    /// The hosts that were asked for, a connection each.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// A certificate for the host that stands for itself, as SNS would have it for signatures.
fn certify(key: &KeyPair, into: &std::path::Path) {
    let mut openssl = Command::new("openssl");
    openssl
        .args(["req", "-x509", "-days", "2", "-key"])
        .arg(&key.private)
        .args(["-subj", &format!("/CN={HOST}")])
        .args(["-addext", &format!("subjectAltName=DNS:{HOST}")])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-out")
        .arg(into);
    postern_tests::run(&mut openssl);
}

/// A proxy that leads everywhere to the same place, and notes where it was asked to lead.
fn proxy(to: String, asked: Arc<Mutex<Vec<String>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let (to, asked) = (to.clone(), Arc::clone(&asked));
            std::thread::spawn(move || lead(&client, &to, &asked));
        }
    });
    url
}

/// `CONNECT`, then bytes both ways until one side ends.
fn lead(client: &TcpStream, to: &str, asked: &Mutex<Vec<String>>) -> Option<()> {
    let (first, _) = http::head(&mut BufReader::new(client))?;
    let host = first.strip_prefix("CONNECT ")?.split(' ').next()?;
    asked.lock().unwrap().push(host.to_owned());
    let server = TcpStream::connect(to).ok()?;
    let mut answer = client;
    answer.write_all(b"HTTP/1.1 200 Synthetic\r\n\r\n").ok()?;
    std::thread::scope(|both| {
        both.spawn(|| forward(client, &server));
        forward(&server, client);
    });
    Some(())
}

fn forward(mut from: &TcpStream, mut to: &TcpStream) {
    let _ = copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
