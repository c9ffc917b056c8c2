//! Which project is in which folder and organization, and what could not be read of them.

use std::collections::BTreeMap;

use super::plan::{Known, Plan, Resource};

/// Folders within folders: more than Google Cloud allows.
const DEPTH: usize = 32;

/// Whose log an entry stands in. A name that is empty is not known: it may be any of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    Project(String),
    /// By number; before it is made, by its address in the plan.
    Folder(String),
    Organization(String),
}

/// What could not be read, and why.
#[derive(Debug, Clone)]
pub(super) struct Unread {
    pub(super) part: Part,
    pub(super) owner: Owner,
    pub(super) why: String,
}

/// What there is to be read of a project, a folder or an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// What it is in.
    Above,
    /// What is in it.
    Below,
    Sinks,
    Subscriptions,
    AuditConfigs,
    CloudRun,
    Clusters,
    Constraint,
}

/// What is above what.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// What each is in: `None` is nothing. What is missing is not known.
    parents: BTreeMap<Owner, Option<Owner>>,
    unread: Vec<Unread>,
}

impl Owner {
    /// Reads `projects/P`, `folders/N` or `organizations/N`.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (kind, id) = name.split_once('/')?;
        match kind {
            "projects" => Some(Self::Project(id.to_owned())),
            "folders" => Some(Self::Folder(id.to_owned())),
            "organizations" => Some(Self::Organization(id.to_owned())),
            _ => None,
        }
    }

    fn is_known(&self) -> bool {
        let (Self::Project(id) | Self::Folder(id) | Self::Organization(id)) = self;
        !id.is_empty()
    }

    /// Whether both may be the same.
    pub(super) fn may_be(&self, other: &Self) -> bool {
        let alike = std::mem::discriminant(self) == std::mem::discriminant(other);
        self == other || (alike && !(self.is_known() && other.is_known()))
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, id) = match self {
            Self::Project(id) => ("project", id),
            Self::Folder(id) => ("folder", id),
            Self::Organization(id) => ("organization", id),
        };
        write!(f, "{kind} {id}")
    }
}

impl Tree {
    /// What a plan says: of projects and folders that stand in it, and of what was read.
    pub(super) fn of(plan: &Plan) -> Self {
        let mut parents = plan.parents.clone();
        for project in plan.of(&["google_project"]) {
            let Known::Is(id) = project.text("project_id") else {
                continue;
            };
            let folder = owner_named(plan, project, "folder_id");
            let organization = || match project.text("org_id") {
                Known::Is(id) => Some(Owner::Organization(last(id))),
                _ => None,
            };
            if let Some(parent) = folder.or_else(organization) {
                parents.insert(Owner::Project(id.to_owned()), Some(parent));
            }
        }
        for folder in plan.of(&["google_folder"]) {
            if let Some(parent) = owner_named(plan, folder, "parent") {
                parents.insert(folder_of(folder), Some(parent));
            }
        }
        Self {
            parents,
            unread: plan.unread.clone(),
        }
    }

    /// Whether one is in the other, at whatever depth; `None` if that is not known.
    pub(super) fn is_in(&self, owner: &Owner, above: &Owner) -> Option<bool> {
        let mut at = owner;
        for _ in 0..DEPTH {
            match self.parents.get(at) {
                Some(Some(parent)) if parent == above => return Some(true),
                // Nothing is above an organization.
                Some(Some(Owner::Organization(id))) if !id.is_empty() && above.is_known() => {
                    return Some(false);
                }
                Some(Some(parent)) => at = parent,
                Some(None) => return Some(false),
                None => return None,
            }
        }
        None
    }

    /// Every project, folder and organization that is known of.
    pub(super) fn all(&self) -> impl Iterator<Item = &Owner> {
        let parents = self.parents.values().flatten();
        let unread = self.unread_anywhere(Part::Above);
        let all = self.parents.keys().chain(parents);
        all.chain(unread.map(|unread| &unread.owner))
    }

    /// Why this part of this very owner was not read.
    pub(super) fn unread(&self, part: Part, owner: &Owner) -> Option<&str> {
        let found = self
            .unread
            .iter()
            .find(|unread| unread.part == part && unread.owner == *owner);
        found.map(|unread| unread.why.as_str())
    }

    /// Why this part was not read, of whatever.
    pub(super) fn unread_anywhere(&self, part: Part) -> impl Iterator<Item = &Unread> {
        self.unread.iter().filter(move |unread| unread.part == part)
    }

    /// Why this part was not read above an owner: of a folder or organization that it is or may be in,
    /// or because it is not known what it is in.
    pub(super) fn unread_above(&self, part: Part, owner: &Owner) -> Option<&str> {
        let found = self.unread.iter().find(|unread| match unread.part {
            Part::Above => unread.owner == *owner || self.is_in(owner, &unread.owner) == Some(true),
            kind => {
                kind == part
                    && !matches!(unread.owner, Owner::Project(_))
                    && unread.owner != *owner
                    && !matches!(owner, Owner::Organization(_))
                    && self.is_in(owner, &unread.owner) != Some(false)
            }
        });
        found.map(|unread| unread.why.as_str())
    }
}

impl Unread {
    /// The project whose subscriptions were not read, and why.
    pub(super) fn of_subscriptions(&self) -> Option<(&str, &str)> {
        match (self.part, &self.owner) {
            (Part::Subscriptions, Owner::Project(id)) => Some((id, &self.why)),
            _ => None,
        }
    }
}

/// Whose a resource is, by its type: of a project, a folder or an organization. `None`: of a project
/// that is not known.
pub(super) fn owner_of(plan: &Plan, resource: &Resource) -> Option<Owner> {
    if resource.kind.contains("_folder_") {
        let folder = owner_named(plan, resource, "folder");
        return Some(folder.unwrap_or(Owner::Folder(String::new())));
    }
    if resource.kind.contains("_organization_") {
        let id = match resource.text("org_id") {
            Known::Is(id) => last(id),
            _ => String::new(),
        };
        return Some(Owner::Organization(id));
    }
    resource.project().map(|p| Owner::Project(p.to_owned()))
}

/// The folder or organization that an argument names, by its value or by its expression.
fn owner_named(plan: &Plan, resource: &Resource, argument: &str) -> Option<Owner> {
    if let Known::Is(text) = resource.text(argument) {
        return Some(match text.strip_prefix("organizations/") {
            Some(id) => Owner::Organization(id.to_owned()),
            None => Owner::Folder(last(text)),
        });
    }
    let mut named = resource
        .references(argument)
        .flat_map(|base| plan.at(base))
        .filter(|resource| resource.kind == "google_folder");
    let folder = named.next()?;
    // One of several that are made alike.
    named.next().is_none().then(|| folder_of(folder))
}

fn folder_of(folder: &Resource) -> Owner {
    let number = ["folder_id", "name"].map(|name| folder.text(name));
    let number = number.into_iter().find_map(|number| match number {
        Known::Is(number) => Some(last(number)),
        _ => None,
    });
    Owner::Folder(number.unwrap_or_else(|| folder.address.clone()))
}

fn last(name: &str) -> String {
    name.rsplit('/').next().unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(parents: &[(&str, Option<&str>)], unread: Vec<Unread>) -> Tree {
        let owner = |name: &str| Owner::parse(name).unwrap();
        let parents = parents
            .iter()
            .map(|(child, parent)| (owner(child), parent.map(owner)));
        Tree {
            parents: parents.collect(),
            unread,
        }
    }

    fn is_in(tree: &Tree, owner: &str, above: &str) -> Option<bool> {
        tree.is_in(&Owner::parse(owner).unwrap(), &Owner::parse(above).unwrap())
    }

    #[test]
    fn what_is_not_known_is_not_a_no() {
        let tree = tree(
            &[
                ("projects/a", Some("folders/1")),
                ("folders/1", Some("folders/2")),
                ("projects/b", Some("organizations/9")),
                ("projects/c", None),
            ],
            Vec::new(),
        );
        assert_eq!(is_in(&tree, "projects/a", "folders/2"), Some(true));
        assert_eq!(is_in(&tree, "projects/a", "folders/3"), None);
        assert_eq!(is_in(&tree, "projects/b", "folders/3"), Some(false));
        assert_eq!(is_in(&tree, "projects/b", "organizations/8"), Some(false));
        assert_eq!(is_in(&tree, "projects/c", "organizations/9"), Some(false));
        assert_eq!(is_in(&tree, "projects/d", "organizations/9"), None);
        // An organization whose number is known only later may be the one.
        assert_eq!(is_in(&tree, "projects/b", "organizations/"), None);
    }

    #[test]
    fn a_ring_of_folders_ends() {
        let parents = [
            ("folders/1", Some("folders/2")),
            ("folders/2", Some("folders/1")),
        ];
        assert_eq!(
            is_in(&tree(&parents, Vec::new()), "folders/1", "folders/3"),
            None
        );
    }

    #[test]
    fn what_is_above_is_unread_where_it_may_be_above() {
        let unread = |part, owner: &str| Unread {
            part,
            owner: Owner::parse(owner).unwrap(),
            why: owner.to_owned(),
        };
        let tree = tree(
            &[
                ("projects/a", Some("folders/1")),
                ("folders/1", Some("organizations/9")),
                ("projects/b", Some("organizations/9")),
            ],
            vec![
                unread(Part::Sinks, "folders/1"),
                unread(Part::Sinks, "projects/b"),
            ],
        );
        let above = |owner: &str| tree.unread_above(Part::Sinks, &Owner::parse(owner).unwrap());
        assert_eq!(above("projects/a"), Some("folders/1"));
        assert_eq!(above("projects/b"), None);
        assert_eq!(above("folders/1"), None);
        assert_eq!(above("organizations/9"), None);
        assert_eq!(
            tree.unread_above(Part::AuditConfigs, &Owner::Project("a".to_owned())),
            None
        );
    }
}
