//! Detections in the languages of other tools: what a log sink or an event bus has to let through, and
//! Sigma rules.
//!
//! None of these can say everything that a detection says. They leave conditions out, and so match more
//! than it, never less.

mod eventbridge;
mod logging_filter;
mod sigma;

use std::collections::BTreeSet;

use postern_core::event::Stream;

pub use self::eventbridge::event_patterns;
pub use self::logging_filter::logging_filter;
pub use self::sigma::sigma_rules;
use super::Catalogue;
use super::matcher::{EntryMatcher, Matcher};

/// Why detections cannot be exported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// Longer than the platform takes.
    #[error(
        "{what} would have {length} characters, and at most {limit} are taken; leave detections out \
         with --detections, or write one of your own"
    )]
    TooLong {
        /// What.
        what: String,
        /// How long.
        length: usize,
        /// How long it may be.
        limit: usize,
    },
}

/// What detections have in common: a log, services, and kinds of resources.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Spine {
    services: BTreeSet<String>,
    resources: BTreeSet<String>,
}

impl Spine {
    fn of(matcher: &EntryMatcher) -> Self {
        Self {
            services: matcher.services.clone(),
            resources: matcher.resources.clone(),
        }
    }
}

/// The detections that read entries.
fn matchers(catalogue: &Catalogue) -> impl Iterator<Item = &EntryMatcher> {
    catalogue.iter().filter_map(|d| match &d.matcher {
        Matcher::Entry(matcher) => Some(matcher),
        Matcher::Own(_) => None,
    })
}

/// The log as Cloud Logging knows it; `None` for what is no log of Google's.
const fn log_id(stream: Stream) -> Option<&'static str> {
    match stream {
        Stream::Activity => Some("cloudaudit.googleapis.com/activity"),
        Stream::SystemEvent => Some("cloudaudit.googleapis.com/system_event"),
        Stream::DataAccess => Some("cloudaudit.googleapis.com/data_access"),
        Stream::PolicyDenied => Some("cloudaudit.googleapis.com/policy"),
        Stream::ContinuousValidation => {
            Some("binaryauthorization.googleapis.com/continuous_validation")
        }
        _ => None,
    }
}

/// Services that put the date of their interface behind the names of their methods.
fn dates_its_methods(service: &str) -> bool {
    matches!(service, "lambda.amazonaws.com" | "cloudfront.amazonaws.com")
}
