//! What may be found in a plan.

use std::fmt;
use std::str::FromStr;

use postern_core::image::shortened;
use serde::{Deserialize, Serialize};

use super::change::Change;

/// Something in a plan that weakens the gate, or that cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is.
    pub code: Code,
    /// How grave it is.
    pub level: Level,
    /// The resource, as the plan names it.
    pub address: String,
    /// A sentence about it.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

impl Finding {
    pub(super) fn new(
        code: Code,
        change: &Change<'_>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            code,
            level: code.level(),
            address: change.address.chars().take(MAX_ADDRESS).collect(),
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    /// That a value which decides is known only after the plan is applied.
    pub(super) fn later(code: Code, change: &Change<'_>, what: &str) -> Self {
        let message = format!(
            "{} is known only after the plan is applied",
            shortened(what)
        );
        let remedy = "make it known to the plan, or look at the plan of the next run";
        Self {
            level: Level::CannotTell,
            ..Self::new(code, change, message, remedy)
        }
    }
}

/// How much of an address is quoted, in characters.
const MAX_ADDRESS: usize = 500;

/// How grave a finding is, from what cannot be told to what must not be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Level {
    /// It depends on what is known only after the plan is applied.
    CannotTell,
    /// It may be meant.
    Warning,
    /// It opens the gate, or breaks what it rests on.
    Error,
}

/// What was found. The codes stay what they are: people except them by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    /// A rule of a policy lets everything through.
    AllowAll,
    /// A rule of a policy is a dry run.
    DryRun,
    /// Break-glass is written into the configuration.
    BreakGlassInCode,
    /// An image is named without its digest.
    ImageByTag,
    /// What runs does not ask Binary Authorization.
    NoBinaryAuthorization,
    /// A policy is destroyed, by which the provider writes one that lets everything through.
    PolicyReset,
    /// A rule asks for fewer attestors than before.
    AttestorDropped,
    /// The provider sends the policy without attestors that the plan shows.
    PolicyUpdateLosesAttestors,
    /// Two attestors of one rule look alike to the provider, which sends one of them.
    AttestorsLookAlike,
    /// A policy is taken over whose other rules Terraform cannot hold.
    PolicyImported,
    /// An attestor is destroyed.
    AttestorDestroyed,
    /// A note is destroyed.
    NoteDestroyed,
    /// A signing key is destroyed.
    KeyDestroyed,
    /// Nothing keeps a signing key from being destroyed.
    KeyUnprotected,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 14] = [
        Self::AllowAll,
        Self::DryRun,
        Self::BreakGlassInCode,
        Self::ImageByTag,
        Self::NoBinaryAuthorization,
        Self::PolicyReset,
        Self::AttestorDropped,
        Self::PolicyUpdateLosesAttestors,
        Self::AttestorsLookAlike,
        Self::PolicyImported,
        Self::AttestorDestroyed,
        Self::NoteDestroyed,
        Self::KeyDestroyed,
        Self::KeyUnprotected,
    ];

    /// How grave it is where it can be told.
    pub const fn level(self) -> Level {
        match self {
            Self::DryRun | Self::AttestorDropped | Self::PolicyImported | Self::KeyUnprotected => {
                Level::Warning
            }
            _ => Level::Error,
        }
    }

    /// What it is, in a few words.
    pub const fn title(self) -> &'static str {
        match self {
            Self::AllowAll => "A rule of a policy lets everything through",
            Self::DryRun => "A rule of a policy is a dry run",
            Self::BreakGlassInCode => "Break-glass is written into the configuration",
            Self::ImageByTag => "An image is named without its digest",
            Self::NoBinaryAuthorization => "What runs does not ask Binary Authorization",
            Self::PolicyReset => "Destroying a policy writes one that lets everything through",
            Self::AttestorDropped => "A rule asks for fewer attestors than before",
            Self::PolicyUpdateLosesAttestors => {
                "The provider sends the policy without attestors that the plan shows"
            }
            Self::AttestorsLookAlike => "Two attestors of one rule have the same short name",
            Self::PolicyImported => "A policy is imported, whose other rules Terraform cannot hold",
            Self::AttestorDestroyed => "An attestor is destroyed",
            Self::NoteDestroyed => "A note is destroyed",
            Self::KeyDestroyed => "A signing key is destroyed",
            Self::KeyUnprotected => "Nothing keeps a signing key from being destroyed",
        }
    }
}

impl fmt::Display for Code {
    /// As in JSON, such as `ALLOW_ALL`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// A word that is no code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is no code of a finding; one of: {}", Code::ALL.map(|code| code.to_string()).join(", "))]
pub struct UnknownCode {
    word: String,
}

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let code = Self::ALL.into_iter().find(|code| code.to_string() == word);
        code.ok_or_else(|| UnknownCode {
            word: shortened(word),
        })
    }
}
