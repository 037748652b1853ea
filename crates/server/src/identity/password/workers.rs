//! Threads that hash and do nothing else, behind everybody else: a flood of logins takes the processor time that is left.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::causes::with_causes;

/// How far behind: 0 is as everybody else, 19 the last.
const NICENESS: i32 = 10;

type Work = Box<dyn FnOnce() + Send>;

/// So many threads, which end with this value after what was given to them.
#[derive(Debug)]
pub(super) struct Workers {
    given: Sender<Work>,
}

impl Workers {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system gives no more of them.
    pub(super) fn start(count: usize) -> io::Result<Self> {
        let (given, taken) = mpsc::channel();
        let taken = Arc::new(Mutex::new(taken));
        for _ in 0..count {
            let taken = Arc::clone(&taken);
            thread::Builder::new().name("password-hash".to_owned()).spawn(move || work(&taken))?;
        }
        Ok(Self { given })
    }

    /// Has this done when it is its turn. How much may wait is for the caller to bound.
    pub(super) fn give(&self, work: Work) {
        // The threads end after this value; until then somebody listens.
        drop(self.given.send(work));
    }
}

fn work(taken: &Mutex<Receiver<Work>>) {
    // Linux takes the number of a thread for that of a process here. A system that refuses does without.
    let own = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(own), NICENESS) {
        tracing::debug!(error = %with_causes(&error), "password hashes are computed with the priority of everything else");
    }
    loop {
        let next = taken.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(work) = next else { return };
        // What panics costs its own login.
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            tracing::error!("hashing a password broke off; this is a bug");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The niceness of the thread that does it.
    fn niceness(workers: &Workers) -> i32 {
        let (tell, told) = mpsc::channel();
        workers.give(Box::new(move || {
            tell.send(rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap()).unwrap();
        }));
        told.recv_timeout(Duration::from_secs(30)).unwrap()
    }

    #[test]
    fn hashing_stands_behind_everything_else_and_outlives_a_panic() {
        let own = rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap();
        let workers = Workers::start(1).unwrap();
        workers.give(Box::new(|| panic!("on purpose")));
        assert_eq!(niceness(&workers), NICENESS.max(own));
        assert_eq!(rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap(), own);
    }
}
