//! Readings that several probes want: made once, by whichever probe asks first, while the others wait for it.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use host::{Door, Error};

use crate::files::walk::Walked;

/// Every shared reading of one run.
#[derive(Default)]
pub(crate) struct Shared {
    /// What the walk over the whole file tree found.
    pub(crate) walk: Once<Walked>,
}

/// A reading that is made at most once.
pub(crate) struct Once<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

enum State<T> {
    Idle,
    Running,
    Done(Arc<T>),
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self { state: Mutex::new(State::Idle), changed: Condvar::new() }
    }
}

/// How often a waiting probe looks whether its own time is up.
const LOOK: Duration = Duration::from_millis(100);

impl<T> Once<T> {
    /// The reading, made by `read` unless another probe has made it or is making it.
    ///
    /// # Errors
    /// `TimedOut` when the door closes before the other probe is ready.
    pub(crate) fn get(&self, door: &Door, read: impl FnOnce() -> T) -> Result<Arc<T>, Error> {
        let mut state = self.locked();
        loop {
            match &*state {
                State::Done(value) => return Ok(Arc::clone(value)),
                State::Idle => break,
                State::Running => {
                    let left = door.time_left(Path::new("a reading shared with another probe"))?;
                    let wait = left.map_or(LOOK, |left| left.min(LOOK));
                    state = self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
        *state = State::Running;
        drop(state);
        let mut running = Running { once: self, made: None };
        let value = Arc::new(read());
        running.made = Some(Arc::clone(&value));
        Ok(value)
    }

    fn locked(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves `Running` on every way out: a probe that panics hands the work to the next one.
struct Running<'a, T> {
    once: &'a Once<T>,
    made: Option<Arc<T>>,
}

impl<T> Drop for Running<'_, T> {
    fn drop(&mut self) {
        *self.once.locked() = self.made.take().map_or(State::Idle, State::Done);
        self.once.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;

    use test_support::Machine;

    use super::*;

    #[test]
    fn two_probes_share_one_reading() {
        let (door, _root) = Machine::new().door();
        let (once, made) = (Once::default(), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let value = once.get(&door, || {
                        std::thread::sleep(Duration::from_millis(20));
                        made.fetch_add(1, Ordering::Relaxed)
                    });
                    assert_eq!(*value.unwrap(), 0);
                });
            }
        });
        assert_eq!(made.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_probe_does_not_wait_beyond_its_own_time() {
        let (door, _root) = Machine::new().door();
        let (once, started) = (Once::default(), std::sync::Barrier::new(2));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                once.get(&door, || {
                    started.wait();
                    std::thread::sleep(Duration::from_millis(500));
                })
            });
            started.wait();
            let short = door.until(Instant::now() + Duration::from_millis(50));
            assert!(matches!(once.get(&short, || ()), Err(Error::TimedOut { .. })));
        });
    }

    #[test]
    fn a_reading_that_panics_is_made_by_the_next() {
        let (door, _root) = Machine::new().door();
        let once = Once::default();
        drop(catch_unwind(AssertUnwindSafe(|| once.get(&door, || panic!("on purpose")))));
        assert_eq!(*once.get(&door, || 7).unwrap(), 7);
    }
}
