//! The pass over the whole file tree, over SFTP: the server works on many directories while we look at the first.
//!
//! SFTP names directories by their paths only, so a directory that somebody swaps for a link during the pass leads
//! elsewhere; the plan's limits bound what that can cost.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use rustix::fs::FileType;

use super::files::{LONGEST_PATH, is_plain, stat};
use super::refused::short;
use super::sftp::{Answer, Name, PATIENCE, Reply, Request, Sftp, UNTOLD, status};
use crate::Error;
use crate::door::FileKind;
use crate::walk::{
    LISTED, Mount, Points, SkipReason, Skipped, Stop, Visitor, WalkEntry, WalkOutcome, WalkPlan,
};

/// Directories that are being read at the same time, where the target is near: a busy machine is far all the same.
const NEAR: u128 = 48;

/// Where it is far, at most: below what a server may keep open.
const FAR: u128 = 128;

/// The most bytes of paths of directories that were found and not yet read: a million of usual length.
const WAITING: usize = 64 << 20;

/// As many as keep the server busy while an answer is under way: it reads some ten in a millisecond.
fn at_once(round_trip: Duration) -> usize {
    usize::try_from((NEAR + round_trip.as_micros() / 100).min(FAR)).unwrap_or(1)
}

/// A walk that is under way. It never fails: what was not seen stands in the outcome.
pub(super) struct Walker<'a> {
    visitor: &'a dyn Visitor,
    points: Points,
    at_once: usize,
    entries: u64,
    deadline: Instant,
    sender: Sender<Answer>,
    answers: Receiver<Answer>,
    waiting: Vec<Directory>,
    /// The bytes of their paths.
    waiting_bytes: usize,
    under_way: HashMap<u32, Question>,
    reading: HashMap<u32, Reading>,
    outcome: WalkOutcome,
}

struct Directory {
    path: PathBuf,
    reachable: bool,
}

/// A directory that is open.
struct Reading {
    directory: Directory,
    handle: Vec<u8>,
    /// Answers that are still to come.
    asked: usize,
    ended: bool,
}

/// What a question was about.
enum Question {
    Open(Directory),
    /// The number of the directory in `reading`.
    Read(u32),
}

impl<'a> Walker<'a> {
    pub(super) fn new(
        round_trip: Duration,
        mounts: &[Mount],
        plan: &WalkPlan,
        visitor: &'a dyn Visitor,
    ) -> Self {
        let mut prune = plan.prune.clone();
        if mounts.is_empty() {
            prune.extend(["/proc", "/sys"].map(|place| (PathBuf::from(place), SkipReason::Pseudo)));
        }
        let (sender, answers) = mpsc::channel();
        Self {
            visitor,
            points: Points::new(mounts, &prune),
            at_once: at_once(round_trip),
            entries: plan.entries,
            deadline: Instant::now() + plan.time,
            sender,
            answers,
            waiting: vec![Directory { path: PathBuf::from("/"), reachable: true }],
            waiting_bytes: 1,
            under_way: HashMap::new(),
            reading: HashMap::new(),
            outcome: WalkOutcome::default(),
        }
    }

    /// Walks until all is seen, a limit is reached, or the channel is wanted for something else.
    pub(super) fn run(&mut self, sftp: &Sftp, is_wanted: &dyn Fn() -> bool) {
        if let Err(error) = self.go(sftp, is_wanted) {
            self.failed(PathBuf::from("/"), error.to_string());
            self.waiting.clear();
        }
        for (_, reading) in self.reading.drain() {
            sftp.close(&reading.handle);
        }
        self.under_way.clear();
    }

    /// Whether there is nothing left to do.
    pub(super) fn has_ended(&self) -> bool {
        self.waiting.is_empty() || self.outcome.stopped.is_some()
    }

    pub(super) fn outcome(self) -> WalkOutcome {
        let mut outcome = self.outcome;
        outcome.skipped.sort();
        outcome.denied_examples.sort();
        outcome.failed_examples.sort();
        outcome
    }

    fn go(&mut self, sftp: &Sftp, is_wanted: &dyn Fn() -> bool) -> Result<(), Error> {
        loop {
            if !is_wanted() {
                self.open_more(sftp)?;
            }
            if self.under_way.is_empty() {
                return Ok(());
            }
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.outcome.stopped = Some(Stop::Time);
                return Ok(());
            }
            let (id, reply) = match sftp.next("a directory", &self.answers, left.min(PATIENCE)) {
                Err(Error::TimedOut { .. }) if left <= PATIENCE => continue,
                answer => answer?,
            };
            match self.under_way.remove(&id) {
                Some(Question::Open(directory)) => self.opened(sftp, id, directory, reply)?,
                Some(Question::Read(number)) => self.read(sftp, number, reply)?,
                None => {}
            }
            if self.outcome.entries > self.entries || self.waiting_bytes > WAITING {
                self.outcome.stopped = Some(Stop::Entries);
                return Ok(());
            }
        }
    }

    /// Opens as many directories as may be open, the last found first, so that few wait.
    fn open_more(&mut self, sftp: &Sftp) -> Result<(), Error> {
        let open =
            self.reading.len() + self.under_way.values().filter(|q| matches!(q, Question::Open(_))).count();
        let from = self.waiting.len().saturating_sub(self.at_once.saturating_sub(open));
        let next = self.waiting.split_off(from);
        if next.is_empty() {
            return Ok(());
        }
        let bytes: usize = next.iter().map(|directory| directory.path.as_os_str().len()).sum();
        self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes);
        let requests: Vec<Request<'_>> = next
            .iter()
            .map(|directory| Request::OpenDirectory(directory.path.as_os_str().as_bytes()))
            .collect();
        let first = sftp.submit(&requests, &self.sender)?;
        for (index, directory) in (0..).zip(next) {
            self.under_way.insert(first.wrapping_add(index), Question::Open(directory));
        }
        Ok(())
    }

    fn opened(&mut self, sftp: &Sftp, number: u32, directory: Directory, reply: Reply) -> Result<(), Error> {
        match reply {
            Reply::Handle(handle) => {
                self.outcome.directories += 1;
                self.reading.insert(number, Reading { directory, handle, asked: 0, ended: false });
                self.ask(sftp, number)
            }
            // What vanished since it was listed is not there.
            Reply::Status { code: status::NO_SUCH_FILE, .. } => Ok(()),
            Reply::Status { code: status::DENIED, .. } => {
                self.outcome.denied += 1;
                if self.outcome.denied_examples.len() < LISTED {
                    self.outcome.denied_examples.push(directory.path);
                }
                Ok(())
            }
            Reply::Status { message, .. } => {
                self.failed(directory.path, short(&message));
                Ok(())
            }
            _ => Err(reply.error(directory.path.display().to_string())),
        }
    }

    /// Asks for the next entries twice: most directories end with the second answer.
    fn ask(&mut self, sftp: &Sftp, number: u32) -> Result<(), Error> {
        let Some(reading) = self.reading.get_mut(&number) else { return Ok(()) };
        let requests = [Request::ReadDirectory(&reading.handle); 2];
        let first = sftp.submit(&requests, &self.sender)?;
        reading.asked += requests.len();
        for id in [first, first.wrapping_add(1)] {
            self.under_way.insert(id, Question::Read(number));
        }
        Ok(())
    }

    fn read(&mut self, sftp: &Sftp, number: u32, reply: Reply) -> Result<(), Error> {
        let Some(mut reading) = self.reading.remove(&number) else { return Ok(()) };
        reading.asked -= 1;
        match reply {
            Reply::Names(names) => self.show(&reading.directory, &names),
            Reply::Status { code: status::END, .. } => reading.ended = true,
            // The directory itself may have vanished; what else goes wrong is told once.
            Reply::Status { message, .. } if !reading.ended => {
                reading.ended = true;
                self.failed(reading.directory.path.clone(), short(&message));
            }
            Reply::Status { .. } => {}
            _ => return Err(reply.error(reading.directory.path.display().to_string())),
        }
        let (asked, ended) = (reading.asked, reading.ended);
        if asked == 0 && ended {
            sftp.close(&reading.handle);
            return Ok(());
        }
        self.reading.insert(number, reading);
        if asked == 0 { self.ask(sftp, number) } else { Ok(()) }
    }

    fn show(&mut self, directory: &Directory, names: &[Name]) {
        let mut untold = false;
        for entry in names {
            if matches!(entry.name.as_slice(), b"." | b"..") {
                continue;
            }
            let name = OsStr::from_bytes(&entry.name);
            let (true, Some(stat), Some(mode)) =
                (is_plain(&entry.name), stat(&entry.attributes), entry.attributes.mode)
            else {
                untold = true;
                continue;
            };
            self.outcome.entries += 1;
            if stat.kind == FileKind::Symlink {
                continue;
            }
            let is_directory = stat.kind == FileKind::Directory;
            if is_directory {
                let path = directory.path.join(name);
                if let Some(Some(reason)) = self.points.get(&path) {
                    self.skipped(path, reason);
                    continue;
                }
            }
            let device =
                matches!(FileType::from_raw_mode(mode), FileType::BlockDevice | FileType::CharacterDevice);
            let reachable = directory.reachable;
            self.visitor.visit(&WalkEntry { directory: &directory.path, name, stat, device, reachable });
            if is_directory {
                let reachable = reachable && stat.mode & 0o001 != 0;
                self.found(Directory { path: directory.path.join(name), reachable });
            }
        }
        if untold {
            self.failed(directory.path.clone(), UNTOLD.to_owned());
        }
    }

    fn found(&mut self, directory: Directory) {
        let bytes = directory.path.as_os_str().len();
        if bytes > LONGEST_PATH {
            self.failed(directory.path, "the path is too long to be asked for".to_owned());
            return;
        }
        self.waiting_bytes += bytes;
        self.waiting.push(directory);
    }

    fn skipped(&mut self, path: PathBuf, reason: SkipReason) {
        self.outcome.skipped_total += 1;
        if self.outcome.skipped.len() < LISTED {
            self.outcome.skipped.push(Skipped { path, reason });
        }
    }

    fn failed(&mut self, path: PathBuf, message: String) {
        self.outcome.failed += 1;
        if self.outcome.failed_examples.len() < LISTED {
            self.outcome.failed_examples.push((path, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::sftp::tests::lying;
    use crate::ssh::wire::Message;

    struct Nobody;

    impl Visitor for Nobody {
        fn visit(&self, _: &WalkEntry<'_>) {}
    }

    /// The outcome of a walk in which every directory has these entries and then ends.
    fn walked(plan: &WalkPlan, entries: impl Fn() -> Message + Send + 'static) -> WalkOutcome {
        // Two questions are under way for each directory: the server tells them apart by turns.
        let turn = std::cell::Cell::new(false);
        let sftp = lying(move |kind, _| match kind {
            11 => (102, Message::default().text(b"handle")),
            12 if !turn.replace(!turn.get()) => (104, entries()),
            _ => (101, Message::default().number(status::END)),
        });
        let mut walker = Walker::new(Duration::ZERO, &[], plan, &Nobody);
        walker.run(&sftp, &|| false);
        walker.outcome()
    }

    #[test]
    fn a_server_that_leaves_attributes_out_is_not_a_tree_without_files() {
        let partly: [fn() -> Message; 2] = [
            || Message::default().number(1).text(b"a").text(b"").number(0),
            || Message::default().number(1).text(b"a").text(b"").number(4).number(0o100_777),
        ];
        for entries in partly {
            let outcome = walked(&WalkPlan::default(), entries);
            assert_eq!(outcome.failed_examples, [(PathBuf::from("/"), UNTOLD.to_owned())]);
        }
    }

    #[test]
    fn directories_without_end_end_the_walk() {
        // One directory in another: the path grows, until nobody can ask for it.
        let directory = |name: &'static [u8], count: u32| {
            move || {
                let one = |message: Message| {
                    message.text(name).text(b"").number(7).long(0).number(0).number(0).number(0o40_755)
                };
                (0..count).fold(Message::default().number(count), |message, _| one(message))
            }
        };
        let deep = walked(&WalkPlan::default(), directory(&[b'a'; 200], 1));
        assert_eq!((deep.stopped, deep.failed, deep.directories), (None, 1, 21));
        // Many in each: more than anybody could hold.
        let wide = walked(&WalkPlan::default(), directory(&[b'a'; 200], 1_000));
        assert_eq!(wide.stopped, Some(Stop::Entries));
        assert!(wide.entries < WalkPlan::default().entries, "{}", wide.entries);
    }
}
