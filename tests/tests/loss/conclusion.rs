//! The end of a test: who is well is told everything although others are not; then everything recovers, and
//! what is there is compared with the model.

use std::path::PathBuf;
use std::time::Instant;

use rand::rngs::StdRng;

use crate::client;
use crate::disk::Tricks;
use crate::judgement::{self, Outputs};
use crate::model::{Model, Outcome};
use crate::receivers::HEALTHY;
use crate::record::Record;
use crate::scene::{FILE, Scene};

/// Longer than what died with a server is claimed, in seconds.
const SOON_AFTER: u64 = 600;
/// Longer than the longest pause between two attempts, in seconds.
const LONG_AFTER: u64 = 7 * 3600;

/// Waits until the outputs that are well were told of everything that was acknowledged, although the others
/// took nothing yet. Lets the receivers recover, starts a server long after, delivers the rest, waits until nothing waits,
/// and compares. `patience` is how often longer than usual that may take.
///
/// # Panics
/// At whatever is lost, half or wrong, or if the record does not begin with what was kept of it.
pub(crate) fn conclude(
    scene: &Scene,
    mut model: Model,
    rng: &mut StdRng,
    kept: &[PathBuf],
    patience: usize,
) {
    reached_in_spite_of_others(scene, &model);
    scene.receivers.recover();
    let server = scene.serve(Tricks {
        ahead: LONG_AFTER,
        ..Tricks::default()
    });
    for job in model.rest(rng) {
        let answer = client::deliver(server.address(), &job.request);
        let status = answer.map(|answer| answer.status);
        assert!(matches!(status, Some(200 | 204)), "{status:?}");
        model.delivered(&job, Outcome::Acknowledged);
    }
    judgement::delivered(server.address(), patience);
    scene.sign();
    let record = Record::of(scene);
    let wrong_cases = judgement::cases(server.address(), &record);
    assert_eq!(server.end().code(), Some(0));
    scene.verify(kept);
    let mut taken = scene.receivers.taken();
    taken.insert(FILE, scene.taken_by_file());
    judgement::print(&model, &record, &taken, &scene.receivers.refused());
    let wrong = [wrong_cases, judgement::compare(&model, &record, &taken)].concat();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// # Panics
/// If an output that is well is not told in time.
fn reached_in_spite_of_others(scene: &Scene, model: &Model) {
    let server = scene.serve(Tricks {
        ahead: SOON_AFTER,
        ..Tricks::default()
    });
    let mut missing = Vec::new();
    let start = Instant::now();
    while start.elapsed() < client::PATIENCE {
        scene.sign();
        let record = Record::of(scene);
        let taken = scene.receivers.taken();
        let mut well: Outputs = taken
            .into_iter()
            .filter(|(name, _)| *name == HEALTHY)
            .collect();
        well.insert(FILE, scene.taken_by_file());
        missing = judgement::missing(model, &record, &well);
        if missing.is_empty() {
            drop(server);
            return;
        }
    }
    panic!(
        "{missing:#?} while others are down, after {:?}",
        start.elapsed()
    );
}
