//! Kills one after the other, while events arrive.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::client;
use crate::conclusion::conclude;
use crate::disk::Tricks;
use crate::instance::Instance;
use crate::model::Model;
use crate::scene::Scene;
use crate::senders::{Senders, When};

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// From this everything is drawn.
    pub(crate) seed: u64,
    /// So many kills.
    pub(crate) kills: usize,
    /// So many servers on the same store.
    pub(crate) instances: usize,
    /// Whether each kill is a power failure as well.
    pub(crate) power: bool,
}

impl Plan {
    /// As `POSTERN_SEED` and `POSTERN_KILLS` say, or a seed of now and so many kills.
    pub(crate) fn of_environment(kills: usize) -> Self {
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
        Self {
            seed: number("POSTERN_SEED").unwrap_or_else(rand::random),
            kills: number("POSTERN_KILLS").map_or(kills, |kills| usize::try_from(kills).unwrap()),
            instances: 1,
            power: false,
        }
    }
}

/// The record is verified after each of so many kills.
const VERIFIED: usize = 25;

/// A scene in which things go wrong.
pub(crate) struct Campaign {
    scene: Scene,
    plan: Plan,
    rng: StdRng,
    model: Mutex<Model>,
    instances: Vec<Instance>,
    kept: Vec<PathBuf>,
    last: String,
    started: Instant,
}

impl Campaign {
    /// Kills as often as planned, lets everything recover, and compares what is there with the model.
    ///
    /// # Panics
    /// At whatever is lost, half or wrong.
    pub(crate) fn run(plan: Plan) {
        Self::over(plan, Scene::set());
    }

    /// The same in a scene that was set.
    ///
    /// # Panics
    /// As [`Campaign::run`].
    pub(crate) fn over(plan: Plan, scene: Scene) {
        println!("{plan:?}");
        let mut campaign = Self::begin(plan, scene);
        for kill in 1..=plan.kills {
            campaign.round(kill);
            if kill.is_multiple_of(VERIFIED) {
                println!("{kill} kills after {:?}", campaign.started.elapsed());
            }
        }
        campaign.finish();
    }

    fn begin(plan: Plan, scene: Scene) -> Self {
        scene.disk.settle();
        let mut campaign = Self {
            rng: StdRng::seed_from_u64(plan.seed),
            model: Mutex::default(),
            instances: Vec::new(),
            kept: Vec::new(),
            last: String::new(),
            started: Instant::now(),
            scene,
            plan,
        };
        for _ in 0..plan.instances {
            let instance = campaign.scene.serve(campaign.tricks());
            campaign.instances.push(instance);
        }
        campaign
    }

    fn tricks(&self) -> Tricks {
        Tricks {
            shadow: self.plan.power,
            ..Tricks::default()
        }
    }

    fn round(&mut self, kill: usize) {
        self.keep_checkpoint();
        let new = self.rng.random_range(3..12);
        let jobs = self.model.get_mut().unwrap().draw(&mut self.rng, new);
        let when = When::drawn(&mut self.rng, jobs.len());
        let victim = self.rng.random_range(0..self.instances.len());
        let delay = self.rng.random_range(0..300_000);
        let addresses = self.instances.iter().map(|i| i.address().to_owned());
        let senders = Senders::new(jobs, &self.model, addresses.collect());
        senders.send_until(when, || {
            delay_by(delay);
            self.instances[victim].kill();
        });
        self.after_kill(victim, when, kill);
    }

    fn after_kill(&mut self, victim: usize, when: When, kill: usize) {
        if self.plan.power {
            self.instances.iter_mut().for_each(Instance::kill);
            self.scene.disk.fail();
        }
        if let Some(server) = &self.scene.server
            && self.rng.random_bool(0.3)
        {
            server.crash();
            server.restart();
        }
        if matches!(when, When::Starting) {
            let mut starting = self.scene.start(self.tricks());
            delay_by(self.rng.random_range(0..4_000_000));
            starting.kill();
            if self.plan.power {
                self.scene.disk.fail();
            }
        }
        if kill.is_multiple_of(VERIFIED) || self.plan.power {
            let newest = self.kept.last().map(std::slice::from_ref);
            self.scene.verify(newest.unwrap_or_default());
        }
        if self.plan.power {
            // To verify may have moved the write-ahead log into the database.
            self.scene.disk.settle();
        }
        let killed = match self.plan.power {
            true => 0..self.instances.len(),
            false => victim..victim + 1,
        };
        for place in killed {
            self.instances[place] = self.scene.serve(self.tricks());
        }
    }

    /// Keeps the checkpoint that was signed last, elsewhere.
    fn keep_checkpoint(&mut self) {
        let signed = || {
            let answer = client::get(self.instances[0].address(), "/v1/ledger/checkpoint")?;
            (answer.status == 200).then_some(answer.body)
        };
        let note = client::until("a checkpoint", signed);
        if note != self.last {
            let name = format!("kept-{}", self.kept.len());
            self.kept.push(self.scene.write(&name, &note));
            self.last = note;
        }
    }

    fn finish(mut self) {
        self.instances.clear();
        if self.plan.power {
            self.scene.disk.fail();
        }
        let model = self.model.into_inner().unwrap();
        let patience = 1 + self.plan.kills / 100;
        conclude(&self.scene, model, &mut self.rng, &self.kept, patience);
        println!(
            "{} kills, {} checkpoints kept, {:?}, seed {}",
            self.plan.kills,
            self.kept.len(),
            self.started.elapsed(),
            self.plan.seed
        );
    }
}

/// More or less random, and too short to be called a time.
fn delay_by(turns: u32) {
    for _ in 0..turns {
        std::hint::spin_loop();
    }
}
