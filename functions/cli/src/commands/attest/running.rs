//! What runs today, to be attested until something better is there.

use std::collections::BTreeSet;

use postern_core::image::ImageReference;
use postern_core::ports::{CloudRunWorkload, Runtime, RuntimeState, WorkloadKind};
use postern_core::target::Target;
use postern_host::config::Config;

use crate::outcome::Failure;

/// Where to look for what runs.
#[derive(clap::Args)]
pub(super) struct RunningArgs {
    /// Attest what runs at this target instead of an image: cloud-run:PROJECT/LOCATION/SERVICE,
    /// cloud-run-job:…, cloud-run-worker-pool:…. May be given several times.
    #[arg(
        long,
        value_name = "TARGET",
        requires = "until",
        conflicts_with = "image"
    )]
    running: Vec<Target>,
    /// Attest what runs on Cloud Run in this project: services, jobs and worker pools.
    #[arg(long, value_name = "ID", requires = "until", conflicts_with = "image")]
    project: Option<String>,
    /// Only in this location of --project; without one, in each where the project may use Cloud Run. May
    /// be given several times.
    #[arg(long, value_name = "REGION", requires = "project")]
    location: Vec<String>,
}

/// What runs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Running {
    /// Each image once, by digest.
    pub(super) images: BTreeSet<String>,
    /// What runs and cannot be attested, and why.
    pub(super) passed_over: Vec<String>,
}

impl RunningArgs {
    /// Whether anything running is meant.
    pub(super) fn is_meant(&self) -> bool {
        !self.running.is_empty() || self.project.is_some()
    }

    /// Reads everything before anything is signed: an outage leaves nothing half done.
    pub(super) async fn read(&self, config: &Config) -> Result<Running, Failure> {
        let runtime = postern_wiring::runtime(config)?.ok_or_else(|| {
            Failure::mistake("reading what runs needs the cargo feature `gcp`")
                .remedy("build with --features gcp (or full)")
        })?;
        let mut targets = self.running.clone();
        if let Some(project) = &self.project {
            targets.extend(self.in_project(project, config).await?);
        }
        let mut running = Running::default();
        for target in &targets {
            let state = state(&*runtime, target).await?;
            running.add(target, &state);
        }
        Ok(running)
    }

    async fn in_project(&self, project: &str, config: &Config) -> Result<Vec<Target>, Failure> {
        let resource = format!("projects/{project}");
        let estate = postern_wiring::estate(std::slice::from_ref(&resource), config)?;
        let locations = match self.location.is_empty() {
            true => estate.run_locations(&resource).await,
            false => Ok(self.location.clone()),
        };
        let mut targets = Vec::new();
        for location in locations.map_err(Failure::undetermined)? {
            let workloads = estate.run_workloads(&resource, &location).await;
            for workload in workloads.map_err(Failure::undetermined)? {
                targets.push(target_of(&workload)?);
            }
        }
        Ok(targets)
    }
}

async fn state(runtime: &dyn Runtime, target: &Target) -> Result<RuntimeState, Failure> {
    let state = runtime.state(target).await;
    state.map_err(|error| match error.permanent {
        true => Failure::mistake(error).remedy("write cloud-run:PROJECT/LOCATION/SERVICE"),
        false => Failure::undetermined(error),
    })
}

/// `projects/P/locations/L/services/S`, as a target.
fn target_of(workload: &CloudRunWorkload) -> Result<Target, Failure> {
    let kind = match workload.kind {
        WorkloadKind::Service => "cloud-run",
        WorkloadKind::Job => "cloud-run-job",
        WorkloadKind::WorkerPool => "cloud-run-worker-pool",
    };
    let parts: Vec<&str> = workload.name.split('/').collect();
    let target = match parts[..] {
        ["projects", project, "locations", location, _, name] => {
            format!("{kind}:{project}/{location}/{name}").parse().ok()
        }
        _ => None,
    };
    target.ok_or_else(|| Failure::undetermined(format_args!("{:?} is no workload", workload.name)))
}

impl Running {
    /// The images of what gets traffic, has a tag or an execution, and of what comes next.
    fn add(&mut self, target: &Target, state: &RuntimeState) {
        let is_next = |name: &str| state.latest.as_deref() == Some(name);
        let revisions = state.revisions.iter();
        let current = revisions.filter(|one| one.is_in_use() || is_next(&one.name));
        let mut none = true;
        for revision in current {
            for image in &revision.images {
                none = false;
                match ImageReference::parse(image) {
                    Ok(parsed) if parsed.digest().is_some() => {
                        self.images.insert(parsed.to_string());
                    }
                    _ => self.passed_over.push(format!(
                        "{target} runs {image} ({}), which is not named by digest",
                        revision.name
                    )),
                }
            }
        }
        if none {
            self.passed_over.push(format!("nothing runs at {target}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use postern_core::ports::RunningRevision;

    use super::*;

    #[test]
    fn what_is_in_use_or_comes_next_is_attested_and_a_tag_is_not() {
        let digest = |byte: &str| format!("eu.example.com/shop/app@sha256:{}", byte.repeat(32));
        let revision = |name: &str, images: &[String], traffic_percent| RunningRevision {
            name: name.to_owned(),
            images: images.to_vec(),
            traffic_percent,
            ..RunningRevision::default()
        };
        let state = RuntimeState {
            revisions: vec![
                revision("web-1", &[digest("a1")], 0),
                revision("web-2", &[digest("a2"), digest("a3")], 100),
                revision(
                    "web-3",
                    &[digest("a2"), "eu.example.com/shop/side:v1".to_owned()],
                    0,
                ),
            ],
            latest: Some("web-3".to_owned()),
        };
        let target = "cloud-run:demo-mart/europe-west1/web".parse().unwrap();
        let mut running = Running::default();
        running.add(&target, &state);
        assert_eq!(running.images, [digest("a2"), digest("a3")].into());
        insta::assert_snapshot!(running.passed_over.join("\n"), @"cloud-run:demo-mart/europe-west1/web runs eu.example.com/shop/side:v1 (web-3), which is not named by digest");
        running.add(&target, &RuntimeState::default());
        assert!(running.passed_over[1].starts_with("nothing runs at"));
    }

    #[test]
    fn a_workload_is_a_target() {
        let target = |kind, name: &str| {
            target_of(&CloudRunWorkload {
                kind,
                name: name.to_owned(),
                binary_authorization: None,
            })
            .map(|target| target.to_string())
        };
        let job = target(
            WorkloadKind::Job,
            "projects/p/locations/europe-west1/jobs/night",
        );
        assert_eq!(job.unwrap(), "cloud-run-job:p/europe-west1/night");
        assert!(target(WorkloadKind::Service, "projects/p").is_err());
    }
}
