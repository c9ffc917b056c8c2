//! What a ledger says of itself about what is missing from it.
//!
//! Only what was noticed is here. What nobody noticed, nobody can list.

use jiff::Timestamp;
use postern_core::entry::{Entry, Record};
use postern_core::finding::{Category, Finding};

/// The most gaps that are named; the rest is counted.
const NAMED: usize = 100;

/// Where the ledger says of itself that events are missing, or may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The entry that says so.
    pub index: u64,
    /// Why.
    pub kind: GapKind,
    /// From when on.
    pub from: Timestamp,
    /// Until when, where the entry knows it.
    pub until: Option<Timestamp>,
    /// When it was recorded.
    pub found: Timestamp,
    /// In words. Attacker-controlled text may be in it.
    pub summary: String,
}

/// Why something may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GapKind {
    /// Reading a log back showed entries that were never delivered. They were taken in afterwards.
    NotDelivered,
    /// Nothing was heard for longer than was expected.
    Silence,
    /// An entry, or a part of one, could not be read; it is in quarantine.
    Unreadable,
    /// Somebody switched a log or a channel off, or changed it.
    Blinded,
}

impl GapKind {
    /// As JSON and reports have it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotDelivered => "NOT_DELIVERED",
            Self::Silence => "SILENCE",
            Self::Unreadable => "UNREADABLE",
            Self::Blinded => "BLINDED",
        }
    }
}

/// The gaps of entries that were looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gaps {
    /// The first of them.
    pub named: Vec<Gap>,
    /// How many there are.
    pub count: u64,
    /// How many events were taken in that could not be read.
    pub quarantined: u64,
}

impl Gaps {
    pub(super) fn look_at(&mut self, index: u64, entry: &Entry) {
        match &entry.record {
            Record::Finding(finding) => {
                let Some(kind) = kind_of(finding) else { return };
                self.count += 1;
                if self.named.len() < NAMED {
                    self.named.push(gap(index, entry.at, kind, finding));
                }
            }
            Record::Event(event) if !event.readable => self.quarantined += 1,
            _ => {}
        }
    }

    /// How many are counted only.
    pub fn unnamed(&self) -> u64 {
        self.count.saturating_sub(self.named.len() as u64)
    }
}

fn kind_of(finding: &Finding) -> Option<GapKind> {
    match finding.detection.as_str() {
        "postern.audit.gap" => Some(GapKind::NotDelivered),
        "postern.audit.silence" => Some(GapKind::Silence),
        "postern.audit.incomplete-entry" | "postern.audit.unreadable-entry" => {
            Some(GapKind::Unreadable)
        }
        _ => match finding.category {
            Category::Silence => Some(GapKind::Silence),
            Category::AuditBlinded => Some(GapKind::Blinded),
            _ => None,
        },
    }
}

fn gap(index: u64, found: Timestamp, kind: GapKind, finding: &Finding) -> Gap {
    // A silence is named for its beginning, and is noticed at its finding's time.
    let since = (kind == GapKind::Silence)
        .then(|| finding.source.id.rsplit('|').next()?.parse().ok())
        .flatten();
    let (from, until) = match since {
        Some(since) => (since, Some(finding.at)),
        None => (finding.at, None),
    };
    Gap {
        index,
        kind,
        from,
        until,
        found,
        summary: finding.summary.clone(),
    }
}
