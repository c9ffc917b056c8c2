//! Terraform in a folder, with the provider that `tests/tools/google-provider` built.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A configuration that is initialised.
pub(super) struct Terraform {
    folder: PathBuf,
    settings: PathBuf,
}

/// Where the modules are.
fn modules() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../terraform");
    root.canonicalize().unwrap()
}

impl Terraform {
    /// In a folder of its own in this one: for the APIs of the chain of trust at `google`, and Pub/Sub.
    pub(super) fn new(world: &Path, configuration: &str, google: &str, pubsub: &str) -> Self {
        let folder = world.join("terraform");
        std::fs::create_dir(&folder).unwrap();
        // A module is named by a relative path, or it is copied.
        let modules_here = folder.join("modules");
        std::os::unix::fs::symlink(modules(), &modules_here).unwrap();
        let configuration = configuration.replace("MODULES", "./modules");
        let google = format!("{google}/v1/");
        let pubsub = format!("{pubsub}/v1/");
        let main = format!(
            r#"
terraform {{
  required_providers {{
    google = {{
      source = "hashicorp/google"
    }}
  }}
}}
provider "google" {{
  project                              = "demo-mart-security"
  access_token                         = "synthetic"
  add_terraform_attribution_label      = false
  binary_authorization_custom_endpoint = "{google}"
  container_analysis_custom_endpoint   = "{google}"
  resource_manager_custom_endpoint     = "{google}"
  cloud_billing_custom_endpoint        = "{google}"
  service_usage_custom_endpoint        = "{google}"
  kms_custom_endpoint                  = "{google}"
  pubsub_custom_endpoint               = "{pubsub}"
  batching {{
    enable_batching = false
  }}
}}
{configuration}"#
        );
        std::fs::write(folder.join("main.tf"), main).unwrap();
        let terraform = Self {
            settings: settings(world),
            folder,
        };
        terraform.run(&["init", "-input=false"], &[]);
        terraform
    }

    /// Makes it so.
    pub(super) fn apply(&self, variables: &[&str]) {
        self.run(&["apply", "-auto-approve", "-input=false"], variables);
    }

    /// Takes it down.
    pub(super) fn destroy(&self, variables: &[&str]) {
        self.run(&["destroy", "-auto-approve", "-input=false"], variables);
    }

    /// Fails the test unless there is nothing to change any more.
    pub(super) fn is_settled(&self, variables: &[&str]) {
        let plan = ["plan", "-detailed-exitcode", "-input=false"];
        let output = self.output(&plan, variables);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// What would be applied, as JSON.
    pub(super) fn plan(&self, variables: &[&str]) -> Vec<u8> {
        self.run(&["plan", "-out=plan", "-input=false"], variables);
        self.run(&["show", "-json", "plan"], &[])
    }

    /// What would be destroyed, as JSON.
    pub(super) fn plan_to_destroy(&self, variables: &[&str]) -> Vec<u8> {
        self.run(
            &["plan", "-destroy", "-out=plan", "-input=false"],
            variables,
        );
        self.run(&["show", "-json", "plan"], &[])
    }

    /// What the provider knows.
    pub(super) fn schema(&self) -> Value {
        let schema = self.run(&["providers", "schema", "-json"], &[]);
        serde_json::from_slice(&schema).unwrap()
    }

    /// What Terraform has, as JSON.
    pub(super) fn state(&self) -> Vec<u8> {
        self.run(&["show", "-json"], &[])
    }

    /// Validates a module and runs its own tests.
    pub(super) fn test(&self) {
        self.run(&["init", "-input=false", "-backend=false"], &[]);
        self.run(&["validate"], &[]);
        self.run(&["test"], &[]);
    }

    fn run(&self, words: &[&str], variables: &[&str]) -> Vec<u8> {
        let output = self.output(words, variables);
        assert!(
            output.status.success(),
            "terraform {words:?} in {}: {}\n{}{}",
            self.folder.display(),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    fn output(&self, words: &[&str], variables: &[&str]) -> Output {
        let mut command = Command::new("terraform");
        command
            .current_dir(&self.folder)
            .args(words)
            .env("TF_CLI_CONFIG_FILE", &self.settings)
            .env("TF_CLI_ARGS", "-no-color")
            .env("CHECKPOINT_DISABLE", "1");
        for (name, _) in std::env::vars() {
            if name.starts_with("GOOGLE_") || name.starts_with("TF_VAR_") {
                command.env_remove(name);
            }
        }
        for variable in variables {
            command.args(["-var", variable]);
        }
        postern_tests::output(&mut command)
    }
}

/// Copies of all modules, in which Terraform may leave what it likes.
pub(super) fn every_module(world: &Path) -> Vec<Terraform> {
    let copy = world.join("modules");
    postern_tests::run(Command::new("cp").arg("-r").arg(modules()).arg(&copy));
    let mut folders: Vec<PathBuf> = std::fs::read_dir(copy.join("gcp"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    assert!(folders.len() > 5, "{folders:?}");
    let settings = settings(world);
    let module = |folder| Terraform {
        folder,
        settings: settings.clone(),
    };
    folders.into_iter().map(module).collect()
}

/// Says where the provider is, and that there is no other place.
fn settings(world: &Path) -> PathBuf {
    let mirror = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../target/tools/terraform-mirror"
    );
    let mirror = Path::new(mirror).canonicalize().unwrap();
    let file = world.join("terraformrc");
    let text = format!(
        "disable_checkpoint = true\nprovider_installation {{\n  filesystem_mirror {{\n    path = {mirror:?}\n  }}\n}}\n"
    );
    std::fs::write(&file, text).unwrap();
    file
}
