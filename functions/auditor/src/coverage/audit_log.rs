//! Data Access audit logs: which are written is configured, and most are not by default.
//!
//! Source: Cloud Logging, "Configure Data Access audit logs". Admin Activity and System Event are
//! always written.

use serde_json::Value;

use super::plan::{Known, Plan, Resource};
use super::tree::{Owner, Part, Tree, owner_of};
use super::{Gap, State};

const DATA_ACCESS: &str = "cloudaudit.googleapis.com%2Fdata_access";

/// Which kind of access a method is, where that is documented, by its last word.
const METHODS: [(&str, &str, &str); 12] = [
    ("cloudkms.googleapis.com", "AsymmetricSign", "DATA_READ"),
    ("cloudkms.googleapis.com", "MacSign", "DATA_READ"),
    (
        "containeranalysis.googleapis.com",
        "CreateOccurrence",
        "DATA_WRITE",
    ),
    (
        "containeranalysis.googleapis.com",
        "BatchCreateOccurrences",
        "DATA_WRITE",
    ),
    (
        "containeranalysis.googleapis.com",
        "UpdateOccurrence",
        "DATA_WRITE",
    ),
    (
        "containeranalysis.googleapis.com",
        "DeleteOccurrence",
        "DATA_WRITE",
    ),
    (
        "containeranalysis.googleapis.com",
        "CreateNote",
        "DATA_WRITE",
    ),
    (
        "containeranalysis.googleapis.com",
        "UpdateNote",
        "DATA_WRITE",
    ),
    (
        "containeranalysis.googleapis.com",
        "DeleteNote",
        "DATA_WRITE",
    ),
    (
        "artifactregistry.googleapis.com",
        "Docker-PutManifest",
        "DATA_WRITE",
    ),
    (
        "secretmanager.googleapis.com",
        "AccessSecretVersion",
        "DATA_READ",
    ),
    ("pubsub.googleapis.com", "Publish", "DATA_WRITE"),
];

const ALL: [&str; 3] = ["ADMIN_READ", "DATA_READ", "DATA_WRITE"];

/// The audit configurations of a plan.
#[derive(Debug)]
pub(super) struct AuditLogs(Vec<Configuration>);

#[derive(Debug)]
struct Configuration {
    address: String,
    owner: Option<Owner>,
    service: String,
    /// The kinds that are on, each with whom it leaves out.
    kinds: Vec<(String, Vec<String>)>,
    uncertain: bool,
}

impl AuditLogs {
    pub(super) fn of(plan: &Plan) -> Self {
        let blocks = plan.of(&[
            "google_project_iam_audit_config",
            "google_folder_iam_audit_config",
            "google_organization_iam_audit_config",
        ]);
        let policies = plan.of(&[
            "google_project_iam_policy",
            "google_folder_iam_policy",
            "google_organization_iam_policy",
        ]);
        let mut all: Vec<_> = blocks.map(|r| Configuration::of_block(plan, r)).collect();
        all.extend(policies.flat_map(|r| Configuration::of_policy(plan, r)));
        Self(all)
    }

    /// What keeps an entry from being written.
    pub(super) fn gaps(&self, entry: &Value, owner: &Owner, tree: &Tree) -> Vec<Gap> {
        let log = entry["logName"].as_str().unwrap_or_default();
        if !log.ends_with(DATA_ACCESS) {
            return Vec::new();
        }
        let service = entry["protoPayload"]["serviceName"]
            .as_str()
            .unwrap_or_default();
        let method = entry["protoPayload"]["methodName"]
            .as_str()
            .unwrap_or_default();
        let last = method.rsplit(['.', '/']).next().unwrap_or_default();
        let known = METHODS
            .iter()
            .find(|(s, name, _)| *s == service && *name == last);
        let needed = known.map_or(&ALL[..], |(_, _, kind)| std::slice::from_ref(kind));
        let mut gaps = Vec::new();
        for kind in needed {
            gaps.extend(self.gap(service, kind, owner, tree));
        }
        // Which of them it is, is not documented for this method: some may do.
        let off = gaps.iter().filter(|gap| gap.state == State::Blind).count();
        if known.is_none() && off > 0 && off < needed.len() {
            return vec![Gap::cannot_tell(format!(
                "only some Data Access logs of {service} are on; which of them {last} is in is not known"
            ))];
        }
        gaps
    }

    fn gap(&self, service: &str, kind: &str, owner: &Owner, tree: &Tree) -> Option<Gap> {
        let here = |c: &&Configuration| {
            let concerned = c.concerns(owner, tree) != Some(false);
            (c.service == service || c.service == "allServices") && concerned
        };
        // What was not read may switch the log on, and may leave somebody out.
        let part = Part::AuditConfigs;
        let unread = tree
            .unread(part, owner)
            .or_else(|| tree.unread_above(part, owner));
        let on: Vec<_> = self
            .0
            .iter()
            .filter(here)
            .filter_map(|c| Some((c, &c.kinds.iter().find(|(k, _)| k == kind)?.1)))
            .collect();
        if on.is_empty() {
            let uncertain = self.0.iter().filter(here).find(|c| c.uncertain);
            return Some(match uncertain {
                Some(c) => Gap::cannot_tell(format!(
                    "{} is known only after the plan is applied",
                    c.address
                )),
                None => unread.map_or_else(|| off(service, kind, owner), Gap::cannot_tell),
            });
        }
        // Whom one of them leaves out, all leave out.
        if let Some((c, left_out)) = on.iter().find(|(_, left_out)| !left_out.is_empty()) {
            let shown: Vec<_> = left_out.iter().take(5).map(String::as_str).collect();
            return Some(Gap::blind(
                format!(
                    "{} leaves calls by {} out of {kind} of {service}",
                    c.address,
                    shown.join(", ")
                ),
                format!("in {}: remove exempted_members", c.address),
            ));
        }
        if let Some(why) = unread {
            return Some(Gap::cannot_tell(why));
        }
        let certain = on
            .iter()
            .any(|(c, _)| c.concerns(owner, tree) == Some(true));
        (!certain).then(|| {
            Gap::cannot_tell(format!(
                "whether the project is where {} holds is not in the plan",
                on[0].0.address
            ))
        })
    }
}

impl Configuration {
    fn of_block(plan: &Plan, resource: &Resource) -> Self {
        let service = match resource.text("service") {
            Known::Is(service) => service.to_owned(),
            _ => "allServices".to_owned(),
        };
        let kinds = resource.blocks("audit_log_config").iter().map(kind);
        Self {
            address: resource.address.clone(),
            owner: owner_of(plan, resource),
            kinds: kinds.collect(),
            uncertain: resource.has_unknown("audit_log_config")
                || resource.text("service") == Known::Later,
            service,
        }
    }

    /// A whole policy may hold audit configurations as well.
    fn of_policy(plan: &Plan, resource: &Resource) -> Vec<Self> {
        let whole = |service: &str, kinds, uncertain| Self {
            address: resource.address.clone(),
            owner: owner_of(plan, resource),
            service: service.to_owned(),
            kinds,
            uncertain,
        };
        let Known::Is(text) = resource.text("policy_data") else {
            return vec![whole("allServices", Vec::new(), true)];
        };
        let policy: Value = serde_json::from_str(text).unwrap_or_default();
        let configurations = policy["auditConfigs"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let one = |config: &Value| {
            let kinds = config["auditLogConfigs"].as_array().into_iter().flatten();
            let service = config["service"].as_str().unwrap_or_default();
            whole(service, kinds.map(kind).collect(), false)
        };
        configurations.iter().map(one).collect()
    }

    /// `None`: of a folder that the project may or may not be in.
    fn concerns(&self, owner: &Owner, tree: &Tree) -> Option<bool> {
        match self.owner.as_ref() {
            None => None,
            Some(own) if own.may_be(owner) => Some(true),
            Some(Owner::Project(_)) => Some(false),
            Some(own @ Owner::Organization(_)) => tree.is_in(owner, own).or(Some(true)),
            Some(_) if matches!(owner, Owner::Organization(_)) => Some(false),
            Some(own) => tree.is_in(owner, own),
        }
    }
}

/// In Terraform's spelling or in the API's.
fn kind(block: &Value) -> (String, Vec<String>) {
    let either = |a: &str, b: &str| match &block[a] {
        Value::Null => block[b].clone(),
        value => value.clone(),
    };
    let members = either("exempted_members", "exemptedMembers");
    let members = members.as_array().into_iter().flatten();
    let members = members.filter_map(|m| Some(m.as_str()?.to_owned()));
    let kind = either("log_type", "logType");
    (
        kind.as_str().unwrap_or_default().to_owned(),
        members.collect(),
    )
}

fn off(service: &str, kind: &str, owner: &Owner) -> Gap {
    let (resource, argument, place) = match owner {
        Owner::Project(p) => (
            "google_project_iam_audit_config",
            format!("project = \"{p}\""),
            format!("project {p}"),
        ),
        Owner::Folder(_) => (
            "google_folder_iam_audit_config",
            "folder  = \"FOLDER\"".to_owned(),
            "the folder".to_owned(),
        ),
        Owner::Organization(_) => (
            "google_organization_iam_audit_config",
            "org_id  = \"ORGANIZATION\"".to_owned(),
            "the organization".to_owned(),
        ),
    };
    let name = service.split('.').next().unwrap_or_default();
    Gap::blind(
        format!("{place} does not log {kind} of {service}"),
        format!(
            "resource \"{resource}\" \"{name}\" {{\n  {argument}\n  service = \"{service}\"\n  audit_log_config {{\n    log_type = \"{kind}\"\n  }}\n}}"
        ),
    )
}
