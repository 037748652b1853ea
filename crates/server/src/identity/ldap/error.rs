//! Why a directory could not be asked, and what to do about it.

use crate::outbound::OutboundError;

/// Why the directory could not be asked. Never that a name or password is wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryError {
    /// It was not reached, or not believed.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// A setting is wrong.
    #[error("directory: {setting} {why}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// What is wrong with it, and what to write.
        why: &'static str,
    },
    /// It does not want TLS, or somebody between answers so.
    #[error("{server} refuses StartTLS (result {code}): nothing was sent; switch TLS on there, or use ldaps")]
    NoStartTls {
        /// The server.
        server: String,
        /// Result code of RFC 4511.
        code: u8,
    },
    /// It does not answer as a directory does.
    #[error("{server} does not answer as a directory does: see that the port is the one for LDAP")]
    Protocol {
        /// The server.
        server: String,
    },
    /// The connection broke.
    #[error("the connection to {server} broke off: see the log of the directory")]
    Broken {
        /// The server.
        server: String,
    },
    /// The account that looks for entries may not log in.
    #[error("{server} refuses the service account {dn} (result {code}): check `bind_dn` and its password")]
    Service {
        /// The server.
        server: String,
        /// The account.
        dn: String,
        /// Result code of RFC 4511.
        code: u32,
    },
    /// It does not search.
    #[error(
        "{server} does not search below {base} (result {code}): check `base` and what the service account may read"
    )]
    Search {
        /// The server.
        server: String,
        /// Where.
        base: String,
        /// Result code of RFC 4511.
        code: u32,
    },
    /// It says neither yes nor no.
    #[error("{server} does not decide a login (result {code}): see the log of the directory")]
    Undecided {
        /// The server.
        server: String,
        /// Result code of RFC 4511.
        code: u32,
    },
    /// An entry without what stays.
    #[error("{server} gives no {attribute} for an entry: set `id_attribute` to one that every person has")]
    NoId {
        /// The server.
        server: String,
        /// The attribute.
        attribute: String,
    },
    /// The system has no random numbers.
    #[error("directory: the system gives no random numbers")]
    Random(#[source] getrandom::Error),
}
