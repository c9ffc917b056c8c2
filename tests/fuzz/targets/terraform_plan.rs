//! Plans and states of Terraform, and requests of run tasks.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_auditor::terraform::configured::Configured;
use postern_auditor::terraform::{compare, run_task, scan};
use postern_core::attestor::ProjectNumbers;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(report) = scan(bytes) {
        let verdict = run_task::verdict(&report).to_string();
        assert!(verdict.len() < 1_000_000);
    }
    let _ = run_task::asked(bytes);
    let Ok(configured) = Configured::parse(bytes) else {
        return;
    };
    let projects = ProjectNumbers::default();
    for (project, policy) in &configured.policies {
        assert!(compare::policies(project, policy, Some(policy), &projects).is_empty());
    }
    for attestor in configured.attestors.values() {
        assert!(compare::attestors(attestor, Some(attestor), &projects).is_empty());
    }
});
