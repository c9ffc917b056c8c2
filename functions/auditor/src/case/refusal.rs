//! Why a step is refused.

use jiff::Timestamp;
use postern_core::case::CaseState;

/// Why a step is refused: a stable code, a sentence, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The actor lacks a right.
    #[error("{by} does not have the right `{right}`")]
    RightMissing {
        /// Who.
        by: String,
        /// The right.
        right: &'static str,
    },
    /// The actor is in the actor chain of the case.
    #[error("{by} is in the actor chain of this case, and nobody ends their own case")]
    OwnCase {
        /// Who.
        by: String,
    },
    /// It takes somebody else.
    #[error("this takes a second person, and {by} {why}")]
    NotASecondPerson {
        /// Who.
        by: String,
        /// Why they are none.
        why: &'static str,
    },
    /// The case is not where this step starts.
    #[error("the case is {}, and this step starts elsewhere", word(*.state))]
    WrongState {
        /// Where it is.
        state: CaseState,
        /// What comes before.
        first: &'static str,
    },
    /// A comment is needed.
    #[error("the comment is empty")]
    CommentMissing,
    /// A text is longer than is kept.
    #[error("the {what} has more than {limit} characters")]
    TextTooLong {
        /// Which text.
        what: &'static str,
        /// Characters, at most.
        limit: usize,
    },
    /// The justification says too little.
    #[error(
        "a justification has at least {least} characters, without superfluous blanks; this one has {has}"
    )]
    JustificationTooShort {
        /// Characters, at least.
        least: usize,
        /// Characters of this one.
        has: usize,
    },
    /// The justification was used for another case.
    #[error("the same text justified case {case} already")]
    JustificationRepeated {
        /// The other case.
        case: String,
    },
    /// No ticket is named.
    #[error("neither the ticket nor the text names a ticket (expected to match {pattern})")]
    TicketMissing {
        /// What must be found.
        pattern: String,
    },
    /// The image was not attested, and something else does not run instead.
    #[error("this case is about something that may still run unattested: {}", .why.join("; "))]
    NotAttestedOrReplaced {
        /// What speaks against it.
        why: Vec<String>,
    },
    /// The exception would stand too long.
    #[error("an exception stands until {latest} at most")]
    ExceptionTooLong {
        /// Until when it may.
        latest: Timestamp,
    },
    /// The exception would be over already.
    #[error("the exception would end in the past")]
    ExceptionInThePast,
    /// An exception belongs to closing.
    #[error("only closing takes an exception")]
    ExceptionNotHere,
    /// No target that a drill can be at.
    #[error("a drill is at one named target")]
    DrillTarget,
    /// No time that a drill can have.
    #[error("{0}")]
    DrillTime(&'static str),
}

/// What kind of refusal it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is about who asks.
    Who,
    /// It is about where the case, or what it is about, stands.
    State,
    /// It is about what was said.
    Words,
}

impl Refusal {
    /// The code that scripts may match on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RightMissing { .. } => "RIGHT_MISSING",
            Self::OwnCase { .. } => "OWN_CASE",
            Self::NotASecondPerson { .. } => "NOT_A_SECOND_PERSON",
            Self::WrongState { .. } => "WRONG_STATE",
            Self::CommentMissing => "COMMENT_MISSING",
            Self::TextTooLong { .. } => "TEXT_TOO_LONG",
            Self::JustificationTooShort { .. } => "JUSTIFICATION_TOO_SHORT",
            Self::JustificationRepeated { .. } => "JUSTIFICATION_REPEATED",
            Self::TicketMissing { .. } => "TICKET_MISSING",
            Self::NotAttestedOrReplaced { .. } => "NOT_ATTESTED_OR_REPLACED",
            Self::ExceptionTooLong { .. } => "EXCEPTION_TOO_LONG",
            Self::ExceptionInThePast => "EXCEPTION_IN_THE_PAST",
            Self::ExceptionNotHere => "EXCEPTION_NOT_HERE",
            Self::DrillTarget => "DRILL_TARGET",
            Self::DrillTime(_) => "DRILL_TIME",
        }
    }

    /// What kind of refusal it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::RightMissing { .. } | Self::OwnCase { .. } | Self::NotASecondPerson { .. } => {
                Kind::Who
            }
            Self::WrongState { .. } | Self::NotAttestedOrReplaced { .. } => Kind::State,
            _ => Kind::Words,
        }
    }

    /// What to do about it.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::RightMissing { .. } => {
                "let somebody with the right do it, or add it to the `may` of this caller's issuer"
            }
            Self::OwnCase { .. } => "say why with `justify`, and let somebody else do the rest",
            Self::NotASecondPerson { .. } => {
                "let somebody with the right `approve` do it, by their own identity, who neither \
                 took part nor justified"
            }
            Self::WrongState { first, .. } => first,
            Self::CommentMissing => "say why in `comment`",
            Self::TextTooLong { .. } => "say it shorter, and link to the rest",
            Self::JustificationTooShort { .. } => {
                "say what was broken, why the gate could not be waited for, and what comes next"
            }
            Self::JustificationRepeated { .. } => "say what was special about this one",
            Self::TicketMissing { .. } => "name the ticket in `ticket` or in the text",
            Self::NotAttestedOrReplaced { .. } => {
                "have the image attested, or go back to a revision that conforms and take traffic \
                 and tags from this one, or have an approver sign an exception with an end"
            }
            Self::ExceptionTooLong { .. } => "choose an earlier end; it can be renewed",
            Self::ExceptionInThePast => "choose an end in the future",
            Self::ExceptionNotHere => "leave `exceptionUntil` out",
            Self::DrillTarget => "write cloud-run:PROJECT/LOCATION/SERVICE, gke:… or lambda:…",
            Self::DrillTime(_) => "declare it beforehand, for one window of at most 24 hours",
        }
    }
}

const fn word(state: CaseState) -> &'static str {
    match state {
        CaseState::Open => "open",
        CaseState::Acknowledged => "acknowledged",
        CaseState::Justified => "justified",
        CaseState::Closed => "closed",
    }
}
