//! The encrypted connection to a mail server. Ours rather than the mail library's: its reader takes lines of any length, and
//! what came before TLS would count as said within.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use lettre::transport::smtp::client::AsyncTokioStream;
use lettre::transport::smtp::extension::ClientId;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::{MailError, MailTls};
use crate::outbound::{Metered, Peer};

/// One answer before TLS: RFC 5321 asks for lines of 512 bytes; a list of extensions is a dozen of them.
const MAX_REPLY: usize = 8 * 1024;

/// What the library waits for first. After `STARTTLS` the server does not say it again.
const GREETING: &[u8] = b"220 ready\r\n";

/// A connection within TLS, as the mail library takes it.
#[derive(Debug)]
pub(super) struct Wire {
    tls: TlsStream<Metered<TcpStream>>,
    greeting: &'static [u8],
}

/// Connects, and returns the connection within TLS and the name that we greet with.
pub(super) async fn open(peer: &Peer, tls: MailTls, budget: u64) -> Result<(Wire, ClientId), MailError> {
    let mut stream = peer.connect(budget).await?;
    // The address literal of RFC 5321: right without a host name, and it tells no name.
    let name = match stream.get_ref().local_addr() {
        Ok(SocketAddr::V4(address)) => ClientId::Ipv4(*address.ip()),
        Ok(SocketAddr::V6(address)) => ClientId::Ipv6(*address.ip()),
        Err(_) => ClientId::default(),
    };
    let greeting = match tls {
        MailTls::Implicit => &[],
        MailTls::StartTls => {
            start_tls(peer, &mut stream, &name).await?;
            GREETING
        }
    };
    Ok((Wire { tls: peer.secure(stream).await?, greeting }, name))
}

pub(crate) async fn start_tls(
    peer: &Peer,
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    name: &ClientId,
) -> Result<(), MailError> {
    let server = || format!("{}:{}", peer.host, peer.port);
    let protocol = || MailError::Protocol { server: server() };
    if !reply(peer, stream).await?.starts_with("220") {
        return Err(protocol());
    }
    say(peer, stream, &format!("EHLO {name}\r\n")).await?;
    let offered = reply(peer, stream).await?;
    if !offered.starts_with("250") {
        return Err(protocol());
    }
    let has_tls = offered
        .lines()
        .any(|line| line.get(4..).is_some_and(|word| word.trim_end().eq_ignore_ascii_case("STARTTLS")));
    if !has_tls {
        return Err(MailError::NoStartTls { server: server() });
    }
    say(peer, stream, "STARTTLS\r\n").await?;
    if !reply(peer, stream).await?.starts_with("220") {
        return Err(MailError::NoStartTls { server: server() });
    }
    Ok(())
}

async fn say(peer: &Peer, stream: &mut (impl AsyncWrite + Unpin), line: &str) -> Result<(), MailError> {
    stream.write_all(line.as_bytes()).await.map_err(|error| broken(peer, &error))
}

/// One answer, of one or more lines. What comes behind it was not asked for: RFC 3207 lets nothing be kept across TLS.
async fn reply(peer: &Peer, stream: &mut (impl AsyncRead + Unpin)) -> Result<String, MailError> {
    let server = || format!("{}:{}", peer.host, peer.port);
    let mut text = Vec::new();
    let mut piece = [0_u8; 1024];
    loop {
        let count = stream.read(&mut piece).await.map_err(|error| broken(peer, &error))?;
        text.extend_from_slice(piece.get(..count).unwrap_or_default());
        if count == 0 || text.len() > MAX_REPLY {
            return Err(MailError::Protocol { server: server() });
        }
        let whole = text.ends_with(b"\n");
        let text = String::from_utf8_lossy(&text);
        let mut lines = text.lines();
        // The last line of an answer has no dash behind its number.
        let last = lines.by_ref().position(|line| line.as_bytes().get(3) != Some(&b'-'));
        if lines.next().is_some() {
            return Err(MailError::Injected { server: server() });
        }
        if whole && last.is_some() {
            return Ok(text.into_owned());
        }
    }
}

fn broken(peer: &Peer, error: &io::Error) -> MailError {
    MailError::Broken { server: format!("{}:{}", peer.host, peer.port), what: error.to_string() }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tls.get_ref().0.get_ref().peer_addr()
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.greeting.is_empty() {
            return Pin::new(&mut this.tls).poll_read(cx, buf);
        }
        let (now, later) = this.greeting.split_at(buf.remaining().min(this.greeting.len()));
        buf.put_slice(now);
        this.greeting = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tls).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tls).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tls).poll_shutdown(cx)
    }
}
