//! How the log is, as far as this process knows: what the last check of it found, and how much room it has.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Ledger;
use super::checkup::Checkup;
use super::room::Room;

/// What is known of it.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    checkup: Option<Checkup>,
    room: Option<Room>,
}

impl Health {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    /// What the last check of the log found; none: it was never checked.
    pub(crate) fn checkup(&self) -> Option<Checkup> {
        self.0.health.known().checkup.clone()
    }

    pub(super) fn was_checked(&self, checkup: Checkup) {
        self.0.health.known().checkup = Some(checkup);
    }

    /// How much room it has; none: it was not measured yet.
    pub(crate) fn room(&self) -> Option<Room> {
        self.0.health.known().room.clone()
    }

    pub(super) fn has_room(&self, room: Room) {
        self.0.health.known().room = Some(room);
    }

    /// Why it takes nothing more; none: there is room.
    pub(super) fn is_full(&self) -> Option<String> {
        let room = self.room().filter(Room::is_full)?;
        Some(format!(
            "the ledger is full, it takes {room}; make room on the file system of the database, or raise audit_logs.capacity"
        ))
    }

    /// What is wrong with the log, so that somebody must look; none: all is well.
    pub(crate) fn ails(&self) -> Option<String> {
        let ill = |checkup: Checkup| {
            let first = checkup.found.first()?;
            let more = checkup.faults.saturating_sub(1);
            let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
            Some(format!("the ledger is not as it was signed: {first}{more}"))
        };
        self.refuses().or_else(|| self.checkup().and_then(ill))
    }
}
