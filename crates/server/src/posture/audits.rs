//! Audits of this machine as the server sees them: one runs, one broke off, one is wanted now.
//!
//! The server audits nothing itself. Whoever does says here when an audit begins and how it ends, and waits here for somebody who
//! wants one now.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

/// An audit reads everything there is: wanted again and again, it would do nothing else.
const PAUSE: SignedDuration = SignedDuration::from_secs(10);

/// What is known of audits, and who is waited for.
#[derive(Debug, Default)]
pub(crate) struct Audits {
    state: Mutex<State>,
    wanted: Notify,
}

#[derive(Clone, Debug, Default)]
struct State {
    /// Somebody audits, now and then.
    is_served: bool,
    /// Since when one runs, or was wanted and is about to.
    running: Option<Timestamp>,
    /// When the latest came to an end, one way or the other.
    ended: Option<Timestamp>,
    /// When and why the latest did not come to an end; none when it did.
    failed: Option<(Timestamp, String)>,
}

/// Why no audit begins now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotNow {
    /// One runs.
    #[error("an audit has been running since {}; its report appears when it is done", .0.strftime("%H:%M:%S UTC"))]
    Running(Timestamp),
    /// One was made a moment ago.
    #[error("an audit was made a moment ago; ask again in {0} s")]
    TooSoon(u64),
    /// This server is handed reports and has nobody who audits.
    #[error("this server makes no audits by itself; start it with `palisade up`")]
    Nobody,
}

impl Audits {
    /// Somebody audits from now on.
    pub(crate) fn serve(&self) {
        self.state().is_served = true;
    }

    /// Has an audit made now.
    ///
    /// # Errors
    /// One runs already, or was made a moment ago, or nobody audits.
    pub(crate) fn ask(&self, now: Timestamp) -> Result<(), NotNow> {
        let mut state = self.state();
        if !state.is_served {
            return Err(NotNow::Nobody);
        }
        if let Some(since) = state.running {
            return Err(NotNow::Running(since));
        }
        // A clock that was set back since is not waited for.
        let since = state.ended.map(|ended| now.duration_since(ended)).filter(|since| !since.is_negative());
        let left = since.map_or(SignedDuration::ZERO, |since| PAUSE.saturating_sub(since));
        if left > SignedDuration::ZERO {
            let seconds = left.as_millis().unsigned_abs().div_ceil(1000);
            return Err(NotNow::TooSoon(u64::try_from(seconds).unwrap_or(u64::MAX)));
        }
        state.running = Some(now);
        drop(state);
        self.wanted.notify_one();
        Ok(())
    }

    /// Waits until somebody wants an audit.
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// An audit begins.
    pub(crate) fn begins(&self, now: Timestamp) {
        self.state().running = Some(now);
    }

    /// An audit ended, or broke off for this reason.
    pub(crate) fn ended(&self, now: Timestamp, broke_off: Option<String>) {
        let mut state = self.state();
        state.running = None;
        state.ended = Some(now);
        state.failed = broke_off.map(|why| (now, why));
    }

    /// Whether somebody audits.
    pub(crate) fn is_served(&self) -> bool {
        self.state().is_served
    }

    /// Since when an audit runs.
    pub(crate) fn running(&self) -> Option<Timestamp> {
        self.state().running
    }

    /// When and why the latest audit did not come to an end.
    pub(crate) fn failed(&self) -> Option<(Timestamp, String)> {
        self.state().failed.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + seconds).unwrap()
    }

    #[tokio::test]
    async fn one_audit_runs_at_a_time_and_the_next_waits_a_moment() {
        let audits = Audits::default();
        assert_eq!(audits.ask(at(0)), Err(NotNow::Nobody));
        audits.serve();
        assert_eq!(audits.ask(at(0)), Ok(()));
        assert_eq!(audits.running(), Some(at(0)));
        // Whoever audits learns of it, also when it was not waiting just then.
        audits.wanted().await;
        assert_eq!(audits.ask(at(1)), Err(NotNow::Running(at(0))));
        audits.begins(at(2));
        assert_eq!(audits.ask(at(3)), Err(NotNow::Running(at(2))));
        audits.ended(at(4), None);
        assert_eq!(audits.ask(at(5)), Err(NotNow::TooSoon(9)));
        assert_eq!(audits.ask(at(14)), Ok(()));
        audits.ended(at(15), Some("no content".to_owned()));
        assert_eq!(audits.failed(), Some((at(15), "no content".to_owned())));
        audits.begins(at(16));
        assert!(audits.failed().is_some(), "until another one comes to an end");
        audits.ended(at(17), None);
        assert_eq!(audits.failed(), None);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_shut_audits_out() {
        let audits = Audits::default();
        audits.serve();
        audits.ended(at(0), None);
        assert_eq!(audits.ask(at(-3600)), Ok(()));
    }
}
