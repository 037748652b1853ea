//! A conversation in OPC UA over TCP without security (OPC 10000-6, 6.7 and 7.1): chunks in, chunks out.

use std::io::{Read, Write};

use super::super::peer::{Line, Peer, is_timeout};
use super::messages::{self, Answer, NO_SECURITY};
use super::wire::{Reader, Writer};

/// The largest chunk that we take, which is the least that everybody must be able to send.
const CHUNK: u32 = 64 << 10;
/// The largest message that we take.
const MESSAGE: usize = 1 << 20;
/// The most chunks of one message; a server may make them as small as 8 KiB.
const CHUNKS: usize = 200;
/// The header of every chunk.
const HEADER: usize = 8;

/// An open channel.
pub(super) struct Channel {
    line: Line,
    channel: u32,
    token: u32,
    sent: u32,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure(pub(super) String);

impl Channel {
    /// Says hello and opens a channel without security, which discovery is possible on.
    pub(super) fn open(peer: &Peer, url: &str) -> Result<Result<Self, Failure>, Failure> {
        let limit = peer.budget().exchange;
        let line = peer.connect(limit).map_err(|error| Failure(error.to_string()))?;
        let mut this = Self { line, channel: 0, token: 0, sent: 0 };
        this.line.write_all(&hello(url)).map_err(|error| this.failed(&error))?;
        match this.chunk() {
            Ok((kind, _)) if kind == *b"ACKF" => peer.answered(),
            Ok((kind, body)) if kind == *b"ERRF" => return Ok(Err(refused(&body))),
            Ok(_) => return Err(Failure("it answers something that is not OPC UA".to_owned())),
            Err(failure) => {
                peer.failed();
                return Err(failure);
            }
        }
        Ok(this.secure().map(|()| this))
    }

    fn secure(&mut self) -> Result<(), Failure> {
        let head = Writer::default().u32(0).text(NO_SECURITY).none().none();
        let body = self.numbered(head, messages::open_channel);
        self.write(*b"OPNF", &body)?;
        let (kind, body) = self.chunk()?;
        if kind == *b"ERRF" {
            return Err(refused(&body));
        }
        let mut from = Reader::new(&body);
        // Channel, policy, certificate, thumbprint, two numbers.
        let head = |from: &mut Reader<'_>| {
            from.u32()?;
            from.bytes()?;
            from.bytes()?;
            from.bytes()?;
            from.u32()?;
            from.u32()
        };
        if kind != *b"OPNF" || head(&mut from).is_none() {
            return Err(Failure("it opens no channel as OPC UA does".to_owned()));
        }
        match messages::answer(from.rest()) {
            Some(Answer::Channel { channel, token }) => {
                (self.channel, self.token) = (channel, token);
                Ok(())
            }
            Some(Answer::Refused(status)) => {
                Err(Failure(format!("it opens no channel without security: {}", messages::status(status).0)))
            }
            _ => Err(Failure("its answer to the opening of a channel cannot be read".to_owned())),
        }
    }

    /// Sends a request and reads the answer. The request is made with the number that it has on this channel.
    pub(super) fn call(&mut self, request: impl FnOnce(u32) -> Vec<u8>) -> Result<Answer, Failure> {
        self.send(*b"MSGF", request)?;
        let mut message = Vec::new();
        for _ in 0..CHUNKS {
            let (kind, body) = self.chunk()?;
            if kind == *b"ERRF" {
                return Err(refused(&body));
            }
            // Channel, keys, two numbers.
            let Some(body) = body.get(16..).filter(|_| kind.starts_with(b"MSG")) else { break };
            message.extend_from_slice(body);
            if message.len() > MESSAGE {
                return Err(Failure("its answer is larger than 1 MiB".to_owned()));
            }
            match kind {
                [.., b'C'] => {}
                [.., b'F'] => {
                    return messages::answer(&message)
                        .ok_or_else(|| Failure("its answer cannot be read".to_owned()));
                }
                _ => return Err(Failure("it broke its answer off".to_owned())),
            }
        }
        Err(Failure("its answer is no message of OPC UA, or never ends".to_owned()))
    }

    /// Says goodbye, which is not answered.
    pub(super) fn close(mut self) {
        // It may have hung up already.
        drop(self.send(*b"CLOF", messages::close_channel));
    }

    fn send(&mut self, kind: [u8; 4], request: impl FnOnce(u32) -> Vec<u8>) -> Result<(), Failure> {
        let head = Writer::default().u32(self.channel).u32(self.token);
        let body = self.numbered(head, request);
        self.write(kind, &body)
    }

    /// A request with the next number.
    fn numbered(&mut self, head: Writer, request: impl FnOnce(u32) -> Vec<u8>) -> Vec<u8> {
        self.sent += 1;
        head.u32(self.sent).u32(self.sent).raw(&request(self.sent)).bytes_so_far()
    }

    fn write(&mut self, kind: [u8; 4], body: &[u8]) -> Result<(), Failure> {
        self.line.write_all(&framed(kind, body)).map_err(|error| self.failed(&error))
    }

    /// One chunk: its kind, and what follows its header.
    fn chunk(&mut self) -> Result<([u8; 4], Vec<u8>), Failure> {
        let mut header = [0; HEADER];
        self.line.read_exact(&mut header).map_err(|error| self.failed(&error))?;
        let [a, b, c, d, size @ ..] = header;
        let size = u32::from_le_bytes(size);
        let known = matches!(&[a, b, c], b"ACK" | b"ERR" | b"OPN" | b"MSG" | b"CLO");
        let length = size.checked_sub(8).filter(|_| known && size <= CHUNK);
        let Some(length) = length.and_then(|length| usize::try_from(length).ok()) else {
            return Err(Failure("it answers something that is not OPC UA".to_owned()));
        };
        let mut body = vec![0; length];
        self.line.read_exact(&mut body).map_err(|error| self.failed(&error))?;
        Ok(([a, b, c, d], body))
    }

    fn failed(&self, error: &std::io::Error) -> Failure {
        Failure(match error.kind() {
            std::io::ErrorKind::UnexpectedEof => "it hung up".to_owned(),
            _ if is_timeout(error) => format!("it did not answer within {} ms", self.line.limit().as_millis()),
            _ => error.to_string(),
        })
    }
}

/// The first message of all: how much we take, and whom we mean.
pub(in crate::endpoints) fn hello(url: &str) -> Vec<u8> {
    let body = Writer::default()
        .u32(0)
        .u32(CHUNK)
        .u32(CHUNK)
        .u32(u32::try_from(MESSAGE).unwrap_or(u32::MAX))
        .u32(u32::try_from(CHUNKS).unwrap_or(u32::MAX))
        .text(url)
        .bytes_so_far();
    framed(*b"HELF", &body)
}

fn framed(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
    Writer::default().raw(&kind).u32(size).raw(body).bytes_so_far()
}

/// The words of an error message: a status and a reason.
fn refused(body: &[u8]) -> Failure {
    let mut from = Reader::new(body);
    let status = from.u32().map_or_else(|| "an error".to_owned(), |code| messages::status(code).0);
    let reason = from.text().unwrap_or_default();
    Failure(if reason.is_empty() {
        format!("it refuses: {status}")
    } else {
        format!("it refuses: {status} ({reason})")
    })
}
