//! Tables of cases beside a policy: what `postern policy test` runs.
//!
//! ```yaml
//! policy: policy.yaml            # a file beside the table, or the policy itself
//! attestors: [attestors.yaml]    # optional; then every attestor a case names must be there
//! cases:
//!   - name: an unsigned image stays out
//!     image: us-docker.pkg.dev/demo-project/repo/app:v1
//!     target: cloud-run
//!     expect: DENY
//!     rule: defaultAdmissionRule
//! ```

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Demand, Policy, PolicyError, Ruling, conclude, parse, route};
use crate::attestor::{Attestor, AttestorName};
use crate::decision::EnforcementMode;
use crate::evidence::{AttestorOutcome, Evidence};
use crate::image::{Digest, ImageReference};
use crate::reason::{Reason, Verdict};
use crate::target::Target;

/// A table of cases.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// The policy to test.
    pub policy: FileOr<Policy>,
    /// The attestors that exist; absent if that is not to be looked at.
    #[serde(default, deserialize_with = "one_or_more")]
    pub attestors: Vec<FileOr<Attestor>>,
    /// What is expected of it.
    pub cases: Vec<Case>,
}

/// A file, named relative to the table, or the thing itself.
#[derive(Debug, Clone)]
pub enum FileOr<T> {
    /// A file's name.
    File(String),
    /// Written in the table.
    Inline(T),
}

/// One case.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Case {
    /// For people.
    pub name: String,
    /// The image; on any target but GKE a tag counts as resolved to some digest.
    pub image: ImageReference,
    /// Where it is to run; "some Cloud Run service" if absent.
    #[serde(default)]
    pub target: Target,
    /// The attestors that are taken to have attested the image; every other has not.
    #[serde(default)]
    pub attested_by: Vec<AttestorName>,
    /// What must come out.
    pub expect: Expectation,
    /// The place of the rule that must decide, such as `admissionWhitelistPatterns[2]`.
    #[serde(default)]
    pub rule: Option<String>,
}

/// What a case expects: a verdict, what becomes of the deployment, or what the rule asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Expectation {
    /// The verdict `CONFORMANT`.
    Conformant,
    /// The verdict `NON_CONFORMANT`, enforced or not.
    NonConformant,
    /// The deployment goes on: conformant, or not and the rule is a dry run.
    #[serde(alias = "ALLOWED", alias = "allow")]
    Allow,
    /// The deployment is blocked.
    #[serde(alias = "DENIED", alias = "deny")]
    Deny,
    /// The rule asks for attestations, whichever there are.
    #[serde(alias = "REQUIRE")]
    RequireAttestation,
}

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CaseResult {
    /// The case's name.
    pub name: String,
    /// Whether everything is as expected.
    pub passed: bool,
    /// What the case expects.
    pub expect: Expectation,
    /// The place it expects, if it names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_rule: Option<String>,
    /// The policy's answer.
    pub verdict: Verdict,
    /// Whether the deployment would go on.
    pub allowed: bool,
    /// The rule that decided.
    pub ruling: Ruling,
    /// Why.
    pub reasons: Vec<Reason>,
}

impl Table {
    /// Reads a table, YAML or JSON.
    ///
    /// # Errors
    /// With line, column and a fix.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        parse::one(text)
    }
}

impl Case {
    /// Judges the case: nothing is fetched, and only `attestedBy` has attested.
    pub fn run(&self, policy: &Policy, system: Option<&Policy>) -> CaseResult {
        let image = as_evaluated(&self.image, &self.target);
        let ruling = route(policy, system, &self.target, &image);
        let conclusion = conclude(&ruling, &image, &self.outcomes(&ruling));
        let allowed = conclusion.verdict == Verdict::Conformant
            || ruling.enforcement == EnforcementMode::DryRun;
        let as_expected = match self.expect {
            Expectation::Conformant => conclusion.verdict == Verdict::Conformant,
            Expectation::NonConformant => conclusion.verdict == Verdict::NonConformant,
            Expectation::Allow => allowed,
            Expectation::Deny => !allowed,
            Expectation::RequireAttestation => {
                matches!(ruling.demand, Demand::RequireAttestation(_))
            }
        };
        let place = ruling.place.to_string();
        CaseResult {
            name: self.name.clone(),
            passed: as_expected && self.rule.as_ref().is_none_or(|rule| *rule == place),
            expect: self.expect,
            expected_rule: self.rule.clone(),
            verdict: conclusion.verdict,
            allowed,
            ruling,
            reasons: conclusion.reasons,
        }
    }

    fn outcomes(&self, ruling: &Ruling) -> BTreeMap<AttestorName, AttestorOutcome> {
        let Demand::RequireAttestation(attestors) = &ruling.demand else {
            return BTreeMap::new();
        };
        let outcome = |attestor: &AttestorName| {
            if self.attested_by.contains(attestor) {
                AttestorOutcome::Met(assumed(attestor))
            } else {
                AttestorOutcome::NotMet(Vec::new())
            }
        };
        attestors
            .iter()
            .map(|attestor| (attestor.clone(), outcome(attestor)))
            .collect()
    }
}

/// An image as the policy sees it: everywhere but on GKE a tag was resolved to its digest before,
/// and where nothing is fetched a digest of zeros stands for it.
pub fn as_evaluated(image: &ImageReference, target: &Target) -> ImageReference {
    if target.is_gke() || image.digest().is_some() {
        image.clone()
    } else {
        image.pinned(Digest::from_bytes([0; 32]))
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

fn assumed(attestor: &AttestorName) -> Evidence {
    Evidence {
        attestor: attestor.clone(),
        occurrence: None,
        key_id: "assumed".to_owned(),
        algorithm: None,
        source: "attestedBy".to_owned(),
    }
}

/// Reads one file's name, or a list of names and attestors.
fn one_or_more<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<FileOr<Attestor>>, D::Error> {
    struct Shapes;
    impl<'de> Visitor<'de> for Shapes {
        type Value = Vec<FileOr<Attestor>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a file's name, or a list of names and attestors")
        }

        fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
            Ok(vec![FileOr::File(name.to_owned())])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut attestors = Vec::new();
            while let Some(attestor) = items.next_element()? {
                attestors.push(attestor);
            }
            Ok(attestors)
        }
    }
    deserializer.deserialize_any(Shapes)
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for FileOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shapes<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Shapes<T> {
            type Value = FileOr<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a file's name, or the resource itself")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(FileOr::File(name.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(entries)).map(FileOr::Inline)
            }
        }
        deserializer.deserialize_any(Shapes(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests;
