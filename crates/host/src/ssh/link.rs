//! The one connection to a target and the sessions on it.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::master::Master;
use super::mux::{MuxError, Run, Session};
use super::refused::short;
use super::sftp::{PATIENCE, Sftp};
use super::shell;

/// Sessions at the same time besides the first: OpenSSH allows ten, and a hardened server may allow fewer.
const SESSIONS: usize = 6;

/// How long the server may need to see that a session has ended.
const ENDING: Duration = Duration::from_secs(2);

/// How long between two looks for that.
const LOOK: Duration = Duration::from_millis(10);

/// How a server of files is started on the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// As sshd is set.
    Subsystem,
    /// By these words, without a shell's help.
    Words(Vec<String>),
}

/// A connection that is logged in.
#[derive(Debug)]
pub(super) struct Link {
    master: Master,
    /// What messages call the target.
    target: String,
    slots: Mutex<Slots>,
    freed: Condvar,
}

#[derive(Debug)]
struct Slots {
    allowed: usize,
    used: usize,
}

/// The right to one session more.
#[derive(Debug)]
struct Slot<'a>(&'a Link);

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.locked().used -= 1;
        self.0.freed.notify_all();
    }
}

/// Our ends of a session: what it reads, prints and complains.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) input: UnixStream,
    pub(super) output: UnixStream,
    pub(super) errors: UnixStream,
}

impl Link {
    pub(super) fn new(master: Master, target: String) -> Self {
        let slots = Mutex::new(Slots { allowed: SESSIONS, used: 0 });
        Self { master, target, slots, freed: Condvar::new() }
    }

    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// A name for a socket in the connection's own folder.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.master.place(name)
    }

    pub(super) fn master(&self) -> &Master {
        &self.master
    }

    fn locked(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the server allows fewer sessions than we like.
    pub(super) fn is_crowded(&self) -> bool {
        self.locked().allowed < SESSIONS
    }

    fn slot(&self, deadline: Instant) -> Option<Slot<'_>> {
        let mut slots = self.locked();
        while slots.used >= slots.allowed {
            if slots.allowed == 0 {
                return None;
            }
            let left = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            slots = self.freed.wait_timeout(slots, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        slots.used += 1;
        Some(Slot(self))
    }

    /// Runs `work` with a new session. A server that allows fewer sessions than we like is waited for.
    pub(super) fn with_session<T>(
        &self,
        run: Run<'_>,
        deadline: Instant,
        work: impl FnOnce(Session, Ends) -> T,
    ) -> Result<T, MuxError> {
        let mut alone = Duration::ZERO;
        loop {
            let Some(_slot) = self.slot(deadline) else {
                return Err(MuxError::Refused("the server allows too few sessions (MaxSessions)".to_owned()));
            };
            match self.session(run, deadline) {
                Ok((session, ends)) => return Ok(work(session, ends)),
                Err(MuxError::Refused(said)) if said.contains("refused by peer") => {
                    let mut slots = self.locked();
                    if slots.used > 1 {
                        slots.allowed = slots.allowed.min(slots.used - 1);
                    } else if alone >= ENDING {
                        slots.allowed = 0;
                    } else {
                        // A session that has ended here may still count there.
                        slots.allowed = 1;
                        drop(slots);
                        thread::sleep(LOOK);
                        alone += LOOK;
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn session(&self, run: Run<'_>, deadline: Instant) -> Result<(Session, Ends), MuxError> {
        let (input, theirs_in) = UnixStream::pair()?;
        let (output, theirs_out) = UnixStream::pair()?;
        let (errors, theirs_err) = UnixStream::pair()?;
        let ends = [theirs_in.as_fd(), theirs_out.as_fd(), theirs_err.as_fd()];
        let session = self.master.mux().session(run, ends, deadline)?;
        Ok((session, Ends { input, output, errors }))
    }

    /// Starts a server of files that stays; the reason is a person's.
    pub(super) fn sftp(&self, way: &Way) -> Result<Sftp, String> {
        let deadline = Instant::now() + PATIENCE;
        let (session, ends) = match way {
            Way::Subsystem => self.session(Run::Subsystem("sftp"), deadline),
            Way::Words(words) => self.session(Run::Command(&shell::line(words)), deadline),
        }
        .map_err(|error| error.to_string())?;
        greet(session, ends, way)
    }

    /// Runs `work` with a server of files of its own.
    pub(super) fn with_sftp<T>(&self, way: &Way, work: impl FnOnce(&Sftp) -> T) -> Result<T, String> {
        let deadline = Instant::now() + PATIENCE;
        let line;
        let run = match way {
            Way::Subsystem => Run::Subsystem("sftp"),
            Way::Words(words) => {
                line = shell::line(words);
                Run::Command(&line)
            }
        };
        self.with_session(run, deadline, |session, ends| greet(session, ends, way).map(|sftp| work(&sftp)))
            .map_err(|error| error.to_string())?
    }
}

fn greet(session: Session, ends: Ends, way: &Way) -> Result<Sftp, String> {
    let Ends { input, output, errors } = ends;
    let mark = matches!(way, Way::Words(_)).then_some(shell::MARK.as_bytes());
    Sftp::greet(session, input, output, mark).map_err(|error| match complaint(errors) {
        Some(said) => said,
        None if error.kind() == std::io::ErrorKind::UnexpectedEof => "the SFTP server ends at once".to_owned(),
        None if error.kind() == std::io::ErrorKind::WouldBlock => {
            format!("the SFTP server does not answer within {} s", PATIENCE.as_secs())
        }
        None => error.to_string(),
    })
}

/// The last line of what a session that has ended complained.
fn complaint(mut errors: UnixStream) -> Option<String> {
    const WAIT: Duration = Duration::from_millis(200);
    errors.set_read_timeout(Some(WAIT)).ok()?;
    let mut said = vec![0; 4096];
    let count = errors.read(&mut said).ok()?;
    let text = String::from_utf8_lossy(said.get(..count)?).into_owned();
    text.lines().rev().map(short).find(|line| !line.is_empty())
}
