//! Log lines as Cloud Logging reads them.
//!
//! Source of the field names: Google Cloud, "Structured logging", special fields in JSON payloads.

use std::fmt::Debug;
use std::io::Write as _;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Writes every event as one line of JSON.
pub(super) struct CloudLogging<W> {
    project: Option<String>,
    writer: W,
}

impl<W> CloudLogging<W> {
    /// `project` is the one that traces belong to.
    pub(super) fn new(project: Option<String>, writer: W) -> Self {
        Self { project, writer }
    }

    /// Moves what Cloud Logging has a place for to that place, and adds the rest as it is.
    fn entry(&self, at: Timestamp, event: &Event<'_>, mut fields: Map<String, Value>) -> Value {
        let mut entry = Map::new();
        let severity = fields
            .remove("severity")
            .unwrap_or_else(|| severity(event).into());
        entry.insert("severity".to_owned(), severity);
        entry.insert("time".to_owned(), at.to_string().into());
        entry.insert(
            "message".to_owned(),
            fields.remove("message").unwrap_or_default(),
        );
        match fields.remove("trace") {
            Some(Value::String(trace)) if !trace.is_empty() => {
                let name = match &self.project {
                    Some(project) => format!("projects/{project}/traces/{trace}"),
                    None => trace,
                };
                entry.insert("logging.googleapis.com/trace".to_owned(), name.into());
            }
            _ => {}
        }
        if let Some(id) = fields.remove("request_id") {
            entry.insert(
                "logging.googleapis.com/labels".to_owned(),
                json!({"request_id": id}),
            );
        }
        if let Some(request) = http_request(&mut fields) {
            entry.insert("httpRequest".to_owned(), request);
        }
        entry.insert("target".to_owned(), event.metadata().target().into());
        entry.extend(fields);
        Value::Object(entry)
    }
}

impl<S, W> Layer<S> for CloudLogging<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.0.extend(of_span.0.clone());
            }
        }
        event.record(&mut fields);
        let mut line = self.entry(Timestamp::now(), event, fields.0).to_string();
        line.push('\n');
        // There is nowhere left to report a log that cannot be written.
        let _ = self.writer.make_writer().write_all(line.as_bytes());
    }
}

fn severity(event: &Event<'_>) -> &'static str {
    match *event.metadata().level() {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        Level::DEBUG | Level::TRACE => "DEBUG",
    }
}

/// The `HttpRequest` of a `LogEntry`, of the fields that the access log writes.
fn http_request(fields: &mut Map<String, Value>) -> Option<Value> {
    const NAMES: [(&str, &str); 6] = [
        ("http_method", "requestMethod"),
        ("http_path", "requestUrl"),
        ("http_status", "status"),
        ("http_latency", "latency"),
        ("http_remote", "remoteIp"),
        ("http_user_agent", "userAgent"),
    ];
    let request: Map<_, _> = NAMES
        .into_iter()
        .filter_map(|(ours, theirs)| Some((theirs.to_owned(), fields.remove(ours)?)))
        .collect();
    (!request.is_empty()).then_some(Value::Object(request))
}

/// The fields of a span or an event.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(project: Option<&str>, log: impl FnOnce()) -> Vec<Value> {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = CloudLogging::new(project.map(str::to_owned), move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let bytes = lines.0.lock().unwrap();
        let mut entries: Vec<Value> = bytes
            .split_inclusive(|byte| *byte == b'\n')
            .map(|l| serde_json::from_slice(l).unwrap())
            .collect();
        for entry in &mut entries {
            let time = entry["time"].take();
            assert!(time.as_str().unwrap().parse::<Timestamp>().is_ok());
        }
        entries
    }

    #[test]
    fn a_request_is_told_in_the_fields_of_cloud_logging() {
        let entries = logged(Some("demo-project"), || {
            let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
            let span = tracing::info_span!("request", request_id = "01J", trace);
            let _entered = span.enter();
            tracing::info!(
                http_method = "POST",
                http_status = 200_u16,
                "POST /v1/decisions 200"
            );
            tracing::warn!(attempts = 3, "the registry is slow");
        });
        insta::assert_json_snapshot!(entries, @r#"
[
  {
    "httpRequest": {
      "requestMethod": "POST",
      "status": 200
    },
    "logging.googleapis.com/labels": {
      "request_id": "01J"
    },
    "logging.googleapis.com/trace": "projects/demo-project/traces/4bf92f3577b34da6a3ce929d0e0e4736",
    "message": "POST /v1/decisions 200",
    "severity": "INFO",
    "target": "postern_host::telemetry::cloud_logging::tests",
    "time": null
  },
  {
    "attempts": 3,
    "logging.googleapis.com/labels": {
      "request_id": "01J"
    },
    "logging.googleapis.com/trace": "projects/demo-project/traces/4bf92f3577b34da6a3ce929d0e0e4736",
    "message": "the registry is slow",
    "severity": "WARNING",
    "target": "postern_host::telemetry::cloud_logging::tests",
    "time": null
  }
]
"#);
    }

    #[test]
    fn an_event_can_say_how_severe_it_is() {
        let entries = logged(None, || {
            tracing::error!(severity = "CRITICAL", "line\nbreak")
        });
        assert_eq!(entries.len(), 1, "one line, whatever the text holds");
        assert_eq!(entries[0]["severity"], "CRITICAL");
        assert_eq!(entries[0]["message"], "line\nbreak");
    }
}
