//! Who put break-glass into a workload: the entries of its Pods name a controller only, which asked
//! for nothing by itself.

use std::collections::BTreeSet;

use postern_core::case::Case;
use postern_core::finding::{Category, Finding};
use postern_core::memory::{Fact, FactQuestion, Memory, Questions, Said};

use crate::case::is_machine;
use crate::classify::Observed;

/// The detection that names them.
const WORKLOAD: &str = "gcp.gke.workload-break-glass";

/// What to ask of the memory: who is behind the findings that name machines only.
pub(crate) fn asked<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Vec<FactQuestion> {
    let machines = findings
        .into_iter()
        .filter(|finding| is_of_machines(finding));
    let keys: BTreeSet<_> = machines.filter_map(key).collect();
    keys.into_iter().map(FactQuestion::latest).collect()
}

/// The questions about a case that names machines only.
pub(crate) fn asked_of(case: &Case) -> Questions {
    Questions {
        facts: asked(&case.findings),
        ..Questions::default()
    }
}

/// What findings say for those of Pods, whether they come later or came before. Each person is told
/// once for a target: nobody is pushed out of the memory by those who come often.
pub(crate) fn told(observed: &[Observed]) -> Vec<Fact> {
    let of_workloads = observed.iter().map(|observed| &observed.finding);
    let of_workloads = of_workloads.filter(|finding| finding.detection == WORKLOAD);
    let facts = of_workloads.filter_map(|finding| Some((key(finding)?, finding)));
    let facts = facts.flat_map(|(key, finding)| {
        people(finding).map(move |name| Fact {
            key: key.clone(),
            source: format!("people|{name}"),
            at: finding.at,
            said: Said {
                principal: Some(name.to_owned()),
                ..Said::default()
            },
        })
    });
    facts.collect()
}

/// Who is behind a finding, by what is remembered; nobody where it names somebody itself.
pub(crate) fn behind<'a>(
    finding: &Finding,
    memory: &'a Memory,
) -> impl Iterator<Item = String> + use<'a> {
    let key = key(finding).filter(|_| is_of_machines(finding));
    let facts = key.map_or(&[][..], |key| memory.of(&key));
    facts.iter().filter_map(|fact| fact.said.principal.clone())
}

fn key(finding: &Finding) -> Option<String> {
    let target = finding
        .target
        .as_deref()
        .filter(|target| target.starts_with("gke:"))?;
    (finding.category == Category::BreakGlass).then(|| format!("workload|{target}"))
}

fn people(finding: &Finding) -> impl Iterator<Item = &str> {
    let chain = finding.actor.principal.iter().chain(&finding.actor.via);
    chain.map(String::as_str).filter(|name| !is_machine(name))
}

fn is_of_machines(finding: &Finding) -> bool {
    people(finding).next().is_none()
}
