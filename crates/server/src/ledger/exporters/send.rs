//! What is handed on at once, to whom, and why it was not taken.

use std::io;

use super::search::{AnswerError, SearchStore};
use super::syslog::Syslog;
use crate::ledger::{Placed, Stream};
use crate::outbound::OutboundError;

/// Entries of one stream that follow each other.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// The stream.
    pub(crate) stream: Stream,
    /// The name of its log, which no other server's has.
    pub(crate) log: String,
    /// The entries.
    pub(crate) entries: Vec<Placed>,
}

/// Where entries go.
#[derive(Debug)]
pub(crate) enum Receiver {
    /// A syslog server.
    Syslog(Syslog),
    /// OpenSearch.
    Search(SearchStore),
}

/// Why a receiver did not take a batch. All of it is sent again later.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// It was not reached, or not believed.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// The connection ended too early.
    #[error("{server} ended the connection before it had taken everything: its own log says why")]
    Broken {
        /// The server.
        server: String,
        /// How.
        #[source]
        source: io::Error,
    },
    /// No answer of HTTP.
    #[error("{server} broke off, or does not answer as a web server does")]
    Http {
        /// The server.
        server: String,
        /// How.
        #[source]
        source: hyper::Error,
    },
    /// It does not know us.
    #[error(
        "{server} refuses what we log in with (status {status}): check the user name, password or API key, and whether it may write to the index"
    )]
    Credentials {
        /// The server.
        server: String,
        /// Its status.
        status: u16,
    },
    /// It has too much to do.
    #[error("{server} asks to try again later (status {status}{why})")]
    Later {
        /// The server.
        server: String,
        /// Its status.
        status: u16,
        /// What it says, after a separator.
        why: String,
    },
    /// The batch is too large for it.
    #[error("{server} takes no request of this size, not even of one entry: see http.max_content_length there")]
    TooLarge {
        /// The server.
        server: String,
    },
    /// It takes an entry in no form. Nothing is left out: what follows waits too.
    #[error(
        "{server} does not take entry {position} ({why}): mend the index or its rights there; nothing is left out, so all that follow wait"
    )]
    Refused {
        /// The server.
        server: String,
        /// The entry.
        position: u64,
        /// What it says.
        why: String,
    },
    /// Another answer than what was asked for.
    #[error("{server} answers with status {status}{why}: see that the address is the one of OpenSearch")]
    Status {
        /// The server.
        server: String,
        /// Its status.
        status: u16,
        /// What it says, after a separator.
        why: String,
    },
    /// An answer without end.
    #[error("{server} answers with more than {limit} bytes: see whether it is the receiver")]
    Endless {
        /// The server.
        server: String,
        /// The limit.
        limit: usize,
    },
    /// An answer that tells not of each entry what became of it.
    #[error("{server} does not answer as a bulk request is answered")]
    Answer {
        /// The server.
        server: String,
        /// What is wrong.
        #[source]
        source: AnswerError,
    },
    /// It cannot be put together.
    #[error("entries cannot be written as a request")]
    Build(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl SendError {
    /// Whether less at once may help.
    pub(super) fn is_about_size(&self) -> bool {
        matches!(self, Self::TooLarge { .. } | Self::Outbound(OutboundError::Slow { .. }))
    }
}

impl Receiver {
    /// Where it is, for people; without any secret.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Syslog(syslog) => syslog.place(),
            Self::Search(store) => store.place(),
        }
    }

    /// Hands entries on and returns when the receiver has taken them.
    ///
    /// # Errors
    /// When it is not sure that all were taken.
    pub(super) async fn send(&self, batch: &Batch) -> Result<(), SendError> {
        match self {
            Self::Syslog(syslog) => syslog.send(batch).await,
            Self::Search(store) => store.send(batch).await,
        }
    }
}
