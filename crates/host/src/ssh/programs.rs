//! Running programs on the target: one session each, with bounded time and output.

use std::io::{ErrorKind, Read};
use std::net::Shutdown;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::link::{Ends, Link};
use super::mux::{MuxError, Run, Session};
use super::refused::short;
use super::shell;
use crate::Error;
use crate::door::FileTree;
use crate::program::{Output, Program};

/// Ends what is run at its limit, also when the connection is lost.
const TIMEOUT: &[&str] = &["/usr/bin/timeout", "/bin/timeout"];

/// What a start-up file of the shell may print besides.
const CHATTER: usize = 64 << 10;

/// With which rights programs run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rights {
    /// Those of the user that is logged in.
    Own { root: bool },
    /// Root's, by this `sudo`.
    Sudo(String),
}

impl Rights {
    pub(super) fn are_root(&self) -> bool {
        !matches!(self, Self::Own { root: false })
    }
}

/// How programs run on this target.
#[derive(Debug)]
pub(super) struct Programs {
    rights: Rights,
    /// Where `timeout` stands, if anywhere.
    timeout: OnceLock<Option<&'static str>>,
    /// sudo lets us run programs, but not `timeout` around them.
    bare: AtomicBool,
}

impl Programs {
    pub(super) fn new(rights: Rights) -> Self {
        Self { rights, timeout: OnceLock::new(), bare: AtomicBool::new(false) }
    }

    pub(super) fn rights(&self) -> &Rights {
        &self.rights
    }

    /// Finds and runs a program.
    pub(super) fn run(
        &self,
        link: &Link,
        files: &dyn FileTree,
        program: &Program,
        args: &[&str],
        limit: Duration,
        cap: usize,
    ) -> Result<Output, Error> {
        let path = find(files, program, self.rights.are_root())?;
        let deadline = Instant::now() + limit;
        let timeout = *self
            .timeout
            .get_or_init(|| TIMEOUT.iter().copied().find(|path| files.stat(Path::new(path), true).is_ok()));
        let timeout = timeout.filter(|_| !self.bare.load(Ordering::Relaxed));
        let attempt = |timeout: Option<&str>| {
            let mut words = Vec::new();
            if let Rights::Sudo(sudo) = &self.rights {
                words.extend([sudo.clone(), "-n".to_owned(), "--".to_owned()]);
            }
            if let Some(timeout) = timeout {
                let seconds = limit.as_secs() + 1;
                words.extend([timeout.to_owned(), "-s".into(), "KILL".into(), seconds.to_string()]);
            }
            words.push(path.to_owned());
            words.extend(args.iter().map(|arg| (*arg).to_owned()));
            execute(link, program.name, &words, deadline, limit, cap)
        };
        let output = attempt(timeout)?;
        let Some(said) = self.refusal(&output) else { return Ok(self.without_sudo(output)) };
        if timeout.is_none() {
            return Err(Error::Denied(format!("{} (sudo: {said})", program.name)));
        }
        // The rules of sudo may name the programs themselves.
        let output = attempt(None)?;
        match self.refusal(&output) {
            Some(said) => Err(Error::Denied(format!("{} (sudo: {said})", program.name))),
            None => {
                self.bare.store(true, Ordering::Relaxed);
                Ok(self.without_sudo(output))
            }
        }
    }

    /// What sudo says when it does not run a program.
    fn refusal(&self, output: &Output) -> Option<String> {
        if !matches!(self.rights, Rights::Sudo(_)) || output.status != Some(1) || !output.stdout.is_empty() {
            return None;
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        let line = stderr.lines().find(|line| !line.trim().is_empty() && !is_warning(line))?;
        let said = line.strip_prefix("sudo: ").or_else(|| line.strip_prefix("sudo-rs: "));
        said.or_else(|| line.starts_with("Sorry, user").then_some(line)).map(short)
    }

    /// The same output without what sudo adds of its own.
    fn without_sudo(&self, output: Output) -> Output {
        if !matches!(self.rights, Rights::Sudo(_)) || !output.stderr.starts_with(b"sudo: ") {
            return output;
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        let own: Vec<&str> = stderr.split_inclusive('\n').filter(|line| !is_warning(line)).collect();
        Output { stderr: own.concat().into_bytes(), ..output }
    }
}

/// Whether sudo says this and runs the program all the same.
fn is_warning(line: &str) -> bool {
    line.starts_with("sudo: unable to resolve host")
}

/// The first place where the program stands; refused when it would run as root and somebody else could have put it there.
/// A place that cannot be looked at is not empty: without the program elsewhere, that error is the answer.
pub(super) fn find(files: &dyn FileTree, program: &Program, root: bool) -> Result<&'static str, Error> {
    let mut unseen = None;
    for path in program.paths {
        let stat = match files.stat(Path::new(path), true) {
            Ok(stat) => stat,
            Err(error) => {
                if !error.is_not_found() {
                    unseen.get_or_insert(error);
                }
                continue;
            }
        };
        if root && (stat.uid != 0 || stat.mode & 0o022 != 0) {
            return Err(Error::Untrusted {
                path: PathBuf::from(path),
                reason: format!("owner {} and mode {:o} let others than root change it", stat.uid, stat.mode),
            });
        }
        return Ok(path);
    }
    Err(unseen.unwrap_or(Error::NoProgram(program.name)))
}

/// Runs words on the target and gives what came of it.
pub(super) fn execute(
    link: &Link,
    name: &str,
    words: &[String],
    deadline: Instant,
    limit: Duration,
    cap: usize,
) -> Result<Output, Error> {
    let line = shell::line(words);
    let late = || Error::TimedOut { what: name.to_owned(), limit };
    let work = |session: Session, ends: Ends| {
        let gathered = gather(name, &ends, deadline, limit, cap)?;
        Ok((gathered, session.status(deadline)))
    };
    let ([stdout, stderr], status) = match link.with_session(Run::Command(&line), deadline, work) {
        Ok(done) => done?,
        Err(MuxError::Gone(error)) if error.kind() == ErrorKind::WouldBlock => return Err(late()),
        Err(error) => return Err(Error::Io { what: name.to_owned(), message: error.to_string() }),
    };
    let Some(stdout) = after_mark(&stdout) else {
        let said = String::from_utf8_lossy(if stderr.is_empty() { &stdout } else { &stderr }).into_owned();
        let said = said.lines().map(short).find(|line| !line.is_empty()).unwrap_or_default();
        let message = format!("the login shell on {} runs no programs: {said}", link.target());
        return Err(Error::Io { what: name.to_owned(), message });
    };
    if stdout.len().max(stderr.len()) > cap {
        return Err(Error::TooLarge { what: format!("what {name} prints"), limit: cap });
    }
    Ok(Output { status, stdout: stdout.to_owned(), stderr })
}

/// What was printed after the line that is the mark.
fn after_mark(printed: &[u8]) -> Option<&[u8]> {
    let mut rest = printed;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end);
        rest = after.get(1..)?;
        if line.strip_suffix(b"\r").unwrap_or(line) == shell::MARK.as_bytes() {
            return Some(rest);
        }
    }
    None
}

/// Reads what a session prints and complains until it ends.
fn gather(
    name: &str,
    ends: &Ends,
    deadline: Instant,
    limit: Duration,
    cap: usize,
) -> Result<[Vec<u8>; 2], Error> {
    let failed = |error: std::io::Error| Error::io(name, &error);
    // Nothing is said to it.
    ends.input.shutdown(Shutdown::Both).map_err(failed)?;
    let mut gathered = [Vec::new(), Vec::new()];
    let mut open = vec![(0, &ends.output), (1, &ends.errors)];
    let mut chunk = vec![0; 64 << 10];
    while !open.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut polled: Vec<PollFd<'_>> =
            open.iter().map(|(_, stream)| PollFd::new(*stream, PollFlags::IN)).collect();
        let wait = Timespec::try_from(left).ok();
        if left.is_zero() || poll(&mut polled, wait.as_ref()).map_err(|error| failed(error.into()))? == 0 {
            return Err(Error::TimedOut { what: name.to_owned(), limit });
        }
        let ready: Vec<bool> = polled.iter().map(|polled| !polled.revents().is_empty()).collect();
        let mut still = Vec::with_capacity(open.len());
        for ((index, mut stream), ready) in open.into_iter().zip(ready) {
            let count = if ready { stream.read(&mut chunk).map_err(failed)? } else { 1 };
            if let (true, Some(bytes)) = (ready, gathered.get_mut(index)) {
                bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
                if bytes.len() > cap.saturating_add(CHATTER) {
                    return Err(Error::TooLarge { what: format!("what {name} prints"), limit: cap });
                }
            }
            if count > 0 {
                still.push((index, stream));
            }
        }
        open = still;
    }
    Ok(gathered)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::door::{DirEntry, FileKind, FsUsage, Stat};
    use crate::walk::{Visitor, WalkOutcome, WalkPlan};

    /// A tree of which only looking at one place is told: everywhere else, the other answer.
    struct Places(&'static str, Result<Stat, Error>, Error);

    impl FileTree for Places {
        fn open(&self, _: &Path) -> Result<Box<dyn Read + Send>, Error> {
            Err(self.2.clone())
        }

        fn stat(&self, path: &Path, _: bool) -> Result<Stat, Error> {
            if path == Path::new(self.0) { self.1.clone() } else { Err(self.2.clone()) }
        }

        fn read_link(&self, _: &Path) -> Result<PathBuf, Error> {
            Err(self.2.clone())
        }

        fn read_dir(&self, _: &Path) -> Result<Vec<DirEntry>, Error> {
            Err(self.2.clone())
        }

        fn walk(&self, _: &WalkPlan, _: Arc<dyn Visitor>) -> Result<WalkOutcome, Error> {
            Err(self.2.clone())
        }

        fn stat_fs(&self, _: &Path) -> Result<FsUsage, Error> {
            Err(self.2.clone())
        }
    }

    #[test]
    fn a_place_that_cannot_be_looked_at_does_not_make_a_program_absent() {
        const PROGRAM: Program = Program { name: "sshd", paths: &["/a/sshd", "/b/sshd"] };
        let missing = || Error::NotFound("x".to_owned());
        let late = || Error::TimedOut { what: "/a/sshd".to_owned(), limit: Duration::from_secs(10) };
        let stat = Stat {
            kind: FileKind::File,
            mode: 0o755,
            uid: 0,
            gid: 0,
            size: 1,
            modified: 0,
            device: 0,
            inode: 0,
            links: 0,
        };
        let found = |files: &Places| find(files, &PROGRAM, true);
        assert_eq!(found(&Places("/a/sshd", Err(late()), missing())), Err(late()));
        assert_eq!(found(&Places("/b/sshd", Err(late()), missing())), Err(late()));
        assert_eq!(found(&Places("/b/sshd", Ok(stat), late())), Ok("/b/sshd"));
        assert_eq!(found(&Places("/a/sshd", Err(missing()), missing())), Err(Error::NoProgram("sshd")));
    }

    #[test]
    fn what_a_start_up_file_prints_is_left_out() {
        assert_eq!(after_mark(b"palisade-begins\nout\n"), Some(b"out\n".as_slice()));
        assert_eq!(after_mark(b"Welcome\r\npalisade-begins\r\n"), Some(b"".as_slice()));
        assert_eq!(after_mark(b"This account is not available.\n"), None);
        assert_eq!(after_mark(b"palisade-begins"), None);
    }

    #[test]
    fn what_sudo_refuses_is_told_from_what_a_program_says() {
        let programs = Programs::new(Rights::Sudo("/usr/bin/sudo".into()));
        let output =
            |status, stderr: &str| Output { status: Some(status), stdout: Vec::new(), stderr: stderr.into() };
        let said = |output| programs.refusal(&output);
        assert_eq!(said(output(1, "sudo: a password is required\n")).unwrap(), "a password is required");
        assert!(said(output(1, "Sorry, user ann is not allowed to execute\n")).is_some());
        assert!(said(output(1, "sudo-rs: I'm sorry ann. I'm afraid I can't do that\n")).is_some());
        assert!(said(output(1, "nft: no rules\n")).is_none());
        assert!(said(output(0, "sudo: unable to resolve host plant\n")).is_none());
        let warned = "sudo: unable to resolve host plant: Temporary failure\nnft: no rules\n";
        assert!(said(output(1, warned)).is_none());
        assert_eq!(programs.without_sudo(output(1, warned)).stderr, b"nft: no rules\n");
        assert!(
            said(output(1, "sudo: unable to resolve host plant\nsudo: a password is required\n")).is_some()
        );
        let own = Programs::new(Rights::Own { root: true });
        assert!(own.refusal(&output(1, "sudo: a password is required\n")).is_none());
    }
}
