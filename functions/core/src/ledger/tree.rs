//! The Merkle tree (RFC 6962, section 2.1), of which only complete subtrees are kept: everything else
//! is put together from them, so that an append, a root and a proof each take as many steps as the
//! tree is high.
//!
//! Which places a proof consists of, and whether one holds, is `ct-merkle`'s to say.

use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use sha2::{Digest as _, Sha256};

/// SHA-256.
pub type Hash = [u8; 32];

/// A complete subtree: the one over the leaves from `index << level` to before `(index + 1) << level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// Its height; 0 is a leaf.
    pub level: u32,
    /// Its place among those of its height, from the left.
    pub index: u64,
}

/// The hash of a leaf.
pub fn leaf_hash(content: &[u8]) -> Hash {
    let hash = Sha256::new().chain_update([0]).chain_update(content);
    hash.finalize().into()
}

fn parent_hash(left: &Hash, right: &Hash) -> Hash {
    let hash = Sha256::new().chain_update([1]).chain_update(left);
    hash.chain_update(right).finalize().into()
}

/// The right edge of a tree: all that is needed to add to it, and to say its root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    /// The complete subtrees that the tree consists of, largest first.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The complete subtrees that a tree of this size consists of, largest first.
    pub fn nodes(size: u64) -> Vec<Node> {
        Span { from: 0, to: size }.nodes()
    }

    /// The tree of this size, of the hashes of its [`nodes`](Self::nodes). `None` if they are not as many.
    pub fn new(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        let as_many = peaks.len() as u64 == u64::from(size.count_ones());
        as_many.then_some(Self { size, peaks })
    }

    /// How many leaves there are.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf. Gives the complete subtrees that came of it, the smallest first; the leaf itself is
    /// not among them.
    pub fn push(&mut self, leaf: Hash) -> Vec<(Node, Hash)> {
        let mut made = Vec::new();
        let mut hash = leaf;
        for level in 1..=self.size.trailing_ones() {
            let Some(left) = self.peaks.pop() else { break };
            hash = parent_hash(&left, &hash);
            let index = self.size >> level;
            made.push((Node { level, index }, hash));
        }
        self.peaks.push(hash);
        self.size += 1;
        made
    }

    /// The root; of no leaves the hash of nothing.
    pub fn root(&self) -> Hash {
        joined(&self.peaks).unwrap_or_else(|| Sha256::digest([]).into())
    }
}

/// One place of a tree: the subtree over the leaves from `from` to before `to`. At the right edge it
/// is not complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    from: u64,
    to: u64,
}

impl Span {
    /// The place that has this number in `ct-merkle`'s order, which is that of RFC 9420, appendix C:
    /// leaves are even, and the number of trailing ones is the height.
    fn numbered(number: u64, size: u64) -> Self {
        let level = number.trailing_ones();
        let from = (number >> (level + 1)) << level;
        Self {
            from,
            to: from.saturating_add(1 << level).min(size),
        }
    }

    /// The complete subtrees that it consists of, largest first.
    pub fn nodes(self) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut from = self.from;
        while from < self.to {
            let level = (self.to - from).ilog2();
            nodes.push(Node {
                level,
                index: from >> level,
            });
            from += 1 << level;
        }
        nodes
    }

    /// Its hash, of those of its [`nodes`](Self::nodes). `None` if they are not as many.
    pub fn hash(self, nodes: &[Hash]) -> Option<Hash> {
        let as_many = nodes.len() as u64 == u64::from((self.to - self.from).count_ones());
        as_many.then(|| joined(nodes)).flatten()
    }
}

fn joined(subtrees: &[Hash]) -> Option<Hash> {
    let hashes = subtrees.iter().rev().copied();
    hashes.reduce(|right, left| parent_hash(&left, &right))
}

/// The places whose hashes prove that a leaf stands at `index` in a tree of `size` leaves. `None` if
/// there is no such leaf.
pub fn inclusion(index: u64, size: u64) -> Option<Vec<Span>> {
    if index >= size || size > LARGEST {
        return None;
    }
    let numbers = ct_merkle::indices_for_inclusion_proof(size, index);
    Some(spans(&numbers, size))
}

/// The places whose hashes prove that a tree of `size` leaves begins with the one of `old` leaves; none
/// are needed for an empty one. `None` if it is smaller.
pub fn consistency(old: u64, size: u64) -> Option<Vec<Span>> {
    if old > size || size > LARGEST {
        return None;
    }
    if old == 0 {
        return Some(Vec::new());
    }
    let numbers = ct_merkle::indices_for_consistency_proof(old, size - old);
    Some(spans(&numbers, size))
}

/// The largest tree: its positions are signed integers in the store.
const LARGEST: u64 = i64::MAX as u64;

fn spans(numbers: &[u64], size: u64) -> Vec<Span> {
    let numbers = numbers.iter();
    numbers
        .map(|number| Span::numbered(*number, size))
        .collect()
}

/// Whether the hashes prove that `content` is the leaf at `index` of the tree with this size and root.
pub fn is_included(content: &[u8], index: u64, size: u64, root: Hash, proof: &[Hash]) -> bool {
    if index >= size || size > LARGEST {
        return false;
    }
    let proof = InclusionProof::<Sha256>::from_bytes(proof.concat());
    let root = RootHash::<Sha256>::new(root.into(), size);
    root.verify_inclusion(&content, index, &proof).is_ok()
}

/// Whether the hashes prove that the tree with the size and root `new` begins with that of `old`.
pub fn is_consistent(old: (u64, Hash), new: (u64, Hash), proof: &[Hash]) -> bool {
    if old.0 == 0 || new.0 > LARGEST {
        return old.0 == 0 && proof.is_empty();
    }
    let root = |(size, root): (u64, Hash)| RootHash::<Sha256>::new(root.into(), size);
    ConsistencyProof::<Sha256>::try_from_bytes(proof.concat())
        .is_ok_and(|proof| root(new).verify_consistency(&root(old), &proof).is_ok())
}

#[cfg(test)]
mod tests;
