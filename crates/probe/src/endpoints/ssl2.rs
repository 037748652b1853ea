//! SSL 2.0, which no TLS library of today speaks: its hello and the answer to it (draft-hickman-netscape-ssl-00).

use std::io::{Read, Write};

use host::Error;

use super::peer::{Peer, is_timeout};

/// The version on the wire.
const VERSION: [u8; 2] = [0, 2];
/// SERVER-HELLO.
const SERVER_HELLO: u8 = 4;
/// Every cipher there was.
const CIPHERS: [[u8; 3]; 7] =
    [[1, 0, 0x80], [2, 0, 0x80], [3, 0, 0x80], [4, 0, 0x80], [5, 0, 0x80], [6, 0, 0x40], [7, 0, 0xc0]];

/// Whether the server answers a hello of SSL 2.0 in kind.
pub(super) fn offered(peer: &Peer) -> Result<bool, String> {
    let limit = peer.budget().exchange;
    let mut line = peer.connect(limit).map_err(|error| error.to_string())?;
    let broke_off = || {
        peer.broke_off();
        Ok(false)
    };
    if line.write_all(&hello()).is_err() {
        return broke_off();
    }
    let mut heard = Vec::new();
    let mut chunk = [0; 256];
    loop {
        if let Some(answer) = is_hello(&heard) {
            return Ok(answer);
        }
        match line.read(&mut chunk) {
            Ok(0) => return broke_off(),
            Ok(count) => heard.extend_from_slice(chunk.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) if is_timeout(&error) => {
                peer.failed();
                return Err(
                    Error::TimedOut { what: format!("SSL 2.0 at {}", peer.address()), limit }.to_string()
                );
            }
            // Reset: a refusal without words.
            Err(_) => return broke_off(),
        }
    }
}

fn hello() -> Vec<u8> {
    let mut body = vec![1];
    body.extend(VERSION);
    body.extend([0, 21, 0, 0, 0, 16]);
    body.extend(CIPHERS.iter().flatten());
    body.extend([0x5a; 16]);
    let mut record = vec![0x80, u8::try_from(body.len()).unwrap_or(u8::MAX)];
    record.append(&mut body);
    record
}

/// Whether the answer is a hello of SSL 2.0; none while bytes are missing.
pub fn is_hello(heard: &[u8]) -> Option<bool> {
    let (first, rest) = heard.split_first()?;
    // A header of two bytes has its top bit set, one of three bytes has not; a TLS record begins with its kind.
    if (20..=23).contains(first) {
        return Some(false);
    }
    let header = if first & 0x80 == 0 { 2 } else { 1 };
    match rest.get(header..)? {
        [SERVER_HELLO, _, _, version @ ..] if version.len() >= VERSION.len() => {
            Some(version.starts_with(&VERSION))
        }
        [SERVER_HELLO, ..] | [] => None,
        _ => Some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_hello_of_its_own_kind_counts() {
        assert_eq!(hello().len(), 48);
        assert_eq!(is_hello(&[0x84, 0x4d, 4, 0, 1, 0, 2, 4, 0]), Some(true));
        assert_eq!(is_hello(&[0x84, 0x4d, 4, 0, 1]), None);
        assert_eq!(is_hello(&[0x84, 0x4d, 4, 0, 1, 3, 1]), Some(false));
        assert_eq!(is_hello(&[21, 3, 1, 0, 2, 2, 40]), Some(false));
        assert_eq!(is_hello(b"HTTP/1.1 400"), Some(false));
        assert_eq!(is_hello(b""), None);
    }
}
