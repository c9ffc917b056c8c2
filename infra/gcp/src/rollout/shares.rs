//! Who gets the traffic of a service, or the instances of a worker pool (`TrafficTarget`, `InstanceSplit`).

use std::collections::BTreeMap;

use postern_core::target::CloudRunKind;
use serde_json::{Value, json};

/// A share, or a tag, of one revision.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Share {
    /// Its short name.
    pub(super) revision: String,
    /// In percent; a tag alone has none.
    pub(super) percent: u32,
    /// Under which it is reached besides; empty for none.
    pub(super) tag: String,
    /// Whether it followed the latest revision that is ready.
    pub(super) follows: bool,
}

impl Share {
    /// Where they stand.
    pub(super) const fn field(kind: CloudRunKind) -> &'static str {
        match kind {
            CloudRunKind::WorkerPool => "instanceSplits",
            CloudRunKind::Service | CloudRunKind::Job => "traffic",
        }
    }

    /// The shares of a resource, the latest by its name. Where nothing is said the latest gets all; where
    /// none is ready nobody gets anything.
    pub(super) fn all(kind: CloudRunKind, resource: &Value) -> Vec<Self> {
        let listed = resource.get(Self::field(kind)).and_then(Value::as_array);
        let latest = short(resource["latestReadyRevision"].as_str().unwrap_or_default());
        let shares = listed.into_iter().flatten().map(|share| {
            let named = short(share["revision"].as_str().unwrap_or_default());
            let follows = named.is_empty();
            Self {
                revision: if follows { latest } else { named }.to_owned(),
                percent: percent(share),
                tag: share["tag"].as_str().unwrap_or_default().to_owned(),
                follows,
            }
        });
        let mut shares: Vec<_> = shares.collect();
        if shares.is_empty() {
            shares.push(Self {
                revision: latest.to_owned(),
                percent: 100,
                tag: String::new(),
                follows: true,
            });
        }
        shares.retain(|share| !share.revision.is_empty());
        shares.retain(|share| share.percent > 0 || !share.tag.is_empty());
        shares
    }

    /// Who serves, with what in all.
    pub(super) fn serving(shares: &[Self]) -> Vec<(String, u32)> {
        let mut all: BTreeMap<&str, u32> = BTreeMap::new();
        for share in shares.iter().filter(|share| share.percent > 0) {
            let sum = all.entry(&share.revision).or_default();
            *sum = sum.saturating_add(share.percent);
        }
        let all = all.into_iter();
        all.map(|(name, sum)| (name.to_owned(), sum)).collect()
    }

    /// Everything to this revision. Tags stay, but for those that followed the latest.
    pub(super) fn shifted(shares: &[Self], revision: &str) -> Vec<Self> {
        let to = |tag: &str| Self {
            revision: revision.to_owned(),
            percent: 0,
            tag: tag.to_owned(),
            follows: false,
        };
        let tagged = shares.iter().filter(|share| !share.tag.is_empty());
        let tags = tagged.map(|share| match share.follows {
            true => to(&share.tag),
            false => Self {
                percent: 0,
                ..share.clone()
            },
        });
        let all = Self {
            percent: 100,
            ..to("")
        };
        std::iter::once(all).chain(tags).collect()
    }

    /// As the API has them: each by the name of its revision.
    pub(super) fn write(kind: CloudRunKind, shares: &[Self]) -> Value {
        let by_name = match kind {
            CloudRunKind::WorkerPool => "INSTANCE_SPLIT_ALLOCATION_TYPE_REVISION",
            CloudRunKind::Service | CloudRunKind::Job => "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION",
        };
        let share = |share: &Self| {
            let mut written = json!({"type": by_name, "revision": share.revision});
            if share.percent > 0 {
                written["percent"] = json!(share.percent);
            }
            if !share.tag.is_empty() {
                written["tag"] = json!(share.tag);
            }
            written
        };
        shares.iter().map(share).collect()
    }

    /// Whether these are the same, by name and in whichever order.
    pub(super) fn same(one: &[Self], other: &[Self]) -> bool {
        let sorted = |shares: &[Self]| {
            let shares = shares.iter().map(|share| Self {
                follows: false,
                ..share.clone()
            });
            let mut shares: Vec<_> = shares.collect();
            shares.sort();
            shares
        };
        sorted(one) == sorted(other)
    }
}

fn percent(share: &Value) -> u32 {
    let percent = share["percent"].as_u64().unwrap_or_default();
    u32::try_from(percent).unwrap_or(100)
}

/// Full names and short ones both occur.
pub(super) fn short(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(resource: &Value) -> Vec<Share> {
        Share::all(CloudRunKind::Service, resource)
    }

    #[test]
    fn the_latest_is_held_by_its_name() {
        let service = json!({
            "latestReadyRevision": "projects/p/locations/l/services/web/revisions/web-2",
            "traffic": [
                {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 90, "tag": "now"},
                {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "web-1", "percent": 10},
                {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "web-1", "tag": "old"},
                {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "web-0"},
            ],
        });
        let all = shares(&service);
        insta::assert_snapshot!(Share::write(CloudRunKind::Service, &all), @r#"[{"percent":90,"revision":"web-2","tag":"now","type":"TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"},{"percent":10,"revision":"web-1","type":"TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"},{"revision":"web-1","tag":"old","type":"TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"}]"#);
        let serving = [("web-1".to_owned(), 10), ("web-2".to_owned(), 90)];
        assert_eq!(Share::serving(&all), serving);
        // What followed the latest goes along, what is tagged by name does not.
        let shifted = Share::shifted(&all, "web-3");
        insta::assert_snapshot!(Share::write(CloudRunKind::Service, &shifted), @r#"[{"percent":100,"revision":"web-3","type":"TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"},{"revision":"web-3","tag":"now","type":"TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"},{"revision":"web-1","tag":"old","type":"TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"}]"#);
    }

    #[test]
    fn where_nothing_is_said_the_latest_has_all_and_where_none_is_ready_nobody_has() {
        let said_nothing = shares(&json!({"latestReadyRevision": "web-2"}));
        assert_eq!(Share::serving(&said_nothing), [("web-2".to_owned(), 100)]);
        assert_eq!(shares(&json!({"traffic": [{"percent": 100}]})), []);
    }

    #[test]
    fn a_worker_pool_has_instances() {
        let pool = json!({"instanceSplits": [{"revision": "mail-1", "percent": 100}]});
        let all = Share::all(CloudRunKind::WorkerPool, &pool);
        insta::assert_snapshot!(Share::write(CloudRunKind::WorkerPool, &all), @r#"[{"percent":100,"revision":"mail-1","type":"INSTANCE_SPLIT_ALLOCATION_TYPE_REVISION"}]"#);
    }

    #[test]
    fn shares_are_the_same_in_whichever_order() {
        let one = json!({"traffic": [{"revision": "a", "percent": 60}, {"revision": "b", "percent": 40}]});
        let other = json!({"latestReadyRevision": "b", "traffic":
            [{"percent": 40}, {"revision": "a", "percent": 60}]});
        assert!(Share::same(&shares(&one), &shares(&other)));
        let moved = json!({"traffic": [{"revision": "a", "percent": 100}]});
        assert!(!Share::same(&shares(&one), &shares(&moved)));
    }
}
