use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A tree that keeps its complete subtrees, as the store does.
#[derive(Default)]
struct Kept {
    frontier: Frontier,
    nodes: BTreeMap<Node, Hash>,
    roots: Vec<Hash>,
}

fn content(index: u64) -> Vec<u8> {
    format!("entry {index}").into_bytes()
}

fn kept(size: u64) -> Kept {
    let mut kept = Kept::default();
    kept.roots.push(kept.frontier.root());
    for index in 0..size {
        let leaf = leaf_hash(&content(index));
        kept.nodes.insert(Node { level: 0, index }, leaf);
        kept.nodes.extend(kept.frontier.push(leaf));
        kept.roots.push(kept.frontier.root());
    }
    kept
}

impl Kept {
    fn hashes(&self, spans: &[Span]) -> Vec<Hash> {
        let hash = |span: &Span| {
            let nodes: Vec<_> = span.nodes().iter().map(|node| self.nodes[node]).collect();
            span.hash(&nodes).unwrap()
        };
        spans.iter().map(hash).collect()
    }
}

/// MTH of RFC 6962, as it is written there.
fn tree_hash(leaves: &[Vec<u8>]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [only] => leaf_hash(only),
        leaves => {
            let half = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(half);
            parent_hash(&tree_hash(left), &tree_hash(right))
        }
    }
}

#[test]
fn every_root_is_that_of_the_rfc() {
    let leaves: Vec<_> = (0..70).map(content).collect();
    for (size, root) in kept(70).roots.iter().enumerate() {
        assert_eq!(*root, tree_hash(&leaves[..size]), "{size}");
    }
}

#[test]
fn a_frontier_goes_on_where_it_was_left() {
    let tree = kept(37);
    for size in 0..37 {
        let peaks = Frontier::nodes(size)
            .iter()
            .map(|node| tree.nodes[node])
            .collect();
        let mut frontier = Frontier::new(size, peaks).unwrap();
        assert_eq!(frontier.root(), tree.roots[size as usize]);
        frontier.push(leaf_hash(&content(size)));
        assert_eq!(frontier.root(), tree.roots[size as usize + 1]);
    }
    assert_eq!(Frontier::new(3, vec![[0; 32]]), None);
}

#[test]
fn every_leaf_of_every_tree_can_be_proven() {
    let tree = kept(40);
    for size in 1..=40 {
        let root = tree.roots[size as usize];
        for index in 0..size {
            let proof = tree.hashes(&inclusion(index, size).unwrap());
            assert!(is_included(&content(index), index, size, root, &proof));
            assert!(!is_included(&content(index + 1), index, size, root, &proof));
            assert!(!is_included(&content(index), index, size, [1; 32], &proof));
            let longer = [&proof[..], &[[0; 32]]].concat();
            assert!(!is_included(&content(index), index, size, root, &longer));
        }
        assert_eq!(inclusion(size, size), None);
    }
}

#[test]
fn every_tree_begins_with_every_smaller_one() {
    let tree = kept(40);
    for size in 0..=40 {
        for old in 0..=size {
            let proof = tree.hashes(&consistency(old, size).unwrap());
            let (old, new) = (
                (old, tree.roots[old as usize]),
                (size, tree.roots[size as usize]),
            );
            assert!(is_consistent(old, new, &proof), "{} in {size}", old.0);
            assert!(old.0 == 0 || !is_consistent((old.0, [1; 32]), new, &proof));
            assert!(old.0 == 0 || !is_consistent(old, (size, [1; 32]), &proof));
        }
        assert_eq!(consistency(size + 1, size), None);
    }
}

proptest! {
    #[test]
    fn no_numbers_and_hashes_break_anything(
        index: u64, size: u64, old: u64, root: Hash, proof in proptest::collection::vec(any::<Hash>(), 0..70)
    ) {
        prop_assert!(!is_included(b"x", index, size, root, &proof));
        let consistent = is_consistent((old, root), (size, [2; 32]), &proof);
        prop_assert!(!consistent || old == 0);
        for spans in [inclusion(index, size), consistency(old, size)].into_iter().flatten() {
            for span in spans {
                prop_assert!(span.nodes().len() <= 64);
            }
        }
    }
}
