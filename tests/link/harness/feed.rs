//! A list that a thread appends to and a test waits for.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

struct State<T> {
    items: Vec<T>,
    closed: bool,
}

pub struct Feed<T>(Arc<(Mutex<State<T>>, Condvar)>);

impl<T: Clone + Send + 'static> Feed<T> {
    /// Runs `fill` in a thread; the list is closed when it returns.
    pub fn fill(fill: impl FnOnce(&mut dyn FnMut(T)) + Send + 'static) -> Self {
        let state = State {
            items: Vec::new(),
            closed: false,
        };
        let shared = Arc::new((Mutex::new(state), Condvar::new()));
        let writer = Arc::clone(&shared);
        std::thread::spawn(move || {
            let (state, changed) = &*writer;
            fill(&mut |item| {
                state.lock().unwrap().items.push(item);
                changed.notify_all();
            });
            state.lock().unwrap().closed = true;
            changed.notify_all();
        });
        Self(shared)
    }

    pub fn all(&self) -> Vec<T> {
        self.0.0.lock().unwrap().items.clone()
    }

    /// Waits for the first item from position `from` on that `pick` accepts,
    /// and returns it with the position after it.
    pub fn wait<R>(
        &self,
        from: usize,
        within: Duration,
        pick: impl Fn(&T) -> Option<R>,
    ) -> Option<(usize, R)> {
        let deadline = Instant::now() + within;
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap();
        let mut next = from;
        loop {
            while let Some(item) = state.items.get(next) {
                next += 1;
                if let Some(found) = pick(item) {
                    return Some((next, found));
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.closed {
                return None;
            }
            state = changed.wait_timeout(state, left).unwrap().0;
        }
    }

    /// Waits until the source has ended; false if it did not in time.
    pub fn wait_closed(&self, within: Duration) -> bool {
        let (state, changed) = &*self.0;
        let state = state.lock().unwrap();
        let (state, _) = changed
            .wait_timeout_while(state, within, |state| !state.closed)
            .unwrap();
        state.closed
    }
}
