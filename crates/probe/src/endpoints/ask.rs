//! One hello and the server's reaction to it.

use std::io::{Read, Write};

use host::Error;

use super::answer::{self, Answer, ServerHello, Until};
use super::hello::Hello;
use super::peer::{Peer, is_timeout};

/// "Something went wrong here", which says nothing of what was asked (RFC 8446, 6.2).
const INTERNAL_ERROR: u8 = 80;

/// Bytes of one answer that are read.
const ANSWER: usize = 128 << 10;

/// What a server does with one hello.
pub(super) enum Reaction {
    Hello(Box<ServerHello>),
    Refused(u8),
    Closed,
}

/// Says one hello on a connection of its own and reads the answer.
pub(super) fn ask(peer: &Peer, said: &Hello<'_>, until: Until) -> Result<Reaction, String> {
    let limit = peer.budget().exchange;
    let mut line = peer.connect(limit).map_err(|error| error.to_string())?;
    let io = |error: &std::io::Error| {
        if is_timeout(error) {
            peer.failed();
            Err(Error::TimedOut { what: format!("TLS at {}", peer.address()), limit }.to_string())
        } else {
            // Reset: a refusal without words.
            peer.broke_off();
            Ok(Reaction::Closed)
        }
    };
    if let Err(error) = line.write_all(&said.bytes()) {
        return io(&error);
    }
    let mut heard = Vec::new();
    let mut chunk = [0; 16 << 10];
    loop {
        let count = match line.read(&mut chunk) {
            Ok(0) => {
                peer.broke_off();
                return Ok(Reaction::Closed);
            }
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return io(&error),
        };
        heard.extend_from_slice(chunk.get(..count).unwrap_or_default());
        match answer::answer(&heard, until) {
            Some(Answer::Hello(answer)) => {
                peer.answered();
                return Ok(Reaction::Hello(answer));
            }
            Some(Answer::Refused(alert)) => {
                peer.answered();
                if alert == INTERNAL_ERROR {
                    peer.broke_off();
                }
                return Ok(Reaction::Refused(alert));
            }
            Some(Answer::NotTls) => return Err("it answers something that is not TLS".to_owned()),
            None if heard.len() > ANSWER => return Err("its answer to a TLS hello never ends".to_owned()),
            None => {}
        }
    }
}
