//! HTTP/1.1 by hand, one request per connection, to a server that may be gone before it answers.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::events::Request;

/// Bounds a hang; nothing waits for it to pass.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// An answer that came whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.body))
    }
}

/// Delivers; `None` if there was no answer.
pub(crate) fn deliver(address: &str, request: &Request) -> Option<Answer> {
    send(
        address,
        "POST",
        request.path,
        request.content_type,
        &request.body,
    )
}

/// `POST` of a JSON document.
pub(crate) fn post(address: &str, path: &str, body: &Value) -> Option<Answer> {
    let body = body.to_string();
    send(address, "POST", path, "application/json", body.as_bytes())
}

/// `GET` of a path.
pub(crate) fn get(address: &str, path: &str) -> Option<Answer> {
    send(address, "GET", path, "application/json", b"")
}

/// Asks until something is so: an event in another process.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(found) = ask() {
            return found;
        }
        std::thread::yield_now();
    }
    panic!("{what} did not come");
}

fn send(
    address: &str,
    method: &str,
    path: &str,
    content_type: &str,
    body: &[u8],
) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).ok()?;
    let mut said = Vec::new();
    stream.read_to_end(&mut said).ok()?;
    answer(&String::from_utf8_lossy(&said))
}

/// `None` where the answer was cut off.
fn answer(said: &str) -> Option<Answer> {
    let (head, body) = said.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let head = head.to_ascii_lowercase();
    let body = match head.split_once("content-length: ") {
        Some((_, rest)) => {
            let length = rest.lines().next()?.trim().parse().ok()?;
            body.get(..length)?
        }
        None if head.contains("transfer-encoding") => return None,
        None => body,
    };
    Some(Answer {
        status,
        body: body.to_owned(),
    })
}
