//! The system policy: images that Google maintains and that GKE clusters need to run.

use std::sync::LazyLock;

use super::Policy;

/// The built-in system policy. Google does not publish its own as a file; this list is ours, and a
/// user replaces it with a file of the same form. Only its patterns count.
pub fn system_policy() -> &'static Policy {
    static POLICY: LazyLock<Policy> = LazyLock::new(|| {
        #[expect(
            clippy::expect_used,
            reason = "the file is part of the source and tested below"
        )]
        Policy::parse(include_str!("system-policy.yaml")).expect("the built-in policy is one")
    });
    &POLICY
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::lint::{Severity, lint};

    #[test]
    fn it_is_a_policy_without_mistakes() {
        assert!(system_policy().admission_whitelist_patterns.len() > 10);
        let findings = lint(include_str!("system-policy.yaml"), &[]);
        let errors: Vec<_> = findings
            .iter()
            .filter(|f| f.severity == Severity::Error)
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}
