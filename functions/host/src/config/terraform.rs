//! What is looked at before Terraform applies it.

use serde::Deserialize;

use super::SecretReference;

/// Terraform.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Terraform {
    /// The run task of HCP Terraform or Terraform Enterprise; without it its path is not served.
    pub run_task: Option<RunTask>,
}

/// A run task that looks at plans.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunTask {
    /// The HMAC key of the run task.
    pub key: SecretReference,
    /// Hosts that may be called back, besides HCP Terraform's own: those of a Terraform Enterprise, each as
    /// `HOST` or `HOST:PORT`. A stand-in on this machine is written `http://127.0.0.1:PORT`.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Codes of findings that are accepted, such as `KEY_UNPROTECTED`.
    #[serde(default)]
    pub except: Vec<String>,
}
