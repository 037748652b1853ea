//! The answer for who forgot the `s` of `https`.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The first byte of every TLS record that begins a handshake.
const HANDSHAKE: u8 = 0x16;
/// How much of a plain request is read before it is answered.
const MAX_READ: usize = 4096;
/// How long one waits for the rest of it.
const PATIENCE: Duration = Duration::from_secs(1);

const BODY: &str = "This port speaks HTTPS only: write https:// instead of http:// in front of the address.\n";

/// Whether the peer began to speak TLS; nothing is taken from the stream. False also when it hung up.
pub(super) async fn speaks_tls(stream: &TcpStream) -> io::Result<Option<bool>> {
    let mut first = [0];
    match stream.peek(&mut first).await? {
        0 => Ok(None),
        _ => Ok(Some(first == [HANDSHAKE])),
    }
}

/// Says that HTTPS is spoken here, and closes. No redirect: whatever came in plain text may hold a password, and a redirect would hide
/// that it was sent so.
pub(super) async fn answer(mut stream: TcpStream) {
    let text = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n{BODY}",
        BODY.len()
    );
    let exchange = async {
        // Closing with unread bytes would reset the connection before the answer is read.
        let mut seen = [0; MAX_READ];
        let _some_of_it = stream.read(&mut seen).await?;
        stream.write_all(text.as_bytes()).await?;
        stream.shutdown().await?;
        while stream.read(&mut seen).await? > 0 {}
        io::Result::Ok(())
    };
    // A peer that hung up or dawdles gets no answer; there is nothing to be done about it.
    tokio::time::timeout(PATIENCE, exchange).await.ok();
}
