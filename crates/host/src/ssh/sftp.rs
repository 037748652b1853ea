//! A client of SFTP (draft-ietf-secsh-filexfer-02, version 3, as every OpenSSH speaks it) that only reads.
//!
//! Requests of many threads share one channel: each has a number, many are under way at once, and a thread that only
//! reads hands every answer to whoever waits for it.

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::mux::Session;
use super::wire::{Fields, Message};
use crate::Error;

/// The longest wait for one answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// OpenSSH sends at most as many bytes.
const LONGEST: u32 = 256 << 10;

/// What a login shell may print before the server begins.
const CHATTER: usize = 64 << 10;

/// Bytes asked for at once: every server gives as many.
pub(super) const CHUNK: u32 = 32 << 10;

/// One request. None of them changes anything.
#[derive(Clone, Copy, Debug)]
pub(super) enum Request<'a> {
    Open(&'a [u8]),
    Close(&'a [u8]),
    Read(&'a [u8], u64),
    Stat { path: &'a [u8], follow: bool },
    StatOpen(&'a [u8]),
    OpenDirectory(&'a [u8]),
    ReadDirectory(&'a [u8]),
    RealPath(&'a [u8]),
    ReadLink(&'a [u8]),
    StatFs(&'a [u8]),
}

impl Request<'_> {
    fn framed(self, id: u32) -> Vec<u8> {
        let start = |kind: u8| Message::default().byte(kind).number(id);
        match self {
            // For reading; no attributes.
            Self::Open(path) => start(3).text(path).number(1).number(0),
            Self::Close(handle) => start(4).text(handle),
            Self::Read(handle, offset) => start(5).text(handle).long(offset).number(CHUNK),
            Self::Stat { path, follow: false } => start(7).text(path),
            Self::Stat { path, follow: true } => start(17).text(path),
            Self::StatOpen(handle) => start(8).text(handle),
            Self::OpenDirectory(path) => start(11).text(path),
            Self::ReadDirectory(handle) => start(12).text(handle),
            Self::RealPath(path) => start(16).text(path),
            Self::ReadLink(path) => start(19).text(path),
            Self::StatFs(path) => start(200).text(b"statvfs@openssh.com").text(path),
        }
        .framed()
    }
}

/// What the server says of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) size: u64,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Kind and permissions as the kernel keeps them; none when the server tells less than these, size and owner: an owner
    /// that is not told must not look like root.
    pub(super) mode: Option<u32>,
    pub(super) modified: u32,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) name: Vec<u8>,
    pub(super) attributes: Attributes,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Status {
        code: u32,
        message: String,
    },
    Handle(Vec<u8>),
    Data(Vec<u8>),
    Names(Vec<Name>),
    Attributes(Attributes),
    /// The numbers of `statvfs`.
    Usage(Vec<u64>),
}

/// The codes of a status that mean something here.
pub(super) mod status {
    pub(in crate::ssh) const END: u32 = 1;
    pub(in crate::ssh) const NO_SUCH_FILE: u32 = 2;
    pub(in crate::ssh) const DENIED: u32 = 3;
    pub(in crate::ssh) const FAILURE: u32 = 4;
    pub(in crate::ssh) const BAD_MESSAGE: u32 = 5;
}

/// What is said of a server that leaves attributes out.
pub(super) const UNTOLD: &str = "the SFTP server does not tell kinds, permissions and owners";

impl Reply {
    /// The error for a status where something else was asked for.
    pub(super) fn error(self, what: impl Into<String>) -> Error {
        let what = what.into();
        match self {
            Self::Status { code: status::NO_SUCH_FILE, .. } => Error::NotFound(what),
            Self::Status { code: status::DENIED, .. } => Error::Denied(what),
            Self::Status { message, .. } => Error::Io { what, message: super::refused::short(&message) },
            _ => Error::Io { what, message: "the SFTP server answers another question".to_owned() },
        }
    }
}

/// An answer with the number of its question.
pub(super) type Answer = (u32, Reply);

/// A channel on which a server answers.
#[derive(Debug)]
pub(super) struct Sftp {
    out: Mutex<Out>,
    waiting: Arc<Waiting>,
    input: UnixStream,
    _session: Session,
}

#[derive(Debug)]
struct Out {
    stream: UnixStream,
    next: u32,
}

#[derive(Debug, Default)]
struct Waiting(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    by_id: HashMap<u32, Sender<Answer>>,
    /// Why there are no more answers.
    dead: Option<String>,
}

impl Waiting {
    fn locked(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody will answer any more: those who wait are told by their channels closing.
    fn die(&self, why: &str) {
        let mut state = self.locked();
        state.dead.get_or_insert_with(|| why.to_owned());
        state.by_id.clear();
    }
}

impl Sftp {
    /// Greets the server behind a session. When `mark` is given, everything up to a line with it is skipped first.
    pub(super) fn greet(
        session: Session,
        mut out: UnixStream,
        input: UnixStream,
        mark: Option<&[u8]>,
    ) -> io::Result<Self> {
        out.set_write_timeout(Some(PATIENCE))?;
        out.write_all(&Message::default().byte(1).number(3).framed())?;
        let mut first = Until { stream: &input, deadline: Instant::now() + PATIENCE };
        if let Some(mark) = mark {
            skip(&mut first, mark)?;
        }
        let greeting = packet(&mut first)?;
        let mut fields = Fields::new(&greeting);
        if (fields.byte(), fields.number()) != (Some(2), Some(3)) {
            return Err(junk("it greets with something that is not SFTP version 3"));
        }
        input.set_read_timeout(None)?;
        let waiting = Arc::new(Waiting::default());
        let (listener, reading) = (Arc::clone(&waiting), input.try_clone()?);
        thread::Builder::new().name("sftp".to_owned()).spawn(move || listen(reading, &listener))?;
        Ok(Self { out: Mutex::new(Out { stream: out, next: 0 }), waiting, input, _session: session })
    }

    /// Sends requests; each answer goes to `to` with the number given here. Numbers follow each other.
    pub(super) fn submit(&self, requests: &[Request<'_>], to: &Sender<Answer>) -> Result<u32, Error> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let first = out.next;
        let mut bytes = Vec::with_capacity(requests.len() * 64);
        {
            let mut state = self.waiting.locked();
            if let Some(why) = &state.dead {
                return Err(gone(why));
            }
            for request in requests {
                bytes.extend(request.framed(out.next));
                state.by_id.insert(out.next, to.clone());
                out.next = out.next.wrapping_add(1);
            }
        }
        if let Err(error) = out.stream.write_all(&bytes) {
            // What was sent may be half a request: nothing more can follow it.
            let why = self.waiting.locked().dead.clone().unwrap_or_else(|| error.to_string());
            self.waiting.die(&why);
            return Err(gone(&why));
        }
        Ok(first)
    }

    /// Sends one request without waiting.
    pub(super) fn ask(&self, request: Request<'_>) -> Result<Pending, Error> {
        let (sender, receiver) = mpsc::channel();
        self.submit(&[request], &sender)?;
        Ok(Pending(receiver))
    }

    /// Sends one request and waits for its answer.
    pub(super) fn call(&self, what: &str, request: Request<'_>) -> Result<Reply, Error> {
        self.wait(what, &self.ask(request)?)
    }

    /// The answer to a request.
    pub(super) fn wait(&self, what: &str, pending: &Pending) -> Result<Reply, Error> {
        self.next(what, &pending.0, PATIENCE).map(|(_, reply)| reply)
    }

    /// The next of several answers.
    pub(super) fn next(
        &self,
        what: &str,
        answers: &Receiver<Answer>,
        limit: Duration,
    ) -> Result<Answer, Error> {
        match answers.recv_timeout(limit) {
            Ok(answer) => Ok(answer),
            Err(RecvTimeoutError::Timeout) => Err(Error::TimedOut { what: what.to_owned(), limit }),
            Err(RecvTimeoutError::Disconnected) => {
                Err(gone(self.waiting.locked().dead.as_deref().unwrap_or("no reason is known")))
            }
        }
    }

    /// Closes a handle; nobody waits for that.
    pub(super) fn close(&self, handle: &[u8]) {
        drop(self.ask(Request::Close(handle)));
    }
}

impl Drop for Sftp {
    fn drop(&mut self) {
        // Ends the thread that listens.
        drop(self.input.shutdown(Shutdown::Both));
    }
}

/// An answer that is under way.
#[derive(Debug)]
pub(super) struct Pending(Receiver<Answer>);

fn gone(why: &str) -> Error {
    Error::Io { what: "the SSH connection".to_owned(), message: why.to_owned() }
}

fn junk(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.to_owned())
}

fn listen(input: UnixStream, waiting: &Waiting) {
    let mut input = BufReader::with_capacity(256 << 10, input);
    loop {
        let answer = packet(&mut input).and_then(|bytes| {
            reply(&bytes).ok_or_else(|| junk("the SFTP server sends something that is no answer"))
        });
        match answer {
            Ok((id, reply)) => {
                let asked = waiting.locked().by_id.remove(&id);
                // Nobody waits any more when a probe's time is up.
                if let Some(asked) = asked {
                    drop(asked.send((id, reply)));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return waiting.die("it has ended");
            }
            Err(error) => return waiting.die(&error.to_string()),
        }
    }
}

/// Reads until a moment, however slowly the bytes drip.
pub(super) struct Until<'a> {
    pub(super) stream: &'a UnixStream,
    pub(super) deadline: Instant,
}

impl Read for Until<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut stream = self.stream;
        stream.set_read_timeout(Some(left))?;
        stream.read(buffer)
    }
}

/// Reads up to the end of a line that is the mark.
pub(super) fn skip(input: &mut impl Read, mark: &[u8]) -> io::Result<()> {
    let mut line = Vec::new();
    let mut byte = [0];
    for _ in 0..CHATTER {
        input.read_exact(&mut byte)?;
        if byte == *b"\n" {
            if line.strip_suffix(b"\r").unwrap_or(&line) == mark {
                return Ok(());
            }
            line.clear();
        } else {
            line.extend(byte);
        }
    }
    Err(junk("the login shell prints without end"))
}

fn packet(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if !(5..=LONGEST).contains(&length) {
        return Err(junk(&format!("the SFTP server announces a message of {length} bytes")));
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Takes an answer apart; none when it is none.
pub(super) fn reply(bytes: &[u8]) -> Option<Answer> {
    let mut fields = Fields::new(bytes);
    let (kind, id) = (fields.byte()?, fields.number()?);
    let reply = match kind {
        101 => {
            let code = fields.number()?;
            let message = String::from_utf8_lossy(fields.text().unwrap_or_default()).into_owned();
            Reply::Status { code, message }
        }
        102 => Reply::Handle(fields.text()?.to_owned()),
        103 => Reply::Data(fields.text()?.to_owned()),
        104 => {
            let count = fields.number()?;
            let mut names = Vec::new();
            for _ in 0..count {
                let name = fields.text()?.to_owned();
                let _as_ls_prints_it = fields.text()?;
                names.push(Name { name, attributes: attributes(&mut fields)? });
            }
            Reply::Names(names)
        }
        105 => Reply::Attributes(attributes(&mut fields)?),
        201 => {
            let mut numbers = Vec::new();
            while let Some(number) = fields.long() {
                numbers.push(number);
            }
            Reply::Usage(numbers)
        }
        _ => return None,
    };
    Some((id, reply))
}

fn attributes(fields: &mut Fields<'_>) -> Option<Attributes> {
    let flags = fields.number()?;
    let mut attributes = Attributes::default();
    if flags & 1 != 0 {
        attributes.size = fields.long()?;
    }
    if flags & 2 != 0 {
        (attributes.uid, attributes.gid) = (fields.number()?, fields.number()?);
    }
    if flags & 4 != 0 {
        let mode = fields.number()?;
        attributes.mode = (flags & 3 == 3).then_some(mode);
    }
    if flags & 8 != 0 {
        let _accessed = fields.number()?;
        attributes.modified = fields.number()?;
    }
    if flags & 0x8000_0000 != 0 {
        for _ in 0..fields.number()? {
            fields.text()?;
            fields.text()?;
        }
    }
    Some(attributes)
}

#[cfg(test)]
pub(super) mod tests;
