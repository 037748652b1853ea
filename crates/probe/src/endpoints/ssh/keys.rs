//! What only a key exchange shows: the host keys of an SSH server and the primes it takes. Each is begun and broken off
//! once the server has shown its part, before anything is encrypted; nobody logs in.

use std::io::{Read, Write};

use base64::Engine as _;
use model::facts::endpoints::SshHostKey;
use sha2::{Digest, Sha256};

use super::{GREETING, LINE, LINES, Lists, PACKET, greeting_line, kexinit, packet};
use crate::endpoints::peer::Peer;
use model::Fact;

/// Kinds of host keys, each by the names under which it is offered.
const KINDS: &[&[&str]] = &[
    &["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"],
    &["ssh-ed25519"],
    &["ecdsa-sha2-nistp256"],
    &["ecdsa-sha2-nistp384"],
    &["ecdsa-sha2-nistp521"],
    &["ssh-dss"],
];

/// Key exchanges that we can begin, and with what.
const EXCHANGES: &[(&str, Public)] = &[
    ("curve25519-sha256", Public::Curve25519),
    ("curve25519-sha256@libssh.org", Public::Curve25519),
    ("ecdh-sha2-nistp256", Public::P256),
    ("diffie-hellman-group14-sha256", Public::Number),
    ("diffie-hellman-group16-sha512", Public::Number),
    ("diffie-hellman-group18-sha512", Public::Number),
    ("diffie-hellman-group14-sha1", Public::Number),
    ("diffie-hellman-group1-sha1", Public::Number),
];

/// Key exchanges in which the server chooses the prime.
const GROUP_EXCHANGES: &[&str] =
    &["diffie-hellman-group-exchange-sha256", "diffie-hellman-group-exchange-sha1"];

/// A public number of ours. Nobody knows what lies behind it: the exchange is broken off before that would matter.
#[derive(Clone, Copy, Debug)]
enum Public {
    Curve25519,
    P256,
    Number,
}

impl Public {
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Curve25519 => (1..=32_u8).map(|n| n.wrapping_mul(5)).collect(),
            Self::P256 => P256_BASE.to_vec(),
            // Smaller than every prime in use, and with enough bits set that no server minds.
            Self::Number => [0x5a; 120].to_vec(),
        }
    }
}

/// The base point of P-256, a point of the curve like any other (SEC 2, 2.4.2).
const P256_BASE: [u8; 65] = [
    4, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77,
    0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42,
    0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b,
    0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
];

const KEXINIT: u8 = 20;
const EXCHANGE_INIT: u8 = 30;
/// The answer to it; in a group exchange the prime.
const EXCHANGE_REPLY: u8 = 31;
const GROUP_REQUEST: u8 = 34;
/// Messages that a server may send in between.
const IN_BETWEEN: [u8; 3] = [2, 3, 4];

/// One host key of each kind that the server offers.
pub(super) fn host_keys(peer: &Peer, lists: &Lists) -> Fact<Vec<SshHostKey>> {
    let Some((method, public)) =
        EXCHANGES.iter().find(|(name, _)| lists.key_exchanges.iter().any(|offered| offered == name))
    else {
        return Fact::unreadable("it offers no key exchange that Palisade can begin");
    };
    let mut keys = Vec::new();
    for names in KINDS {
        let Some(kind) = names.iter().find(|name| lists.host_keys.iter().any(|offered| offered == *name))
        else {
            continue;
        };
        let begun = message(EXCHANGE_INIT, |out| text(out, &public.bytes()));
        let shown = exchange(peer, lists, method, kind, &begun);
        match shown.and_then(|reply| host_key(&reply).ok_or_else(|| "its host key cannot be read".to_owned())) {
            Ok(key) => keys.push(key),
            Err(reason) => return Fact::unreadable(format!("it did not show its {kind} key: {reason}")),
        }
    }
    Fact::known(keys)
}

/// Bits of the smallest prime that the server takes where it chooses; absent when it does not choose.
pub(super) fn group_bits(peer: &Peer, lists: &Lists) -> Fact<u32> {
    let Some(method) =
        GROUP_EXCHANGES.iter().find(|name| lists.key_exchanges.iter().any(|offered| offered == *name))
    else {
        return Fact::Absent;
    };
    let kind = KINDS
        .iter()
        .flat_map(|names| names.iter())
        .find(|name| lists.host_keys.iter().any(|offered| offered == *name));
    let Some(kind) = kind else { return Fact::unreadable("it offers no host key that Palisade knows") };
    // At least 1024 bits, 1024 wanted, at most 8192 (RFC 4419, 3).
    let wanted = message(GROUP_REQUEST, |out| {
        for bits in [1024_u32, 1024, 8192] {
            out.extend(bits.to_be_bytes());
        }
    });
    match exchange(peer, lists, method, kind, &wanted) {
        Ok(reply) => match take_text(&reply).map(|(prime, _)| bits_of(prime)) {
            Some(bits) => Fact::known(bits),
            None => Fact::unreadable("its prime cannot be read"),
        },
        Err(reason) => Fact::unreadable(format!("it did not show a prime: {reason}")),
    }
}

/// Begins a key exchange on a connection of its own, and returns what stands in the server's reply.
fn exchange(peer: &Peer, lists: &Lists, method: &str, kind: &str, begun: &[u8]) -> Result<Vec<u8>, String> {
    let mut line = peer.connect(peer.budget().exchange).map_err(|error| error.to_string())?;
    let mut heard = Vec::new();
    let mut chunk = [0; 8192];
    let mut greeted = false;
    let mut agreed = false;
    let mut seen = 0;
    loop {
        if !greeted && let Some((_, rest)) = greeting_line(&heard) {
            heard = rest.to_vec();
            greeted = true;
            let mut said = GREETING.to_vec();
            said.extend(framed(&ours(lists, method, kind)));
            said.extend(framed(begun));
            line.write_all(&said).map_err(|error| error.to_string())?;
        }
        while greeted && let Some(next) = packet(&heard) {
            let (payload, used) = next?;
            match payload.first() {
                Some(&KEXINIT) if !agreed => {
                    // It must still offer what it offered, or this is another server.
                    let now = kexinit(&heard).and_then(Result::ok);
                    if !now.is_some_and(|now| now.key_exchanges.iter().any(|name| name == method)) {
                        return Err("it offers other algorithms than before".to_owned());
                    }
                    agreed = true;
                }
                Some(&EXCHANGE_REPLY) if agreed => {
                    peer.answered();
                    return Ok(payload.get(1..).unwrap_or_default().to_vec());
                }
                Some(number) if IN_BETWEEN.contains(number) && seen < 10 => seen += 1,
                _ => return Err("it broke the key exchange off".to_owned()),
            }
            heard.drain(..used.min(heard.len()));
        }
        if heard.len() > PACKET + LINE * LINES {
            return Err("its answer never ends".to_owned());
        }
        match line.read(&mut chunk) {
            Ok(0) => return Err("it closed the connection".to_owned()),
            Ok(count) => heard.extend_from_slice(chunk.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// Our list of algorithms: the one exchange and the one key, and what else the server itself offers.
fn ours(lists: &Lists, method: &str, kind: &str) -> Vec<u8> {
    message(KEXINIT, |out| {
        // Nobody relies on this exchange being fresh.
        out.extend([0x5a; 16]);
        let names = |names: &[String]| names.join(",");
        let (ciphers, macs) = (names(&lists.ciphers), names(&lists.macs));
        let compression = names(&lists.compression);
        for list in [method, kind, &ciphers, &ciphers, &macs, &macs, &compression, &compression, "", ""] {
            text(out, list.as_bytes());
        }
        out.extend([0; 5]);
    })
}

fn message(number: u8, content: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut message = vec![number];
    content(&mut message);
    message
}

/// A text behind its length. Ours are far shorter than that can say.
fn text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend(text);
}

/// A packet before keys exist: padded to whole blocks of eight bytes, with at least four (RFC 4253, 6).
fn framed(payload: &[u8]) -> Vec<u8> {
    let mut padding = 8 - (payload.len() + 5) % 8;
    if padding < 4 {
        padding += 8;
    }
    let length = payload.len() + padding + 1;
    let mut packet = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes().to_vec();
    packet.push(u8::try_from(padding).unwrap_or(u8::MAX));
    packet.extend(payload);
    packet.extend(vec![0; padding]);
    packet
}

fn take_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// The host key at the front of a reply: its kind, its size, its fingerprint.
pub fn host_key(reply: &[u8]) -> Option<SshHostKey> {
    let (key, _) = take_text(reply)?;
    let (kind, rest) = take_text(key)?;
    let kind = std::str::from_utf8(kind).ok().filter(|kind| kind.len() <= 64 && kind.is_ascii())?;
    let bits = match kind {
        "ssh-rsa" => {
            let (_exponent, rest) = take_text(rest)?;
            Some(bits_of(take_text(rest)?.0))
        }
        "ssh-dss" => Some(bits_of(take_text(rest)?.0)),
        "ssh-ed25519" => Some(256),
        _ => kind.strip_prefix("ecdsa-sha2-nistp").and_then(|bits| bits.parse().ok()),
    };
    let digest = base64::engine::general_purpose::STANDARD_NO_PAD.encode(Sha256::digest(key));
    Some(SshHostKey {
        kind: kind.to_owned(),
        bits: Fact::from_option(bits),
        fingerprint: format!("SHA256:{digest}"),
    })
}

/// Bits of a number, leading zeros not counted.
fn bits_of(number: &[u8]) -> u32 {
    let mut significant = number.iter().skip_while(|byte| **byte == 0);
    let Some(first) = significant.next() else { return 0 };
    let bytes = u32::try_from(significant.count()).unwrap_or(u32::MAX / 8 - 1);
    bytes * 8 + (8 - first.leading_zeros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_key_tells_its_kind_and_size() {
        let mut key = Vec::new();
        text(&mut key, b"ssh-rsa");
        text(&mut key, &[1, 0, 1]);
        text(&mut key, &[[0].as_slice(), &[0x80; 128]].concat());
        let mut reply = Vec::new();
        text(&mut reply, &key);
        let read = host_key(&reply).unwrap();
        assert_eq!((read.kind.as_str(), read.bits.value()), ("ssh-rsa", Some(&1024)));
        assert!(read.fingerprint.starts_with("SHA256:") && !read.fingerprint.ends_with('='));
        for length in 0..reply.len() {
            assert!(host_key(&reply[..length]).is_none());
        }
    }

    #[test]
    fn packets_are_whole_blocks() {
        for length in 1..64 {
            let packet = framed(&vec![9; length]);
            assert_eq!(packet.len() % 8, 0);
            assert!(packet[4] >= 4);
            assert_eq!(super::packet(&packet).unwrap().unwrap(), (&vec![9; length][..], packet.len()));
        }
    }

    #[test]
    fn numbers_are_measured_without_their_leading_zeros() {
        assert_eq!((bits_of(&[]), bits_of(&[0, 0]), bits_of(&[0, 1]), bits_of(&[0x80, 0])), (0, 0, 1, 16));
    }
}
