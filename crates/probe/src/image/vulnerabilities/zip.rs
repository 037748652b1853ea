//! The members of a zip archive as they stand in the stream, without the directory at its end.

use std::io::{self, BufRead, Read};

use flate2::bufread::DeflateDecoder;

/// One record of vulnerabilities; the largest seen have 2 MiB.
pub(super) const RECORD_LIMIT: u64 = 16 << 20;
/// Members; OSV as a whole has 800,000.
const MEMBER_LIMIT: usize = 2_000_000;
/// All members unpacked.
const TOTAL_LIMIT: u64 = 32 << 30;

const MEMBER: [u8; 4] = *b"PK\x03\x04";
const DIRECTORY: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";

/// Hands every `.json` member to `visit`, with its name.
///
/// # Errors
/// Why the archive cannot be read, or what `visit` says.
pub(super) fn each(
    stream: &mut impl BufRead,
    mut visit: impl FnMut(&str, &[u8]) -> Result<(), String>,
) -> Result<(), String> {
    let told = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => "the zip archive is cut off".to_owned(),
        _ => format!("the zip archive is damaged ({error})"),
    };
    let (mut bytes, mut total) = (Vec::new(), 0);
    for _ in 0..MEMBER_LIMIT {
        let Some(member) = next(stream).map_err(told)? else { return Ok(()) };
        bytes.clear();
        read(stream, &member, &mut bytes).map_err(told)?;
        total += bytes.len() as u64;
        if total > TOTAL_LIMIT {
            return Err(format!("the zip archive unpacks to more than {TOTAL_LIMIT} bytes"));
        }
        if member.name.ends_with(".json") {
            visit(&member.name, &bytes)?;
        }
    }
    Err(format!("the zip archive has more than {MEMBER_LIMIT} members"))
}

/// What stands before a member.
struct Member {
    name: String,
    deflated: bool,
    /// Packed bytes; none when they stand behind the member.
    packed: Option<u64>,
}

fn array<const N: usize>(stream: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn damaged(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// The next member; none at the directory.
fn next(stream: &mut impl BufRead) -> io::Result<Option<Member>> {
    match array::<4>(stream)? {
        MEMBER => {}
        DIRECTORY | END => return Ok(None),
        _ => return Err(damaged("no member begins where one should")),
    }
    let [
        _,
        _,
        flags,
        _,
        method,
        other,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        a,
        b,
        c,
        d,
        _,
        _,
        _,
        _,
        name,
        name_high,
        extra,
        extra_high,
    ] = array::<26>(stream)?;
    let packed = u32::from_le_bytes([a, b, c, d]);
    let mut text = vec![0; usize::from(u16::from_le_bytes([name, name_high]))];
    stream.read_exact(&mut text)?;
    let extra = u64::from(u16::from_le_bytes([extra, extra_high]));
    io::copy(&mut stream.take(extra), &mut io::sink())?;
    let deflated = match (method, other) {
        (0, 0) => false,
        (8, 0) => true,
        _ => return Err(damaged("a member is packed in a way that is not known")),
    };
    let behind = flags & 8 != 0;
    if flags & 1 != 0 || packed == u32::MAX || (behind && !deflated) {
        return Err(damaged("a member is encrypted, or does not say where it ends"));
    }
    let name = String::from_utf8_lossy(&text).chars().take(200).collect();
    Ok(Some(Member { name, deflated, packed: (!behind).then_some(u64::from(packed)) }))
}

fn read(stream: &mut impl BufRead, member: &Member, bytes: &mut Vec<u8>) -> io::Result<()> {
    let too_large = || damaged("a member is larger than a record can be");
    match (member.packed, member.deflated) {
        (Some(packed), false) => {
            if packed > RECORD_LIMIT {
                return Err(too_large());
            }
            stream.take(packed).read_to_end(bytes)?;
            if bytes.len() as u64 != packed {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        (Some(packed), true) => {
            let mut bounded = stream.take(packed);
            DeflateDecoder::new(&mut bounded).take(RECORD_LIMIT + 1).read_to_end(bytes)?;
            io::copy(&mut bounded, &mut io::sink())?;
        }
        (None, _) => {
            DeflateDecoder::new(&mut *stream).take(RECORD_LIMIT + 1).read_to_end(bytes)?;
            // Checksum and two sizes, with or without a mark before them.
            let marked = array::<4>(stream)? == DESCRIPTOR;
            let rest = if marked { 12 } else { 8 };
            io::copy(&mut stream.take(rest), &mut io::sink())?;
        }
    }
    if bytes.len() as u64 > RECORD_LIMIT { Err(too_large()) } else { Ok(()) }
}
