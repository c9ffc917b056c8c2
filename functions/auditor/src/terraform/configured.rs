//! Policies and attestors as a plan or a state of Terraform has them.

use std::collections::BTreeMap;

use postern_core::attestor::{Attestor, AttestorName};
use postern_core::image::shortened;
use postern_core::policy::Policy;
use serde_json::{Value, json};

use super::policies::{POLICY, in_full};
use crate::coverage::plan::{self, PlanError};

/// What Terraform would have there be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configured {
    /// Project → policy.
    pub policies: BTreeMap<String, Policy>,
    /// Attestors by name.
    pub attestors: BTreeMap<AttestorName, Attestor>,
    /// What cannot be held against anything, with the reason: known only after the plan is applied, or in
    /// contradiction to itself.
    pub unreadable: Vec<Unreadable>,
}

/// A resource that cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The resource.
    pub address: String,
    /// Why.
    pub reason: String,
}

impl Configured {
    /// Reads a plan or a state.
    ///
    /// # Errors
    /// If the text is neither.
    pub fn parse(json: &[u8]) -> Result<Self, PlanError> {
        let document = plan::document(json)?;
        let values = document.get("planned_values").or(document.get("values"));
        let root = &values.ok_or(PlanError::Form)?["root_module"];
        let mut resources = Vec::new();
        plan::resources(root, &mut resources);
        let mut configured = Self::default();
        for resource in resources {
            configured.take(resource);
        }
        Ok(configured)
    }

    fn take(&mut self, resource: &Value) {
        if resource["mode"] != "managed" {
            return;
        }
        let values = &resource["values"];
        let taken = match resource["type"].as_str() {
            Some(POLICY) => policy(values).map(|(project, policy)| {
                self.policies.insert(project, policy);
            }),
            Some("google_binary_authorization_attestor") => attestor(values).map(|attestor| {
                self.attestors.insert(attestor.name.clone(), attestor);
            }),
            _ => return,
        };
        if let Err(reason) = taken {
            let address = resource["address"].as_str().unwrap_or_default();
            self.unreadable.push(Unreadable {
                address: shortened(address),
                reason,
            });
        }
    }
}

/// The policy in the words of the API.
fn policy(values: &Value) -> Result<(String, Policy), String> {
    let project = text(values, "project")?;
    let mut policy = json!({
        "name": format!("projects/{project}/policy"),
        "admissionWhitelistPatterns": blocks(values, "admission_whitelist_patterns")
            .map(|block| Ok(json!({"namePattern": text(block, "name_pattern")?})))
            .collect::<Result<Vec<_>, String>>()?,
        "clusterAdmissionRules": blocks(values, "cluster_admission_rules")
            .map(|block| Ok((text(block, "cluster")?, rule(block, &project)?)))
            .collect::<Result<serde_json::Map<_, _>, String>>()?,
    });
    let default = blocks(values, "default_admission_rule").next();
    let default = default.ok_or("its default rule is known only after the plan is applied")?;
    policy["defaultAdmissionRule"] = rule(default, &project)?;
    for (name, field) in [
        ("description", "description"),
        (
            "global_policy_evaluation_mode",
            "globalPolicyEvaluationMode",
        ),
    ] {
        if let Some(said) = values[name].as_str().filter(|said| !said.is_empty()) {
            policy[field] = said.into();
        }
    }
    let policy = serde_json::from_value(policy).map_err(|error| shortened(&error.to_string()))?;
    Ok((project, policy))
}

fn rule(block: &Value, project: &str) -> Result<Value, String> {
    let attestors = block["require_attestations_by"].as_array();
    let attestors = attestors.into_iter().flatten();
    let attestors: Option<Vec<String>> = attestors
        .map(|name| Some(in_full(name.as_str()?, project)))
        .collect();
    let mut attestors = attestors.ok_or("an attestor is known only after the plan is applied")?;
    attestors.sort();
    Ok(json!({
        "evaluationMode": text(block, "evaluation_mode")?,
        "enforcementMode": text(block, "enforcement_mode")?,
        "requireAttestationsBy": attestors,
    }))
}

/// The attestor in the words of the API.
fn attestor(values: &Value) -> Result<Attestor, String> {
    let project = text(values, "project")?;
    let name = text(values, "name")?;
    let note = blocks(values, "attestation_authority_note").next();
    let note = note.ok_or("its note is known only after the plan is applied")?;
    let reference = text(note, "note_reference")?;
    let reference = match reference.find("projects/") {
        Some(start) => reference[start..].to_owned(),
        None => format!("projects/{project}/notes/{reference}"),
    };
    let keys = blocks(note, "public_keys").map(key);
    let keys = keys.collect::<Result<Vec<_>, String>>()?;
    let mut attestor = json!({
        "name": format!("projects/{project}/attestors/{name}"),
        "userOwnedGrafeasNote": {"noteReference": reference, "publicKeys": keys},
    });
    if let Some(said) = values["description"]
        .as_str()
        .filter(|said| !said.is_empty())
    {
        attestor["description"] = said.into();
    }
    serde_json::from_value(attestor).map_err(|error| shortened(&error.to_string()))
}

fn key(block: &Value) -> Result<Value, String> {
    let mut key = json!({});
    for field in ["id", "comment"] {
        if let Some(said) = block[field].as_str().filter(|said| !said.is_empty()) {
            key[field] = said.into();
        }
    }
    if let Some(armored) = block["ascii_armored_pgp_public_key"]
        .as_str()
        .filter(|text| !text.is_empty())
    {
        key["asciiArmoredPgpPublicKey"] = armored.into();
        return Ok(key);
    }
    let pkix = blocks(block, "pkix_public_key").next();
    let pkix = pkix.ok_or("a public key of it is known only after the plan is applied")?;
    key["pkixPublicKey"] = json!({
        "publicKeyPem": text(pkix, "public_key_pem")?,
        "signatureAlgorithm": text(pkix, "signature_algorithm")?,
    });
    Ok(key)
}

fn text(values: &Value, name: &str) -> Result<String, String> {
    let said = values[name].as_str().filter(|said| !said.is_empty());
    said.map(str::to_owned)
        .ok_or_else(|| format!("its {name} is known only after the plan is applied"))
}

fn blocks<'a>(values: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    values[name].as_array().into_iter().flatten()
}
