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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{RunTask, SecretReference};

    fn told(key: &str, platform: Platform) -> Vec<String> {
        let task = RunTask {
            key: SecretReference(key.to_owned()),
            hosts: Vec::new(),
            except: Vec::new(),
        };
        let terraform = Terraform {
            run_task: Some(task),
        };
        let environment = BTreeMap::from([("KEY".to_owned(), "synthetic-key".to_owned())]);
        let mut findings = Findings::new();
        check(&terraform, platform, &environment, &mut findings);
        findings.into_iter().map(|(_, message)| message).collect()
    }

    #[test]
    fn a_run_task_takes_a_key_and_a_process_that_goes_on() {
        assert!(told("env:KEY", Platform::CloudRun).is_empty());
        let lambda = told("env:KEY", Platform::Lambda);
        assert!(lambda[0].contains("serve run tasks from"), "{lambda:?}");
        let bare = told("synthetic-key", Platform::CloudRun);
        assert!(bare[0].contains("never as itself"), "{bare:?}");
    }
}
