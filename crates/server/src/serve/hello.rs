//! The TLS handshake, and the one thing of it that rustls leaves to us: a version forced down by somebody in between.

use std::io;
use std::sync::Arc;

use rustls::{CipherSuite, ServerConfig};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

/// What a client adds to its suites when it tries an older version after a newer one failed (RFC 7507).
const FALLBACK_SCSV: CipherSuite = CipherSuite::Unknown(0x5600);
/// A fatal alert `inappropriate_fallback` in a record of its own.
const INAPPROPRIATE_FALLBACK: [u8; 7] = [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 86];

/// Does the handshake; a client that was made to fall back to TLS 1.2 is told that 1.3 is spoken here.
pub(super) async fn accept(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<TlsStream<TcpStream>> {
    let mut start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
    if has_fallen_back(start.client_hello().cipher_suites()) {
        start.io.write_all(&INAPPROPRIATE_FALLBACK).await?;
        start.io.shutdown().await?;
        return Err(io::Error::other("a client fell back to an older version"));
    }
    start.into_stream(config).await
}

/// Suites of TLS 1.3 (0x13..) are offered by who speaks it: then nothing was lost.
fn has_fallen_back(suites: &[CipherSuite]) -> bool {
    suites.contains(&FALLBACK_SCSV) && !suites.iter().any(|suite| u16::from(*suite) >> 8 == 0x13)
}
