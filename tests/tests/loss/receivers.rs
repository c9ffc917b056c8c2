//! Receivers of alerts: one that takes everything, and those that do not.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use serde_json::Value;

/// How a receiver behaves until it recovers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Takes everything at once.
    Healthy,
    /// Answers 503.
    Failing,
    /// Answers only once others have got some more alerts.
    Slow,
    /// Resets the connection.
    Resetting,
}

/// All receivers of a scene, by the names of their outputs.
pub(crate) struct Receivers {
    all: BTreeMap<&'static str, (String, Arc<Receiver>)>,
    yard: Arc<Yard>,
}

/// What the receivers share.
#[derive(Default)]
struct Yard {
    recovered: AtomicBool,
    /// Alerts that the healthy one took.
    taken: Mutex<usize>,
    more: Condvar,
}

struct Receiver {
    manner: Manner,
    refused: AtomicUsize,
    taken: Mutex<Taken>,
}

/// What a receiver took.
#[derive(Debug, Clone, Default)]
pub(crate) struct Taken {
    /// Alerts by their ids.
    pub(crate) alerts: BTreeMap<String, Value>,
    /// How many came again.
    pub(crate) again: usize,
    /// What must not be.
    pub(crate) wrong: Vec<String>,
    newest: BTreeMap<String, u64>,
}

/// The output whose receiver is well all the time.
pub(crate) const HEALTHY: &str = "healthy";

/// A slow receiver answers after the healthy one has taken so many more.
const SLOWNESS: usize = 3;

impl Receivers {
    /// Starts receivers, one of each manner.
    pub(crate) fn start() -> Self {
        let yard = Arc::new(Yard::default());
        let named = [
            (HEALTHY, Manner::Healthy),
            ("failing", Manner::Failing),
            ("slow", Manner::Slow),
            ("resetting", Manner::Resetting),
        ];
        let started = named.map(|(name, manner)| (name, Receiver::start(manner, &yard)));
        Self {
            all: started.into(),
            yard,
        }
    }

    /// Names and URLs.
    pub(crate) fn urls(&self) -> impl Iterator<Item = (&'static str, String)> {
        let url = |(name, (address, _)): (&&'static str, &(String, _))| {
            (*name, format!("http://{address}/alerts"))
        };
        self.all.iter().map(url)
    }

    /// Lets all of them take everything.
    pub(crate) fn recover(&self) {
        self.yard.recovered.store(true, Ordering::SeqCst);
        self.yard.more.notify_all();
    }

    /// What each of them took, by the names of the outputs.
    pub(crate) fn taken(&self) -> BTreeMap<&'static str, Taken> {
        let taken = |(name, (_, receiver)): (&&'static str, &(String, Arc<Receiver>))| {
            (*name, receiver.taken.lock().unwrap().clone())
        };
        self.all.iter().map(taken).collect()
    }

    /// How often alerts were not taken, by the names of the outputs.
    pub(crate) fn refused(&self) -> BTreeMap<&'static str, usize> {
        let refused = |(name, (_, receiver)): (&&'static str, &(String, Arc<Receiver>))| {
            (*name, receiver.refused.load(Ordering::SeqCst))
        };
        self.all.iter().map(refused).collect()
    }
}

impl Taken {
    /// Takes an alert in, with the id that its envelope had.
    pub(crate) fn take(&mut self, envelope: Option<&str>, alert: Value) {
        let id = alert["id"].as_str().unwrap_or_default().to_owned();
        if envelope.is_some_and(|envelope| envelope != id) {
            self.wrong
                .push(format!("alert {id} came with webhook-id {envelope:?}"));
        }
        let case = alert["data"]["id"].as_str().unwrap_or_default().to_owned();
        let revision = alert["data"]["revision"].as_u64().unwrap_or_default();
        let newest = self.newest.entry(case).or_default();
        if revision < *newest {
            self.wrong
                .push(format!("alert {id} came after revision {newest}"));
        }
        *newest = revision.max(*newest);
        match self.alerts.get(&id) {
            None => {
                self.alerts.insert(id, alert);
            }
            Some(known) if *known == alert => self.again += 1,
            Some(_) => self.wrong.push(format!("alert {id} has two contents")),
        }
    }
}

impl Receiver {
    fn start(manner: Manner, yard: &Arc<Yard>) -> (String, Arc<Self>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let receiver = Arc::new(Self {
            manner,
            refused: AtomicUsize::default(),
            taken: Mutex::default(),
        });
        let (serving, yard) = (Arc::clone(&receiver), Arc::clone(yard));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (serving, yard) = (Arc::clone(&serving), Arc::clone(&yard));
                std::thread::spawn(move || serving.serve(&stream, &yard));
            }
        });
        (address, receiver)
    }

    fn serve(&self, stream: &TcpStream, yard: &Yard) {
        let mut reader = BufReader::new(stream);
        let mut writer = stream;
        loop {
            let manner = match yard.recovered.load(Ordering::SeqCst) {
                true => Manner::Healthy,
                false => self.manner,
            };
            if manner == Manner::Resetting {
                // What was sent and not read makes the end of the connection a reset.
                let _ = writer.read(&mut [0]);
                self.refused.fetch_add(1, Ordering::SeqCst);
                return;
            }
            let Some((id, body)) = request(&mut reader) else {
                return;
            };
            if manner == Manner::Failing {
                self.refused.fetch_add(1, Ordering::SeqCst);
                let _ =
                    writer.write_all(b"HTTP/1.1 503 Synthetic\r\ncontent-length: 4\r\n\r\nbusy");
                continue;
            }
            self.taken.lock().unwrap().take(Some(&id), body);
            match self.manner {
                Manner::Healthy => yard.took(),
                Manner::Slow => yard.wait_for(SLOWNESS),
                Manner::Failing | Manner::Resetting => {}
            }
            if writer.write_all(b"HTTP/1.1 204 Synthetic\r\n\r\n").is_err() {
                return;
            }
        }
    }
}

impl Yard {
    fn took(&self) {
        *self.taken.lock().unwrap() += 1;
        self.more.notify_all();
    }

    fn wait_for(&self, more: usize) {
        let taken = self.taken.lock().unwrap();
        let enough = *taken + more;
        let waits = |taken: &mut usize| *taken < enough && !self.recovered.load(Ordering::SeqCst);
        drop(self.more.wait_while(taken, waits).unwrap());
    }
}

/// The `webhook-id` and the alert of a request; `None` if it was cut off.
fn request(reader: &mut BufReader<&TcpStream>) -> Option<(String, Value)> {
    let (mut id, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().ok()?,
            Some(("webhook-id", _)) => line.trim_end()["webhook-id: ".len()..].clone_into(&mut id),
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((id, serde_json::from_slice(&body).unwrap()))
}
