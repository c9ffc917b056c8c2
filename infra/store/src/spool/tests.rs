use std::sync::Mutex;

use postern_core::ports::Journal as _;
use tempfile::TempDir;

use super::*;
use crate::testing::{self, revocation_entry};

const FIRST: &str = "01KDYG9ZXA0000000000000001";
const SECOND: &str = "01KDYG9ZXA0000000000000002";

fn spool() -> (Spool, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let spool = Spool::open(&directory.path().join("spool")).unwrap();
    (spool, directory)
}

fn names(spool: &Spool) -> Vec<String> {
    let files = std::fs::read_dir(&spool.directory).unwrap();
    let mut names: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Takes entries and remembers them.
async fn take_all(spool: &Spool) -> (Vec<Entry>, Drained) {
    let mut taken = Vec::new();
    let drained = spool
        .drain(|entry| {
            taken.push(entry);
            std::future::ready(Ok(()))
        })
        .await
        .unwrap();
    (taken, drained)
}

/// Does what it is told up to one step, at which the machine dies.
#[derive(Debug, Default)]
struct Recorder {
    steps: Mutex<Vec<String>>,
    dies_at: Option<usize>,
}

impl Recorder {
    fn step(&self, step: String) -> std::io::Result<()> {
        let mut steps = self.steps.lock().unwrap();
        steps.push(step);
        match self.dies_at {
            Some(last) if steps.len() > last => Err(std::io::Error::other("crash")),
            _ => Ok(()),
        }
    }
}

fn extension(path: &Path) -> &str {
    path.extension().unwrap().to_str().unwrap()
}

impl Disk for Recorder {
    fn write_synced(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        if let Err(crash) = self.step(format!("write and sync *.{}", extension(path))) {
            RealDisk.write_synced(path, &bytes[..bytes.len() / 2])?;
            return Err(crash);
        }
        RealDisk.write_synced(path, bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        self.step(format!("rename *.{} *.{}", extension(from), extension(to)))?;
        RealDisk.rename(from, to)
    }

    fn sync_directory(&self, _path: &Path) -> std::io::Result<()> {
        self.step("sync directory".to_owned())
    }
}

#[tokio::test]
async fn what_is_written_is_taken_once_in_the_order_of_its_ids() {
    let (spool, _directory) = spool();
    let (first, second) = (
        revocation_entry(FIRST, "x"),
        testing::decision_entry(SECOND),
    );
    spool.write(&second).await.unwrap();
    spool.record(&first).await.unwrap();
    spool.write(&first).await.unwrap();
    assert_eq!(
        names(&spool),
        [format!("{FIRST}.json"), format!("{SECOND}.json")]
    );

    let (taken, drained) = take_all(&spool).await;
    assert_eq!(taken, [first, second]);
    assert_eq!(drained.taken, [FIRST, SECOND]);
    assert!(names(&spool).is_empty());
    assert!(take_all(&spool).await.0.is_empty());
}

#[tokio::test]
async fn the_file_is_synced_before_its_name_and_its_name_before_the_answer() {
    let (mut spool, _directory) = spool();
    let recorder = Arc::new(Recorder::default());
    spool.disk = recorder.clone();
    spool.write(&revocation_entry(FIRST, "x")).await.unwrap();
    let steps = recorder.steps.lock().unwrap();
    assert_eq!(
        steps.as_slice(),
        [
            "write and sync *.tmp",
            "rename *.tmp *.json",
            "sync directory"
        ]
    );
}

#[tokio::test]
async fn a_crash_at_any_step_leaves_a_whole_entry_or_none_and_no_answer() {
    for step in 0..3 {
        let (mut spool, _directory) = spool();
        spool.disk = Arc::new(Recorder {
            dies_at: Some(step),
            ..Recorder::default()
        });
        let entry = revocation_entry(FIRST, "x");
        let error = spool.write(&entry).await.unwrap_err();
        assert!(matches!(error, SpoolError::Disk { .. }), "{error}");
        let (taken, drained) = take_all(&spool).await;
        assert_eq!(taken.len(), usize::from(step == 2), "step {step}");
        assert!(drained.unreadable.is_empty(), "step {step}");
    }
}

#[tokio::test]
async fn an_unfinished_file_is_no_entry() {
    let (spool, _directory) = spool();
    std::fs::write(spool.directory.join(format!("{FIRST}.X.tmp")), "{").unwrap();
    let (taken, drained) = take_all(&spool).await;
    assert!(taken.is_empty() && drained.unreadable.is_empty());
}

#[tokio::test]
async fn taken_in_but_not_deleted_is_taken_in_once() {
    let (spool, _directory) = spool();
    let (store, _database) = testing::store().await;
    let entry = revocation_entry(FIRST, "x");
    for _ in 0..2 {
        // The second time is what a crash between the two leaves behind.
        spool.write(&entry).await.unwrap();
        let journal = |entry| store.append(vec![entry]);
        let drained = spool.drain(journal).await.unwrap();
        assert_eq!(drained.taken, [FIRST]);
    }
    let stored = store.entries(0, 10).await.unwrap();
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].entry, entry);
    assert!(names(&spool).is_empty());
}

#[tokio::test]
async fn what_cannot_be_read_stays_and_is_reported() {
    let (spool, _directory) = spool();
    let files = [
        (FIRST, "{".to_owned()),
        (
            "01KDYG9ZXA0000000000000003",
            serde_json::to_string(&revocation_entry(FIRST, "x")).unwrap(),
        ),
    ];
    for (id, text) in &files {
        std::fs::write(spool.directory.join(format!("{id}.json")), text).unwrap();
    }
    spool.write(&revocation_entry(SECOND, "x")).await.unwrap();
    let (taken, drained) = take_all(&spool).await;
    assert_eq!(taken.len(), 1, "the others do not hold it up");
    assert_eq!(drained.unreadable.len(), 2);
    assert_eq!(
        drained.unreadable[1].reason,
        format!("it holds entry {FIRST:?}")
    );
    assert_eq!(names(&spool).len(), 2);
}

#[tokio::test]
async fn a_dead_journal_is_not_asked_for_ever() {
    let (spool, _directory) = spool();
    for n in 0..10 {
        let id = format!("01KDYG9ZXA000000000000000{n}");
        spool.write(&revocation_entry(&id, "x")).await.unwrap();
    }
    let mut asked = 0;
    let down = |_| {
        asked += 1;
        std::future::ready(Err(Unavailable::new("store", "down")))
    };
    let drained = spool.drain(down).await.unwrap();
    assert_eq!((drained.failed.len(), asked), (3, 3));
    assert_eq!(names(&spool).len(), 10);
}

#[tokio::test]
async fn entries_that_the_journal_will_never_take_hold_up_no_other() {
    let (spool, _directory) = spool();
    let (store, _journal) = crate::testing::store().await;
    let id = |n| format!("01KDYG9ZXA000000000000000{n}");
    for n in 0..6 {
        spool.write(&revocation_entry(&id(n), "x")).await.unwrap();
    }
    let there = (0..5).map(|n| revocation_entry(&id(n), "other")).collect();
    store.append(there).await.unwrap();
    let drained = spool
        .drain(|entry| store.append(vec![entry]))
        .await
        .unwrap();
    assert_eq!(drained.failed.len(), 5);
    assert!(drained.failed.iter().all(|(_, error)| error.permanent));
    assert_eq!(drained.taken, [id(5)]);
}

#[tokio::test]
async fn the_spool_is_bounded() {
    let (mut spool, _directory) = spool();
    spool.most_files = 1;
    spool.write(&revocation_entry(FIRST, "x")).await.unwrap();
    spool.write(&revocation_entry(FIRST, "x")).await.unwrap();
    let full = spool.write(&revocation_entry(SECOND, "x")).await;
    assert_eq!(full, Err(SpoolError::Full(1)));
    let large = revocation_entry(FIRST, &"x".repeat(MOST_BYTES));
    assert!(matches!(
        spool.write(&large).await,
        Err(SpoolError::TooLarge(_))
    ));
}

#[tokio::test]
async fn an_id_is_used_for_one_thing_and_is_no_path() {
    let (spool, _directory) = spool();
    spool.write(&revocation_entry(FIRST, "x")).await.unwrap();
    let other = spool.write(&revocation_entry(FIRST, "y")).await;
    assert_eq!(other, Err(SpoolError::Conflict(FIRST.to_owned())));
    for id in [
        "../01KDYG9ZXA0000000000000001",
        "",
        "x",
        "01KDYG9ZXA000000000000000/",
    ] {
        let refused = spool.write(&revocation_entry(id, "x")).await;
        assert_eq!(refused, Err(SpoolError::Id(id.to_owned())));
    }
    assert_eq!(names(&spool), [format!("{FIRST}.json")]);
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Spool::open(&file.join("spool")).unwrap_err();
    assert!(matches!(error, SpoolError::Disk { .. }), "{error}");
}
