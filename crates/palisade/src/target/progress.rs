//! What a person sees while targets are read.

use std::io::{IsTerminal, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use probe::Event;

/// Nothing is said about progress before this.
const PATIENCE: Duration = Duration::from_secs(1);

/// One line on a terminal that says what is still being read.
pub(crate) struct Progress {
    wanted: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    shown: bool,
    targets: usize,
    read: usize,
}

impl Progress {
    /// For so many targets.
    pub(crate) fn new(targets: usize) -> Self {
        let state = State { targets, ..State::default() };
        Self { wanted: std::io::stderr().is_terminal(), state: Mutex::new(state) }
    }

    /// Tells which probes of the target keep it waiting.
    pub(crate) fn show(&self, name: &str, event: &Event) {
        let Event::Waiting { probes, elapsed } = event;
        if !self.wanted || *elapsed < PATIENCE {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = elapsed.as_secs();
        let text = if state.targets > 1 {
            format!("{} of {} targets read; {name}: {}", state.read, state.targets, probes.join(", "))
        } else {
            format!("reading {} ({seconds} s)", probes.join(", "))
        };
        draw(&report::printable(&text).chars().take(79).collect::<String>());
        state.shown = true;
    }

    /// One target more has been read.
    pub(crate) fn read_one(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).read += 1;
    }

    /// Leaves no line behind.
    pub(crate) fn clear(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut state.shown) {
            draw("");
        }
    }
}

fn draw(text: &str) {
    let mut err = std::io::stderr().lock();
    let _closed = write!(err, "\r\x1b[K{text}").and_then(|()| err.flush());
}
