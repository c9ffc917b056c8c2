//! How the ledger grows: what appending, proving and verifying cost in a record of 10⁴ entries, and in one
//! of ten, a hundred and a thousand times as many.
//!
//! `cargo bench -p postern-tests --bench ledger -- 6` goes up to 10⁶ entries; 10⁷ take about 8 GB under
//! `target` and a quarter of an hour. In every row beside Postern's own figures: reading one entry by its
//! id, which no proof can do without, and one SHA-256 of 65 bytes, of which a verification needs as many
//! as the tree is high.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench prints, and ends where something is wrong"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use postern_core::entry::{Delivery, Entry, Record};
use postern_core::image::Digest;
use postern_core::ledger::tree;
use postern_core::ports::{Journal as _, LedgerStore as _};
use postern_store::Store;

/// Entries that are appended at once, as a busy gate's are.
const BATCH: usize = 2048;
/// Single things that are timed; the median counts.
const SAMPLES: usize = 401;
const FIRST: u32 = 4;

fn main() {
    let asked = std::env::args()
        .skip(1)
        .find_map(|word| word.parse::<u32>().ok());
    let most = asked.unwrap_or(5).clamp(FIRST, 7);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(grow(most));
}

async fn grow(most: u32) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = Store::open_data(folder.path()).await.unwrap();
    println!(
        "{:>9} {:>10} {:>10} {:>10} {:>10} {:>8} {:>11} {:>9}",
        "entries", "append", "take in", "prove", "read", "ratio", "verify", "hashes"
    );
    println!(
        "{:>9} {:>10} {:>10} {:>10} {:>10} {:>8} {:>11} {:>9}",
        "", "us each", "us each", "us", "us", "", "us", "in time"
    );
    let mut size = 0;
    for exponent in FIRST..=most {
        let row = row(&store, size, 10_usize.pow(exponent)).await;
        size = 10_usize.pow(exponent);
        println!(
            "{:>9} {:>10.1} {:>10.1} {:>10.1} {:>10.1} {:>8.2} {:>11.2} {:>9.1}",
            size,
            micros(row.append),
            micros(row.take_in),
            micros(row.prove),
            micros(row.read),
            row.prove.as_secs_f64() / row.read.as_secs_f64(),
            micros(row.verify),
            row.verify.as_secs_f64() / row.hash.as_secs_f64(),
        );
    }
}

struct Row {
    append: Duration,
    take_in: Duration,
    prove: Duration,
    read: Duration,
    verify: Duration,
    hash: Duration,
}

/// Fills the record up, and times the last of it.
async fn row(store: &Store, from: usize, to: usize) -> Row {
    let mut next = from;
    while next < to - BATCH {
        let end = (next + BATCH).min(to - BATCH);
        store.append(entries(next, end)).await.unwrap();
        store.grow().await.unwrap();
        next = end;
    }
    let last = entries(next, to);
    let (append, ()) = timed(async { store.append(last).await.unwrap() }).await;
    let (take_in, head) = timed(async { store.grow().await.unwrap() }).await;
    assert_eq!(head.size, to as u64);

    let (mut prove, mut read, mut verify, mut hash) = (vec![], vec![], vec![], vec![]);
    for sample in 0..SAMPLES {
        // Spread over the whole record, in no order.
        let id = id((sample * 7_919 + 13) * (to / SAMPLES / 3 + 1) % to);
        let (took, found) = timed(async { store.prove(&id, head.size).await.unwrap() }).await;
        prove.push(took);
        let found = found.unwrap_or_else(|| panic!("{id} is not there"));
        let (took, stored) = timed(async { store.entry(&id).await.unwrap() }).await;
        read.push(took);
        assert!(stored.is_some());
        let begun = Instant::now();
        let proven = tree::is_included(
            black_box(&found.canonical),
            found.index,
            head.size,
            head.root,
            &found.proof,
        );
        verify.push(begun.elapsed());
        assert!(proven);
        let begun = Instant::now();
        black_box(Digest::of(black_box(&[sample as u8; 65])));
        hash.push(begun.elapsed());
    }
    Row {
        append: append / BATCH as u32,
        take_in: take_in / BATCH as u32,
        prove: median(prove),
        read: median(read),
        verify: median(verify),
        hash: median(hash),
    }
}

fn id(number: usize) -> String {
    format!("01{number:024}")
}

fn entries(from: usize, to: usize) -> Vec<Entry> {
    let entry = |number| Entry {
        id: id(number),
        at: "2026-01-02T03:04:05Z".parse().unwrap(),
        record: Record::Delivery(Delivery {
            notification: format!("{}-1", id(number)),
            case_id: id(number),
            output: "synthetic".to_owned(),
        }),
    };
    (from..to).map(entry).collect()
}

async fn timed<T>(work: impl Future<Output = T>) -> (Duration, T) {
    let begun = Instant::now();
    let done = work.await;
    (begun.elapsed(), done)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
