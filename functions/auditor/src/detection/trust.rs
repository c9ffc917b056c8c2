//! What is ours: the trust set of the configuration, compiled.

use postern_core::glob::Glob;
use std::fmt;

use postern_host::config::TrustSet;
use serde::{Deserialize, Serialize};

/// One list of the trust set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Ours {
    Keys,
    Attestors,
    Notes,
    Services,
    Channels,
    Repositories,
    Ci,
    Signers,
    Operators,
    Gate,
    BreakGlassRoles,
}

const ALL: [Ours; 11] = [
    Ours::Keys,
    Ours::Attestors,
    Ours::Notes,
    Ours::Services,
    Ours::Channels,
    Ours::Repositories,
    Ours::Ci,
    Ours::Signers,
    Ours::Operators,
    Ours::Gate,
    Ours::BreakGlassRoles,
];

/// The trust set, ready to be asked.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    lists: [Vec<Glob>; ALL.len()],
}

impl From<&TrustSet> for Trust {
    fn from(set: &TrustSet) -> Self {
        let names = |ours: Ours| match ours {
            Ours::Keys => &set.keys,
            Ours::Attestors => &set.attestors,
            Ours::Notes => &set.notes,
            Ours::Services => &set.services,
            Ours::Channels => &set.channels,
            Ours::Repositories => &set.repositories,
            Ours::Ci => &set.ci,
            Ours::Signers => &set.signers,
            Ours::Operators => &set.operators,
            Ours::Gate => &set.gate,
            Ours::BreakGlassRoles => &set.break_glass_roles,
        };
        // A blank name is none: it would match whatever begins with a slash.
        let compiled = |ours| {
            let written = names(ours).iter().map(|name| name.trim());
            written.filter(|n| !n.is_empty()).map(Glob::new).collect()
        };
        Self {
            lists: ALL.map(compiled),
        }
    }
}

impl Trust {
    /// Whether a list has any names.
    pub(super) fn configured(&self, ours: Ours) -> bool {
        !self.list(ours).is_empty()
    }

    /// Whether a list has this value: by its name, as `//host/NAME`, or as something within it, after
    /// a slash or a colon.
    pub(super) fn has(&self, ours: Ours, value: &str) -> bool {
        let named = value
            .strip_prefix("//")
            .and_then(|rest| rest.split_once('/'))
            .map(|(_host, name)| name);
        let list = self.list(ours);
        !list.is_empty()
            && [Some(value), named]
                .into_iter()
                .flatten()
                .any(|value| list.iter().any(|glob| covers(glob, value)))
    }

    /// Whether attestations are signed with this key, or a version of it.
    pub(crate) fn is_our_key(&self, key: &str) -> bool {
        self.has(Ours::Keys, key)
    }

    fn list(&self, ours: Ours) -> &[Glob] {
        &self.lists[ours as usize]
    }
}

fn covers(glob: &Glob, value: &str) -> bool {
    glob.matches(value)
        || value
            .match_indices(['/', ':'])
            .any(|(end, _)| end > 0 && glob.matches(&value[..end]))
}

impl fmt::Display for Ours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "projects/demo-mart/locations/global/keyRings/trust/cryptoKeys/attest";

    fn keys(names: &[&str]) -> Trust {
        Trust::from(&TrustSet {
            keys: names.iter().map(|name| (*name).to_owned()).collect(),
            ..TrustSet::default()
        })
    }

    #[rstest::rstest]
    #[case::itself(KEY, true)]
    #[case::version(&format!("{KEY}/cryptoKeyVersions/3"), true)]
    #[case::with_a_host(&format!("//cloudkms.googleapis.com/{KEY}"), true)]
    #[case::version_with_a_host(&format!("//cloudkms.googleapis.com/{KEY}/cryptoKeyVersions/3"), true)]
    #[case::longer_name(&format!("{KEY}2"), false)]
    #[case::behind_another(&format!("x/{KEY}"), false)]
    #[case::empty("", false)]
    #[case::slash("/", false)]
    fn a_name_covers_what_is_within_it(#[case] value: &str, #[case] expected: bool) {
        assert_eq!(keys(&[KEY]).has(Ours::Keys, value), expected, "{value}");
    }

    #[test]
    fn stars_stand_for_any_run() {
        let trust = keys(&["arn:aws:kms:*:111122223333:key/*"]);
        assert!(trust.has(Ours::Keys, "arn:aws:kms:eu-central-1:111122223333:key/a"));
        assert!(!trust.has(Ours::Keys, "arn:aws:kms:eu-central-1:444455556666:key/a"));
    }

    #[test]
    fn a_session_is_within_its_role() {
        let trust = keys(&["arn:aws:sts::111122223333:assumed-role/ci"]);
        assert!(trust.has(
            Ours::Keys,
            "arn:aws:sts::111122223333:assumed-role/ci/run-1"
        ));
        assert!(!trust.has(
            Ours::Keys,
            "arn:aws:sts::111122223333:assumed-role/cia/run-1"
        ));
    }

    #[test]
    fn blank_names_are_none() {
        let trust = keys(&["", " "]);
        assert!(!trust.configured(Ours::Keys));
        assert!(!trust.has(Ours::Keys, "/etc"));
    }

    #[test]
    fn every_list_is_asked_by_its_own_name() {
        let one = |list: &str| -> Trust {
            let set: TrustSet = serde_json::from_value(serde_json::json!({list: ["x"]})).unwrap();
            Trust::from(&set)
        };
        for ours in ALL {
            let trust = one(&ours.to_string());
            for other in ALL {
                assert_eq!(trust.configured(other), other == ours, "{ours} {other}");
            }
        }
    }
}
