//! What a Terraform plan would do to the chain of trust, and whether what there is says what a plan or
//! state says.
//!
//! [`scan()`] looks at what is about to change and finds what weakens the gate. [`configured`] reads
//! policies and attestors as Terraform has them, and [`compare`] holds the live ones against them:
//! Terraform itself may not see the difference. [`run_task`] is the scan as a run task of HCP Terraform.

mod change;
pub mod compare;
pub mod configured;
mod finding;
mod images;
mod policies;
pub mod run_task;
mod sarif;
mod trust_chain;
mod workloads;

use serde::Serialize;
use serde_json::Value;

use crate::coverage::plan::{self, PlanError};

pub use self::finding::{Code, Finding, Level, UnknownCode};
pub use self::sarif::sarif;

use self::change::Change;

/// What was found in a plan, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What was found, and what cannot be told before the plan is applied.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The gravest level; `None` if nothing was found.
    pub fn worst(&self) -> Option<Level> {
        self.findings.iter().map(|finding| finding.level).max()
    }

    /// How many findings are of a level.
    pub fn count(&self, level: Level) -> usize {
        let of_level = self.findings.iter().filter(|f| f.level == level);
        of_level.count()
    }

    /// Leaves out what is accepted, with what cannot be told of it.
    pub fn except(&mut self, accepted: &[Code]) {
        self.findings
            .retain(|finding| !accepted.contains(&finding.code));
    }
}

/// Finds what a plan would weaken. A state is judged as it is, as if nothing changed.
///
/// # Errors
/// If the text is neither plan nor state.
pub fn scan(json: &[u8]) -> Result<Report, PlanError> {
    let document = plan::document(json)?;
    let mut report = Report::default();
    for change in changes(&document)? {
        policies::look(&change, &mut report.findings);
        trust_chain::look(&change, &mut report.findings);
        workloads::look(&change, &mut report.findings);
    }
    Ok(report)
}

/// Every managed resource of the document. Planned ones stand in `resource_changes`, also those that stay as
/// they are; a state has its `values` only.
fn changes(document: &Value) -> Result<Vec<Change<'_>>, PlanError> {
    if document.get("planned_values").is_some() {
        let listed = document["resource_changes"].as_array();
        return Ok(listed
            .into_iter()
            .flatten()
            .filter_map(Change::of)
            .collect());
    }
    let values = document.get("values").ok_or(PlanError::Form)?;
    let mut resources = Vec::new();
    plan::resources(&values["root_module"], &mut resources);
    Ok(resources.into_iter().filter_map(Change::none).collect())
}

#[cfg(test)]
mod tests;
