//! Takes in what one delivery holds, however it came.

use postern_core::ports::Unavailable;
use serde::Serialize;

use crate::auditor::{Auditor, Received};
use crate::input::{self, Delivery};
use crate::parse::Unreadable;

/// What became of each event of a delivery.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    recorded: usize,
    kept: usize,
    known: usize,
    quarantined: usize,
    findings: usize,
}

impl Report {
    fn add(&mut self, received: Received) {
        match received {
            Received::Recorded(findings) => {
                self.recorded += 1;
                self.findings += findings;
            }
            Received::Kept => self.kept += 1,
            Received::Known => self.known += 1,
            Received::Quarantined => self.quarantined += 1,
        }
    }
}

/// Takes every event in; what cannot be read is kept as it came.
///
/// # Errors
/// If the store could not be read or written. What was written before is known the next time.
pub(crate) async fn take_in(
    auditor: &Auditor,
    route: &str,
    deliveries: Vec<Delivery<'_>>,
) -> Result<Report, Unavailable> {
    let mut report = Report::default();
    for delivery in deliveries {
        report.add(match delivery.entry {
            Ok((entry, form)) => auditor.receive(&entry, route, form).await?,
            Err(reason) => auditor.quarantine(&delivery.raw, route, &reason).await?,
        });
    }
    Ok(report)
}

/// As [`take_in`], of a body as it was sent. One that holds more than is read is kept as a whole.
pub(crate) async fn take_in_body(
    auditor: &Auditor,
    route: &str,
    body: &[u8],
) -> Result<Report, Unavailable> {
    if let Some(deliveries) = input::deliveries(body) {
        return take_in(auditor, route, deliveries).await;
    }
    let reason = Unreadable::Envelope("it holds more events than are read".to_owned());
    let mut report = Report::default();
    report.add(auditor.quarantine(body, route, &reason).await?);
    Ok(report)
}
