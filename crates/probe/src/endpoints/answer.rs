//! The first messages of a TLS handshake: what of a server's answer we read. Pure functions over bytes.

use super::hello::{SSL3_0, TLS1_2, TLS1_3};

/// The random of a ServerHello that is a HelloRetryRequest (RFC 8446, 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2,
    0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Certificates taken from one answer.
const CERTIFICATES: usize = 10;

/// The largest record there is, with room for expansion (RFC 5246, 6.2.3).
const RECORD: usize = (16 << 10) + 2048;

/// What a server answered to a ClientHello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It goes on with the handshake.
    Hello(Box<ServerHello>),
    /// It refuses, with this alert.
    Refused(u8),
    /// It does not speak TLS.
    NotTls,
}

/// How much of an answer is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// The ServerHello is enough.
    Hello,
    /// The key exchange too, below TLS 1.3.
    KeyExchange,
    /// Everything the server says before it waits for us, below TLS 1.3.
    Done,
}

/// What of a server's answer matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerHello {
    /// Chosen version.
    pub version: u16,
    /// Chosen suite.
    pub suite: u16,
    /// Chosen compression; 0 is none.
    pub compression: u8,
    /// Kinds of extensions in the answer.
    pub extensions: Vec<u16>,
    /// Group of the key exchange: asked for by TLS 1.3, used below it.
    pub group: Option<u16>,
    /// Bits of the prime of a finite-field Diffie-Hellman exchange.
    pub dh_bits: Option<u32>,
    /// How the key exchange of TLS 1.2 is signed (SignatureScheme).
    pub signature: Option<u16>,
    /// Certificates, DER.
    pub certificates: Vec<Vec<u8>>,
    /// Whether it asks for a certificate of ours.
    pub asks_certificate: bool,
    /// Whether it sent the revocation state of its certificate.
    pub stapled: bool,
}

/// Reads an answer; none while bytes are missing.
pub fn answer(bytes: &[u8], until: Until) -> Option<Answer> {
    let mut handshake = Vec::new();
    let mut rest = bytes;
    let mut refused = None;
    while let Some((&kind, after)) = rest.split_first() {
        // Change cipher spec, alert, handshake, application data; version 3.x.
        if !(20..=23).contains(&kind) || after.first().is_some_and(|major| *major != 3) {
            return Some(Answer::NotTls);
        }
        let Some((length, content)) = after.get(2..).and_then(take_u16) else { break };
        if usize::from(length) > RECORD {
            return Some(Answer::NotTls);
        }
        let Some(record) = content.get(..usize::from(length)) else {
            if kind == 22 {
                handshake.extend_from_slice(content);
            }
            break;
        };
        match (kind, record) {
            // A warning, such as "unrecognised name", is followed by an answer.
            (21, [1, warning, ..]) if *warning != 0 => {}
            (21, [_, alert, ..]) => {
                refused = Some(Answer::Refused(*alert));
                break;
            }
            (22, record) => handshake.extend_from_slice(record),
            _ => {}
        }
        rest = content.get(usize::from(length)..).unwrap_or_default();
    }
    match messages(&handshake, until) {
        Messages::Complete(hello) => Some(Answer::Hello(Box::new(hello))),
        Messages::Nonsense => Some(Answer::NotTls),
        // What came before an alert is still the server's choice.
        Messages::Partial(hello) => {
            refused.map(|refused| hello.map_or(refused, |hello| Answer::Hello(Box::new(hello))))
        }
    }
}

/// How long the ticket that a server hands out in clear may be used (RFC 5077, 3.3); none when there is no ticket.
pub fn ticket_lifetime(bytes: &[u8]) -> Option<u32> {
    let mut rest = bytes;
    let mut handshake = Vec::new();
    // What follows the change of the cipher is encrypted.
    while let Some((22, after)) = rest.split_first().map(|(kind, after)| (*kind, after)) {
        let (length, content) = after.get(2..).and_then(take_u16)?;
        let (record, after) = content.split_at_checked(usize::from(length))?;
        handshake.extend_from_slice(record);
        rest = after;
    }
    let mut rest = handshake.as_slice();
    while let Some((kind, after)) = rest.split_first() {
        let (message, after) = take_block24(after)?;
        if *kind == 4 {
            let (lifetime, _) = message.split_first_chunk::<4>()?;
            return Some(u32::from_be_bytes(*lifetime));
        }
        rest = after;
    }
    None
}

enum Messages {
    Complete(ServerHello),
    Partial(Option<ServerHello>),
    Nonsense,
}

fn messages(bytes: &[u8], until: Until) -> Messages {
    let mut hello: Option<ServerHello> = None;
    let mut rest = bytes;
    while let [kind, high, middle, low, after @ ..] = rest {
        let length = usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low);
        if hello.is_none() && *kind != 2 && *kind != 0 {
            return Messages::Nonsense;
        }
        let Some(message) = after.get(..length) else { break };
        match (kind, &mut hello) {
            (2, hello @ None) => match server_hello(message) {
                Some(said) => *hello = Some(said),
                None => return Messages::Nonsense,
            },
            (11, Some(hello)) => hello.certificates = certificates(message).unwrap_or_default(),
            (12, Some(hello)) => key_exchange(message, hello),
            (13, Some(hello)) => hello.asks_certificate = true,
            (22, Some(hello)) => hello.stapled = true,
            _ => {}
        }
        if let Some(said) = &hello {
            let enough = match until {
                Until::Hello => true,
                Until::KeyExchange => *kind == 12 || *kind == 14,
                Until::Done => *kind == 14,
            };
            if enough || said.version >= TLS1_3 {
                return Messages::Complete(said.clone());
            }
        }
        rest = after.get(length..).unwrap_or_default();
    }
    Messages::Partial(hello)
}

fn server_hello(message: &[u8]) -> Option<ServerHello> {
    let (version, rest) = take_u16(message)?;
    let (random, rest) = rest.split_at_checked(32)?;
    let (_session, rest) = take_block8(rest)?;
    let (suite, rest) = take_u16(rest)?;
    let (&compression, rest) = rest.split_first()?;
    let mut hello = ServerHello { version, suite, compression, ..ServerHello::default() };
    let mut extensions = if rest.is_empty() { rest } else { take_block16(rest)?.0 };
    while !extensions.is_empty() {
        let (kind, rest) = take_u16(extensions)?;
        let (content, rest) = take_block16(rest)?;
        extensions = rest;
        hello.extensions.push(kind);
        match kind {
            43 => hello.version = take_u16(content)?.0,
            // The group stands first in a share as in a request for one.
            51 => hello.group = take_u16(content).map(|(group, _)| group),
            _ => {}
        }
    }
    let retry = random == RETRY;
    (SSL3_0..=TLS1_3).contains(&hello.version).then_some(())?;
    (!retry || hello.version == TLS1_3).then_some(hello)
}

/// Named curve, or the prime of a finite-field exchange; and how it is signed.
fn key_exchange(message: &[u8], hello: &mut ServerHello) {
    let name = tls_parser::TlsCipherSuite::from_id(hello.suite).map_or("", |suite| suite.name);
    if name.contains("PSK") || name.contains("SRP") {
        return;
    }
    if name.starts_with("TLS_ECDH") {
        if let [3, high, low, point @ ..] = message {
            hello.group = Some(u16::from_be_bytes([*high, *low]));
            hello.signature = take_block8(point).and_then(|(_, rest)| signature(hello, rest));
        }
    } else if let Some((prime, rest)) = take_block16(message) {
        let numbers = take_block16(rest).and_then(|(_generator, rest)| take_block16(rest));
        hello.signature = numbers.and_then(|(_public, rest)| signature(hello, rest));
        let significant = prime.iter().skip_while(|byte| **byte == 0);
        let bytes = significant.clone().count();
        let top = significant.copied().next().map_or(0, u8::leading_zeros);
        hello.dh_bits = u32::try_from(bytes * 8).ok().map(|bits| bits - top.min(bits));
    }
}

/// What stands behind the numbers of a key exchange that is signed.
fn signature(hello: &ServerHello, rest: &[u8]) -> Option<u16> {
    (hello.version == TLS1_2).then(|| take_u16(rest)).flatten().map(|(scheme, _)| scheme)
}

fn certificates(message: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mut rest, _) = take_block24(message)?;
    let mut found = Vec::new();
    while !rest.is_empty() && found.len() < CERTIFICATES {
        let (certificate, after) = take_block24(rest)?;
        found.push(certificate.to_vec());
        rest = after;
    }
    Some(found)
}

pub(super) fn take_u16(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*number), rest))
}

pub(super) fn take_block8(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(length))
}

pub(super) fn take_block16(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = take_u16(bytes)?;
    rest.split_at_checked(usize::from(length))
}

pub(super) fn take_block24(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<3>()?;
    let [high, middle, low] = *length;
    rest.split_at_checked(usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low))
}
