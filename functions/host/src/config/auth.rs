//! Who may call what.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Access per function. Absent: that function answers on loopback only.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Auth {
    /// Who may ask for decisions.
    pub gate: Option<Access>,
    /// Who may ask for attestations.
    pub attestor: Option<Access>,
    /// Who may speak to the trust function. What they may do its IAM bindings say, by the e-mail in their
    /// tokens, whatever `may` says.
    pub trust: Option<Access>,
    /// Who may deliver events.
    pub auditor: Option<Access>,
    /// Who may read and walk cases.
    pub cases: Option<Access>,
}

/// How callers of one function are recognised.
#[derive(Debug, Clone)]
pub enum Access {
    /// `platform`: the platform's IAM stands in front and has checked the token's signature. Whoever
    /// it lets in, for whatever audience, has `decide`, `view` and `respond`; every other right is
    /// given by name only.
    Platform(PlatformWord),
    /// `platform: [...]`: the same, with the callers and their rights named.
    PlatformCallers(PlatformCallers),
    /// A list of issuers of OIDC tokens.
    Issuers(Vec<Issuer>),
}

impl<'de> Deserialize<'de> for Access {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AccessVisitor)
    }
}

/// By hand, because of an untagged enum serde says only that no variant matched, and not what is
/// wrong with which issuer.
struct AccessVisitor;

impl<'de> Visitor<'de> for AccessVisitor {
    type Value = Access;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`platform`, or a list of issuers")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Access, E> {
        match text {
            "platform" => Ok(Access::Platform(PlatformWord::Platform)),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, issuers: A) -> Result<Access, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(issuers)).map(Access::Issuers)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Access, A::Error> {
        PlatformCallers::deserialize(MapAccessDeserializer::new(map)).map(Access::PlatformCallers)
    }
}

/// The word `platform`.
#[derive(Debug, Clone, Copy)]
pub enum PlatformWord {
    /// The only value.
    Platform,
}

/// Callers behind the platform's IAM: their tokens' claims are compared, their signatures are not.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlatformCallers {
    /// Issuer, audience and claims of the tokens, and what their bearers may do.
    pub platform: Vec<Issuer>,
}

/// Tokens of one issuer for one audience with certain claims, and what they may do.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Issuer {
    /// `iss`, compared as it stands; its discovery document names the keys.
    pub issuer: String,
    /// `aud`, compared as it stands.
    pub audience: String,
    /// Claims that must have exactly these values.
    #[serde(default)]
    pub claims: BTreeMap<String, serde_json::Value>,
    /// Where the keys are, instead of asking the discovery document.
    #[serde(default)]
    pub jwks_uri: Option<String>,
    /// What such a caller may do. The trust function goes by its own bindings instead.
    #[serde(default)]
    pub may: Vec<Right>,
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Right {
    /// Ask for decisions.
    Decide,
    /// Open the emergency door.
    BreakGlass,
    /// Ask for attestations.
    Attest,
    /// Deliver events.
    Ingest,
    /// Read cases and metrics.
    View,
    /// Walk cases.
    Respond,
    /// Approve what others did.
    Approve,
}

impl Right {
    /// Every right.
    pub const ALL: [Self; 7] = [
        Self::Decide,
        Self::BreakGlass,
        Self::Attest,
        Self::Ingest,
        Self::View,
        Self::Respond,
        Self::Approve,
    ];
}

impl std::fmt::Display for Right {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Decide => "decide",
            Self::BreakGlass => "breakGlass",
            Self::Attest => "attest",
            Self::Ingest => "ingest",
            Self::View => "view",
            Self::Respond => "respond",
            Self::Approve => "approve",
        })
    }
}
