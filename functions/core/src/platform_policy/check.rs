//! The checks of a GKE policy.

use serde::{Deserialize, Serialize};

use super::ImageAllowlist;
use crate::attestor::PkixPublicKey;

/// One check. Exactly one of the kinds is set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Check {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Images that this check is not made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_allowlist: Option<ImageAllowlist>,
    /// Nothing satisfies it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub always_deny: bool,
    /// The image was uploaded not long ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_freshness_check: Option<ImageFreshnessCheck>,
    /// Cosign signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sigstore_signature_check: Option<SigstoreSignatureCheck>,
    /// It is attested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simple_signing_attestation_check: Option<SimpleSigningAttestationCheck>,
    /// It was built by a trusted builder from trusted source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slsa_check: Option<SlsaCheck>,
    /// It is in a trusted directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_directory_check: Option<TrustedDirectoryCheck>,
    /// It has no grave vulnerabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vulnerability_check: Option<VulnerabilityCheck>,
}

/// What a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckKind<'a> {
    /// Nothing satisfies it.
    AlwaysDeny,
    /// By the time of upload.
    ImageFreshness(&'a ImageFreshnessCheck),
    /// By Cosign's signatures.
    SigstoreSignature(&'a SigstoreSignatureCheck),
    /// By attestations.
    SimpleSigningAttestation(&'a SimpleSigningAttestationCheck),
    /// By provenance.
    Slsa(&'a SlsaCheck),
    /// By where it lies.
    TrustedDirectory(&'a TrustedDirectoryCheck),
    /// By a scan.
    Vulnerability(&'a VulnerabilityCheck),
}

impl CheckKind<'_> {
    /// The kind's name in results of an evaluation, such as `TrustedDirectoryCheck`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AlwaysDeny => "TrivialAlwaysDeny",
            Self::ImageFreshness(_) => "ImageFreshnessCheck",
            Self::SigstoreSignature(_) => "SigstoreSignatureCheck",
            Self::SimpleSigningAttestation(_) => "SimpleSigningAttestationCheck",
            Self::Slsa(_) => "SlsaCheck",
            Self::TrustedDirectory(_) => "TrustedDirectoryCheck",
            Self::Vulnerability(_) => "VulnerabilityCheck",
        }
    }
}

impl Check {
    /// Its kind; `None` unless exactly one is set.
    pub fn kind(&self) -> Option<CheckKind<'_>> {
        let kinds = [
            self.always_deny.then_some(CheckKind::AlwaysDeny),
            self.image_freshness_check
                .as_ref()
                .map(CheckKind::ImageFreshness),
            self.sigstore_signature_check
                .as_ref()
                .map(CheckKind::SigstoreSignature),
            self.simple_signing_attestation_check
                .as_ref()
                .map(CheckKind::SimpleSigningAttestation),
            self.slsa_check.as_ref().map(CheckKind::Slsa),
            self.trusted_directory_check
                .as_ref()
                .map(CheckKind::TrustedDirectory),
            self.vulnerability_check
                .as_ref()
                .map(CheckKind::Vulnerability),
        ];
        let mut set = kinds.into_iter().flatten();
        match (set.next(), set.next()) {
            (Some(kind), None) => Some(kind),
            _ => None,
        }
    }
}

/// How old an upload may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageFreshnessCheck {
    /// In days, more than none.
    pub max_upload_age_days: u32,
}

/// Whose Cosign signatures count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SigstoreSignatureCheck {
    /// One is enough.
    pub sigstore_authorities: Vec<SigstoreAuthority>,
}

/// Keys of one signer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SigstoreAuthority {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Its keys.
    pub public_key_set: SigstorePublicKeySet,
}

/// Keys, of which one is enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SigstorePublicKeySet {
    /// At least one.
    pub public_keys: Vec<SigstorePublicKey>,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SigstorePublicKey {
    /// PEM of the SubjectPublicKeyInfo.
    pub public_key_pem: String,
}

/// Whose attestations count, and where they are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SimpleSigningAttestationCheck {
    /// One is enough.
    pub attestation_authenticators: Vec<AttestationAuthenticator>,
    /// `projects/ID`, at most ten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub container_analysis_attestation_projects: Vec<String>,
}

/// Keys of one signer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttestationAuthenticator {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Its keys.
    pub pkix_public_key_set: PkixPublicKeySet,
}

/// Keys, of which one is enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PkixPublicKeySet {
    /// At least one.
    pub pkix_public_keys: Vec<PkixPublicKey>,
}

/// Which builds are trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SlsaCheck {
    /// One is enough.
    pub rules: Vec<SlsaRule>,
}

/// Builds of one builder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SlsaRule {
    /// Such as `GOOGLE_CLOUD_BUILD`.
    pub trusted_builder: String,
    /// Where provenance is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation_source: Option<AttestationSource>,
    /// From which repositories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusted_source_repo_patterns: Vec<String>,
    /// Whether the build's configuration has to be among the source.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub config_based_build_required: bool,
    /// A CEL expression over the provenance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_constraints: Option<String>,
}

/// Where provenance is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttestationSource {
    /// `projects/ID`, at most ten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub container_analysis_attestation_projects: Vec<String>,
}

/// Where images have to lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrustedDirectoryCheck {
    /// Patterns as [`super::DirectoryPattern`] reads them; one is enough.
    pub trusted_dir_patterns: Vec<String>,
}

/// Which vulnerabilities an image may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VulnerabilityCheck {
    /// Up to which severity, where there is a fix.
    pub maximum_fixable_severity: Severity,
    /// Up to which severity, where there is none.
    pub maximum_unfixable_severity: Severity,
    /// Whatever their severity, by the ids of their notes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_cves: Vec<String>,
    /// Not these, by the ids of their notes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked_cves: Vec<String>,
    /// `projects/ID`, at most ten, in which scans are looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub container_analysis_vulnerability_projects: Vec<String>,
}

/// A severity, and all below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    /// None at all.
    BlockAll,
    /// Minimal ones.
    Minimal,
    /// Low ones.
    Low,
    /// Medium ones.
    Medium,
    /// High ones.
    High,
    /// Critical ones.
    Critical,
    /// Whatever there is, of unknown severity too.
    AllowAll,
}
