//! Talking to the master connection of OpenSSH over its control socket, so that no program starts for each session.
//!
//! The protocol is OpenSSH's `PROTOCOL.mux`: sessions are asked for, and the master is handed the ends of sockets that
//! become the session's input and output.

use std::io::{self, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use super::wire::{Fields, Message};

const HELLO: u32 = 0x0000_0001;
const NEW_SESSION: u32 = 0x1000_0002;
const OPEN_FORWARD: u32 = 0x1000_0006;
const CLOSE_FORWARD: u32 = 0x1000_0007;
const STDIO_FORWARD: u32 = 0x1000_0008;
const OK: u32 = 0x8000_0001;
const PERMISSION_DENIED: u32 = 0x8000_0002;
const FAILURE: u32 = 0x8000_0003;
const EXIT_MESSAGE: u32 = 0x8000_0004;
const SESSION_OPENED: u32 = 0x8000_0006;

/// The version of the protocol: the only one since 2010.
const VERSION: u32 = 4;

/// A forwarding from a local socket.
const FORWARD_LOCAL: u32 = 1;

/// The port that stands for "this is the path of a UNIX socket".
const STREAM_LOCAL: u32 = u32::MAX - 1;

/// The master's messages are short; its own limit is 256 KiB.
const LONGEST: u32 = 256 << 10;

/// Why the master did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum MuxError {
    /// The server, or the master itself, refused.
    #[error("{0}")]
    Refused(String),
    /// The master is gone, or does not answer.
    #[error("the connection is gone: {0}")]
    Gone(#[from] io::Error),
}

/// What a session runs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Run<'a> {
    /// A command line for the user's shell on the target.
    Command(&'a str),
    /// A subsystem that the server knows.
    Subsystem(&'a str),
}

/// The way to the master.
#[derive(Debug)]
pub(super) struct Mux {
    socket: PathBuf,
}

/// A session that runs until it ends or this is dropped.
#[derive(Debug)]
pub(super) struct Session {
    control: UnixStream,
}

impl Mux {
    pub(super) fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Runs something on the target with these ends of sockets as its input, output and errors.
    pub(super) fn session(
        &self,
        run: Run<'_>,
        ends: [BorrowedFd<'_>; 3],
        deadline: Instant,
    ) -> Result<Session, MuxError> {
        let mut control = self.open(deadline)?;
        let (command, subsystem) = match run {
            Run::Command(command) => (command, 0),
            Run::Subsystem(name) => (name, 1),
        };
        // No terminal, no X11, no agent; no escape character; no terminal type; no environment.
        let request = Message::default().number(NEW_SESSION).number(0).text(b"").number(0).number(0).number(0);
        let request = request.number(subsystem).number(u32::MAX).text(b"").text(command.as_bytes());
        control.write_all(&request.framed())?;
        for end in ends {
            hand_over(&control, end)?;
        }
        opened(&mut control)?;
        Ok(Session { control })
    }

    /// Connects from the target to a TCP port; what it says comes out of the second end.
    pub(super) fn connect(
        &self,
        host: &str,
        port: u16,
        ends: [BorrowedFd<'_>; 2],
        deadline: Instant,
    ) -> Result<Session, MuxError> {
        let mut control = self.open(deadline)?;
        let request = Message::default().number(STDIO_FORWARD).number(0).text(b"").text(host.as_bytes());
        control.write_all(&request.number(u32::from(port)).framed())?;
        for end in ends {
            hand_over(&control, end)?;
        }
        opened(&mut control)?;
        Ok(Session { control })
    }

    /// Makes `local` a socket here that leads to the socket `remote` on the target; or takes that back.
    pub(super) fn forward(
        &self,
        local: &Path,
        remote: &Path,
        wanted: bool,
        deadline: Instant,
    ) -> Result<(), MuxError> {
        let mut control = self.open(deadline)?;
        let act = if wanted { OPEN_FORWARD } else { CLOSE_FORWARD };
        let path = |path: &Path| path.as_os_str().as_encoded_bytes().to_owned();
        let request = Message::default().number(act).number(0).number(FORWARD_LOCAL);
        let request = request.text(&path(local)).number(STREAM_LOCAL).text(&path(remote)).number(STREAM_LOCAL);
        control.write_all(&request.framed())?;
        match answer(&mut control)? {
            (OK, _) => Ok(()),
            other => Err(refusal(&other)),
        }
    }

    /// A new connection to the master, after the greeting.
    pub(super) fn open(&self, deadline: Instant) -> Result<UnixStream, MuxError> {
        let mut control = UnixStream::connect(&self.socket)?;
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        control.set_read_timeout(Some(left))?;
        control.set_write_timeout(Some(left))?;
        control.write_all(&Message::default().number(HELLO).number(VERSION).framed())?;
        let (kind, rest) = answer(&mut control)?;
        if (kind, Fields::new(&rest).number()) != (HELLO, Some(VERSION)) {
            return Err(MuxError::Refused(format!(
                "ssh speaks another version of its control protocol than {VERSION}"
            )));
        }
        Ok(control)
    }
}

impl Session {
    /// A session without a master, for tests of what talks over one.
    #[cfg(test)]
    pub(super) fn detached() -> Self {
        let (control, _) = UnixStream::pair().unwrap();
        Self { control }
    }

    /// The exit status once the session has ended; none when there is none or the deadline passes.
    pub(super) fn status(mut self, deadline: Instant) -> Option<i32> {
        let left = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        self.control.set_read_timeout(Some(left)).ok()?;
        loop {
            let (kind, rest) = answer(&mut self.control).ok()?;
            if kind == EXIT_MESSAGE {
                let mut fields = Fields::new(&rest);
                let _session = fields.number()?;
                return i32::try_from(fields.number()?).ok();
            }
        }
    }
}

/// Waits until the session runs.
fn opened(control: &mut UnixStream) -> Result<(), MuxError> {
    match answer(control)? {
        (SESSION_OPENED, _) => Ok(()),
        other => Err(refusal(&other)),
    }
}

fn refusal((kind, rest): &(u32, Vec<u8>)) -> MuxError {
    let mut fields = Fields::new(rest);
    let said = fields.number().and_then(|_| fields.text()).map(String::from_utf8_lossy);
    match (*kind, said) {
        (PERMISSION_DENIED | FAILURE, Some(said)) => MuxError::Refused(said.into_owned()),
        _ => MuxError::Refused(format!("ssh answered with something unexpected (message {kind:#x})")),
    }
}

/// The next message of the master: its kind and what follows.
fn answer(control: &mut UnixStream) -> io::Result<(u32, Vec<u8>)> {
    let mut length = [0; 4];
    control.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if !(4..=LONGEST).contains(&length) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message of an impossible length"));
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    control.read_exact(&mut bytes)?;
    let kind = Fields::new(&bytes).number().unwrap_or(0);
    Ok((kind, bytes.split_off(4)))
}

/// Hands the master a descriptor, with one byte as it expects.
fn hand_over(control: &UnixStream, end: BorrowedFd<'_>) -> io::Result<()> {
    let descriptors = [end];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("no room for a descriptor"));
    }
    let sent = sendmsg(control.as_fd(), &[IoSlice::new(&[0])], &mut ancillary, SendFlags::NOSIGNAL)?;
    if sent == 1 { Ok(()) } else { Err(io::Error::other("a descriptor was not handed over")) }
}
