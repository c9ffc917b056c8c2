//! `projects/P/platforms/gke/policies/ID:evaluate`.
//!
//! What cannot be checked here is an error of that check, and an error is never conformant.

use postern_core::image::ImageReference;
use postern_core::platform_policy::{
    Check, CheckKind, CheckSet, DirectoryPattern, GkePolicy, PlatformPolicy,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::attested::Known;
use super::pods::pods;
use crate::body::{fields, typed};
use crate::call::Call;
use crate::error::{ApiError, Code};
use crate::trust::Trust;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Asked {
    resource: Value,
    #[serde(alias = "attestation_mode")]
    attestation_mode: Option<String>,
}

/// What a look at something came to; a worse one takes precedence. Non-conformance does over errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Conformant,
    Error,
    NonConformant,
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Conformant => "CONFORMANT",
            Self::Error => "ERROR",
            Self::NonConformant => "NON_CONFORMANT",
        }
    }
}

impl Trust {
    /// What a policy says of the Pods of an object.
    pub(crate) async fn evaluate_gke_policy(
        &self,
        call: &Call,
        name: &str,
    ) -> Result<Value, ApiError> {
        // Objects keep their own spelling: read as it came.
        let asked: Asked = typed(fields(call.json()?))?;
        if !matches!(
            asked.attestation_mode.as_deref(),
            None | Some("ATTESTATION_MODE_UNSPECIFIED")
        ) {
            return Err(ApiError::new(
                Code::Unimplemented,
                "results are not attested here: leave attestationMode out",
            ));
        }
        let stored = self.stored_platform_policy(name).await?;
        let policy: PlatformPolicy = typed(fields(stored.body))?;
        let policy = policy.gke_policy.unwrap_or_default();
        let pods = pods(&asked.resource)?;
        let known = self.known(&policy).await?;
        let mut worst = Verdict::Conformant;
        let mut results = Vec::new();
        for pod in pods {
            let set = policy.check_set(&pod.namespace, &pod.account);
            let mut of_pod = Verdict::Conformant;
            let mut images = Vec::new();
            for image in &pod.images {
                let (verdict, mut result) = self.image_result(&policy, set, image, &known);
                result["imageUri"] = image.as_str().into();
                result["verdict"] = verdict.word().into();
                images.push(result);
                of_pod = of_pod.max(verdict);
            }
            results.push(json!({
                "podName": pod.name,
                "kubernetesNamespace": pod.namespace,
                "kubernetesServiceAccount": pod.account,
                "verdict": of_pod.word(),
                "imageResults": images,
            }));
            worst = worst.max(of_pod);
        }
        Ok(json!({"verdict": worst.word(), "results": results}))
    }

    fn image_result(
        &self,
        policy: &GkePolicy,
        set: Option<(usize, &CheckSet)>,
        written: &str,
        known: &Known,
    ) -> (Verdict, Value) {
        let image = match ImageReference::parse(written) {
            Ok(image) => image,
            Err(error) => return (Verdict::Error, json!({"explanation": error.to_string()})),
        };
        let digest = image.digest();
        if let Some(entry) = digest.and_then(|digest| known.revocations.of_digest(&digest)) {
            let explanation = format!("The image was revoked: {}", entry.reason);
            return (Verdict::NonConformant, json!({"explanation": explanation}));
        }
        let exempt = policy.image_allowlist.as_ref();
        if let Some(pattern) = exempt.and_then(|list| list.matched(&image)) {
            let result = json!({"allowlistResult": {"matchedPattern": pattern}});
            return (Verdict::Conformant, result);
        }
        let Some((index, set)) = set else {
            let explanation = "The policy has no check sets, which allows everything";
            return (Verdict::Conformant, json!({"explanation": explanation}));
        };
        let mut result = json!({"index": index.to_string(), "scope": set.scope});
        if set.scope.is_none() {
            result["scope"] = json!({});
        }
        if let Some(name) = &set.display_name {
            result["displayName"] = name.as_str().into();
        }
        let exempt = set.image_allowlist.as_ref();
        if let Some(pattern) = exempt.and_then(|list| list.matched(&image)) {
            result["allowlistResult"] = json!({"matchedPattern": pattern});
            return (Verdict::Conformant, json!({"checkSetResult": result}));
        }
        let mut worst = Verdict::Conformant;
        let mut checks = Vec::new();
        for (index, check) in set.checks.iter().enumerate() {
            let (verdict, mut result) = self.check_result(check, &image, known);
            result["index"] = index.to_string().into();
            if let Some(name) = &check.display_name {
                result["displayName"] = name.as_str().into();
            }
            checks.push(result);
            worst = worst.max(verdict);
        }
        result["checkResults"] = json!({"results": checks});
        (worst, json!({"checkSetResult": result}))
    }

    fn check_result(
        &self,
        check: &Check,
        image: &ImageReference,
        known: &Known,
    ) -> (Verdict, Value) {
        let kind = check.kind();
        let name = kind.map_or("", |kind| kind.name());
        let exempt = check.image_allowlist.as_ref();
        if let Some(pattern) = exempt.and_then(|list| list.matched(image)) {
            let result = json!({"type": name, "allowlistResult": {"matchedPattern": pattern}});
            return (Verdict::Conformant, result);
        }
        let (verdict, explanation) = match kind {
            Some(CheckKind::AlwaysDeny) => (
                Verdict::NonConformant,
                "This check denies every image".to_owned(),
            ),
            Some(CheckKind::TrustedDirectory(check)) => {
                let mut patterns = check.trusted_dir_patterns.iter();
                let is_in = |text: &String| {
                    DirectoryPattern::parse(text).is_ok_and(|pattern| pattern.matches(image))
                };
                match patterns.find(|text| is_in(text)) {
                    Some(text) => (Verdict::Conformant, format!("Image is in {text}")),
                    None => (
                        Verdict::NonConformant,
                        "Image is not in a trusted directory".to_owned(),
                    ),
                }
            }
            Some(CheckKind::SimpleSigningAttestation(check)) => self.attested(check, image, known),
            other => {
                let name = other.map_or("a check of no kind", |other| other.name());
                (Verdict::Error, format!("{name} cannot be evaluated here"))
            }
        };
        let result = json!({
            "type": name,
            "evaluationResult": {"verdict": verdict.word()},
            "explanation": explanation,
        });
        (verdict, result)
    }
}
