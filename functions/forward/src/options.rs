//! How a configuration says that it is to be done.

use postern_host::config::Config;

use crate::forward::ForwardOptions;

impl From<&Config> for ForwardOptions {
    fn from(config: &Config) -> Self {
        let forward = &config.forward;
        Self {
            hosts: forward.hosts.clone(),
            regions: forward.regions.clone(),
            projects: config.projects.clone(),
            deploy_as: forward.deploy_as,
            permission: forward.permission.clone(),
            break_glass: forward.break_glass,
            jobs: forward.jobs,
        }
    }
}
