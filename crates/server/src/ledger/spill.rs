//! Events that the database does not take now: kept in a file of the state directory, within bounds, until it does.

#![expect(clippy::disallowed_methods, reason = "the server's own state directory, on the machine it runs on")]

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ledger::{Event, KEPT_ASIDE};

/// The file.
const NAME: &str = "ledger-spill.jsonl";

/// Bytes of it at most: some ten thousand events.
const MOST: u64 = 4 * 1024 * 1024;

/// Where events wait for the database.
#[derive(Debug)]
pub(super) struct Spill {
    path: PathBuf,
    turn: Mutex<()>,
}

impl Spill {
    /// In this directory.
    pub(super) fn of(directory: &Path) -> Self {
        Self { path: directory.join(NAME), turn: Mutex::default() }
    }

    /// Keeps events, on the disk when this returns.
    ///
    /// # Errors
    /// When there is no more room for them, or the disk does not take them.
    pub(super) fn put(&self, events: &[Event]) -> io::Result<()> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines = Vec::new();
        for event in events {
            let mut event = event.clone();
            event
                .details
                .insert(KEPT_ASIDE.to_owned(), "the database did not take it when it happened".to_owned());
            lines.extend(event.to_entry().map_err(io::Error::other)?);
            lines.push(b'\n');
        }
        let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path)?;
        if file.metadata()?.len().saturating_add(lines.len() as u64) > MOST {
            return Err(io::Error::other("too many events wait for the database already"));
        }
        file.write_all(&lines)?;
        file.sync_data()
    }

    /// The events that wait, in the order in which they came. A line that was cut off by a crash was acknowledged to nobody.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn waiting(&self) -> io::Result<Vec<Event>> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = Vec::new();
        match File::open(&self.path) {
            Ok(file) => file.take(MOST).read_to_end(&mut bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let lines = bytes.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"));
        Ok(lines.filter_map(|line| Event::from_entry(line).ok()).collect())
    }

    /// Forgets the first so many events, which the database has.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn forget(&self, count: usize) -> io::Result<()> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = Vec::new();
        File::open(&self.path)?.take(MOST).read_to_end(&mut bytes)?;
        let gone: usize = bytes.split_inclusive(|byte| *byte == b'\n').take(count).map(<[u8]>::len).sum();
        let rest = bytes.get(gone..).unwrap_or_default();
        let beside = self.path.with_extension("new");
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&beside)?;
        file.write_all(rest)?;
        file.sync_all()?;
        std::fs::rename(&beside, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use ledger::Kind;

    use super::*;

    fn event(number: u32) -> Event {
        Event::new(format!("{number:032x}"), jiff::Timestamp::UNIX_EPOCH, Kind::AccessRefused)
    }

    #[test]
    fn what_is_put_waits_in_order_and_goes_when_it_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let spill = Spill::of(directory.path());
        assert!(spill.waiting().unwrap().is_empty());
        for number in 0..5 {
            spill.put(&[event(number)]).unwrap();
        }
        let again = Spill::of(directory.path());
        let ids =
            |spill: &Spill| spill.waiting().unwrap().iter().map(|event| event.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&again).len(), 5);
        assert!(again.waiting().unwrap().iter().all(|event| event.details.contains_key(KEPT_ASIDE)));
        again.forget(3).unwrap();
        assert_eq!(ids(&again), [event(3).id, event(4).id]);
        // A line that a crash cut is nobody's; what is put after it is read.
        let mut file = OpenOptions::new().append(true).open(&again.path).unwrap();
        file.write_all(b"{\"id\":\"cut\n").unwrap();
        again.put(&[event(9)]).unwrap();
        assert_eq!(ids(&again), [event(3).id, event(4).id, event(9).id]);
    }

    #[test]
    fn there_is_an_end_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let spill = Spill::of(directory.path());
        let many: Vec<Event> = (0..2000).map(event).collect();
        let refused = (0..100).find(|_| spill.put(&many).is_err());
        assert!(refused.is_some_and(|puts| puts > 0), "{refused:?}");
        assert!(std::fs::metadata(&spill.path).unwrap().len() <= MOST);
    }
}
