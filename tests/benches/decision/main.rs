//! A decision with its evidence at hand, beside the signature check that it cannot do without.
//!
//! Criterion times each contender by itself; the table at the end times them in turns, so that what
//! else the machine does falls on all alike, and says each one's share of the bare signature check.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that cannot set up has nothing to say, and its table is its answer"
)]

mod contenders;
mod memory;
mod sample;

use std::time::Duration;

use criterion::Criterion;
use postern_core::attestor::SignatureAlgorithm;

use contenders::Contender;
use sample::Sample;

/// How often each contender has its turn, and how many runs a turn has.
const TURNS: usize = 101;
const RUNS: u64 = 24;

fn main() {
    let mut criterion = Criterion::default()
        .measurement_time(Duration::from_secs(3))
        .warm_up_time(Duration::from_secs(1))
        .configure_from_args();
    let keys = tempfile::tempdir().unwrap();
    let samples = [
        Sample::p256(keys.path()),
        Sample::rsa(keys.path(), SignatureAlgorithm::RsaPkcs1_4096Sha512),
    ];
    for sample in &samples {
        let mut group = criterion.benchmark_group(sample.algorithm.to_string());
        for contender in &mut contenders::all(sample) {
            group.bench_function(contender.name, |bencher| {
                bencher.iter_custom(|runs| (contender.time)(runs));
            });
        }
        group.finish();
    }
    criterion.final_summary();
    for sample in &samples {
        in_turns(&sample.algorithm.to_string(), contenders::all(sample));
    }
}

/// Prints the median of each contender's turns, and the median of its ratios to the first
/// contender's turn of the same round.
fn in_turns(group: &str, mut contenders: Vec<Contender<'_>>) {
    let mut rounds: Vec<Vec<f64>> = Vec::new();
    for _ in 0..TURNS {
        let turn = |contender: &mut Contender<'_>| {
            (contender.time)(RUNS).as_secs_f64() * 1e6 / f64::from(u32::try_from(RUNS).unwrap())
        };
        rounds.push(contenders.iter_mut().map(turn).collect());
    }
    println!("\n{group}, {TURNS} turns of {RUNS} runs each");
    for (column, contender) in contenders.iter().enumerate() {
        let time = median(rounds.iter().map(|round| round[column]).collect());
        let ratio = median(
            rounds
                .iter()
                .map(|round| round[column] / round[0])
                .collect(),
        );
        println!("  {:<34} {time:>8.1} us  {ratio:>5.2} x", contender.name);
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
