//! Who called, and on whose behalf (CloudTrail user guide, "userIdentity element").

use std::collections::BTreeMap;

use postern_core::finding::Actor;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::not_a_record;
use super::record::Record;
use crate::parse::Unreadable;
use crate::parse::text::{Text, or_default};

/// The caller, and every identity behind it. The name of a role's session is the end of its ARN.
pub(super) fn actor(record: &Record<'_>) -> Result<Actor, Unreadable> {
    let who = &record.user_identity;
    let names = [&who.arn, &who.user_name, &who.principal_id, &who.invoked_by];
    let session: Session<'_> = read(who.session_context)?.unwrap_or_default();
    let person: OnBehalfOf<'_> = read(who.on_behalf_of)?.unwrap_or_default();
    // A user of Identity Center has no other name.
    let mut names = names.into_iter().chain([&person.user_id]);
    let principal = names.find_map(Text::filled);
    let behind = [
        &session.source_identity,
        &session.session_issuer.arn,
        &who.invoked_by,
        &person.user_id,
    ];
    let mut via: Vec<String> = behind.into_iter().filter_map(Text::filled).collect();
    via.extend(session.web_id_federation_data.identities());
    via.retain(|name| Some(name) != principal.as_ref());
    Ok(Actor {
        principal,
        via,
        key_name: who.exported_key(),
        ip: record.source_ip_address.filled(),
    })
}

/// `sessionContext`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Session<'a> {
    #[serde(borrow, default)]
    source_identity: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    session_issuer: Issuer<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    web_id_federation_data: Federation<'a>,
}

/// `sessionIssuer`: the role or user that the session is of.
#[derive(Deserialize, Default)]
struct Issuer<'a> {
    #[serde(borrow, default)]
    arn: Text<'a>,
}

/// `webIdFederationData`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Federation<'a> {
    #[serde(borrow, default)]
    federated_provider: Text<'a>,
    #[serde(default, deserialize_with = "or_default")]
    attributes: BTreeMap<String, Value>,
}

/// `onBehalfOf`: the person of IAM Identity Center.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct OnBehalfOf<'a> {
    #[serde(borrow, default)]
    user_id: Text<'a>,
}

impl Federation<'_> {
    /// The user of the provider (`HOST:sub`, `HOST:user_id`, …), or else the provider.
    fn identities(&self) -> Vec<String> {
        let user = |name: &str| {
            let (_, claim) = name.rsplit_once(':').unwrap_or(("", name));
            matches!(claim, "sub" | "user_id" | "id" | "email")
        };
        let users = self.attributes.iter().filter(|(name, _)| user(name));
        let users: Vec<_> = users
            .filter_map(|(_, value)| value.as_str().map(str::to_owned))
            .filter(|name| !name.is_empty())
            .collect();
        if users.is_empty() {
            self.federated_provider.filled().into_iter().collect()
        } else {
            users
        }
    }
}

fn read<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Result<Option<T>, Unreadable> {
    raw.map(|raw| serde_json::from_str(raw.get()))
        .transpose()
        .map_err(not_a_record)
}
