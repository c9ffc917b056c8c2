//! What was seen before, in memory that does not grow with what is read.

use std::collections::{BTreeSet, VecDeque};

use postern_core::image::Digest;

/// Things that are remembered; entries of one rollout stand close together in a log.
const REMEMBERED: usize = 1 << 16;

/// Remembers the latest things by their hash.
#[derive(Debug, Default)]
pub(super) struct Once {
    known: BTreeSet<[u8; 16]>,
    order: VecDeque<[u8; 16]>,
}

impl Once {
    /// Whether this is seen for the first time.
    pub(super) fn first(&mut self, parts: &[&str]) -> bool {
        let mut key = [0; 16];
        let digest = Digest::of(parts.join("\n").as_bytes());
        key.copy_from_slice(&digest.as_bytes()[..16]);
        if !self.known.insert(key) {
            return false;
        }
        self.order.push_back(key);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut once = Once::default();
        assert!(once.first(&["a", "b"]));
        assert!(!once.first(&["a", "b"]));
        for n in 0..REMEMBERED {
            assert!(once.first(&[&n.to_string()]));
        }
        assert!(once.first(&["a", "b"]), "the oldest is forgotten");
        assert_eq!(once.known.len(), REMEMBERED);
    }
}
