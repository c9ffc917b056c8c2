use std::path::Path;
use std::sync::Mutex as SyncMutex;

use postern_core::entry::Record;
use postern_core::ports::{EmergencySpool as _, Journal as _};
use postern_core::revocation::{Revocation, Revoked};
use sqlx::Connection as _;

use super::*;

const IDS: [&str; 3] = [
    "01JSYNTHET1C00000000000001",
    "01JSYNTHET1C00000000000002",
    "01JSYNTHET1C00000000000003",
];

fn entry(id: &str) -> Entry {
    let at = "2026-01-02T03:04:05Z".parse().unwrap();
    Entry {
        id: id.to_owned(),
        at,
        record: Record::Revocation(Revocation {
            what: Revoked::Key("key-1".to_owned()),
            reason: "synthetic".to_owned(),
            by: "alice".to_owned(),
            at,
        }),
    }
}

/// Ids as they were found; those of the spool with an `S`.
type Seen = Arc<SyncMutex<Vec<String>>>;

async fn lookout(directory: &Path) -> (Lookout, Seen) {
    let seen = Seen::default();
    let store = Store::open_data(directory).await.unwrap();
    let took = (Arc::clone(&seen), store.clone());
    let take = move |found| {
        let (seen, store) = took.clone();
        async move {
            match found {
                Found::Spooled(entry) => {
                    store.append(vec![entry.clone()]).await?;
                    seen.lock().unwrap().push(format!("S{}", entry.id));
                }
                Found::Journalled(entry) => seen.lock().unwrap().push(entry.id),
            }
            Ok(())
        }
    };
    let lookout = Lookout {
        store,
        spool: Arc::new(Spool::open(&directory.join("spool")).unwrap()),
        take: Box::new(move |found| Box::pin(take(found))),
        overdue: None,
        place: Mutex::default(),
    };
    (lookout, seen)
}

#[tokio::test]
async fn the_spool_is_taken_in_and_the_journal_looked_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let (lookout, seen) = lookout(directory.path()).await;
    lookout.store.append(vec![entry(IDS[0])]).await.unwrap();
    lookout.spool.record(&entry(IDS[1])).await.unwrap();
    let counts = |spooled, looked| Looked {
        spooled,
        looked,
        overdue: 0,
    };
    assert_eq!(lookout.look().await.unwrap(), counts(1, 2));
    assert_eq!(lookout.look().await.unwrap(), counts(0, 0));
    let spooled = format!("S{}", IDS[1]);
    assert_eq!(*seen.lock().unwrap(), [&spooled, IDS[0], IDS[1]]);
}

#[tokio::test]
async fn a_damaged_row_is_stepped_over_also_behind_a_gap() {
    let directory = tempfile::tempdir().unwrap();
    let (lookout, seen) = lookout(directory.path()).await;
    for id in IDS {
        lookout.store.append(vec![entry(id)]).await.unwrap();
    }
    let url = format!("sqlite:{}", directory.path().join("postern.db").display());
    let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
    for change in [
        "PRAGMA foreign_keys = OFF",
        "DROP TRIGGER entries_are_not_changed",
        "UPDATE entries SET position = position + 40 WHERE position = 3",
        "UPDATE entries SET position = 20, canonical = x'00' WHERE position = 2",
    ] {
        sqlx::query(change).execute(&mut other).await.unwrap();
    }
    assert_eq!(lookout.look().await.unwrap().looked, 2);
    assert_eq!(*seen.lock().unwrap(), [IDS[0], IDS[2]]);
    assert!(lookout.place.lock().await.reported.is_some());
    assert_eq!(lookout.look().await.unwrap().looked, 0);
}

#[tokio::test]
async fn what_cannot_be_taken_is_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let (mut lookout, seen) = lookout(directory.path()).await;
    lookout.store.append(vec![entry(IDS[0])]).await.unwrap();
    let down: Box<Take> = Box::new(|_| Box::pin(async { Err(Unavailable::new("store", "down")) }));
    let up = std::mem::replace(&mut lookout.take, down);
    assert!(lookout.look().await.is_err());
    lookout.take = up;
    assert_eq!(lookout.look().await.unwrap().looked, 1);
    assert_eq!(*seen.lock().unwrap(), [IDS[0]]);
}

#[tokio::test]
async fn every_look_does_what_is_overdue() {
    let directory = tempfile::tempdir().unwrap();
    let (lookout, _) = lookout(directory.path()).await;
    let lookout = lookout.with_overdue(|| async { Ok(2) });
    assert_eq!(lookout.look().await.unwrap().overdue, 2);
    let down = || async { Err(Unavailable::new("store", "down")) };
    assert!(lookout.with_overdue(down).look().await.is_err());
}
