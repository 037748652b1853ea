//! The encrypted connection to a directory. Ours rather than the library's: TLS begins before it says a word, and it gets
//! only whole, sound messages of bounded size to read.

use std::io;

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, StdStream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;

use super::ber::{self, Head};
use super::{DirectoryError, DirectoryTls};
use crate::causes::with_causes;
use crate::outbound::{Metered, Peer};

/// The StartTLS request (RFC 4511, 4.14): message 1, extended operation 1.3.6.1.4.1.1466.20037.
const START_TLS: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

/// The answer: a code and a line of text.
const MAX_START_TLS: usize = 4 * 1024;

/// A connection within TLS; ended when dropped.
pub(super) struct Connection {
    ldap: Ldap,
    /// Carries messages; ends with the connection.
    _carriers: JoinSet<()>,
}

impl Connection {
    /// What the library does over it.
    pub(super) fn ldap(&mut self) -> &mut Ldap {
        &mut self.ldap
    }

    /// The result code of a bind.
    pub(super) async fn bind(&mut self, dn: &str, password: &str) -> Result<u32, LdapError> {
        Ok(self.ldap.simple_bind(dn, password).await?.rc)
    }

    /// Takes leave.
    pub(super) async fn close(mut self) {
        if let Err(error) = self.ldap.unbind().await {
            // What was asked is answered already.
            tracing::debug!(error = %with_causes(&error), "the directory does not take leave");
        }
    }
}

/// Connects, begins TLS, and puts the library behind the guard.
pub(super) async fn open(peer: &Peer, tls: DirectoryTls, budget: u64) -> Result<Connection, DirectoryError> {
    let broken = || DirectoryError::Broken { server: format!("{}:{}", peer.host, peer.port) };
    let mut stream = peer.connect(budget).await?;
    if tls == DirectoryTls::StartTls {
        start_tls(peer, &mut stream).await?;
    }
    let stream = peer.secure(stream).await?;
    let (ours, theirs) = UnixStream::pair().map_err(|_| broken())?;
    let theirs = theirs.into_std().map_err(|_| broken())?;
    let settings = LdapConnSettings::new().set_std_stream(StdStream::Unix(theirs));
    // The library's plain kind of connection: it ends at the guard, within this process.
    let (driver, ldap) = LdapConnAsync::with_settings(settings, "ldapi:///").await.map_err(|_| broken())?;
    let mut carriers = JoinSet::new();
    carriers.spawn(async move {
        if let Err(error) = driver.drive().await {
            tracing::debug!(error = %with_causes(&error), "a connection to the directory ended");
        }
    });
    carriers.spawn(guard(stream, ours));
    Ok(Connection { ldap, _carriers: carriers })
}

async fn guard(server: TlsStream<Metered<TcpStream>>, library: UnixStream) {
    let (mut from_server, mut to_server) = tokio::io::split(server);
    let (mut from_library, mut to_library) = library.into_split();
    let ended = tokio::select! {
        ended = tokio::io::copy(&mut from_library, &mut to_server) => ended.map(drop),
        ended = pass_messages(&mut from_server, &mut to_library) => ended,
    };
    match ended {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            tracing::warn!(error = %with_causes(&error), "a connection to the directory was ended");
        }
        Err(error) => tracing::debug!(error = %with_causes(&error), "a connection to the directory ended"),
    }
}

/// Hands on messages until the connection ends or one is not sound.
async fn pass_messages(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    loop {
        let message = message(from, ber::MAX_MESSAGE).await?;
        to.write_all(&message).await?;
    }
}

/// Reads one whole message and nothing behind it.
pub(crate) async fn message(from: &mut (impl AsyncRead + Unpin), limit: usize) -> io::Result<Vec<u8>> {
    let unsound = || io::Error::new(io::ErrorKind::InvalidData, "the directory sent what is not a message");
    let mut message = Vec::new();
    let header = loop {
        message.push(from.read_u8().await?);
        match ber::head(&message) {
            Head::Part => {}
            Head::Whole(header) if header.tag == 0x30 && header.length <= limit => break header,
            _ => return Err(unsound()),
        }
    };
    message.resize(header.start.saturating_add(header.length), 0);
    let content = message.get_mut(header.start..).ok_or_else(unsound)?;
    from.read_exact(content).await?;
    if ber::is_sound(&message) { Ok(message) } else { Err(unsound()) }
}

/// Asks for TLS. Reads the answer only: what somebody put behind it would be taken for TLS, and fail.
async fn start_tls(peer: &Peer, stream: &mut Metered<TcpStream>) -> Result<(), DirectoryError> {
    let server = || format!("{}:{}", peer.host, peer.port);
    stream.write_all(START_TLS).await.map_err(|_| DirectoryError::Broken { server: server() })?;
    let answer = message(stream, MAX_START_TLS).await.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => DirectoryError::Protocol { server: server() },
        _ => DirectoryError::Broken { server: server() },
    })?;
    match start_tls_result(&answer) {
        Some(0) => Ok(()),
        Some(code) => Err(DirectoryError::NoStartTls { server: server(), code }),
        None => Err(DirectoryError::Protocol { server: server() }),
    }
}

/// The result code of an extended response to message 1.
pub(crate) fn start_tls_result(message: &[u8]) -> Option<u8> {
    let Head::Whole(outer) = ber::head(message) else { return None };
    let inside = message.get(outer.start..)?.strip_prefix(&[0x02, 0x01, 0x01])?;
    let Head::Whole(response) = ber::head(inside) else { return None };
    if response.tag != 0x78 {
        return None;
    }
    inside.get(response.start..)?.strip_prefix(&[0x0a, 0x01])?.first().copied()
}
