//! The calls through which an instance sees the world.

use std::cell::RefCell;
use std::io;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use autora::daemon::{Event, Notification, Outside, Request, Wake};
use autora::kernel::rtnetlink::ReadError;
use autora::state_file::Record;
use autora_core::link::Link;
use autora_core::router::Transmission;
use autora_core::time::Instant;
use autora_core::wire::{Message, Rejection};
use nix::libc;

use super::world::{Packet, SECOND, WATCHDOG, World};

/// The payload of the unwinding that stands for SIGKILL.
pub struct Killed;

pub struct Fake {
    world: Rc<RefCell<World>>,
    /// The last reading, unless it failed.
    link: Option<Link>,
    deadline: u64,
}

impl Fake {
    pub fn new(world: Rc<RefCell<World>>) -> Self {
        Self {
            world,
            link: None,
            deadline: 0,
        }
    }

    /// Each call may be the last one.
    fn call(&self) {
        if self.world.borrow_mut().call() {
            resume_unwind(Box::new(Killed));
        }
    }
}

fn nanoseconds(at: Instant) -> u64 {
    u64::try_from(at.since_boot().as_nanos()).unwrap_or(u64::MAX)
}

fn errno(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

impl Outside for Fake {
    fn now(&mut self) -> Instant {
        let mut world = self.world.borrow_mut();
        world.now += 1000;
        world.instant()
    }

    fn wall_clock(&mut self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn set_deadline(&mut self, deadline: Instant) -> io::Result<()> {
        self.call();
        self.deadline = nanoseconds(deadline);
        Ok(())
    }

    fn wait(&mut self, packets: bool) -> io::Result<Wake> {
        self.call();
        let mut world = self.world.borrow_mut();
        world.judge_report(self.link.as_ref());
        world.begin_wait();
        loop {
            let wake = Wake {
                request: world.take_signal(),
                events: world.has_events(),
                packets: packets && world.has_packets(),
            };
            match wake.request {
                Some(Request::Stop) => world.stop_delivered(),
                Some(Request::Restart) => world.restart_delivered(),
                None => {}
            }
            if wake != Wake::default() || world.is_over() {
                return Ok(wake);
            }
            world.judge_hosts();
            let change = world.next_change();
            if change > self.deadline {
                let late = world.noise() % 2_000_000;
                world.now = world.now.max(self.deadline) + late;
                world.deadline_came();
                return Ok(wake);
            }
            world.now = world.now.max(change);
            world.change();
        }
    }

    fn drain_events(&mut self) -> io::Result<bool> {
        self.call();
        Ok(self.world.borrow_mut().drain_events())
    }

    fn read_link(&mut self) -> Result<&Link, ReadError> {
        self.call();
        self.link = None;
        let link = self.world.borrow_mut().read()?;
        Ok(self.link.insert(link))
    }

    fn receive(&mut self) -> io::Result<Option<Result<Message, Rejection>>> {
        self.call();
        let mut world = self.world.borrow_mut();
        if world.take_stale_error() {
            return Err(errno(libc::ENETDOWN));
        }
        Ok(world.take_packet().map(|packet| match packet {
            Packet::Solicitation => Ok(Message::Solicitation),
            Packet::Advertisement(source) => Ok(Message::Advertisement { source }),
            Packet::Bad => Err(Rejection::Checksum),
        }))
    }

    fn has_lost_packets(&mut self) -> bool {
        self.call();
        self.world.borrow_mut().take_lost()
    }

    fn send(&mut self, transmission: &Transmission) -> io::Result<()> {
        self.call();
        let mut world = self.world.borrow_mut();
        let result = world.send(&transmission.ra.to_bytes(), self.link.as_ref());
        world.send_ended(transmission, &result);
        drop(world);
        result?;
        // A kill may come right behind the packet.
        self.call();
        Ok(())
    }

    fn publish(&mut self, record: &Record<'_>) {
        self.call();
        self.world.borrow_mut().publish(record);
        self.call();
    }

    fn notify(&mut self, notification: Notification<'_>) {
        self.call();
        let mut world = self.world.borrow_mut();
        if matches!(notification, Notification::Watchdog(_)) {
            world.watchdog_fed();
        }
        world.notified(notification);
    }

    fn watchdog_interval(&self) -> Option<Duration> {
        Some(Duration::from_nanos(WATCHDOG / 2))
    }

    fn release(&mut self) {
        self.call();
        // The manager takes its time.
        let mut world = self.world.borrow_mut();
        world.released();
        let slow = world.noise() % (5 * SECOND);
        world.pass(slow);
    }

    fn name_exists(&mut self) -> bool {
        self.call();
        self.world.borrow().name_exists()
    }

    fn log(&mut self, event: &Event<'_>) {
        self.call();
        let mut world = self.world.borrow_mut();
        if !matches!(event, Event::Sent(_)) {
            world.note(format_args!("log: {event:?}"));
        }
        world.logged(event, self.link.as_ref());
    }
}
