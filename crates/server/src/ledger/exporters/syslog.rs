//! A syslog server over TLS (RFC 5425). Syslog has no answers, so the end of the connection is made to be one.
//!
//! Each batch has a connection of its own. Behind its last message we end TLS and our half of TCP, and wait for the receiver to end
//! its half. When both halves have ended in good order, the receiver's program has read every byte: what it has not read is answered
//! with a reset by its system, as is what comes after its end. What it does with what it has read, it does not tell.

mod message;

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::send::{Batch, SendError};
use crate::outbound::{self, OutboundError, Peer};

/// Everything that is read of a receiver: certificates, tickets, the end.
const BUDGET: u64 = 256 * 1024;

/// How often it is looked whether both halves have ended.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Where entries are sent as syslog.
#[derive(Clone, Debug)]
pub(crate) struct SyslogSettings {
    /// Name of the receiver, as its certificate has it.
    pub(crate) host: String,
    /// Its port.
    pub(crate) port: u16,
    /// Authorities to trust besides this machine's own.
    pub(crate) ca_file: Option<PathBuf>,
    /// Our certificate with its chain, and its key, where the receiver asks who we are.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
    /// What this server is called in messages.
    pub(crate) own_name: String,
    /// How long a batch may take.
    pub(crate) time_limit: Duration,
}

/// A syslog server.
#[derive(Debug)]
pub(crate) struct Syslog {
    peer: Peer,
    own_name: String,
    limit: Duration,
}

impl Syslog {
    /// By these settings. Reads the files; connects to nobody.
    ///
    /// # Errors
    /// When a setting is wrong.
    pub(crate) fn new(settings: SyslogSettings) -> Result<Self, OutboundError> {
        let client = settings.client.as_ref().map(|(chain, key)| (chain.as_path(), key.as_path()));
        let trust = outbound::trust_as(settings.ca_file.as_deref(), client)?;
        let peer = Peer::new(&settings.host, settings.port, trust)?;
        Ok(Self { peer, own_name: settings.own_name, limit: settings.time_limit })
    }

    /// Where it is, for people.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.peer.host, self.peer.port)
    }

    /// Sends entries and returns when the receiver has read them.
    ///
    /// # Errors
    /// When that is not sure.
    pub(super) async fn send(&self, batch: &Batch) -> Result<(), SendError> {
        let mut frames = Vec::new();
        for placed in &batch.entries {
            message::frame(&self.own_name, &batch.log, batch.stream, placed, &mut frames);
        }
        self.peer.within(self.limit, self.hand_over(&frames)).await
    }

    async fn hand_over(&self, frames: &[u8]) -> Result<(), SendError> {
        let broken = |source| SendError::Broken { server: self.place(), source };
        let mut tls = self.peer.secure(self.peer.connect(BUDGET).await?).await?;
        tls.write_all(frames).await.map_err(broken)?;
        tls.shutdown().await.map_err(broken)?;
        let mut rest = [0_u8; 512];
        loop {
            match tls.read(&mut rest).await {
                Ok(0) => break,
                Ok(_) => {}
                // GnuTLS, and with it rsyslog, ends TCP alone.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
                // An alert: no certificate of ours was wanted, or another one.
                Err(error) => return Err(broken(error)),
            }
        }
        until_closed(tls.get_ref().0.get_ref()).await.map_err(broken)
    }
}

/// Waits until both halves of a connection have ended and all that was sent was acknowledged; that is when the system calls nobody its
/// peer any more. A receiver that was gone before it had everything resets the connection instead, a round trip after its own end.
async fn until_closed(tcp: &TcpStream) -> std::io::Result<()> {
    while tcp.peer_addr().is_ok() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    tcp.take_error()?.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests;
