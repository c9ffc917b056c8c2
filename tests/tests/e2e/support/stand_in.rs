//! A server of the tests' own, where nothing real can run: it records what it is asked, and answers
//! what the test says, or nothing.

use std::io::{BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::http::{self, Headers};

/// A request that was received.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What a request is answered with.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Status, header fields, body.
    Http(u16, Vec<(String, String)>, Vec<u8>),
    /// Such a body is promised, half of it comes, and the connection ends.
    Truncated(String, Vec<u8>),
    /// Such a body comes, and never ends.
    Endless(String, Vec<u8>),
    /// Nothing, until the client gives up.
    Hang,
}

impl Reply {
    /// A JSON document.
    pub(crate) fn json(body: &Value) -> Self {
        Self::typed(200, "application/json", body.to_string())
    }

    /// A body of a media type.
    pub(crate) fn typed(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let media_type = ("content-type".to_owned(), media_type.to_owned());
        Self::Http(status, vec![media_type], body.into())
    }

    /// A status and nothing else.
    pub(crate) fn status(status: u16) -> Self {
        Self::Http(status, Vec::new(), Vec::new())
    }
}

/// The server; it ends with the test.
pub(crate) struct StandIn {
    address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl StandIn {
    /// Starts one on a free port.
    pub(crate) fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), Arc::clone(&seen));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                std::thread::spawn(move || {
                    if let Some(request) = read(&stream) {
                        log.lock().unwrap().push(request.clone());
                        write(&stream, &request, answer(&request));
                    }
                });
            }
        });
        Self { address, seen }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let (first, headers) = http::head(&mut reader)?;
    if headers.get("expect").is_some() {
        let mut writer = stream;
        let _ = writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
    }
    let body = http::body(&mut reader, &headers, false);
    let mut words = first.split(' ').map(str::to_owned);
    Some(Seen {
        method: words.next()?,
        target: words.next()?,
        headers,
        body,
    })
}

/// Errors are of no interest: the client may hang up whenever it likes.
fn write(mut stream: &TcpStream, request: &Seen, reply: Reply) {
    let typed = |media_type: &str| vec![("content-type".to_owned(), media_type.to_owned())];
    match reply {
        Reply::Http(status, headers, body) => {
            let head = head(status, &headers, Some(body.len()));
            let _ = stream.write_all(head.as_bytes());
            if request.method != "HEAD" {
                let _ = stream.write_all(&body);
            }
        }
        Reply::Truncated(media_type, body) => {
            let head = head(200, &typed(&media_type), Some(body.len()));
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(&body[..body.len() / 2]);
        }
        Reply::Endless(media_type, body) => {
            let _ = stream.write_all(head(200, &typed(&media_type), None).as_bytes());
            while stream.write_all(&body).is_ok() {}
        }
        Reply::Hang => {
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }
}

fn head(status: u16, headers: &[(String, String)], length: Option<usize>) -> String {
    let mut head = format!("HTTP/1.1 {status} Synthetic\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(length) = length {
        head.push_str(&format!("content-length: {length}\r\n"));
    }
    head + "\r\n"
}
