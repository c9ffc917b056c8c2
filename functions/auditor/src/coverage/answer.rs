//! Three-valued answers: what cannot be told is never taken for a yes.

/// Whether something holds for a sample entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It cannot be told, and why.
    Unknown(String),
}

impl Answer {
    /// Yes or no.
    pub(crate) fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    /// Both. A no decides, whatever is not known.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, other) | (other, Self::Yes) => other,
            (unknown, Self::Unknown(_)) => unknown,
        }
    }

    /// Either. A yes decides, whatever is not known.
    pub(crate) fn or(self, other: Self) -> Self {
        !((!self).and(!other))
    }
}

impl std::ops::Not for Answer {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            unknown @ Self::Unknown(_) => unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_decides_nothing() {
        let unknown = || Answer::Unknown("x".to_owned());
        assert_eq!(unknown().and(Answer::No), Answer::No);
        assert_eq!(unknown().and(Answer::Yes), unknown());
        assert_eq!(unknown().or(Answer::Yes), Answer::Yes);
        assert_eq!(unknown().or(Answer::No), unknown());
        assert_eq!(!unknown(), unknown());
    }
}
