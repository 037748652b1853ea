//! The socket tables of `/proc/net`: `tcp`, `tcp6`, `udp`, `udp6`.

use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The most lines of one table that are looked at: a busy server has some ten thousand.
const LINES: usize = 200_000;

/// The longest line that is looked at; the kernel's have some 150 bytes.
const LINE_BYTES: u64 = 1024;

/// One line of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Our end.
    pub local: SocketAddr,
    /// The other end; unspecified when there is none.
    pub remote: SocketAddr,
    /// The kernel's state number: 1 established, 7 closed (bound UDP), 10 listening.
    pub state: u8,
    /// Owner.
    pub uid: u32,
    /// Inode of the socket; 0 when no process holds it.
    pub inode: u64,
    /// 1-based line in the table.
    pub line: usize,
}

/// Established TCP, or connected UDP.
pub(crate) const ESTABLISHED: u8 = 1;
/// Bound UDP without a peer.
pub(crate) const CLOSED: u8 = 7;
/// Listening TCP.
pub(crate) const LISTEN: u8 = 10;

/// Rows in the states wanted, and whether there were more lines than are looked at. Lines that are not a socket's
/// are passed over.
pub fn rows(table: impl Read, wanted: impl Fn(&Row) -> bool) -> std::io::Result<(Vec<Row>, bool)> {
    let mut reader = BufReader::with_capacity(64 << 10, table);
    let mut rows = Vec::new();
    let mut line = Vec::new();
    for number in 1..=LINES {
        line.clear();
        if (&mut reader).take(LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
            return Ok((rows, false));
        }
        rows.extend(std::str::from_utf8(&line).ok().and_then(|text| row(text, number)).filter(&wanted));
    }
    Ok((rows, true))
}

/// One line: `0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1520 ...`.
pub(crate) fn row(text: &str, line: usize) -> Option<Row> {
    let mut fields = text.split_ascii_whitespace();
    let _slot = fields.next()?.strip_suffix(':')?;
    let local = endpoint(fields.next()?)?;
    let remote = endpoint(fields.next()?)?;
    let state = u8::from_str_radix(fields.next()?, 16).ok()?;
    let uid = fields.nth(3)?.parse().ok()?;
    let inode = fields.nth(1)?.parse().ok()?;
    Some(Row { local, remote, state, uid, inode, line })
}

/// `0100007F:0016`: the address in 32-bit words of the machine's byte order, the port as a number.
fn endpoint(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let address = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(address)?)),
        32 => {
            let mut bytes = [0; 16];
            for (index, slot) in bytes.chunks_exact_mut(4).enumerate() {
                slot.copy_from_slice(&word(address.get(index * 8..index * 8 + 8)?)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

fn word(text: &str) -> Option<[u8; 4]> {
    u32::from_str_radix(text, 16).ok().map(u32::to_le_bytes)
}
