use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use postern_core::entry::{Entry, Record};
use postern_core::ledger::{Frontier, Hash, Node, Span};
use postern_core::ports::{Inclusion, Leaf};
use postern_core::revocation::{Revocation, Revoked};
use postern_verify::signer::{SoftwareSigner, generate_p256};

use super::*;

mod rotation;

const ORIGIN: &str = "postern.example.com/demo";

/// A ledger in memory, of entries that a test may damage.
#[derive(Default)]
struct Memory {
    entries: Mutex<Vec<Vec<u8>>>,
    checkpoint: Mutex<Option<String>>,
}

impl Memory {
    fn of(count: u64) -> Arc<Self> {
        let memory = Self::default();
        memory.add(0, count);
        Arc::new(memory)
    }

    fn add(&self, from: u64, to: u64) {
        let entries = (from..to).map(|n| serde_json_canonicalizer::to_vec(&entry(n)).unwrap());
        self.entries.lock().unwrap().extend(entries);
    }

    fn nodes(&self, size: u64) -> (Frontier, BTreeMap<Node, Hash>) {
        let mut frontier = Frontier::default();
        let mut nodes = BTreeMap::new();
        let entries = self.entries.lock().unwrap();
        for (index, entry) in (0..size).zip(entries.iter()) {
            let leaf = tree::leaf_hash(entry);
            nodes.insert(Node { level: 0, index }, leaf);
            nodes.extend(frontier.push(leaf));
        }
        (frontier, nodes)
    }

    fn size(&self) -> u64 {
        self.entries.lock().unwrap().len() as u64
    }

    fn hashes(&self, spans: &[Span], size: u64) -> Vec<Hash> {
        let (_, nodes) = self.nodes(size);
        let hash = |span: &Span| {
            let hashes: Vec<_> = span.nodes().iter().map(|node| nodes[node]).collect();
            span.hash(&hashes).unwrap()
        };
        spans.iter().map(hash).collect()
    }
}

#[async_trait]
impl LedgerStore for Memory {
    async fn grow(&self) -> Result<Head, Unavailable> {
        Ok(self.head_of(self.size()).await?.unwrap())
    }

    async fn head_of(&self, size: u64) -> Result<Option<Head>, Unavailable> {
        let root = self.nodes(size).0.root();
        Ok((size <= self.size()).then_some(Head { size, root }))
    }

    async fn prove(&self, id: &str, size: u64) -> Result<Option<Inclusion>, Unavailable> {
        let entries = self.entries.lock().unwrap().clone();
        let of_id = |bytes: &Vec<u8>| serde_json::from_slice::<Entry>(bytes).unwrap().id == id;
        let index = entries.iter().position(of_id).unwrap() as u64;
        let proof = self.hashes(&tree::inclusion(index, size).unwrap(), size);
        let canonical = entries[index as usize].clone();
        Ok(Some(Inclusion {
            index,
            canonical,
            proof,
        }))
    }

    async fn prove_place(&self, index: u64, size: u64) -> Result<Option<Vec<Hash>>, Unavailable> {
        let spans = tree::inclusion(index, size);
        Ok(spans.map(|spans| self.hashes(&spans, size)))
    }

    async fn prove_growth(&self, old: u64, size: u64) -> Result<Option<Vec<Hash>>, Unavailable> {
        let spans = tree::consistency(old, size);
        Ok(spans.map(|spans| self.hashes(&spans, size)))
    }

    async fn leaves(&self, from: u64, limit: u32) -> Result<Vec<Leaf>, Unavailable> {
        let entries = self.entries.lock().unwrap();
        let rest = entries.iter().skip(from as usize);
        let leaf = |canonical: &Vec<u8>| Leaf {
            canonical: canonical.clone(),
            hash: tree::leaf_hash(canonical),
        };
        Ok(rest.take(limit as usize).map(leaf).collect())
    }

    async fn last_checkpoint(&self) -> Result<Option<String>, Unavailable> {
        Ok(self.checkpoint.lock().unwrap().clone())
    }

    async fn keep_checkpoint(&self, _: u64, _: Timestamp, note: &str) -> Result<(), Unavailable> {
        *self.checkpoint.lock().unwrap() = Some(note.to_owned());
        Ok(())
    }
}

fn entry(n: u64) -> Entry {
    let at = Timestamp::from_second(1_772_000_000 + i64::try_from(n).unwrap() * 60).unwrap();
    Entry {
        id: format!("01-{n:04}"),
        at,
        record: Record::Revocation(Revocation {
            what: Revoked::Key("key-1".to_owned()),
            reason: format!("synthetic {n}"),
            by: "alice".to_owned(),
            at,
        }),
    }
}

struct Scene {
    memory: Arc<Memory>,
    ledger: Ledger,
    key: NoteKey,
}

fn scene(count: u64) -> Scene {
    let (private, public) = generate_p256().unwrap();
    let signer = SoftwareSigner::from_pem(&private, None, None).unwrap();
    let memory = Memory::of(count);
    Scene {
        ledger: Ledger::new(memory.clone(), ORIGIN, Arc::new(signer)).unwrap(),
        key: NoteKey::from_pem(&public).unwrap(),
        memory,
    }
}

impl Scene {
    async fn signed(&self) -> SignedNote {
        self.ledger.checkpoint(Timestamp::UNIX_EPOCH).await.unwrap()
    }

    async fn exported(&self, note: &SignedNote, selection: &Selection) -> Vec<String> {
        self.exported_from(note, selection, &[]).await
    }

    async fn exported_from(
        &self,
        note: &SignedNote,
        selection: &Selection,
        from: &[u64],
    ) -> Vec<String> {
        let mut bytes = Vec::new();
        export(&*self.memory, note, selection, from, &mut bytes)
            .await
            .unwrap();
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn verified(&self, lines: &[String], kept: &[SignedNote]) -> Result<Verified, Broken> {
        let kept: Vec<_> = kept.iter().cloned().map(Earlier).collect();
        let mut verifier =
            Verifier::new(lines[0].as_bytes(), std::slice::from_ref(&self.key), &kept)?;
        for line in &lines[1..] {
            verifier.take(line.as_bytes())?;
        }
        verifier.finish()
    }
}

#[tokio::test]
async fn an_export_is_verified_with_nothing_but_the_key() {
    let scene = scene(11);
    let early = scene.signed().await;
    scene.memory.add(11, 30);
    let note = scene.signed().await;
    let lines = scene.exported(&note, &Selection::default()).await;
    let verified = scene
        .verified(&lines, std::slice::from_ref(&early))
        .unwrap();
    assert_eq!((verified.entries, verified.checkpoint.size), (30, 30));
    assert_eq!(verified.begins_with, [11]);
    let elsewhere = self::scene(0);
    let other = Verifier::new(
        lines[0].as_bytes(),
        std::slice::from_ref(&elsewhere.key),
        &[],
    );
    let unknown = Broken::UnknownKey {
        origin: ORIGIN.to_owned(),
        size: 30,
        key: Some(scene.key.id()),
    };
    assert_eq!(other.err(), Some(unknown));
}

#[tokio::test]
async fn a_part_is_proven_entry_by_entry() {
    let scene = scene(30);
    let note = scene.signed().await;
    let selection = Selection {
        since: Some(entry(7).at),
        until: Some(entry(12).at),
        ..Selection::default()
    };
    let lines = scene.exported(&note, &selection).await;
    let verified = scene.verified(&lines, &[]).unwrap();
    assert_eq!(
        (verified.entries, verified.selection.clone()),
        (5, selection)
    );
    assert_eq!(verified.period, Some((entry(7).at, entry(11).at)));
    let swapped = [&lines[..1], &[lines[2].clone(), lines[1].clone()]].concat();
    assert!(matches!(
        scene.verified(&swapped, &[]),
        Err(Broken::Order { .. })
    ));
    for line in &lines[1..] {
        let changed = vec![lines[0].clone(), line.replace("alice", "mallo")];
        assert!(matches!(
            scene.verified(&changed, &[]),
            Err(Broken::Proof(_))
        ));
    }
}

#[tokio::test]
async fn whatever_is_done_to_an_export_is_found() {
    let scene = scene(20);
    let note = scene.signed().await;
    let lines = scene.exported(&note, &Selection::default()).await;
    let broken = |change: fn(&mut Vec<String>)| {
        let mut lines = lines.clone();
        change(&mut lines);
        scene.verified(&lines, &[]).unwrap_err()
    };
    assert_eq!(
        broken(|l| l[9] = l[9].replace("synthetic 8", "synthetic 9")),
        Broken::Root(20)
    );
    assert!(matches!(
        broken(|l| drop(l.remove(9))),
        Broken::Order {
            expected: 8,
            found: 9
        }
    ));
    assert!(matches!(broken(|l| l.swap(9, 10)), Broken::Order { .. }));
    assert!(matches!(
        broken(|l| l.insert(9, l[9].clone())),
        Broken::Order { .. }
    ));
    assert!(matches!(
        broken(|l| drop(l.pop())),
        Broken::Shorter { size: 20, have: 19 }
    ));
    assert!(matches!(
        broken(|l| l[20].truncate(40)),
        Broken::Line { line: 21, .. }
    ));
    assert!(matches!(
        broken(|l| l.push(l[20].replace("19", "20"))),
        Broken::Shorter { .. }
    ));
    assert_eq!(
        broken(|l| l[3] = l[3].replace("\"id\"", " \"id\"")),
        Broken::NotCanonical(2)
    );
    assert!(matches!(
        broken(|l| l[0] = l[0].replace("\\n20\\n", "\\n19\\n")),
        Broken::Signature(_)
    ));
    assert!(matches!(
        broken(|l| l[0] = "{}".to_owned()),
        Broken::Header(_)
    ));
}

#[tokio::test]
async fn a_replaced_tail_is_found_by_whoever_kept_a_checkpoint() {
    let scene = scene(20);
    let kept = scene.signed().await;
    let forged = Memory::of(10);
    forged.add(110, 125);
    *scene.memory.entries.lock().unwrap() = forged.entries.lock().unwrap().clone();
    *scene.memory.checkpoint.lock().unwrap() = None;
    let note = scene.signed().await;
    let lines = scene.exported(&note, &Selection::default()).await;
    assert!(scene.verified(&lines, &[]).is_ok());
    assert_eq!(scene.verified(&lines, &[kept]), Err(Broken::Earlier(20)));
}

#[tokio::test]
async fn a_part_proves_that_the_ledger_begins_with_what_was_kept() {
    let scene = scene(11);
    let kept = scene.signed().await;
    scene.memory.add(11, 30);
    let note = scene.signed().await;
    let verified = async |selection: &Selection, from: &[u64]| {
        let lines = scene.exported_from(&note, selection, from).await;
        scene.verified(&lines, std::slice::from_ref(&kept)).unwrap()
    };
    let part = Selection {
        since: Some(entry(25).at),
        ..Selection::default()
    };
    let of_part = verified(&part, &[11, 20]).await;
    assert_eq!((of_part.entries, of_part.begins_with), (5, vec![11]));
    assert_eq!(of_part.not_kept, [20]);
    let without = verified(&part, &[]).await;
    assert_eq!(
        (without.begins_with, without.not_compared),
        (vec![], vec![11])
    );
    let nothing = verified(&Selection::nothing(), &[11]).await;
    assert_eq!((nothing.entries, nothing.begins_with), (0, vec![11]));
    let lines = scene.exported(&note, &part).await;
    let same = scene.verified(&lines, std::slice::from_ref(&note)).unwrap();
    assert_eq!(same.begins_with, [30], "the same checkpoint needs no proof");
}

#[tokio::test]
async fn a_hash_stands_for_what_was_pruned_and_that_is_said() {
    let scene = scene(6);
    let note = scene.signed().await;
    let mut lines = scene.exported(&note, &Selection::default()).await;
    let hash = tree::leaf_hash(&scene.memory.entries.lock().unwrap()[2]);
    let hash = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, hash);
    lines[3] = format!(r#"{{"index":2,"hash":"{hash}"}}"#);
    let verified = scene.verified(&lines, &[]).unwrap();
    assert_eq!((verified.entries, verified.pruned), (5, 1));
    lines[3] = lines[3].replace(&hash[..4], "AAAA");
    assert_eq!(scene.verified(&lines, &[]), Err(Broken::Root(6)));
    lines[3] = r#"{"index":2}"#.to_owned();
    assert!(matches!(
        scene.verified(&lines, &[]),
        Err(Broken::Line { .. })
    ));
}

#[tokio::test]
async fn what_was_forked_is_not_proven_to_have_grown() {
    let scene = scene(20);
    let kept = scene.signed().await;
    let cut = Verifier::new(
        scene.exported(&kept, &Selection::nothing()).await[0].as_bytes(),
        std::slice::from_ref(&scene.key),
        &[Earlier(kept.clone())],
    );
    assert!(cut.is_ok());
    let forged = Memory::of(10);
    forged.add(110, 135);
    *scene.memory.entries.lock().unwrap() = forged.entries.lock().unwrap().clone();
    *scene.memory.checkpoint.lock().unwrap() = None;
    let forged = scene.signed().await;
    let nothing = Selection::nothing();
    let lines = scene.exported_from(&forged, &nothing, &[20]).await;
    let kept = std::slice::from_ref(&kept);
    assert_eq!(scene.verified(&lines, kept), Err(Broken::Growth(20)));
    let garbled = vec![lines[0].replace("\"proof\":[\"", "\"proof\":[\"AAAA")];
    assert_eq!(scene.verified(&garbled, kept), Err(Broken::Growth(20)));
}

#[tokio::test]
async fn kept_checkpoints_that_contradict_each_other_or_the_ledger_are_found() {
    let scene = scene(20);
    let kept = scene.signed().await;
    *scene.memory.entries.lock().unwrap() = Memory::of(12).entries.lock().unwrap().clone();
    *scene.memory.checkpoint.lock().unwrap() = None;
    let shorter = scene.signed().await;
    let lines = scene.exported(&shorter, &Selection::default()).await;
    let cut = Broken::Cut { kept: 20, size: 12 };
    assert_eq!(
        scene.verified(&lines, std::slice::from_ref(&kept)),
        Err(cut)
    );
    let forged = Memory::of(0);
    forged.add(110, 130);
    *scene.memory.entries.lock().unwrap() = forged.entries.lock().unwrap().clone();
    *scene.memory.checkpoint.lock().unwrap() = None;
    let fork = scene.signed().await;
    scene.memory.add(130, 140);
    *scene.memory.checkpoint.lock().unwrap() = None;
    let now = scene.signed().await;
    let lines = scene.exported(&now, &Selection::default()).await;
    assert_eq!(
        scene.verified(&lines, &[fork, kept]),
        Err(Broken::Forked(20))
    );
}

#[tokio::test]
async fn what_contradicts_the_last_signature_is_not_signed() {
    let scene = scene(20);
    let first = scene.signed().await;
    assert_eq!(scene.signed().await, first, "nothing was added");
    let forged = |count: u64, changed: Option<usize>| {
        let memory = Memory::of(count);
        if let Some(changed) = changed {
            memory.entries.lock().unwrap()[changed] = b"{}".to_vec();
        }
        memory.entries.lock().unwrap().clone()
    };
    for entries in [forged(25, Some(3)), forged(20, Some(19)), forged(19, None)] {
        *scene.memory.entries.lock().unwrap() = entries;
        let refused = scene.ledger.checkpoint(Timestamp::UNIX_EPOCH).await;
        assert!(matches!(refused, Err(LedgerError::Forked { then: 20, .. })));
    }
    *scene.memory.entries.lock().unwrap() = forged(25, None);
    scene.signed().await;
}

#[test]
fn a_name_with_blanks_is_refused() {
    let (private, _) = generate_p256().unwrap();
    let signer = Arc::new(SoftwareSigner::from_pem(&private, None, None).unwrap());
    let refused = Ledger::new(Memory::of(0), "a b", signer);
    assert!(matches!(refused, Err(LedgerError::Origin(_))));
}
