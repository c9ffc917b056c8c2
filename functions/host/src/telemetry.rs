//! Logs, metrics and health: what an operator sees.

mod cloud_logging;
mod health;
mod trace;

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

pub(crate) use health::PATHS;
pub use health::{Readiness, router};
pub(crate) use trace::trace_id;

use crate::environment::{Environment, Platform};
use cloud_logging::CloudLogging;

/// How log lines look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line on standard output, as Cloud Logging reads them.
    Json {
        /// The Google Cloud project that traces belong to.
        project: Option<String>,
    },
    /// Text for people, on standard error.
    Human,
}

impl Format {
    /// JSON on Cloud Run and Lambda, and where `POSTERN_LOG_FORMAT` is `json`; else text.
    pub fn detect(environment: &dyn Environment) -> Self {
        let asked = environment.get("POSTERN_LOG_FORMAT");
        match (asked.as_deref(), Platform::detect(environment)) {
            (Some("json"), _) | (None, Platform::CloudRun | Platform::Lambda) => Self::Json {
                project: environment.get("GOOGLE_CLOUD_PROJECT"),
            },
            _ => Self::Human,
        }
    }
}

/// Starts logging. `filter` is in the syntax of `tracing_subscriber::EnvFilter` (`info`,
/// `postern_gate=debug`); what cannot be read of it is left out. A second call changes nothing.
pub fn init(format: Format, filter: &str) {
    let filter = EnvFilter::builder().parse_lossy(filter);
    let layer = match format {
        Format::Json { project } => CloudLogging::new(project, io::stdout).boxed(),
        Format::Human => tracing_subscriber::fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
            .boxed(),
    };
    let _ = tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .try_init();
}

/// Writes one structured log line of severity CRITICAL on standard output, whatever the format and
/// the filter of the logs are: the last place for a record when every other is out of reach.
///
/// # Errors
///
/// The system's, where standard output cannot be written: then there is no record.
pub fn critical(message: &str, record: &Value) -> io::Result<()> {
    let line = json!({"severity": "CRITICAL", "message": message, "record": record});
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// The metrics of this process; the first call starts recording them.
pub fn metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(install_recorder).clone()
}

fn install_recorder() -> PrometheusHandle {
    /// Upper bounds in seconds, from a cached decision to a slow registry.
    const SECONDS: [f64; 12] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0,
    ];
    let builder = PrometheusBuilder::new();
    let suffix = Matcher::Suffix("_seconds".to_owned());
    // It is refused only where there are no buckets.
    let builder = builder
        .set_buckets_for_metric(suffix, &SECONDS)
        .unwrap_or_else(|_| PrometheusBuilder::new());
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::warn!("another recorder of metrics is installed: /metrics stays empty");
    }
    handle
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[rstest::rstest]
    #[case::here(&[], Format::Human)]
    #[case::asked(&[("POSTERN_LOG_FORMAT", "json")], Format::Json { project: None })]
    #[case::cloud_run(
        &[("K_SERVICE", "gate"), ("GOOGLE_CLOUD_PROJECT", "demo-project")],
        Format::Json { project: Some("demo-project".to_owned()) }
    )]
    #[case::asked_for_text(&[("K_SERVICE", "gate"), ("POSTERN_LOG_FORMAT", "text")], Format::Human)]
    fn the_platform_decides_how_logs_look(#[case] vars: &[(&str, &str)], #[case] expected: Format) {
        let vars = vars
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        assert_eq!(Format::detect(&vars.collect::<BTreeMap<_, _>>()), expected);
    }
}
