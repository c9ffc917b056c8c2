//! `gcloud` with a folder of its own, which asks nobody but whom a test names.

use std::process::Command;

use super::World;

/// `gcloud` with these words. Of Google's APIs, those of these names (as in
/// `CLOUDSDK_API_ENDPOINT_OVERRIDES_NAME`) are at this address.
pub(crate) fn gcloud(world: &World, apis: &[&str], address: &str, words: &[&str]) -> Command {
    let mut command = Command::new("gcloud");
    command
        .current_dir(world.folder())
        .env("CLOUDSDK_CONFIG", world.path("gcloud"))
        .env("CLOUDSDK_CORE_PROJECT", "demo-project")
        .env("CLOUDSDK_CORE_DISABLE_PROMPTS", "1")
        .env("CLOUDSDK_CORE_DISABLE_USAGE_REPORTING", "true")
        .env("CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK", "true")
        .env("CLOUDSDK_AUTH_ACCESS_TOKEN", "synthetic")
        .args(words);
    for api in apis {
        command.env(
            format!("CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}"),
            format!("{}/", address.trim_end_matches('/')),
        );
    }
    command
}
