//! Where a service, a job or a worker pool says what: the same things stand in other places in v1 and v2.

use serde_json::Value;

use crate::asked::Dialect;

/// The annotation that asks for the emergency door in v1.
pub(crate) const BREAK_GLASS: &str = "run.googleapis.com/binary-authorization-breakglass";

/// Where v2 has the same.
pub(crate) const BREAK_GLASS_V2: &str = "/binaryAuthorization/breakglassJustification";

/// Annotations and fields of a resource that bring code past its template.
const CODE: [&str; 4] = [
    "/buildConfig",
    "/metadata/annotations/run.googleapis.com~1sources",
    "/metadata/annotations/run.googleapis.com~1base-images",
    "/metadata/annotations/run.googleapis.com~1sandbox-templates",
];

/// What starts an execution of a job by writing it.
const START: [&str; 4] = [
    "/startExecutionToken",
    "/runExecutionToken",
    "/spec/startExecutionToken",
    "/spec/runExecutionToken",
];

/// A service, job or worker pool, in one of the two forms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resource<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) value: &'a Value,
}

/// Who gets a share of the traffic, or of a worker pool's instances.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Share {
    /// A revision's short name; none for the latest one that is ready.
    pub(crate) revision: Option<String>,
    pub(crate) percent: u64,
    pub(crate) tag: String,
}

impl Dialect {
    /// Where the template stands.
    pub(crate) const fn template(self) -> &'static str {
        match self {
            Self::V1 => "/spec/template",
            Self::V2 => "/template",
        }
    }

    /// A resource in this form.
    pub(crate) const fn resource(self, value: &Value) -> Resource<'_> {
        Resource {
            dialect: self,
            value,
        }
    }
}

impl<'a> Resource<'a> {
    /// What new revisions and executions are made of.
    pub(crate) fn template(self) -> Option<&'a Value> {
        self.at(self.dialect.template())
    }

    /// What brings code past the template, where that is.
    pub(crate) fn code(self) -> [Option<&'a Value>; 4] {
        CODE.map(|place| self.at(place))
    }

    /// Who is to get traffic or instances. Where nothing is said, the latest revision gets all.
    pub(crate) fn shares(self) -> Vec<Share> {
        let places: &[&str] = match self.dialect {
            Dialect::V1 => &["/spec/traffic", "/spec/instanceSplits"],
            Dialect::V2 => &["/traffic", "/instanceSplits"],
        };
        let lists = places.iter().filter_map(|place| self.at(place)?.as_array());
        let mut shares: Vec<_> = lists.flatten().flat_map(Share::of).collect();
        if shares.is_empty() {
            shares.push(Share {
                revision: None,
                percent: 100,
                tag: String::new(),
            });
        }
        shares.retain(Share::gets_something);
        shares.sort();
        shares
    }

    /// The revisions that "the latest" may mean: the one that is ready, and the one that may become it.
    pub(crate) fn latest(self) -> Vec<String> {
        let places = match self.dialect {
            Dialect::V1 => [
                "/status/latestReadyRevisionName",
                "/status/latestCreatedRevisionName",
            ],
            Dialect::V2 => ["/latestReadyRevision", "/latestCreatedRevision"],
        };
        let names = places.iter().filter_map(|place| self.text(place));
        names.map(short).filter(|name| !name.is_empty()).collect()
    }

    /// The name that the template gives the revision which is made of it.
    pub(crate) fn next_revision(self) -> Option<String> {
        let place = match self.dialect {
            Dialect::V1 => "/spec/template/metadata/name",
            Dialect::V2 => "/template/revision",
        };
        self.text(place).map(short)
    }

    /// Why the emergency door is asked for, where it is.
    pub(crate) fn break_glass(self) -> Option<&'a str> {
        match self.dialect {
            Dialect::V1 => self.at("/metadata/annotations")?.get(BREAK_GLASS)?.as_str(),
            // An empty one is none in v2.
            Dialect::V2 => self.text(BREAK_GLASS_V2).filter(|text| !text.is_empty()),
        }
    }

    /// Whether writing it starts an execution.
    pub(crate) fn starts(self) -> bool {
        START
            .iter()
            .any(|place| self.text(place).is_some_and(|token| !token.is_empty()))
    }

    /// The name in the body, without what comes before it.
    pub(crate) fn name(self) -> Option<String> {
        match self.dialect {
            Dialect::V1 => self.text("/metadata/name").map(str::to_owned),
            Dialect::V2 => self.text("/name").map(short),
        }
    }

    /// The project that a body of v1 names, by its id or number.
    pub(crate) fn namespace(self) -> Option<&'a str> {
        let text = self.text("/metadata/namespace");
        text.filter(|text| self.dialect == Dialect::V1 && !text.is_empty())
    }

    /// What says that nobody wrote it in the meantime.
    pub(crate) fn version(self) -> (&'static str, Option<&'a str>) {
        match self.dialect {
            Dialect::V1 => (
                "/metadata/resourceVersion",
                self.text("/metadata/resourceVersion"),
            ),
            Dialect::V2 => ("/etag", self.text("/etag")),
        }
    }

    fn at(self, place: &str) -> Option<&'a Value> {
        self.value.pointer(place).filter(|value| !value.is_null())
    }

    fn text(self, place: &str) -> Option<&'a str> {
        self.at(place)?.as_str()
    }
}

impl Share {
    /// What an entry gives, and to whom. One that names a revision and says "the latest" gives to both.
    fn of(value: &Value) -> Vec<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let revision = text("revisionName").or_else(|| text("revision"));
        let revision = revision.filter(|name| !name.is_empty()).map(short);
        let says_latest = value.get("latestRevision") == Some(&Value::Bool(true))
            || value.get("type").is_some_and(is_latest);
        let both = revision.is_some() && says_latest;
        let share = |revision| Self {
            revision,
            percent: percent(value.get("percent")),
            tag: text("tag").unwrap_or_default().to_owned(),
        };
        let latest = both.then(|| share(None));
        std::iter::once(share(revision)).chain(latest).collect()
    }

    fn gets_something(&self) -> bool {
        self.percent > 0 || !self.tag.is_empty()
    }
}

/// The word of v2's enumerations, or its number.
fn is_latest(allocation: &Value) -> bool {
    match allocation {
        Value::String(word) => word.ends_with("_LATEST"),
        number => number.as_u64() == Some(1),
    }
}

/// Google reads `"10"` and `10.0` as ten; what is not plain is taken for a share of something.
fn percent(value: Option<&Value>) -> u64 {
    match value {
        None | Some(Value::Null) => 0,
        Some(value) => value.as_u64().unwrap_or(100),
    }
}

/// Full names and short ones both occur.
fn short(name: &str) -> String {
    name.rsplit('/').next().unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_forms_say_the_same() {
        let v1 = json!({"metadata": {"name": "web", "annotations": {BREAK_GLASS: "INC-1"}},
            "spec": {"traffic": [{"revisionName": "web-1", "percent": 90},
                {"latestRevision": true, "percent": 10}, {"revisionName": "web-2", "percent": 0},
                {"revisionName": "web-3", "tag": "try"}]},
            "status": {"latestReadyRevisionName": "web-4", "latestCreatedRevisionName": "web-5"}});
        let before = "projects/p/locations/l/services/web";
        let v2 = json!({"name": before, "binaryAuthorization": {"breakglassJustification": "INC-1"},
            "traffic": [{"type": 2, "revision": "web-1", "percent": 90}, {"percent": 10},
                {"revision": "web-2"}, {"revision": "web-3", "tag": "try"}],
            "latestReadyRevision": format!("{before}/revisions/web-4"),
            "latestCreatedRevision": format!("{before}/revisions/web-5")});
        let said = |dialect, value| {
            let resource = Resource { dialect, value };
            let shares = resource.shares();
            (
                resource.name(),
                resource.break_glass(),
                shares,
                resource.latest(),
            )
        };
        let shown = said(Dialect::V1, &v1);
        assert_eq!(shown, said(Dialect::V2, &v2));
        let shares: Vec<_> = shown
            .2
            .iter()
            .map(|share| share.revision.as_deref())
            .collect();
        assert_eq!(shares, [None, Some("web-1"), Some("web-3")]);
        assert_eq!((shown.0.as_deref(), shown.1), (Some("web"), Some("INC-1")));
        assert_eq!(shown.3, ["web-4", "web-5"]);
    }

    #[test]
    fn no_way_of_writing_it_hides_a_share() {
        for share in [
            json!({"revision": "web-1", "percent": "10"}),
            json!({"revision": "web-1", "percent": 1e1}),
            json!({"revision": "web-1", "tag": "t"}),
        ] {
            let value = json!({"traffic": [share]});
            let shares = Dialect::V2.resource(&value).shares();
            assert_eq!(shares[0].revision.as_deref(), Some("web-1"), "{value}");
        }
        let value = json!({"spec": {"traffic":
            [{"revisionName": "web-1", "latestRevision": true, "percent": 100}]}});
        let shares = Dialect::V1.resource(&value).shares();
        assert_eq!(shares.len(), 2);
    }

    #[test]
    fn without_a_word_the_latest_gets_all() {
        let value = json!({});
        let shares = Dialect::V2.resource(&value).shares();
        assert_eq!(
            (shares[0].revision.as_ref(), shares[0].percent),
            (None, 100)
        );
    }
}
