//! The table of what is served: which path is which action, and which permission it takes.

use postern_core::attestor::{AttestorName, NoteName};

use crate::call::Call;
use crate::error::{ApiError, Code};
use crate::kms;
use crate::platforms;

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) action: Action,
    /// What it is asked of, and what permissions are looked for at.
    pub(crate) resource: String,
    /// What the caller needs; `None`: everybody may ask.
    pub(crate) permission: Option<String>,
}

/// What is done. The texts are projects' ids, or occurrences' names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Project(String),
    Billing(String),
    Services(String),
    EnableServices(String),
    Service { project: String, service: String },
    EnableService { project: String, service: String },
    Policy(String),
    UpdatePolicy(String),
    Attestors(String),
    CreateAttestor(String),
    Attestor(AttestorName),
    UpdateAttestor(AttestorName),
    DeleteAttestor(AttestorName),
    Validate(AttestorName),
    Notes(String),
    CreateNote(String),
    CreateNotes(String),
    Note(NoteName),
    UpdateNote(NoteName),
    DeleteNote(NoteName),
    OccurrencesOnNote(NoteName),
    Occurrences(String),
    CreateOccurrence(String),
    CreateOccurrences(String),
    VulnerabilitySummary(String),
    Occurrence(String),
    NoteOfOccurrence(String),
    UpdateOccurrence(String),
    DeleteOccurrence(String),
    Kms(kms::Action),
    Platforms(String),
    PlatformPolicies(String),
    CreatePlatformPolicy(String),
    PlatformPolicy(String),
    ReplacePlatformPolicy(String),
    DeletePlatformPolicy(String),
    EvaluateGkePolicy(String),
    IamPolicy,
    SetIamPolicy,
    TestIamPermissions,
}

/// # Errors
/// `UNIMPLEMENTED` if that is not served.
pub(crate) fn asked(call: &Call) -> Result<Asked, ApiError> {
    let mut segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    // Notes and occurrences are kept in one place: those of a location are those of the project.
    if let [_, "locations", _, "notes" | "occurrences", ..] = segments[..] {
        segments.drain(1..3);
    }
    if let [project, path @ ..] = &segments[..]
        && !project.is_empty()
    {
        let verb = call.verb.as_deref();
        if call.version == "v1"
            && let Some(asked) = kms::asked(call.method.as_str(), project, path, verb)
                .or_else(|| of_platforms(call.method.as_str(), project, path, verb))
        {
            return Ok(asked);
        }
        let found = match verb {
            Some("getIamPolicy" | "setIamPolicy" | "testIamPermissions") => iam(call, path),
            _ => action(call.method.as_str(), project, path, verb),
        };
        if let Some((action, permission)) = found {
            return Ok(Asked {
                resource: resource(&action, &segments),
                action,
                permission,
            });
        }
    }
    Err(unknown(call))
}

fn action(
    method: &str,
    project: &str,
    path: &[&str],
    verb: Option<&str>,
) -> Option<(Action, Option<String>)> {
    let p = || project.to_owned();
    let attestor = |id: &str| AttestorName {
        project: p(),
        id: id.to_owned(),
    };
    let note = |id: &str| NoteName {
        project: p(),
        id: id.to_owned(),
    };
    let occurrence = |id: &str| format!("projects/{project}/occurrences/{id}");
    let (action, permission) = match (method, path, verb) {
        ("GET", [], None) => (Action::Project(p()), "resourcemanager.projects.get"),
        ("GET", ["billingInfo"], None) => (Action::Billing(p()), "resourcemanager.projects.get"),
        ("GET", ["services", service], None) => {
            let service = (*service).to_owned();
            (
                Action::Service {
                    project: p(),
                    service,
                },
                "serviceusage.services.get",
            )
        }
        ("POST", ["services", service], Some("enable")) => {
            let service = (*service).to_owned();
            (
                Action::EnableService {
                    project: p(),
                    service,
                },
                "serviceusage.services.enable",
            )
        }
        ("GET", ["services"], None) => (Action::Services(p()), "serviceusage.services.list"),
        ("POST", ["services"], Some("batchEnable")) => {
            (Action::EnableServices(p()), "serviceusage.services.enable")
        }
        ("GET", ["policy"], None) => (Action::Policy(p()), "binaryauthorization.policy.get"),
        ("PUT", ["policy"], None) => (
            Action::UpdatePolicy(p()),
            "binaryauthorization.policy.update",
        ),
        ("GET", ["attestors"], None) => {
            (Action::Attestors(p()), "binaryauthorization.attestors.list")
        }
        ("POST", ["attestors"], None) => (
            Action::CreateAttestor(p()),
            "binaryauthorization.attestors.create",
        ),
        ("GET", ["attestors", id], None) => (
            Action::Attestor(attestor(id)),
            "binaryauthorization.attestors.get",
        ),
        ("PUT", ["attestors", id], None) => (
            Action::UpdateAttestor(attestor(id)),
            "binaryauthorization.attestors.update",
        ),
        ("DELETE", ["attestors", id], None) => (
            Action::DeleteAttestor(attestor(id)),
            "binaryauthorization.attestors.delete",
        ),
        ("POST", ["attestors", id], Some("validateAttestationOccurrence")) => (
            Action::Validate(attestor(id)),
            "binaryauthorization.attestors.verifyImageAttested",
        ),
        ("GET", ["notes"], None) => (Action::Notes(p()), "containeranalysis.notes.list"),
        ("POST", ["notes"], None) => (Action::CreateNote(p()), "containeranalysis.notes.create"),
        ("POST", ["notes"], Some("batchCreate")) => {
            (Action::CreateNotes(p()), "containeranalysis.notes.create")
        }
        ("GET", ["notes", id], None) => (Action::Note(note(id)), "containeranalysis.notes.get"),
        ("PATCH", ["notes", id], None) => (
            Action::UpdateNote(note(id)),
            "containeranalysis.notes.update",
        ),
        ("DELETE", ["notes", id], None) => (
            Action::DeleteNote(note(id)),
            "containeranalysis.notes.delete",
        ),
        ("GET", ["notes", id, "occurrences"], None) => (
            Action::OccurrencesOnNote(note(id)),
            "containeranalysis.notes.listOccurrences",
        ),
        ("GET", ["occurrences"], None) => (
            Action::Occurrences(p()),
            "containeranalysis.occurrences.list",
        ),
        ("GET", ["occurrences"], Some("vulnerabilitySummary")) => (
            Action::VulnerabilitySummary(p()),
            "containeranalysis.occurrences.list",
        ),
        ("POST", ["occurrences"], None) => (
            Action::CreateOccurrence(p()),
            "containeranalysis.occurrences.create",
        ),
        ("POST", ["occurrences"], Some("batchCreate")) => (
            Action::CreateOccurrences(p()),
            "containeranalysis.occurrences.create",
        ),
        ("GET", ["occurrences", id], None) => (
            Action::Occurrence(occurrence(id)),
            "containeranalysis.occurrences.get",
        ),
        ("GET", ["occurrences", id, "notes"], None) => (
            Action::NoteOfOccurrence(occurrence(id)),
            "containeranalysis.occurrences.get",
        ),
        ("PATCH", ["occurrences", id], None) => (
            Action::UpdateOccurrence(occurrence(id)),
            "containeranalysis.occurrences.update",
        ),
        ("DELETE", ["occurrences", id], None) => (
            Action::DeleteOccurrence(occurrence(id)),
            "containeranalysis.occurrences.delete",
        ),
        _ => return None,
    };
    Some((action, Some(permission.to_owned())))
}

/// Platform policies, which there are in v1 only. What is asked of them is asked of the project.
fn of_platforms(method: &str, project: &str, path: &[&str], verb: Option<&str>) -> Option<Asked> {
    let resource = format!("projects/{project}");
    let name = |length: usize| format!("{resource}/{}", path[..length].join("/"));
    let (action, permission) = match (method, path, verb) {
        ("GET", ["platforms"], None) => (Action::Platforms(project.to_owned()), "list"),
        (_, ["platforms", platform, "policies", ..], _)
            if !platforms::PLATFORMS.contains(platform) =>
        {
            return None;
        }
        ("GET", ["platforms", _, "policies"], None) => (Action::PlatformPolicies(name(2)), "list"),
        ("POST", ["platforms", _, "policies"], None) => {
            (Action::CreatePlatformPolicy(name(2)), "create")
        }
        ("GET", ["platforms", _, "policies", _], None) => (Action::PlatformPolicy(name(4)), "get"),
        ("PUT", ["platforms", _, "policies", _], None) => {
            (Action::ReplacePlatformPolicy(name(4)), "replace")
        }
        ("DELETE", ["platforms", _, "policies", _], None) => {
            (Action::DeletePlatformPolicy(name(4)), "delete")
        }
        ("POST", ["platforms", "gke", "policies", _], Some("evaluate")) => {
            (Action::EvaluateGkePolicy(name(4)), "evaluatePolicy")
        }
        _ => return None,
    };
    let permission = format!("binaryauthorization.platformPolicies.{permission}");
    Some(Asked {
        action,
        resource,
        permission: Some(permission),
    })
}

/// The IAM methods, alike for everything that has bindings.
fn iam(call: &Call, path: &[&str]) -> Option<(Action, Option<String>)> {
    let of = match path {
        [] => "resourcemanager.projects",
        ["policy"] => "binaryauthorization.policy",
        ["attestors", _] => "binaryauthorization.attestors",
        ["notes", _] => "containeranalysis.notes",
        ["occurrences", _] => "containeranalysis.occurrences",
        ["locations", _, "keyRings", _] => "cloudkms.keyRings",
        ["locations", _, "keyRings", _, "cryptoKeys", _] => "cloudkms.cryptoKeys",
        _ => return None,
    };
    match (call.method.as_str(), call.verb.as_deref()) {
        ("GET" | "POST", Some("getIamPolicy")) => {
            Some((Action::IamPolicy, Some(format!("{of}.getIamPolicy"))))
        }
        ("POST", Some("setIamPolicy")) => {
            Some((Action::SetIamPolicy, Some(format!("{of}.setIamPolicy"))))
        }
        ("POST", Some("testIamPermissions")) => Some((Action::TestIamPermissions, None)),
        _ => None,
    }
}

/// Where the permission is looked for: at the resource itself; for a list and for what is yet to be, at the
/// project; for occurrences on a note, at the note.
fn resource(action: &Action, segments: &[&str]) -> String {
    let behind = match (action, segments.len()) {
        (Action::Policy(_) | Action::UpdatePolicy(_), _) => 2,
        (Action::IamPolicy | Action::SetIamPolicy | Action::TestIamPermissions, length) => length,
        (Action::Service { .. } | Action::EnableService { .. }, _) | (_, ..=2) => 1,
        _ => 3,
    };
    format!(
        "projects/{}",
        segments[..behind.min(segments.len())].join("/")
    )
}

fn unknown(call: &Call) -> ApiError {
    let path = postern_core::image::shortened(&call.segments.join("/"));
    let verb = call
        .verb
        .as_ref()
        .map(|verb| format!(":{verb}"))
        .unwrap_or_default();
    let message = format!(
        "{} /{}/projects/{path}{verb} is not served here",
        call.method, call.version
    );
    ApiError::new(Code::Unimplemented, message)
}
