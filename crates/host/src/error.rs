//! Why something of the target could not be read.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a file, program or socket could not be read. Messages are for a person and name the thing.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// There is no such file or directory: absence, not failure.
    #[error("{0} does not exist")]
    NotFound(String),
    /// The target refuses.
    #[error("{0}: permission denied")]
    Denied(String),
    /// More bytes than the caller is ready to hold.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// What was read.
        what: String,
        /// The caller's limit.
        limit: usize,
    },
    /// The file is a pipe, a device or a directory where a regular file was asked for.
    #[error("{0} is not a regular file")]
    NotRegular(String),
    /// The wait took longer than its limit.
    #[error("{what} did not answer within {} ms", .limit.as_millis())]
    TimedOut {
        /// What was waited for.
        what: String,
        /// The limit.
        limit: Duration,
    },
    /// The program is none of the target's.
    #[error("{0} is not installed")]
    NoProgram(&'static str),
    /// The program ended with an error where its success was needed.
    #[error("{program} ended with {status}: {message}")]
    Failed {
        /// The program and its arguments.
        program: String,
        /// Exit status or signal.
        status: String,
        /// The first line it printed to standard error.
        message: String,
    },
    /// Somebody else could have changed the program that was about to run as root.
    #[error("{} is not run: {reason}", .path.display())]
    Untrusted {
        /// The program's file.
        path: PathBuf,
        /// What makes it untrusted.
        reason: String,
    },
    /// This kind of target cannot answer such a question: a file tree runs no programs.
    #[error("{0} can only be asked of a running host")]
    NotLive(String),
    /// Anything else the operating system said.
    #[error("{what}: {message}")]
    Io {
        /// What was read.
        what: String,
        /// The operating system's message.
        message: String,
    },
}

impl Error {
    /// The error for an I/O error on `what`.
    pub fn io(what: impl Into<String>, error: &io::Error) -> Self {
        let what = what.into();
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NotFound(what),
            io::ErrorKind::PermissionDenied => Self::Denied(what),
            _ => Self::Io { what, message: error.to_string() },
        }
    }

    /// Whether the thing is simply not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound(_) | Self::NoProgram(_))
    }

    /// Whether more rights would help.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Denied(_))
    }
}
