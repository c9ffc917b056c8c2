//! HTTP/1.1 by hand: one request per connection.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Bounds a hang; nothing waits for it to pass.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {}", String::from_utf8_lossy(&self.body)))
    }

    /// The problem's or the first reason's code.
    pub(crate) fn code(&self) -> String {
        let body = self.json();
        let code = [&body["code"], &body["images"][0]["reasons"][0]["code"]];
        let code = code.into_iter().find_map(Value::as_str);
        code.unwrap_or_default().to_owned()
    }
}

/// Header fields, in order.
#[derive(Debug, Default, Clone)]
pub(crate) struct Headers(Vec<(String, String)>);

impl Headers {
    /// The first field of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut fields = self.0.iter();
        let found = fields.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// `GET` of a path.
pub(crate) fn get(address: &str, path: &str) -> Answer {
    send(address, "GET", path, &[], b"")
}

/// `POST` of a JSON document, with a bearer token if one is given.
pub(crate) fn post(address: &str, path: &str, token: Option<&str>, body: &Value) -> Answer {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    send(address, "POST", path, &headers, body.to_string().as_bytes())
}

/// Any request.
///
/// # Panics
/// If there is no answer.
pub(crate) fn send(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        head.push_str(&format!("host: {address}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    let mut writer = &stream;
    writer.write_all(head.as_bytes()).unwrap();
    // A server that refuses a long body answers before it has read it all.
    let _ = writer.write_all(body);
    answer(&stream)
}

fn answer(stream: &TcpStream) -> Answer {
    let mut reader = BufReader::new(stream);
    let (first, headers) = head(&mut reader).unwrap();
    let status = first.split(' ').nth(1).unwrap().parse().unwrap();
    let body = body(&mut reader, &headers, true);
    Answer {
        status,
        headers,
        body,
    }
}

/// The first line and the header fields; `None` at the end of the stream.
pub(crate) fn head(reader: &mut impl BufRead) -> Option<(String, Headers)> {
    let mut first = String::new();
    if reader.read_line(&mut first).ok()? == 0 {
        return None;
    }
    let mut headers = Headers::default();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.0.push((name.to_owned(), value.trim().to_owned())),
            None => return Some((first.trim_end().to_owned(), headers)),
        }
    }
}

/// The body; without a length it goes on `to_the_end`, or is empty.
pub(crate) fn body(reader: &mut impl BufRead, headers: &Headers, to_the_end: bool) -> Vec<u8> {
    let mut body = Vec::new();
    if headers.get("transfer-encoding") == Some("chunked") {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size).unwrap();
            let size = u64::from_str_radix(size.trim(), 16).unwrap();
            reader.by_ref().take(size).read_to_end(&mut body).unwrap();
            reader.read_line(&mut String::new()).unwrap();
            if size == 0 {
                return body;
            }
        }
    }
    match headers.get("content-length") {
        Some(length) => {
            let length = length.parse().unwrap();
            let _ = reader.take(length).read_to_end(&mut body);
        }
        None if to_the_end => {
            let _ = reader.read_to_end(&mut body);
        }
        None => {}
    }
    body
}
