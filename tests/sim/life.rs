//! One life: a link, the processes that serve it one after another, and its end.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use autora::config::{Config, Durations, Settings};
use autora::daemon::{End, Instance, Origin};
use autora::state_file::{Handover, Record};
use autora_core::time::Instant;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::world::{Fake, Killed, World};

/// How a life ended.
pub struct Ended {
    /// The rule that was broken, if one was.
    pub broken: Option<String>,
    /// What happened, a line each.
    pub diary: Vec<String>,
}

fn config() -> Config {
    let secs = Duration::from_secs;
    Config::try_from(&Settings {
        interface_regex: "^tap-vm-1$".to_owned(),
        durations: Durations {
            min_ra_interval: secs(20),
            max_ra_interval: secs(60),
            router_lifetime: secs(180),
            pio_valid_lifetime: secs(86_400),
            pio_preferred_lifetime: secs(14_400),
            forwarding_resync_interval: secs(60),
            heartbeat_interval: secs(3600),
        },
    })
    .unwrap()
}

/// Lives the life of this seed to its end.
pub fn live(seed: u64) -> Ended {
    let world = Rc::new(RefCell::new(World::new(seed)));
    let config = config();
    let mut rng = SmallRng::seed_from_u64(!seed);
    let mut restarts = 0;
    while !world.borrow().is_over() {
        world.borrow_mut().begin_process(restarts);
        let now = world.borrow().instant();
        let origin = Origin {
            link: world.borrow().identity(),
            restarts,
            pid: 1,
            started: now,
        };
        let handover = handover(&world.borrow(), now);
        let instance = Instance::new(
            Fake::new(Rc::clone(&world)),
            &config,
            origin,
            &handover,
            SmallRng::seed_from_u64(rng.random()),
        );
        let ended = catch_unwind(AssertUnwindSafe(|| instance.run()));
        let mut world = world.borrow_mut();
        match ended {
            Ok(Ok(End::Done)) => world.process_ended("done"),
            Ok(Ok(End::Replaced)) => world.process_ended("replaced"),
            Ok(Err(error)) => world.breaks(format!("the process failed: {error}")),
            Err(payload) if payload.is::<Killed>() => world.process_ended("killed"),
            Err(_) => world.breaks("the process panicked".to_owned()),
        }
        restarts += 1;
    }
    let mut world = world.borrow_mut();
    Ended {
        broken: world.broken.take(),
        diary: std::mem::take(&mut world.diary),
    }
}

/// What the state file does: only the bytes that were written count.
fn handover(world: &World, now: Instant) -> Handover {
    let before = world.file.as_deref().and_then(Record::parse);
    before
        .filter(|before| before.identity().is_same(&world.identity()))
        .map_or_else(Handover::default, |before| before.handover.before(now))
}
