//! The threads that walk.

use std::ffi::{OsStr, OsString};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, ResolveFlags, fstatfs, openat, openat2, statat};
use rustix::io::Errno;

use super::mounts::{Points, by_magic};
use super::{LISTED, Mount, SkipReason, Skipped, Stop, Visitor, WalkEntry, WalkOutcome, WalkPlan};
use crate::door::Stat;
use crate::files::from_raw;

/// Directories kept open for those below them: far below the usual limit of 1,024 descriptors.
const KEPT_OPEN: usize = 128;

/// The kernel fills this with entries at each call.
const BUFFER: usize = 64 << 10;

/// Entries between two looks at the clock and the budget.
const BATCH: u32 = 128;

/// Subdirectories handed to the other threads at once.
const HANDED: usize = 256;

/// The longest piece of a path that is given to the kernel at once; its limit is 4,096.
const PIECE: usize = 4_000;

/// How long after the time limit a thread may still come back.
const GRACE: Duration = Duration::from_millis(200);

/// A directory that was opened: what those below it need to know.
struct Above {
    path: PathBuf,
    /// None when too many are open: those below are then opened by path.
    open: Option<Kept>,
    reachable: bool,
}

/// An open directory that counts towards [`KEPT_OPEN`].
struct Kept {
    directory: OwnedFd,
    kept: Arc<AtomicUsize>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.kept.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A directory to be read.
struct Task {
    above: Option<Arc<Above>>,
    name: OsString,
    reachable: bool,
}

impl Task {
    fn path(&self) -> PathBuf {
        self.above.as_ref().map_or_else(|| PathBuf::from("/"), |above| above.path.join(&self.name))
    }
}

/// What the threads share.
struct Shared {
    root: OwnedFd,
    points: Points,
    plan: WalkPlan,
    visitor: Arc<dyn Visitor>,
    deadline: Instant,
    queue: Mutex<Queue>,
    changed: Condvar,
    halt: AtomicBool,
    entries: AtomicU64,
    kept: Arc<AtomicUsize>,
    outcome: Mutex<WalkOutcome>,
}

#[derive(Default)]
struct Queue {
    tasks: Vec<Task>,
    /// Threads that are reading a directory.
    busy: usize,
    /// Threads that wait for a directory to read.
    idle: usize,
    /// Threads that have not ended.
    alive: usize,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Walks the tree below `root`. Never fails: what was not seen stands in the outcome.
pub(crate) fn walk(root: OwnedFd, mounts: &[Mount], plan: &WalkPlan, visitor: Arc<dyn Visitor>) -> WalkOutcome {
    let shared = Arc::new(Shared {
        root,
        points: Points::new(mounts, &plan.prune),
        plan: plan.clone(),
        visitor,
        deadline: Instant::now() + plan.time,
        queue: Mutex::new(Queue {
            tasks: vec![Task { above: None, name: OsString::new(), reachable: true }],
            ..Queue::default()
        }),
        changed: Condvar::new(),
        halt: AtomicBool::new(false),
        entries: AtomicU64::new(0),
        kept: Arc::default(),
        outcome: Mutex::default(),
    });
    for index in 0..plan.threads.max(1) {
        locked(&shared.queue).alive += 1;
        let worker = Ending(Arc::clone(&shared));
        let spawned = thread::Builder::new().name(format!("walk-{index}")).spawn(move || work(&worker.0));
        // A thread that does not start drops its `Ending`; the others do the work.
        drop(spawned);
    }
    let mut queue = locked(&shared.queue);
    while queue.alive > 0 {
        let left = (shared.deadline + GRACE).saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        queue = shared.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
    }
    // Threads that hang in the kernel are left behind; they stop at their next look.
    let unfinished = queue.alive > 0 || !queue.tasks.is_empty();
    drop(queue);
    shared.halt();
    let mut outcome = locked(&shared.outcome).clone();
    outcome.entries = shared.entries.load(Ordering::Relaxed);
    if unfinished && outcome.stopped.is_none() {
        outcome.stopped = Some(Stop::Time);
    }
    outcome.skipped.sort();
    outcome.denied_examples.sort();
    outcome.failed_examples.sort();
    outcome
}

/// Says that a thread has ended, also when it panicked.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop(Stop::Panic);
        }
        locked(&self.0.queue).alive -= 1;
        self.0.changed.notify_all();
    }
}

fn work(shared: &Shared) {
    let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
    loop {
        let mut queue = locked(&shared.queue);
        let task = loop {
            if shared.halt.load(Ordering::Relaxed) {
                return;
            }
            if let Some(task) = queue.tasks.pop() {
                queue.busy += 1;
                break task;
            }
            if queue.busy == 0 {
                drop(queue);
                shared.changed.notify_all();
                return;
            }
            queue.idle += 1;
            queue = shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
        };
        drop(queue);
        shared.read(&task, &mut buffer);
        let mut queue = locked(&shared.queue);
        queue.busy -= 1;
        if queue.busy == 0 && queue.idle > 0 {
            drop(queue);
            shared.changed.notify_all();
        }
    }
}

impl Shared {
    /// Lets every thread end; the first reason counts.
    fn stop(&self, why: Stop) {
        locked(&self.outcome).stopped.get_or_insert(why);
        self.halt();
    }

    fn halt(&self) {
        self.halt.store(true, Ordering::Relaxed);
        // Under the lock, so that no thread that has just looked at `halt` goes to sleep afterwards.
        let queue = locked(&self.queue);
        self.changed.notify_all();
        drop(queue);
    }

    /// Counts entries; whether to go on.
    fn go_on(&self, entries: u32) -> bool {
        let seen = self.entries.fetch_add(u64::from(entries), Ordering::Relaxed) + u64::from(entries);
        if seen > self.plan.entries {
            self.stop(Stop::Entries);
        } else if Instant::now() >= self.deadline {
            self.stop(Stop::Time);
        }
        !self.halt.load(Ordering::Relaxed)
    }

    fn read(&self, task: &Task, buffer: &mut [MaybeUninit<u8>]) {
        if !self.go_on(0) {
            return;
        }
        let path = task.path();
        let directory = match self.open(task, &path) {
            Ok(directory) => directory,
            Err(error) => return self.refused(path, error),
        };
        let device = match rustix::fs::fstat(&directory) {
            Ok(stat) => stat.st_dev,
            Err(error) => return self.refused(path, error),
        };
        let keep = self.kept.fetch_add(1, Ordering::Relaxed) < KEPT_OPEN;
        let (above, own) = if keep {
            let kept = Kept { directory, kept: Arc::clone(&self.kept) };
            (Above { path, open: Some(kept), reachable: task.reachable }, None)
        } else {
            self.kept.fetch_sub(1, Ordering::Relaxed);
            (Above { path, open: None, reachable: task.reachable }, Some(directory))
        };
        let above = Arc::new(above);
        let fd = match (&above.open, &own) {
            (Some(kept), _) => kept.directory.as_fd(),
            (None, Some(own)) => own.as_fd(),
            (None, None) => return,
        };
        locked(&self.outcome).directories += 1;
        self.list(&above, fd, device, buffer);
    }

    fn list(&self, above: &Arc<Above>, fd: BorrowedFd<'_>, device: u64, buffer: &mut [MaybeUninit<u8>]) {
        let mut below = Vec::new();
        let mut unseen = 0;
        let mut listing = RawDir::new(fd, buffer);
        while let Some(entry) = listing.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.refused(above.path.clone(), error);
                    break;
                }
            };
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            unseen += 1;
            if unseen == BATCH {
                unseen = 0;
                if !self.go_on(BATCH) {
                    return;
                }
            }
            let kind = entry.file_type();
            if kind == FileType::Symlink {
                continue;
            }
            let maybe_directory = matches!(kind, FileType::Directory | FileType::Unknown);
            let mut is_point = false;
            if maybe_directory {
                let path = above.path.join(name);
                match self.skip(&path) {
                    Entering::Skip(reason) => {
                        self.skipped(path, reason);
                        continue;
                    }
                    Entering::Point => is_point = true,
                    Entering::Ordinary => {}
                }
            }
            // What vanished since the listing is not there; anything else about one entry shows on its directory.
            let Ok(raw) = statat(fd, name, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT) else { continue };
            let file_type = FileType::from_raw_mode(raw.st_mode);
            if file_type == FileType::Symlink {
                continue;
            }
            let stat = from_raw(&raw);
            let device_node = matches!(file_type, FileType::BlockDevice | FileType::CharacterDevice);
            self.show(above, name, stat, device_node);
            if file_type != FileType::Directory {
                continue;
            }
            if stat.device != device
                && !is_point
                && let Some(reason) = foreign(fd, name)
            {
                self.skipped(above.path.join(name), reason);
                continue;
            }
            let reachable = above.reachable && stat.mode & 0o001 != 0;
            below.push(Task { above: Some(Arc::clone(above)), name: name.to_owned(), reachable });
            if below.len() == HANDED {
                self.hand_over(&mut below);
            }
        }
        self.hand_over(&mut below);
        self.go_on(unseen);
    }

    fn show(&self, above: &Above, name: &OsStr, stat: Stat, device: bool) {
        let entry = WalkEntry { directory: &above.path, name, stat, device, reachable: above.reachable };
        self.visitor.visit(&entry);
    }

    fn hand_over(&self, below: &mut Vec<Task>) {
        if below.is_empty() {
            return;
        }
        let mut queue = locked(&self.queue);
        queue.tasks.append(below);
        if queue.idle > 0 {
            drop(queue);
            self.changed.notify_all();
        }
    }

    fn skip(&self, path: &Path) -> Entering {
        match self.points.get(path) {
            Some(Some(reason)) => Entering::Skip(reason),
            Some(None) => Entering::Point,
            None => Entering::Ordinary,
        }
    }

    fn open(&self, task: &Task, path: &Path) -> Result<OwnedFd, Errno> {
        match &task.above {
            None => openat(&self.root, ".", READ, Mode::empty()),
            Some(above) => match &above.open {
                Some(kept) => openat(&kept.directory, &task.name, READ, Mode::empty()),
                None => open_below(self.root.as_fd(), path),
            },
        }
    }

    fn skipped(&self, path: PathBuf, reason: SkipReason) {
        let mut outcome = locked(&self.outcome);
        outcome.skipped_total += 1;
        if outcome.skipped.len() < LISTED {
            outcome.skipped.push(Skipped { path, reason });
        }
    }

    fn refused(&self, path: PathBuf, error: Errno) {
        let mut outcome = locked(&self.outcome);
        match error {
            // It vanished, or something else took its place, since it was listed.
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP => {}
            Errno::ACCESS | Errno::PERM => {
                outcome.denied += 1;
                if outcome.denied_examples.len() < LISTED {
                    outcome.denied_examples.push(path);
                }
            }
            error => {
                outcome.failed += 1;
                if outcome.failed_examples.len() < LISTED {
                    outcome.failed_examples.push((path, std::io::Error::from(error).to_string()));
                }
            }
        }
    }
}

/// Whether a directory is entered.
enum Entering {
    Skip(SkipReason),
    /// It is a known mount point, to be entered.
    Point,
    Ordinary,
}

const READ: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

const STEP: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Why a directory on another device is not entered; asked without opening it, so that nothing is mounted by looking.
fn foreign(directory: BorrowedFd<'_>, name: &OsStr) -> Option<SkipReason> {
    let place = openat(directory, name, STEP, Mode::empty()).ok()?;
    let magic = fstatfs(&place).ok()?.f_type;
    by_magic(u32::try_from(magic & 0xffff_ffff).ok()?)
}

/// Opens a directory by its path, without following links, however long the path is.
fn open_below(root: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd, Errno> {
    let mut rest: Vec<u8> =
        path.as_os_str().as_bytes().iter().copied().skip_while(|byte| *byte == b'/').collect();
    let mut from: Option<OwnedFd> = None;
    while rest.len() > PIECE {
        let end = rest.iter().take(PIECE).rposition(|byte| *byte == b'/').ok_or(Errno::NAMETOOLONG)?;
        let tail = rest.split_off(end + 1);
        rest.pop();
        let piece = OsString::from_vec(rest);
        let next = open_piece(from.as_ref().map_or(root, AsFd::as_fd), &piece, STEP)?;
        from = Some(next);
        rest = tail;
    }
    open_piece(from.as_ref().map_or(root, AsFd::as_fd), &OsString::from_vec(rest), READ)
}

fn open_piece(from: BorrowedFd<'_>, piece: &OsStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    match openat2(from, piece, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS) {
        // Kernels before 5.6 and some sandboxes know no openat2: one step at a time.
        Err(Errno::NOSYS | Errno::PERM) => {
            let mut components = Path::new(piece).components().peekable();
            let mut at: Option<OwnedFd> = None;
            while let Some(component) = components.next() {
                let flags = if components.peek().is_some() { STEP } else { flags };
                let next =
                    openat(at.as_ref().map_or(from, AsFd::as_fd), component.as_os_str(), flags, Mode::empty())?;
                at = Some(next);
            }
            at.ok_or(Errno::INVAL)
        }
        other => other,
    }
}
