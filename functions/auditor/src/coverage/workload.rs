//! What runs: Binary Authorization says nothing about what it is not asked about.

use postern_core::finding::Category;
use serde_json::Value;

use super::Gap;
use super::answer::Answer;
use super::plan::{Known, Plan, Resource};
use super::tree::{Owner, Part, Tree};

const CONSTRAINT: &str = "run.allowedBinaryAuthorizationPolicies";

/// Terraform's types of what runs on Cloud Run, with the monitored resource of their entries.
const CLOUD_RUN: [(&str, &str); 5] = [
    ("google_cloud_run_v2_service", "cloud_run_revision"),
    ("google_cloud_run_v2_job", "cloud_run_job"),
    ("google_cloud_run_v2_worker_pool", "cloud_run_worker_pool"),
    ("google_cloud_run_service", "cloud_run_revision"),
    ("google_cloudfunctions2_function", "cloud_run_revision"),
];

/// What runs, and whether it is checked.
#[derive(Debug)]
pub(super) struct Workloads {
    cloud_run: Vec<Workload>,
    clusters: Vec<Workload>,
    /// Where an organization policy makes Cloud Run ask.
    forced: Vec<Owner>,
}

#[derive(Debug)]
struct Workload {
    address: String,
    project: Option<String>,
    resource_type: &'static str,
    setting: Known<String>,
}

impl Workloads {
    pub(super) fn of(plan: &Plan) -> Self {
        let policies = plan.of(&["google_org_policy_policy"]);
        let mut cloud_run = Vec::new();
        for (kind, resource_type) in CLOUD_RUN {
            cloud_run.extend(plan.of(&[kind]).map(|resource| Workload {
                address: resource.address.clone(),
                project: resource.project().map(str::to_owned),
                resource_type,
                setting: setting(resource),
            }));
        }
        let clusters = plan.of(&["google_container_cluster"]);
        Self {
            cloud_run,
            forced: policies.filter_map(forces).collect(),
            clusters: clusters
                .map(|resource| Workload {
                    address: resource.address.clone(),
                    project: resource.project().map(str::to_owned),
                    resource_type: "k8s_cluster",
                    setting: mode(resource),
                })
                .collect(),
        }
    }

    /// What in this project would never make such an entry.
    pub(super) fn gaps(
        &self,
        entry: &Value,
        project: &str,
        category: Category,
        tree: &Tree,
    ) -> Vec<Gap> {
        let kind = entry["resource"]["type"].as_str().unwrap_or_default();
        let here = |w: &&Workload| {
            w.resource_type == kind && w.project.as_deref().is_none_or(|p| p == project)
        };
        let owner = Owner::Project(project.to_owned());
        let unread = |part| tree.unread(part, &owner).map(Gap::cannot_tell);
        let log = entry["logName"].as_str().unwrap_or_default();
        let service = entry["protoPayload"]["serviceName"].as_str();
        if service == Some("run.googleapis.com") && log.ends_with("%2Fsystem_event") {
            let forced = self.forced(&owner, tree);
            let gaps = self.cloud_run.iter().filter(here);
            let gaps = gaps.filter_map(|workload| workload.cloud_run_gap(&forced));
            return gaps.chain(unread(Part::CloudRun)).collect();
        }
        let checked = matches!(
            category,
            Category::BreakGlass
                | Category::Denied
                | Category::DryRun
                | Category::FailOpen
                | Category::CheckFailed
        );
        let continuous = category == Category::ContinuousValidation;
        if !(checked && service == Some("k8s.io") || continuous) {
            return Vec::new();
        }
        let gaps = self.clusters.iter().filter(here);
        gaps.filter_map(|cluster| cluster.cluster_gap(continuous))
            .chain(unread(Part::Clusters))
            .collect()
    }

    /// Whether an organization policy makes Cloud Run ask in this project.
    fn forced(&self, project: &Owner, tree: &Tree) -> Answer {
        let mut forced = match tree.unread(Part::Constraint, project) {
            Some(why) => Answer::Unknown(why.to_owned()),
            None => Answer::No,
        };
        for at in &self.forced {
            let holds = match at {
                at if at == project => Some(true),
                // By its number, or another one.
                Owner::Project(id) if id.bytes().all(|b| b.is_ascii_digit()) => None,
                Owner::Project(_) => Some(false),
                Owner::Organization(_) => tree.is_in(project, at).or(Some(true)),
                Owner::Folder(_) => tree.is_in(project, at),
            };
            forced = forced.or(match holds {
                Some(holds) => Answer::of(holds),
                None => Answer::Unknown(format!(
                    "whether the organization policy of {at} ({CONSTRAINT}) holds there is not in the plan"
                )),
            });
        }
        forced
    }
}

impl Workload {
    fn cloud_run_gap(&self, forced: &Answer) -> Option<Gap> {
        let address = &self.address;
        match (&self.setting, forced) {
            (Known::Is(_), _) | (_, Answer::Yes) => None,
            (Known::Later, _) => Some(later(address)),
            (Known::Absent, Answer::Unknown(why)) => Some(Gap::cannot_tell(format!(
                "{address} does not ask Binary Authorization by itself: {why}"
            ))),
            (Known::Absent, Answer::No) => {
                let remedy = if let Some(command) = command(address) {
                    format!("{command} --binary-authorization=default")
                } else if address.contains("google_cloudfunctions2_function.") {
                    format!(
                        "in service_config of {address}: binary_authorization_policy = \"projects/P/platforms/cloudRun/policies/NAME\""
                    )
                } else if address.contains("google_cloud_run_service.") {
                    format!(
                        "in metadata of {address}: annotations = {{ \"run.googleapis.com/binary-authorization\" = \"default\" }}"
                    )
                } else {
                    format!("in {address}: binary_authorization {{\n  use_default = true\n}}")
                };
                Some(Gap::blind(
                    format!(
                        "{address} does not ask Binary Authorization, and no organization policy ({CONSTRAINT}) makes it"
                    ),
                    remedy,
                ))
            }
        }
    }

    fn cluster_gap(&self, continuous: bool) -> Option<Gap> {
        let address = &self.address;
        let mode = match &self.setting {
            Known::Is(mode) => mode.as_str(),
            Known::Absent => "DISABLED",
            Known::Later => return Some(later(address)),
        };
        let remedy = |wanted: &str| match command(address) {
            Some(command) => format!("{command} --binauthz-evaluation-mode={wanted}"),
            None => {
                format!(
                    "in {address}: binary_authorization {{\n  evaluation_mode = \"{wanted}\"\n}}"
                )
            }
        };
        if continuous && !mode.starts_with("POLICY_BINDINGS") {
            return Some(Gap::blind(
                format!(
                    "{address} binds no policy that continuous validation could check (its evaluation mode is {mode})"
                ),
                remedy("POLICY_BINDINGS_AND_PROJECT_SINGLETON_POLICY_ENFORCE"),
            ));
        }
        let asked = continuous || mode.contains("PROJECT_SINGLETON_POLICY_ENFORCE");
        (!asked).then(|| {
            Gap::blind(
                format!(
                    "{address} does not ask Binary Authorization (its evaluation mode is {mode})"
                ),
                remedy("PROJECT_SINGLETON_POLICY_ENFORCE"),
            )
        })
    }
}

/// The command that changes what was read, by its name at the API. Of what stands in a plan there is none.
fn command(address: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'/');
    let parts: Vec<_> = address.split('/').collect();
    let ["projects", project, "locations", location, collection, name] = parts[..] else {
        return None;
    };
    if !address.bytes().all(plain) {
        return None;
    }
    let (command, place) = match collection {
        "services" => ("run services update", "region"),
        "jobs" => ("run jobs update", "region"),
        "workerPools" => ("run worker-pools update", "region"),
        "clusters" => ("container clusters update", "location"),
        _ => return None,
    };
    Some(format!(
        "gcloud {command} {name} --project={project} --{place}={location}"
    ))
}

fn later(address: &str) -> Gap {
    Gap::cannot_tell(format!(
        "whether {address} asks Binary Authorization is known only after the plan is applied"
    ))
}

fn setting(resource: &Resource) -> Known<String> {
    let block = match resource.kind.as_str() {
        "google_cloud_run_service" => "metadata",
        "google_cloudfunctions2_function" => "service_config",
        _ => "binary_authorization",
    };
    let found = resource.blocks(block).first().and_then(|block| {
        if block["use_default"] == true {
            return Some("default".to_owned());
        }
        let annotation = &block["annotations"]["run.googleapis.com/binary-authorization"];
        let policy = [
            &block["policy"],
            &block["binary_authorization_policy"],
            annotation,
        ];
        let mut policy = policy.into_iter().filter_map(Value::as_str);
        policy.find(|text| !text.is_empty()).map(str::to_owned)
    });
    match found {
        Some(setting) => Known::Is(setting),
        None if resource.kind == "google_cloud_run_service" => Known::Absent,
        None if resource.has_unknown(block) && block == "binary_authorization" => Known::Later,
        None => Known::Absent,
    }
}

fn mode(resource: &Resource) -> Known<String> {
    let block = resource.blocks("binary_authorization").first();
    let text = block.and_then(|block| block["evaluation_mode"].as_str());
    match text.filter(|text| !text.is_empty()) {
        Some(mode) => Known::Is(mode.to_owned()),
        None if block.is_some_and(|block| block["enabled"] == true) => {
            Known::Is("PROJECT_SINGLETON_POLICY_ENFORCE".to_owned())
        }
        None if resource.has_unknown("binary_authorization") && block.is_some() => Known::Later,
        None => Known::Absent,
    }
}

/// Where an organization policy holds that allows only named policies. One with a condition does not
/// hold everywhere.
fn forces(policy: &Resource) -> Option<Owner> {
    let Known::Is(name) = policy.text("name") else {
        return None;
    };
    let (owner, constraint) = name.split_once("/policies/")?;
    let rules = policy.value("spec")[0]["rules"].as_array();
    let mut rules = rules.into_iter().flatten();
    let forces = constraint == CONSTRAINT
        && rules.any(|rule| {
            let allowed = rule["values"][0]["allowed_values"].as_array();
            let condition = rule["condition"].as_array();
            allowed.is_some_and(|values| !values.is_empty()) && condition.is_none_or(Vec::is_empty)
        });
    forces.then(|| Owner::parse(owner))?
}
