//! How alerts are written: the pure half of the outputs.

pub(crate) mod alertmanager;
mod ecs;
pub(crate) mod fitted;
pub(crate) mod google_chat;
pub(crate) mod mail;
pub(crate) mod pagerduty;
pub(crate) mod slack;
pub(crate) mod teams;
pub(crate) mod text;
pub(crate) mod view;

use postern_core::change::Notification;
use postern_core::ocsf;
use postern_host::config::BodyFormat;

use crate::cloud_event;

/// An alert in one of the forms for machines, on one line.
pub(crate) fn written(
    format: BodyFormat,
    alert: &Notification,
) -> Result<Vec<u8>, serde_json::Error> {
    match format {
        BodyFormat::CloudEvents => cloud_event::json(alert),
        BodyFormat::Native => serde_json::to_vec(&alert.case),
        BodyFormat::Ocsf => serde_json::to_vec(&ocsf::alert(alert)),
        BodyFormat::Ecs => serde_json::to_vec(&ecs::document(alert)),
    }
}

/// The content type of a form.
pub(crate) const fn content_type(format: BodyFormat) -> &'static str {
    match format {
        BodyFormat::CloudEvents => cloud_event::CONTENT_TYPE,
        BodyFormat::Native | BodyFormat::Ocsf | BodyFormat::Ecs => "application/json",
    }
}

#[cfg(test)]
mod tests;
