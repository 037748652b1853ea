//! The door: what probes may ask of a target, with a deadline and a trace.

use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::program::{Output, Program};
use crate::walk::{Visitor, WalkOutcome, WalkPlan};
use crate::{Address, Error, FILE_LIMIT, OUTPUT_LIMIT, Stream, Trace};

/// The kind of a directory entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A socket.
    Socket,
    /// A pipe, a device, or unknown.
    Other,
}

/// What the target says of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Its kind.
    pub kind: FileKind,
    /// Permission bits with setuid, setgid and sticky: `0o7777`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Last change of the content, seconds since 1970.
    pub modified: i64,
    /// Device number, to tell filesystems apart. Over SSH: of directories only, 0 otherwise and during a walk.
    pub device: u64,
    /// Inode number; 0 over SSH.
    pub inode: u64,
    /// Hard links; 0 over SSH.
    pub links: u64,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// Its name; bytes that are not UTF-8 are replaced.
    pub name: String,
    /// Its kind as the directory tells it, links not followed.
    pub kind: FileKind,
}

/// The files of a target. Paths are absolute on the target; links are followed within it.
pub trait FileTree {
    /// Opens a regular file. Pipes and devices are refused without blocking.
    fn open(&self, path: &Path) -> Result<Box<dyn Read + Send>, Error>;

    /// Looks at a file; the last link is followed when `follow`.
    fn stat(&self, path: &Path, follow: bool) -> Result<Stat, Error>;

    /// Where a symbolic link points, as written.
    fn read_link(&self, path: &Path) -> Result<PathBuf, Error>;

    /// Lists a directory, sorted by name, without `.` and `..`.
    fn read_dir(&self, path: &Path) -> Result<Vec<DirEntry>, Error>;

    /// Shows every entry of the whole tree to `visitor`, within the plan's limits.
    fn walk(&self, plan: &WalkPlan, visitor: Arc<dyn Visitor>) -> Result<WalkOutcome, Error>;

    /// Free and total bytes and inodes of the filesystem that holds `path`.
    fn stat_fs(&self, path: &Path) -> Result<FsUsage, Error>;
}

/// What a kind of target must be able to do.
pub trait Backend: Send + Sync {
    /// Whether processes, sockets and kernel state of the target can be asked for.
    fn is_live(&self) -> bool;

    /// Whether the reader has root's rights on the target.
    fn is_root(&self) -> bool;

    /// What gives the reader root's rights, as the end of a sentence; it contains "run as root".
    fn rights_wanted(&self) -> &'static str {
        "run as root"
    }

    /// How long one question takes on its way: nothing to speak of on this machine.
    fn delay(&self) -> Duration {
        Duration::ZERO
    }

    /// Its files.
    fn files(&self) -> &dyn FileTree;

    /// Runs one program of the fixed list, without shell, input or inherited environment.
    fn run(&self, program: &Program, args: &[&str], limit: Duration, output: usize) -> Result<Output, Error>;

    /// Opens a connection from the target's own point of view.
    fn connect(&self, address: &Address, limit: Duration) -> Result<Box<dyn Stream>, Error>;

    /// The addresses that a host name stands for on the target, in the order in which to try them.
    fn resolve(&self, host: &str, _limit: Duration) -> Result<Vec<IpAddr>, Error> {
        Err(Error::NotLive(format!("the address of {host}")))
    }
}

/// Room on a filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FsUsage {
    /// Bytes in all.
    pub bytes: u64,
    /// Bytes in use. What is kept back for root is neither used nor free.
    pub bytes_used: u64,
    /// Bytes an unprivileged user may still write.
    pub bytes_free: u64,
    /// Inodes in all; 0 where the filesystem has no such limit.
    pub inodes: u64,
    /// Inodes left.
    pub inodes_free: u64,
}

/// The most that distance adds to the limit of a program or connection.
const MOST_SLACK: Duration = Duration::from_secs(10);

/// The way to a target for one probe: every question ends by the probe's deadline and leaves a trace.
#[derive(Clone)]
pub struct Door {
    backend: Arc<dyn Backend>,
    trace: Option<Arc<Trace>>,
    deadline: Option<Instant>,
}

impl Door {
    /// A door without a deadline.
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend, trace: None, deadline: None }
    }

    /// The same door, recording what is touched.
    pub fn traced(mut self, trace: Arc<Trace>) -> Self {
        self.trace = Some(trace);
        self
    }

    /// The same door, closing at `deadline`.
    pub fn until(&self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self.clone() }
    }

    /// Whether processes, sockets and kernel state can be asked for.
    pub fn is_live(&self) -> bool {
        self.backend.is_live()
    }

    /// Whether the reader has root's rights.
    pub fn is_root(&self) -> bool {
        self.backend.is_root()
    }

    /// What gives the reader root's rights, as the end of a sentence.
    pub fn rights_wanted(&self) -> &'static str {
        self.backend.rights_wanted()
    }

    /// How long one question takes on its way.
    pub fn delay(&self) -> Duration {
        self.backend.delay()
    }

    /// What distance adds to the limit of a program or connection.
    fn slack(&self) -> Duration {
        (self.delay() * 1_000).min(MOST_SLACK)
    }

    /// Reads a regular file of at most [`FILE_LIMIT`] bytes.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `TooLarge`, `NotRegular`, `TimedOut`.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Vec<u8>, Error> {
        self.read_up_to(path, FILE_LIMIT)
    }

    /// Reads a regular file of at most [`FILE_LIMIT`] bytes; bytes that are not UTF-8 are replaced.
    ///
    /// # Errors
    /// As [`Door::read`].
    pub fn read_text(&self, path: impl AsRef<Path>) -> Result<String, Error> {
        self.read(path).map(|bytes| match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }

    /// Reads a regular file of at most `limit` bytes; a longer one is refused, not cut.
    ///
    /// # Errors
    /// As [`Door::read`].
    pub fn read_up_to(&self, path: impl AsRef<Path>, limit: usize) -> Result<Vec<u8>, Error> {
        let path = path.as_ref();
        let what = || path.display().to_string();
        let file = self.open(path)?;
        let mut bytes = Vec::new();
        let mut bounded = file.take(limit as u64 + 1);
        let mut chunk = [0; 64 << 10];
        loop {
            self.time_left(path)?;
            let count = match bounded.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::io(what(), &error)),
            };
            bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
        }
        if bytes.len() > limit {
            return Err(Error::TooLarge { what: what(), limit });
        }
        Ok(bytes)
    }

    /// Opens a regular file to be read piece by piece; the caller bounds what it keeps.
    ///
    /// # Errors
    /// As [`Door::read`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Box<dyn Read + Send>, Error> {
        let path = path.as_ref();
        self.time_left(path)?;
        self.note("read", || path.display().to_string());
        self.backend.files().open(path)
    }

    /// Looks at a file, following links.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `TimedOut`.
    pub fn stat(&self, path: impl AsRef<Path>) -> Result<Stat, Error> {
        self.look(path.as_ref(), true)
    }

    /// Looks at a file or link itself.
    ///
    /// # Errors
    /// As [`Door::stat`].
    pub fn stat_link(&self, path: impl AsRef<Path>) -> Result<Stat, Error> {
        self.look(path.as_ref(), false)
    }

    fn look(&self, path: &Path, follow: bool) -> Result<Stat, Error> {
        self.time_left(path)?;
        self.note("stat", || path.display().to_string());
        self.backend.files().stat(path, follow)
    }

    /// Whether the file is there; an error other than `NotFound` counts as there.
    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        !matches!(self.stat(path), Err(Error::NotFound(_)))
    }

    /// Where a symbolic link points, as written.
    ///
    /// # Errors
    /// `NotFound` also when it is no link.
    pub fn read_link(&self, path: impl AsRef<Path>) -> Result<PathBuf, Error> {
        let path = path.as_ref();
        self.time_left(path)?;
        self.note("stat", || path.display().to_string());
        self.backend.files().read_link(path)
    }

    /// Lists a directory, sorted by name.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `TimedOut`.
    pub fn read_dir(&self, path: impl AsRef<Path>) -> Result<Vec<DirEntry>, Error> {
        let path = path.as_ref();
        self.time_left(path)?;
        self.note("list", || path.display().to_string());
        self.backend.files().read_dir(path)
    }

    /// Shows every entry of the whole tree to `visitor`, within the plan's limits and the deadline.
    ///
    /// # Errors
    /// As [`Door::stat`] of the root. What lies below and could not be seen stands in the outcome.
    pub fn walk(&self, plan: &WalkPlan, visitor: Arc<dyn Visitor>) -> Result<WalkOutcome, Error> {
        let root = Path::new("/");
        let left = self.time_left(root)?;
        self.note("list", || "/ and everything below".to_owned());
        // A walk asks thousands of questions.
        let time = plan.time + self.slack() * 5;
        let time = left.map_or(time, |left| left.min(time));
        self.backend.files().walk(&WalkPlan { time, ..plan.clone() }, visitor)
    }

    /// Room on the filesystem that holds `path`.
    ///
    /// # Errors
    /// `NotFound`, `NotLive`, `TimedOut`.
    pub fn stat_fs(&self, path: impl AsRef<Path>) -> Result<FsUsage, Error> {
        let path = path.as_ref();
        self.time_left(path)?;
        self.note("stat", || path.display().to_string());
        self.backend.files().stat_fs(path)
    }

    /// Runs a program for at most `limit` and keeps at most [`OUTPUT_LIMIT`] bytes of what it prints.
    ///
    /// A program that ends with an error is `Ok`: look at [`Output::status`], or ask [`Output::success`].
    ///
    /// # Errors
    /// `NoProgram`, `TimedOut`, `TooLarge`, `NotLive`, `Untrusted`.
    pub fn run(&self, program: &Program, args: &[&str], limit: Duration) -> Result<Output, Error> {
        self.run_up_to(program, args, limit, OUTPUT_LIMIT)
    }

    /// As [`Door::run`], with a limit of one's own for what it prints.
    ///
    /// # Errors
    /// As [`Door::run`].
    pub fn run_up_to(
        &self,
        program: &Program,
        args: &[&str],
        limit: Duration,
        output: usize,
    ) -> Result<Output, Error> {
        let left = self.time_left(Path::new(program.name))?;
        let limit = limit + self.slack();
        self.note("run", || program.command_line(args));
        self.backend.run(program, args, left.map_or(limit, |left| left.min(limit)), output)
    }

    /// Connects within `limit`.
    ///
    /// # Errors
    /// `NotFound` when nothing listens there, `TimedOut`, `Denied`, `NotLive`.
    pub fn connect(&self, address: &Address, limit: Duration) -> Result<Box<dyn Stream>, Error> {
        let left = self.time_left(Path::new("the connection"))?;
        let limit = limit + self.slack();
        self.note("connect", || address.to_string());
        self.backend.connect(address, left.map_or(limit, |left| left.min(limit)))
    }

    /// The addresses that a host name stands for, in the order in which to try them; at most [`crate::ADDRESSES`].
    ///
    /// # Errors
    /// `NotFound` when nobody knows the name, `TimedOut`, `NotLive`.
    pub fn resolve(&self, host: &str, limit: Duration) -> Result<Vec<IpAddr>, Error> {
        let left = self.time_left(Path::new(host))?;
        self.note("resolve", || host.to_owned());
        self.backend.resolve(host, left.map_or(limit, |left| left.min(limit)))
    }

    /// Time until the deadline; none without one.
    ///
    /// # Errors
    /// `TimedOut` when it has passed.
    pub fn time_left(&self, what: &Path) -> Result<Option<Duration>, Error> {
        let Some(deadline) = self.deadline else { return Ok(None) };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::TimedOut {
                what: format!("{} (the probe's time is up)", what.display()),
                limit: left,
            });
        }
        Ok(Some(left))
    }

    fn note(&self, act: &'static str, object: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace {
            trace.note(act, object());
        }
    }
}
