//! The ledger's key is changed.

use postern_core::ports::Anchor;

use super::*;

/// A signer and its public half.
fn key() -> (Arc<dyn Signer>, NoteKey) {
    let (private, public) = generate_p256().unwrap();
    let signer = SoftwareSigner::from_pem(&private, None, None).unwrap();
    (Arc::new(signer), NoteKey::from_pem(&public).unwrap())
}

/// The same ledger with a new key, which knows these of before.
fn renewed(scene: &Scene, previous: &[&NoteKey]) -> Scene {
    let (signer, key) = key();
    let ledger = Ledger::new(scene.memory.clone(), ORIGIN, signer).unwrap();
    Scene {
        memory: scene.memory.clone(),
        ledger: ledger.succeeding(previous.iter().map(|key| (*key).clone()).collect()),
        key,
    }
}

async fn refused(scene: &Scene) -> LedgerError {
    let signed = scene.ledger.checkpoint(Timestamp::UNIX_EPOCH).await;
    signed.unwrap_err()
}

fn verified(
    lines: &[String],
    keys: &[&NoteKey],
    kept: &[&SignedNote],
) -> Result<Verified, NotVerified> {
    let keys: Vec<_> = keys.iter().map(|key| (*key).clone()).collect();
    let kept: Vec<_> = kept.iter().map(|note| Earlier((*note).clone())).collect();
    verify(&mut lines.join("\n").as_bytes(), &keys, &kept)
}

#[tokio::test]
async fn a_key_signs_on_only_from_what_a_known_key_signed() {
    let old = scene(5);
    let last = old.signed().await;
    old.memory.add(5, 9);
    let stranger = renewed(&old, &[]);
    let error = refused(&stranger).await;
    assert!(
        matches!(error, LedgerError::UnknownKey { size: 5, key } if key == Some(old.key.id())),
        "{error}"
    );
    let kept = old.memory.last_checkpoint().await.unwrap();
    assert_eq!(kept, Some(last.to_string()), "nothing was signed");

    let new = renewed(&old, &[&stranger.key, &old.key]);
    let note = new.signed().await;
    assert!(new.key.signed(&note, ORIGIN) && !old.key.signed(&note, ORIGIN));
    new.memory.add(9, 12);
    // By now its own key signed last.
    assert!(new.key.signed(&new.signed().await, ORIGIN));
    new.memory.add(12, 13);
    let error = refused(&old).await;
    assert!(
        matches!(error, LedgerError::UnknownKey { size: 12, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_new_key_signs_nothing_that_contradicts_the_old_one() {
    let old = scene(5);
    old.signed().await;
    let new = renewed(&old, &[&old.key]);
    let forged = Memory::of(0);
    forged.add(100, 108);
    *new.memory.entries.lock().unwrap() = forged.entries.lock().unwrap().clone();
    let error = refused(&new).await;
    assert!(
        matches!(error, LedgerError::Forked { then: 5, now: 8 }),
        "{error}"
    );
}

#[tokio::test]
async fn without_news_the_old_signature_stands() {
    let old = scene(5);
    let last = old.signed().await;
    let new = renewed(&old, &[&old.key]);
    assert_eq!(new.signed().await, last);
}

#[tokio::test]
async fn what_was_put_in_place_of_the_last_signature_is_found() {
    let scene = scene(5);
    scene.signed().await;
    scene.memory.add(5, 6);
    let mut forged = scene.signed().await;
    forged.text = forged.text.replace("\n6\n", "\n7\n");
    *scene.memory.checkpoint.lock().unwrap() = Some(forged.to_string());
    scene.memory.add(6, 7);
    let error = refused(&scene).await;
    assert!(matches!(error, LedgerError::LastForged(7)), "{error}");
    forged.signatures[0].name = "somebody.example.com".to_owned();
    *scene.memory.checkpoint.lock().unwrap() = Some(forged.to_string());
    let error = refused(&scene).await;
    assert!(
        matches!(error, LedgerError::UnknownKey { key: None, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn an_export_that_two_keys_signed_takes_both() {
    let old = scene(5);
    let early = old.signed().await;
    let new = renewed(&old, &[&old.key]);
    new.memory.add(5, 9);
    let note = new.signed().await;
    let lines = new.exported(&note, &Selection::default()).await;
    let both = verified(&lines, &[&old.key, &new.key], &[&early, &note]).unwrap();
    assert_eq!(
        (both.begins_with, both.signed_by),
        (vec![5, 9], new.key.id())
    );
    // What was signed before is older, and not the end of it.
    let before = new.exported(&early, &Selection::default()).await;
    let alone = verified(&before, &[&new.key, &old.key], &[]).unwrap();
    assert_eq!((alone.entries, alone.signed_by), (5, old.key.id()));
    assert!(verified(&lines, &[&new.key], &[&note]).is_ok());
    for (keys, size) in [(&new.key, 5), (&old.key, 9)] {
        let error = verified(&lines, &[keys], &[&early, &note]).unwrap_err();
        let told = error.to_string();
        assert!(told.contains(&format!("of {size} entries")), "{told}");
        assert!(
            told.contains("signed by a key that was not brought (id "),
            "{told}"
        );
    }
}

/// Keeps what it is given.
#[derive(Default)]
struct Kept(Mutex<Vec<u64>>);

#[async_trait]
impl Anchor for Kept {
    fn name(&self) -> &str {
        "kept"
    }

    async fn publish(&self, size: u64, _note: &str) -> Result<String, Unavailable> {
        self.0.lock().unwrap().push(size);
        Ok("here".to_owned())
    }
}

#[tokio::test]
async fn only_what_a_known_key_signed_is_anchored() {
    let old = scene(5);
    old.signed().await;
    for (previous, expected) in [(vec![], vec![]), (vec![&old.key], vec![5])] {
        let kept = Arc::new(Kept::default());
        let new = renewed(&old, &previous);
        let ledger = new.ledger.anchored(Anchors::new(vec![kept.clone()]));
        let ticked = ledger.tick(Timestamp::UNIX_EPOCH).await;
        assert_eq!(ticked.is_ok(), !previous.is_empty());
        assert_eq!(*kept.0.lock().unwrap(), expected);
    }
}
