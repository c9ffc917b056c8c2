//! The table of what is served of Cloud KMS's API.

use crate::asked::{Action as Served, Asked};

/// What is done. The texts are full names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Locations(String),
    Location(String),
    Rings(String),
    CreateRing(String),
    Ring(String),
    Keys(String),
    CreateKey(String),
    Key(String),
    UpdateKey(String),
    Versions(String),
    CreateVersion(String),
    Version(String),
    UpdateVersion(String),
    DestroyVersion(String),
    RestoreVersion(String),
    PublicKey(String),
    Sign(String),
}

/// What a call of a path behind a project asks for; `None` if that is none of Cloud KMS's paths. The permission
/// is looked for at the resource that it is asked of; for a list and for what is yet to be, at its parent.
pub(crate) fn asked(
    method: &str,
    project: &str,
    path: &[&str],
    verb: Option<&str>,
) -> Option<Asked> {
    let ["locations", inside @ ..] = path else {
        return None;
    };
    let (action, permission): Row = match (method, inside, verb) {
        ("GET", [], None) => (Action::Locations, "locations.list"),
        ("GET", [_], None) => (Action::Location, "locations.get"),
        ("GET", [_, "keyRings"], None) => (Action::Rings, "keyRings.list"),
        ("POST", [_, "keyRings"], None) => (Action::CreateRing, "keyRings.create"),
        ("GET", [_, "keyRings", _], None) => (Action::Ring, "keyRings.get"),
        (_, [_, "keyRings", _, "cryptoKeys", key @ ..], _) => of_keys(method, key, verb)?,
        _ => return None,
    };
    // A collection is named by what it is in: `…/cryptoKeys` by its ring, `…/publicKey` by its version.
    let whole = [&["projects", project], &path[..path.len() & !1]].concat();
    let name = whole.join("/");
    Some(Asked {
        action: Served::Kms(action(name.clone())),
        resource: name,
        permission: Some(format!("cloudkms.{permission}")),
    })
}

/// What is made of a name, and the permission that it takes.
type Row = (fn(String) -> Action, &'static str);

fn of_keys(method: &str, path: &[&str], verb: Option<&str>) -> Option<Row> {
    let row: Row = match (method, path, verb) {
        ("GET", [], None) => (Action::Keys, "cryptoKeys.list"),
        ("POST", [], None) => (Action::CreateKey, "cryptoKeys.create"),
        ("GET", [_], None) => (Action::Key, "cryptoKeys.get"),
        ("PATCH", [_], None) => (Action::UpdateKey, "cryptoKeys.update"),
        (_, [_, "cryptoKeyVersions", version @ ..], _) => of_versions(method, version, verb)?,
        _ => return None,
    };
    Some(row)
}

fn of_versions(method: &str, path: &[&str], verb: Option<&str>) -> Option<Row> {
    let row: Row = match (method, path, verb) {
        ("GET", [], None) => (Action::Versions, "cryptoKeyVersions.list"),
        ("POST", [], None) => (Action::CreateVersion, "cryptoKeyVersions.create"),
        ("GET", [_], None) => (Action::Version, "cryptoKeyVersions.get"),
        ("PATCH", [_], None) => (Action::UpdateVersion, "cryptoKeyVersions.update"),
        ("POST", [_], Some("destroy")) => (Action::DestroyVersion, "cryptoKeyVersions.destroy"),
        ("POST", [_], Some("restore")) => (Action::RestoreVersion, "cryptoKeyVersions.restore"),
        ("POST", [_], Some("asymmetricSign")) => (Action::Sign, "cryptoKeyVersions.useToSign"),
        ("GET", [_, "publicKey"], None) => (Action::PublicKey, "cryptoKeyVersions.viewPublicKey"),
        _ => return None,
    };
    Some(row)
}
