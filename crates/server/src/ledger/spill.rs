//! Events that wait beside the database, in a file of the state directory and within bounds: those that it does not take now, and those
//! that the command line of this host leaves for the server.

#![expect(clippy::disallowed_methods, reason = "the server's own state directory, on the machine it runs on")]

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ledger::{Event, KEPT_ASIDE};
use rustix::fs::OFlags;

/// The file.
const NAME: &str = "ledger-spill.jsonl";

/// Bytes of it at most: some ten thousand events.
const MOST: u64 = 4 * 1024 * 1024;

/// How long whoever holds it is waited for, and how often it is looked.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(5);

/// Leaves events for the server whose state directory this is, on the disk when this returns; it takes them up within half a minute, or
/// when it starts.
///
/// # Errors
/// When there is no more room for them, the disk does not take them, or what stands there is no file of that server.
pub fn leave_for_the_ledger(directory: &Path, events: &[Event]) -> io::Result<()> {
    Spill::of(directory).put(events, "the command line of the host told it")
}

/// Where events wait for the database.
#[derive(Debug)]
pub(super) struct Spill {
    path: PathBuf,
}

impl Spill {
    /// In this directory.
    pub(super) fn of(directory: &Path) -> Self {
        Self { path: directory.join(NAME) }
    }

    /// Keeps events and why they come this way, on the disk when this returns.
    ///
    /// # Errors
    /// When there is no more room for them, or the disk does not take them.
    pub(super) fn put(&self, events: &[Event], why: &str) -> io::Result<()> {
        let mut lines = Vec::new();
        for event in events {
            let mut event = event.clone();
            event.details.insert(KEPT_ASIDE.to_owned(), why.to_owned());
            lines.extend(event.to_entry().map_err(io::Error::other)?);
            lines.push(b'\n');
        }
        let mut file = self.locked()?;
        if file.metadata()?.len().saturating_add(lines.len() as u64) > MOST {
            return Err(io::Error::other("too many events wait for the database already"));
        }
        file.write_all(&lines)?;
        file.sync_data()
    }

    /// The events that wait, in the order in which they came, and the bytes that they take. A line that was cut off by a crash was
    /// acknowledged to nobody.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn waiting(&self) -> io::Result<(Vec<Event>, usize)> {
        let bytes = match File::open(&self.path) {
            Ok(file) => all(&file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(taken(&bytes))
    }

    /// Forgets the first so many bytes, whose events the database has.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn forget(&self, length: usize) -> io::Result<()> {
        let held = self.locked()?;
        let bytes = all(&held)?;
        let beside = self.path.with_extension("new");
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&beside)?;
        file.write_all(bytes.get(length..).unwrap_or_default())?;
        file.sync_all()?;
        std::fs::rename(&beside, &self.path)?;
        drop(held);
        Ok(())
    }

    /// The file, made when it is not there, for nobody else until it is closed. Root may open it too: whoever owns the directory leads it
    /// to no other file.
    fn locked(&self) -> io::Result<File> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600).custom_flags(flags);
        let until = Instant::now() + PATIENCE;
        loop {
            let file = options.open(&self.path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) if Instant::now() < until => {
                    std::thread::sleep(PAUSE);
                    continue;
                }
                Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::TimedOut.into()),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            let about = file.metadata()?;
            let there = std::fs::symlink_metadata(&self.path);
            if !there.is_ok_and(|there| (there.dev(), there.ino()) == (about.dev(), about.ino())) {
                // Whoever held it put another one in its place.
                if Instant::now() < until {
                    continue;
                }
                return Err(io::ErrorKind::TimedOut.into());
            }
            if !about.is_file() || about.nlink() != 1 {
                return Err(io::Error::other(format!(
                    "{} is not a file of the server's own",
                    self.path.display()
                )));
            }
            let owner = self.path.parent().map_or_else(|| Ok(about.clone()), std::fs::metadata)?;
            if (about.uid(), about.gid()) != (owner.uid(), owner.gid()) && rustix::process::geteuid().is_root()
            {
                fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
            }
            return Ok(file);
        }
    }
}

/// The events of whole lines, and the bytes that these take.
pub(crate) fn taken(bytes: &[u8]) -> (Vec<Event>, usize) {
    let length = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    let lines = bytes.get(..length).unwrap_or_default().split(|byte| *byte == b'\n');
    (lines.filter_map(|line| Event::from_entry(line).ok()).collect(), length)
}

/// Its bytes, as far as it may go.
fn all(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
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
        assert_eq!(spill.waiting().unwrap(), (Vec::new(), 0));
        for number in 0..3 {
            spill.put(&[event(number)], "the database was away").unwrap();
        }
        let again = Spill::of(directory.path());
        let ids =
            |spill: &Spill| spill.waiting().unwrap().0.into_iter().map(|event| event.id).collect::<Vec<_>>();
        let (waiting, length) = again.waiting().unwrap();
        assert_eq!(waiting.len(), 3);
        assert!(waiting.iter().all(|event| event.details[KEPT_ASIDE] == "the database was away"));
        // What comes while they are taken up stays.
        leave_for_the_ledger(directory.path(), &[event(3)]).unwrap();
        again.forget(length).unwrap();
        assert_eq!(ids(&again), [event(3).id]);
        // A line that a crash cut is nobody's; what is put after it is read, and all of it is forgotten.
        let mut file = OpenOptions::new().append(true).open(&again.path).unwrap();
        file.write_all(b"{\"id\":\"cut\n").unwrap();
        again.put(&[event(9)], "").unwrap();
        file = OpenOptions::new().append(true).open(&again.path).unwrap();
        file.write_all(b"{\"id\":\"being written").unwrap();
        let (waiting, length) = again.waiting().unwrap();
        assert_eq!(waiting.len(), 2);
        again.forget(length).unwrap();
        assert!(ids(&again).is_empty());
        assert_eq!(std::fs::read(&again.path).unwrap(), b"{\"id\":\"being written");
    }

    #[test]
    fn two_at_once_lose_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let taken = std::thread::scope(|scope| {
            for writer in 0..4 {
                let directory = directory.path();
                scope.spawn(move || {
                    for number in 0..100 {
                        leave_for_the_ledger(directory, &[event(writer * 100 + number)]).unwrap();
                    }
                });
            }
            let spill = Spill::of(directory.path());
            let (mut taken, begun) = (std::collections::BTreeSet::new(), Instant::now());
            while taken.len() < 400 && begun.elapsed().as_secs() < 60 {
                let (events, length) = spill.waiting().unwrap();
                taken.extend(events.into_iter().map(|event| event.id));
                spill.forget(length).unwrap();
            }
            taken
        });
        assert_eq!(taken.len(), 400);
    }

    #[test]
    fn root_is_led_to_no_other_file() {
        let directory = tempfile::tempdir().unwrap();
        let other = directory.path().join("other");
        std::fs::write(&other, "theirs\n").unwrap();
        let path = directory.path().join(NAME);
        let led = |what: &str| {
            let left = leave_for_the_ledger(directory.path(), &[event(1)]);
            assert!(left.is_err(), "{what}");
            assert_eq!(std::fs::read_to_string(&other).unwrap(), "theirs\n", "{what}");
            std::fs::remove_file(&path).unwrap();
        };
        // Nor does it wait for ever for somebody who does not let go.
        let held = File::create(&path).unwrap();
        held.lock().unwrap();
        led("a lock");
        drop(held);
        std::os::unix::fs::symlink(&other, &path).unwrap();
        led("a link");
        std::fs::hard_link(&other, &path).unwrap();
        led("a second name");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
        led("a pipe");
    }

    #[test]
    fn there_is_an_end_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let spill = Spill::of(directory.path());
        let many: Vec<Event> = (0..2000).map(event).collect();
        let refused = (0..100).find(|_| spill.put(&many, "").is_err());
        assert!(refused.is_some_and(|puts| puts > 0), "{refused:?}");
        assert!(std::fs::metadata(&spill.path).unwrap().len() <= MOST);
    }
}
