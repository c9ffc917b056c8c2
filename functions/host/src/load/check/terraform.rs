//! The run task.

use super::{Findings, secret};
use crate::config::Terraform;
use crate::environment::{Environment, Platform};
use crate::load::path::at;

pub(super) fn check(
    terraform: &Terraform,
    platform: Platform,
    environment: &dyn Environment,
    findings: &mut Findings,
) {
    let Some(task) = &terraform.run_task else {
        return;
    };
    let here = at("terraform").key("runTask");
    if platform == Platform::Lambda {
        let message = "a Lambda stops once it has answered, and a plan is looked at after that: serve run \
                       tasks from Cloud Run or a machine of yours";
        findings.push((here.clone(), message.to_owned()));
    }
    secret(&task.key, here.key("key"), environment, findings);
}
