//! One pass over a whole file tree: no link is followed, memory stays small, time and entries are bounded.
//!
//! Directories are opened below the tree's root without following links, entries are looked at relative to the open
//! directory, and nothing is kept: a [`Visitor`] sees each entry once and keeps what it wants. A few threads share the
//! work; they are not waited for beyond the time limit, so that a file system that hangs costs only completeness.

mod mounts;
mod workers;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::door::Stat;

pub(crate) use mounts::Points;
pub use mounts::{Mount, mountinfo, unescaped};
pub(crate) use workers::walk;

/// What is walked, and how far. The tree begins at the target's root.
#[derive(Clone, Debug)]
pub struct WalkPlan {
    /// Directories that are not entered, with the reason that the outcome gives.
    pub prune: Vec<(PathBuf, SkipReason)>,
    /// The most entries that are looked at.
    pub entries: u64,
    /// The longest time it may take.
    pub time: Duration,
    /// Threads that share the work.
    pub threads: usize,
}

impl Default for WalkPlan {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // A host has 100,000 to 1,000,000 inodes, and needs 1 to 3 s for a million; more than four threads only
        // fight for the kernel's locks.
        Self { prune: Vec::new(), entries: 2_000_000, time: Duration::from_secs(15), threads: cores.min(4) }
    }
}

/// One entry of a directory, as a visitor sees it.
#[derive(Clone, Copy, Debug)]
pub struct WalkEntry<'a> {
    /// The directory it stands in.
    pub directory: &'a Path,
    /// Its name, bytes as they are.
    pub name: &'a OsStr,
    /// What the target says of it; links are not followed.
    pub stat: Stat,
    /// Whether it is a block or character device.
    pub device: bool,
    /// Whether every directory above it lets any user pass.
    pub reachable: bool,
}

impl WalkEntry<'_> {
    /// Its full path.
    pub fn path(&self) -> PathBuf {
        self.directory.join(self.name)
    }
}

/// Sees every entry but symbolic links; from several threads at once, in no order.
pub trait Visitor: Send + Sync {
    /// Looks at one entry.
    fn visit(&self, entry: &WalkEntry<'_>);
}

/// Why a directory was not entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SkipReason {
    /// The kernel makes its files up.
    Pseudo,
    /// Its files are another machine's.
    Remote,
    /// Its files are those of a container or a container image.
    Container,
    /// Its files are those of a read-only image.
    Image,
    /// The same files are walked at another place.
    Duplicate,
}

/// A directory that was not entered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// The directory.
    pub path: PathBuf,
    /// Why.
    pub reason: SkipReason,
}

/// What ended a walk early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// More entries than the plan allows.
    Entries,
    /// The time was up.
    Time,
    /// A visitor or the walk itself panicked.
    Panic,
}

/// How a walk went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WalkOutcome {
    /// Entries seen, links included.
    pub entries: u64,
    /// Directories read.
    pub directories: u64,
    /// Directories not entered, sorted; at most [`LISTED`].
    pub skipped: Vec<Skipped>,
    /// How many were not entered.
    pub skipped_total: u64,
    /// Directories the reader may not read.
    pub denied: u64,
    /// The first of them, sorted; at most [`LISTED`].
    pub denied_examples: Vec<PathBuf>,
    /// Directories that could not be read for another reason.
    pub failed: u64,
    /// The first of them with the operating system's message, sorted; at most [`LISTED`].
    pub failed_examples: Vec<(PathBuf, String)>,
    /// What ended it early; none when everything was seen.
    pub stopped: Option<Stop>,
}

/// The most directories an outcome names of each kind: a person reads no more.
pub const LISTED: usize = 100;

#[cfg(test)]
mod tests;
