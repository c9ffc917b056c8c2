//! Log sinks, and whether an entry comes through one to a topic of ours.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::answer::Answer;
use super::filter::Filter;
use super::plan::{Known, Plan, Resource};
use super::tree::{Owner, Part, Tree, Unread, owner_of};
use super::{Gap, Known as Given};

const KINDS: [&str; 3] = [
    "google_logging_project_sink",
    "google_logging_folder_sink",
    "google_logging_organization_sink",
];

/// Every sink of a plan.
#[derive(Debug)]
pub(super) struct Sinks(Vec<Sink>);

#[derive(Debug)]
struct Sink {
    address: String,
    name: String,
    owner: Option<Owner>,
    children: Known<bool>,
    intercepts: Known<bool>,
    disabled: Known<bool>,
    filter: Result<Filter, String>,
    exclusions: Vec<(String, Result<Filter, String>)>,
    /// Whether it leads to us; if not, or if that cannot be told, why.
    ours: (Answer, String),
}

impl Sinks {
    pub(super) fn of(plan: &Plan, given: &Given) -> Self {
        let topics = Topics::of(plan, given);
        let sinks = plan.of(&KINDS).map(|r| Sink::of(plan, r, &topics));
        Self(sinks.collect())
    }

    /// What keeps an entry from us; nothing if one sink delivers it.
    pub(super) fn gaps(&self, entry: &Value, owner: &Owner, tree: &Tree) -> Vec<Gap> {
        let above = |sink: &&Sink| sink.intercepts(entry, owner, tree);
        let intercepting: Vec<_> = self.0.iter().filter(above).collect();
        let mut gaps = Vec::new();
        let concerned = || {
            let concerned = self.0.iter();
            concerned.filter(|sink| sink.concerns(owner, tree).is_some())
        };
        // What leads elsewhere on purpose only matters where nothing leads to us.
        let some_is_ours = concerned().any(|sink| sink.ours.0 != Answer::No);
        for sink in concerned().filter(|sink| !some_is_ours || sink.ours.0 != Answer::No) {
            let Some(level) = sink.concerns(owner, tree) else {
                continue;
            };
            let taken = intercepting
                .iter()
                .find_map(|above| above.takes_from(sink, tree));
            let hidden = sink.owner.as_ref();
            let hidden = hidden.and_then(|owner| tree.unread_above(Part::Sinks, owner));
            match (taken, sink.delivers(entry, level), hidden) {
                (Some(gap), _, _) | (None, Err(gap), _) => gaps.push(gap),
                (None, Ok(()), None) => return Vec::new(),
                (None, Ok(()), Some(why)) => gaps.push(Gap::cannot_tell(format!(
                    "whether a sink above {} takes such entries away: {why}",
                    sink.address
                ))),
            }
        }
        let unread = [
            tree.unread(Part::Sinks, owner),
            tree.unread_above(Part::Sinks, owner),
        ];
        let unread = unread.into_iter().flatten().map(Gap::cannot_tell);
        gaps.extend(unread);
        if gaps.is_empty() {
            gaps.push(no_sink(owner));
        }
        // As long as one may deliver, it is not certain that none does.
        let uncertain = |gap: &Gap| gap.state == super::State::CannotTell;
        if gaps.iter().any(uncertain) {
            gaps.retain(uncertain);
        }
        gaps
    }
}

/// Whether a sink stands where the entry is written, or above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Own,
    Above,
    /// A folder that the project may or may not be in.
    Perhaps,
}

impl Sink {
    fn of(plan: &Plan, resource: &Resource, topics: &Topics<'_>) -> Self {
        let name = match resource.text("name") {
            Known::Is(name) => name.to_owned(),
            _ => resource.address.clone(),
        };
        let exclusion = |block: &Value| {
            let filter = block["filter"].as_str().unwrap_or_default();
            let name = block["name"].as_str().unwrap_or("without a name");
            let active = block["disabled"].as_bool() != Some(true);
            let filter = Filter::parse(filter).map_err(|error| error.to_string());
            active.then(|| (name.to_owned(), filter))
        };
        let mut exclusions: Vec<_> = resource
            .blocks("exclusions")
            .iter()
            .filter_map(exclusion)
            .collect();
        if resource.has_unknown("exclusions") {
            let later = "it is known only after the plan is applied".to_owned();
            exclusions.push(("known later".to_owned(), Err(later)));
        }
        Self {
            name,
            owner: owner_of(plan, resource),
            children: resource.flag("include_children", false),
            intercepts: resource.flag("intercept_children", false),
            disabled: resource.flag("disabled", false),
            filter: match resource.text("filter") {
                Known::Is(text) => Filter::parse(text).map_err(|error| error.to_string()),
                Known::Absent => Filter::parse("").map_err(|error| error.to_string()),
                Known::Later => {
                    Err("the filter is known only after the plan is applied".to_owned())
                }
            },
            exclusions,
            ours: topics.lead_to_us(resource),
            address: resource.address.clone(),
        }
    }

    fn concerns(&self, owner: &Owner, tree: &Tree) -> Option<Level> {
        let own = self.owner.as_ref()?;
        if own.may_be(owner) {
            return Some(Level::Own);
        }
        if matches!(own, Owner::Project(_)) || self.children == Known::Is(false) {
            return None;
        }
        match (own, tree.is_in(owner, own)) {
            (_, Some(false)) => None,
            (_, Some(true)) => Some(Level::Above),
            // A plan that does not say speaks of one organization.
            _ if matches!(owner, Owner::Organization(_)) => None,
            (Owner::Organization(_), None) => Some(Level::Above),
            (_, None) => Some(Level::Perhaps),
        }
    }

    /// Whether it is above, takes entries away from those below it, and does not lead to us.
    fn intercepts(&self, entry: &Value, owner: &Owner, tree: &Tree) -> bool {
        let above = matches!(
            self.concerns(owner, tree),
            Some(Level::Above | Level::Perhaps)
        );
        let takes = above && self.intercepts == Known::Is(true) && self.disabled != Known::Is(true);
        let elsewhere = self.ours.0 == Answer::No;
        takes && elsewhere && self.passes(entry) == Answer::Yes
    }

    /// What is in the way of a sink that is, or may be, below this one, which intercepts.
    fn takes_from(&self, sink: &Self, tree: &Tree) -> Option<Gap> {
        let (own, below) = (self.owner.as_ref()?, sink.owner.as_ref()?);
        let is_below = match (own, below) {
            _ if own == below => Some(false),
            (_, Owner::Organization(_)) => Some(false),
            (Owner::Organization(_), _) => tree.is_in(below, own).or(Some(true)),
            _ => tree.is_in(below, own),
        };
        let address = &self.address;
        match is_below {
            Some(false) => None,
            Some(true) => Some(Gap::blind(
                format!(
                    "{address} takes such entries away from the sinks below it (intercept_children)"
                ),
                format!("in {address}: intercept_children = false"),
            )),
            None => Some(Gap::cannot_tell(format!(
                "{address} takes such entries away from the sinks below it (intercept_children), \
                 and whether {} is below it is not in the plan",
                sink.address
            ))),
        }
    }

    fn passes(&self, entry: &Value) -> Answer {
        match &self.filter {
            Ok(filter) => filter.passes(entry),
            Err(why) => Answer::Unknown(why.clone()),
        }
    }

    fn delivers(&self, entry: &Value, level: Level) -> Result<(), Gap> {
        let address = &self.address;
        if self.disabled == Known::Is(true) {
            return Err(Gap::blind(
                format!("{address} is disabled"),
                format!("in {address}: disabled = false"),
            ));
        }
        match &self.ours {
            (Answer::No, why) => {
                let remedy = format!(
                    "in {address}: destination = \"pubsub.googleapis.com/projects/P/topics/T\", of a topic that Postern reads"
                );
                return Err(Gap::blind(format!("{address} {why}"), remedy));
            }
            (Answer::Unknown(_), why) => {
                return Err(Gap::cannot_tell(format!("{address}: {why}")));
            }
            (Answer::Yes, _) => {}
        }
        match self.passes(entry) {
            Answer::No => {
                return Err(Gap::blind(
                    format!("the filter of {address} drops it"),
                    format!("in {address}, add to the filter: OR ({})", clause(entry)),
                ));
            }
            Answer::Unknown(why) => return Err(Gap::cannot_tell(format!("{address}: {why}"))),
            Answer::Yes => {}
        }
        for (exclusion, filter) in &self.exclusions {
            let excluded = match filter {
                Ok(filter) => filter.passes(entry),
                Err(why) => Answer::Unknown(why.clone()),
            };
            match excluded {
                Answer::Yes => {
                    return Err(Gap::blind(
                        format!("the exclusion {exclusion:?} of {address} drops it"),
                        format!("in {address}, remove the exclusion {exclusion:?}"),
                    ));
                }
                Answer::Unknown(why) => {
                    return Err(Gap::cannot_tell(format!(
                        "{address}, exclusion {exclusion:?}: {why}"
                    )));
                }
                Answer::No => {}
            }
        }
        let unknown = |what: &str| {
            Err(Gap::cannot_tell(format!(
                "{what} of {address} is known only after the plan is applied"
            )))
        };
        match level {
            _ if self.disabled == Known::Later => unknown("`disabled`"),
            Level::Above if self.children == Known::Later => unknown("`include_children`"),
            Level::Perhaps => Err(Gap::cannot_tell(format!(
                "whether the project is in the folder of the sink {} is not in the plan",
                self.name
            ))),
            _ => Ok(()),
        }
    }
}

/// The topics that we read.
struct Topics<'a> {
    plan: &'a Plan,
    given: &'a BTreeSet<String>,
    /// With a subscription in the plan.
    read: BTreeSet<String>,
    /// Only with subscriptions that have a filter of their own.
    filtered: BTreeSet<String>,
    /// Projects whose subscriptions were not read, and why.
    unread: BTreeMap<&'a str, &'a str>,
}

impl<'a> Topics<'a> {
    fn of(plan: &'a Plan, given: &'a Given) -> Self {
        let mut topics = Self {
            plan,
            given: &given.topics,
            read: BTreeSet::new(),
            filtered: BTreeSet::new(),
            unread: plan
                .unread
                .iter()
                .filter_map(Unread::of_subscriptions)
                .collect(),
        };
        for subscription in plan.of(&["google_pubsub_subscription"]) {
            let filtered = subscription.text("filter") != Known::Absent;
            let names = topics.named_by(subscription, "topic");
            let into = if filtered {
                &mut topics.filtered
            } else {
                &mut topics.read
            };
            into.extend(names);
        }
        topics
    }

    /// Whether a sink leads to a topic of ours.
    fn lead_to_us(&self, sink: &Resource) -> (Answer, String) {
        if let Known::Is(destination) = sink.text("destination")
            && !destination.starts_with("pubsub.googleapis.com/")
        {
            let shown: String = destination.chars().take(120).collect();
            return (Answer::No, format!("leads to {shown:?}, which is no topic"));
        }
        let names = self.named_by(sink, "destination");
        if names.is_empty() {
            let why = "its destination is known only after the plan is applied".to_owned();
            return (Answer::Unknown(why.clone()), why);
        }
        if names.iter().any(|name| self.given.contains(name)) {
            return (Answer::Yes, String::new());
        }
        let names_shown = names.iter().cloned().collect::<Vec<_>>().join(", ");
        let unread = names
            .iter()
            .filter_map(|name| Some(name.strip_prefix("projects/")?.split_once('/')?.0))
            .find_map(|project| self.unread.get(project));
        if !self.given.is_empty() {
            return (
                Answer::No,
                format!("leads to {names_shown}, which is not ours"),
            );
        }
        if names.iter().any(|name| self.read.contains(name)) {
            return (Answer::Yes, String::new());
        }
        let why = if let Some(why) = unread {
            format!("{why}; or name our topic with --topic")
        } else if names.iter().any(|name| self.filtered.contains(name)) {
            format!("every subscription of {names_shown} has a filter of its own")
        } else {
            format!("no subscription of {names_shown} is known here; name our topic with --topic")
        };
        (Answer::Unknown(why.clone()), why)
    }

    /// The full names of the topics that an argument names, by its value or by its expression.
    fn named_by(&self, resource: &Resource, argument: &str) -> BTreeSet<String> {
        if let Known::Is(text) = resource.text(argument) {
            let text = text.strip_prefix("pubsub.googleapis.com/").unwrap_or(text);
            let project = resource.project().unwrap_or("-");
            return BTreeSet::from([match text.contains('/') {
                true => text.to_owned(),
                false => format!("projects/{project}/topics/{text}"),
            }]);
        }
        resource
            .references(argument)
            .flat_map(|base| self.plan.at(base))
            .filter(|resource| resource.kind == "google_pubsub_topic")
            .filter_map(|topic| {
                let Known::Is(name) = topic.text("name") else {
                    return None;
                };
                let project = topic.project().unwrap_or("-");
                Some(format!("projects/{project}/topics/{name}"))
            })
            .collect()
    }
}

fn no_sink(owner: &Owner) -> Gap {
    let (what, kind, argument) = match owner {
        Owner::Project(project) => (
            format!("project {project} has no sink"),
            "project",
            format!("project     = \"{project}\""),
        ),
        Owner::Folder(id) => (
            match id.as_str() {
                "" => "no sink of a folder stands in the plan".to_owned(),
                id => format!("folder {id} has no sink"),
            },
            "folder",
            "folder      = \"FOLDER\"".to_owned(),
        ),
        Owner::Organization(id) => (
            match id.as_str() {
                "" => "no sink of the organization stands in the plan".to_owned(),
                id => format!("organization {id} has no sink"),
            },
            "organization",
            "org_id      = \"ORGANIZATION\"".to_owned(),
        ),
    };
    Gap::blind(
        what,
        format!(
            "resource \"google_logging_{kind}_sink\" \"postern\" {{\n  {argument}\n  name        = \"postern\"\n  destination = \"pubsub.googleapis.com/projects/P/topics/T\"\n  filter      = \"logName:\\\"cloudaudit.googleapis.com\\\"\"\n}}"
        ),
    )
}

/// The part of a filter that lets such an entry pass.
fn clause(entry: &Value) -> String {
    let log = entry["logName"]
        .as_str()
        .and_then(|name| name.split_once("/logs/"));
    let log = log.map_or("", |(_, log)| log);
    match entry["protoPayload"]["serviceName"].as_str() {
        Some(service) => format!("logName:\"{log}\" AND protoPayload.serviceName=\"{service}\""),
        None => format!("logName:\"{log}\""),
    }
}
