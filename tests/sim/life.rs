//! One life: a link, the processes that serve it one after another, and its end.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use autora::daemon::{End, Instance, Origin};
use autora::state_file::{Handover, Record};
use autora_core::time::Instant;
use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::outside::{Fake, Killed};
use super::script::Script;
use super::world::{Ending, World};

/// What is asked of a life beside its script.
#[derive(Clone, Copy, Default)]
pub struct Options {
    /// Keep a diary.
    pub diary: bool,
    /// Kill the process at this call of the life.
    pub kill_at: Option<u64>,
}

/// How a life ended.
pub struct Ended {
    /// The rule that was broken, if one was.
    pub broken: Option<String>,
    /// What happened, a line each.
    pub diary: Vec<String>,
    /// How many calls to the outside it took.
    pub calls: u64,
}

/// Lives the life of this script to its end.
pub fn live(script: &Script, options: Options) -> Ended {
    let world = Rc::new(RefCell::new(World::new(script, options)));
    let mut restarts = 0;
    while world.borrow_mut().has_next_process() {
        let config = world.borrow().config();
        let now = world.borrow().instant();
        let origin = Origin {
            link: world.borrow().identity(),
            restarts,
            pid: 1,
            started: now,
        };
        let handover = handover(&mut world.borrow_mut(), now);
        let noise = world.borrow_mut().noise();
        let instance = Instance::new(
            Fake::new(Rc::clone(&world)),
            &config,
            origin,
            &handover,
            SmallRng::seed_from_u64(noise),
        );
        let ended = catch_unwind(AssertUnwindSafe(|| instance.run()));
        let mut world = world.borrow_mut();
        match ended {
            Ok(Ok(End::Done)) => world.process_ended(Ending::Done),
            Ok(Ok(End::Hangup)) => world.process_ended(Ending::Restart),
            Ok(Ok(End::Ipv6Restarted)) => world.process_ended(Ending::Ipv6Restarted),
            Ok(Ok(End::Replaced)) => world.process_ended(Ending::Replaced),
            Ok(Err(error)) => world.breaks(format!("the process failed: {error}")),
            Err(payload) if payload.is::<Killed>() => world.process_ended(Ending::Killed),
            Err(_) => world.breaks("the process panicked".to_owned()),
        }
        restarts += 1;
    }
    let mut world = world.borrow_mut();
    Ended {
        broken: world.take_broken(),
        diary: world.take_diary(),
        calls: world.calls(),
    }
}

/// What the state file does: only the bytes that were written count.
fn handover(world: &mut World, now: Instant) -> Handover {
    let file = world.file();
    let before = file.as_ref().and_then(|file| Record::parse(file.as_bytes()));
    before
        .filter(|before| before.identity().is_same(&world.identity()))
        .map_or_else(Handover::default, |before| before.handover.before(now))
}
