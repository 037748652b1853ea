//! Reading one file of the target: a large one is asked for ahead, so that the distance does not set the pace.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use super::sftp::{CHUNK, Pending, Reply, Request, Sftp, status};
use crate::Error;

/// Pieces that are under way at once, at most.
const AHEAD: usize = 16;

/// A file that is open on the target.
#[derive(Debug)]
pub(super) struct RemoteFile {
    sftp: Arc<Sftp>,
    path: String,
    handle: Vec<u8>,
    /// How long the file should be; none where the kernel makes it up, and it is only known at its end.
    size: Option<u64>,
    /// Up to where pieces were asked for.
    asked: u64,
    under_way: VecDeque<(u64, Pending)>,
    piece: Vec<u8>,
    /// How much of the piece was handed out.
    used: usize,
    ended: bool,
}

impl RemoteFile {
    /// Opens a file; its first piece is already under way when this returns.
    pub(super) fn open(sftp: &Arc<Sftp>, path: &Path, size: Option<u64>) -> Result<Self, Error> {
        let what = path.display().to_string();
        let handle = match sftp.call(&what, Request::Open(path.as_os_str().as_bytes()))? {
            Reply::Handle(handle) => handle,
            other => return Err(other.error(what)),
        };
        let mut file = Self {
            sftp: Arc::clone(sftp),
            path: what,
            handle,
            size: size.filter(|size| *size > 0),
            asked: 0,
            under_way: VecDeque::new(),
            piece: Vec::new(),
            used: 0,
            ended: false,
        };
        file.ask()?;
        Ok(file)
    }

    /// The kind and size that the open file really has, which may be another than was looked at.
    pub(super) fn attributes(&self) -> Result<super::sftp::Attributes, Error> {
        match self.sftp.call(&self.path, Request::StatOpen(&self.handle))? {
            Reply::Attributes(attributes) => Ok(attributes),
            other => Err(other.error(&self.path)),
        }
    }

    /// Asks for the pieces that come next: one where the end is unknown, several where it is known.
    fn ask(&mut self) -> Result<(), Error> {
        loop {
            let wanted = match self.size {
                Some(size) => self.asked < size && self.under_way.len() < AHEAD,
                None => self.under_way.is_empty(),
            };
            if !wanted {
                return Ok(());
            }
            let pending = self.sftp.ask(Request::Read(&self.handle, self.asked))?;
            self.under_way.push_back((self.asked, pending));
            self.asked += u64::from(CHUNK);
        }
    }

    /// The next piece; empty at the end.
    fn next(&mut self) -> Result<Vec<u8>, Error> {
        self.ask()?;
        let Some((offset, pending)) = self.under_way.pop_front() else { return Ok(Vec::new()) };
        let data = match self.sftp.wait(&self.path, &pending)? {
            Reply::Data(data) if data.len() <= CHUNK as usize => data,
            Reply::Data(_) => {
                let message = "the SFTP server sends more than was asked for".to_owned();
                return Err(Error::Io { what: self.path.clone(), message });
            }
            Reply::Status { code: status::END, .. } => return Ok(Vec::new()),
            other => return Err(other.error(&self.path)),
        };
        let end = offset + data.len() as u64;
        let whole = self.size.is_some_and(|size| end >= size) || data.len() == CHUNK as usize;
        if !whole || self.size.is_none() {
            // The server gives less at once than was asked for: what follows begins here.
            self.under_way.clear();
            self.asked = end;
            self.size = None;
        }
        Ok(data)
    }
}

impl Read for RemoteFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.used == self.piece.len() && !self.ended && !buffer.is_empty() {
            self.piece = self.next().map_err(|error| as_io(&error))?;
            self.used = 0;
            self.ended = self.piece.is_empty();
        }
        let left = self.piece.get(self.used..).unwrap_or_default();
        let count = left.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), left.get(..count)) {
            to.copy_from_slice(from);
        }
        self.used += count;
        Ok(count)
    }
}

impl Drop for RemoteFile {
    fn drop(&mut self) {
        self.sftp.close(&self.handle);
    }
}

fn as_io(error: &Error) -> io::Error {
    let kind = match error {
        Error::NotFound(_) => io::ErrorKind::NotFound,
        Error::Denied(_) => io::ErrorKind::PermissionDenied,
        Error::TimedOut { .. } => io::ErrorKind::TimedOut,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error.to_string())
}
