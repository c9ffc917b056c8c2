//! Which entries support which controls: data, in `controls.yaml`.

use serde::Deserialize;

use super::evidence::Evidence;

const CONTROLS: &str = include_str!("controls.yaml");

/// A set of controls that somebody audits by.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Framework {
    /// What it is called.
    pub name: String,
    /// Those of its controls that the record says something about.
    pub controls: Vec<Control>,
}

/// One control.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// As its framework numbers it.
    pub id: String,
    /// What it asks for, in our own words.
    pub says: String,
    /// Which entries support it.
    pub evidence: Vec<Evidence>,
    /// What they do not show.
    pub open: String,
}

/// Every framework.
///
/// # Errors
/// If the data that this was built with cannot be read, which a test rules out.
pub fn frameworks() -> Result<Vec<Framework>, String> {
    serde_saphyr::from_str(CONTROLS).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use regex::Regex;

    use super::*;

    #[test]
    fn every_id_is_well_formed_and_every_control_says_what_it_leaves_open() {
        let forms = [
            ("SOC 2", r"^CC[1-9]\.[1-9]$"),
            (
                "ISO/IEC 27001",
                r"^A\.(5\.([1-9]|[12]\d|3[0-7])|8\.([1-9]|[12]\d|3[0-4]))$",
            ),
            ("NIST SP 800-218", r"^(PO|PS|PW|RV)\.\d\.\d$"),
            ("SLSA", r"^Build L[1-3]$"),
        ];
        let frameworks = frameworks().unwrap();
        assert_eq!(frameworks.len(), forms.len());
        let mut seen = BTreeSet::new();
        for (framework, (name, form)) in frameworks.iter().zip(forms) {
            assert!(framework.name.starts_with(name), "{}", framework.name);
            let form = Regex::new(form).unwrap();
            for control in &framework.controls {
                assert!(form.is_match(&control.id), "{}", control.id);
                assert!(seen.insert(control.id.clone()), "{} twice", control.id);
                assert!(!control.evidence.is_empty() && !control.open.is_empty());
                let claims = format!("{} {}", control.says, control.open).to_lowercase();
                assert!(!claims.contains("satisf") && !claims.contains("complian"));
            }
        }
    }

    #[test]
    fn every_kind_of_evidence_supports_something() {
        let frameworks = frameworks().unwrap();
        let controls = frameworks.iter().flat_map(|framework| &framework.controls);
        let used: BTreeSet<_> = controls
            .flat_map(|control| control.evidence.clone())
            .collect();
        assert_eq!(used, BTreeSet::from(Evidence::ALL));
    }
}
