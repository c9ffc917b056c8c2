//! Who called, and on whose behalf (`google.cloud.audit.AuthenticationInfo`).

use postern_core::finding::Actor;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::not_an_entry;
use crate::parse::Unreadable;
use crate::parse::entry::AuditLog;
use crate::parse::text::{Text, or_default};

/// Claims of a third party that name somebody, most telling first.
const CLAIMS: [&str; 4] = ["sub", "subject", "email", "principalSubject"];

/// The caller, and every identity behind it.
pub(super) fn actor(payload: &AuditLog<'_>) -> Result<Actor, Unreadable> {
    let who = &payload.authentication_info;
    let named = who.email.filled().or_else(|| who.subject.filled());
    let principal = match (named, who.third_party) {
        (None, Some(raw)) => claimed(raw)?,
        (named, _) => named,
    };
    Ok(Actor {
        principal,
        via: delegation(who.delegation)?,
        key_name: who.key_name.filled(),
        ip: payload.request_metadata.caller_ip.filled(),
    })
}

/// One hop of an impersonation.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Hop<'a> {
    #[serde(borrow, default)]
    principal_subject: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    first_party_principal: FirstParty<'a>,
    #[serde(borrow, default)]
    third_party_principal: Option<&'a RawValue>,
}

/// A Google identity within a hop.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct FirstParty<'a> {
    #[serde(borrow, default)]
    principal_email: Text<'a>,
}

fn delegation(raw: Option<&RawValue>) -> Result<Vec<String>, Unreadable> {
    let Some(raw) = raw else {
        return Ok(Vec::new());
    };
    let hops: Vec<Hop<'_>> = serde_json::from_str(raw.get()).map_err(not_an_entry)?;
    let mut via = Vec::new();
    for hop in hops {
        let email = hop.first_party_principal.principal_email.filled();
        let named = email.or_else(|| hop.principal_subject.filled());
        let named = match (named, hop.third_party_principal) {
            (None, Some(raw)) => claimed(raw)?,
            (named, _) => named,
        };
        via.extend(named);
    }
    Ok(via)
}

/// Whom the claims of another issuer name (`ThirdPartyPrincipal.thirdPartyClaims`).
fn claimed(raw: &RawValue) -> Result<Option<String>, Unreadable> {
    let principal: Value = serde_json::from_str(raw.get()).map_err(not_an_entry)?;
    let claims = principal.get("thirdPartyClaims").unwrap_or(&principal);
    let text = |value: &Value| value.as_str().filter(|t| !t.is_empty()).map(str::to_owned);
    let known = CLAIMS
        .iter()
        .find_map(|name| claims.get(name).and_then(text));
    Ok(known.or_else(|| {
        let members = claims.as_object()?;
        members
            .iter()
            .find_map(|(name, value)| text(value).filter(|_| name != "@type"))
    }))
}
