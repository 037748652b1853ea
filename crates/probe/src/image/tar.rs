//! Reading tar archives one entry after the other, as engines read them (Go's archive/tar): nothing is unpacked, and
//! what an archive says of itself takes bounded memory. A reader of our own because engines and reader must agree on
//! where an entry ends, and because extension headers of any length must not be held.

use std::io::{self, BufRead, Read};

const BLOCK: usize = 512;
/// The kernel's limit for paths is 4096; longer ones cannot be unpacked.
const PATH_LIMIT: usize = 8 << 10;
/// A pax header holds paths and extended attributes; a capability takes 20 bytes, SELinux labels 100.
const PAX_LIMIT: usize = 1 << 20;
/// How pax headers carry file capabilities.
const CAPABILITIES: &[u8] = b"SCHILY.xattr.security.capability";

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A regular file.
    File,
    /// One more name of a file that stands before it.
    HardLink,
    /// A symbolic link.
    Symlink,
    /// A directory.
    Directory,
    /// A device, a pipe, or what only some programs know.
    Other,
}

/// One entry.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its path as written.
    pub(super) path: Vec<u8>,
    /// Where a link points, as written.
    pub(super) link: Vec<u8>,
    /// What it is.
    pub(super) kind: Kind,
    /// Permission bits with setuid, setgid and sticky.
    pub(super) mode: u32,
    /// Owner.
    pub(super) uid: u64,
    /// Group.
    pub(super) gid: u64,
    /// Bytes of content.
    pub(super) size: u64,
    /// Whether it has file capabilities.
    pub(super) has_capabilities: bool,
}

/// What extension headers say of the next entry. What a header of GNU says wins over pax, whatever their order; a second pax
/// header takes the place of the first; an empty value says nothing.
#[derive(Default)]
struct Extension {
    gnu_path: Option<Vec<u8>>,
    gnu_link: Option<Vec<u8>>,
    pax: Pax,
}

#[derive(Default)]
struct Pax {
    path: Option<Vec<u8>>,
    /// The name of a file with holes, whose `path` is a made-up one, where the records beside it say that it is such a file.
    sparse_path: Option<Vec<u8>>,
    sparse_major: Vec<u8>,
    sparse_minor: Vec<u8>,
    has_sparse_map: bool,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    has_capabilities: bool,
}

/// Reads an archive.
pub(super) struct Archive<R> {
    inner: R,
    /// Bytes of the current entry's content that were not read yet, and of its padding.
    content: u64,
    padding: u64,
}

pub(super) fn broken(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}

impl<R: BufRead> Archive<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, content: 0, padding: 0 }
    }

    /// The next entry; none at the end mark.
    pub(super) fn entry(&mut self) -> io::Result<Option<Entry>> {
        let mut extension = Extension::default();
        loop {
            skip(&mut self.inner, self.content.saturating_add(self.padding))?;
            (self.content, self.padding) = (0, 0);
            let mut block = [0; BLOCK];
            self.inner.read_exact(&mut block).map_err(cut_off)?;
            if block.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            let header = Header(&block);
            if !header.is_valid() {
                return Err(broken("a header of the archive is damaged (its checksum is wrong)"));
            }
            let size = header.number(124, 12)?;
            self.expect(size);
            match header.kind() {
                b'L' => extension.gnu_path = said(terminated(&self.whole(size, PATH_LIMIT)?)),
                b'K' => extension.gnu_link = said(terminated(&self.whole(size, PATH_LIMIT)?)),
                b'x' => extension.pax = Pax::of(&self.whole(size, PAX_LIMIT)?)?,
                // Defaults for all entries that follow: comments of git, never paths.
                b'g' => drop(self.whole(size, PAX_LIMIT)?),
                kind => return self.finish(&header, kind, size, extension).map(Some),
            }
        }
    }

    /// The entry that the header begins.
    fn finish(&mut self, header: &Header<'_>, kind: u8, size: u64, extension: Extension) -> io::Result<Entry> {
        let Extension { gnu_path, gnu_link, pax } = extension;
        let is_sparse = pax.is_sparse();
        let path = pax.sparse_path.filter(|_| is_sparse).or(gnu_path).or(pax.path);
        let path = path.unwrap_or_else(|| header.path());
        if path.len() > PATH_LIMIT {
            return Err(broken("a path in the archive is longer than 8 KiB"));
        }
        let sparse = kind == b'S';
        let kind = match kind {
            // Of old archives; a `0` is a file whatever its name.
            0 if path.ends_with(b"/") => Kind::Directory,
            b'0' | 0 | b'7' | b'S' => Kind::File,
            b'1' => Kind::HardLink,
            b'2' => Kind::Symlink,
            b'5' => Kind::Directory,
            _ => Kind::Other,
        };
        let size = match (kind, header.kind()) {
            // Engines take these as headers alone, whatever their size says.
            (Kind::HardLink | Kind::Symlink | Kind::Directory, _) | (_, b'3' | b'4' | b'6') => 0,
            _ => pax.size.unwrap_or(size),
        };
        self.expect(size);
        if sparse && header.0.get(482) == Some(&1) {
            self.skip_sparse_map()?;
        }
        Ok(Entry {
            path,
            link: gnu_link.or(pax.link).unwrap_or_else(|| terminated(header.bytes(157, 100))),
            kind,
            mode: u32::try_from(header.number(100, 8)? & 0o7777).unwrap_or(0),
            uid: pax.uid.map_or_else(|| header.number(108, 8), Ok)?,
            gid: pax.gid.map_or_else(|| header.number(116, 8), Ok)?,
            size,
            has_capabilities: pax.has_capabilities,
        })
    }

    fn expect(&mut self, size: u64) {
        let rest = size % BLOCK as u64;
        (self.content, self.padding) = (size, if rest == 0 { 0 } else { BLOCK as u64 - rest });
    }

    /// The map of holes goes on in blocks before the content.
    fn skip_sparse_map(&mut self) -> io::Result<()> {
        let mut block = [0; BLOCK];
        loop {
            self.inner.read_exact(&mut block).map_err(cut_off)?;
            if block.get(504) != Some(&1) {
                return Ok(());
            }
        }
    }

    /// The whole content of an extension header.
    fn whole(&mut self, size: u64, limit: usize) -> io::Result<Vec<u8>> {
        if size > limit as u64 {
            return Err(broken(format!("an extension header of the archive is larger than {limit} bytes")));
        }
        let mut bytes = Vec::new();
        self.content().read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The content of the current entry.
    pub(super) fn content(&mut self) -> Content<'_, R> {
        Content(self)
    }

    /// Reads what stands behind the end mark, so that the whole stream was seen.
    pub(super) fn finish_stream(mut self) -> io::Result<()> {
        skip(&mut self.inner, u64::MAX)
    }
}

impl Pax {
    /// Records of a pax header: `LENGTH KEY=VALUE\n`.
    fn of(mut bytes: &[u8]) -> io::Result<Self> {
        let mut pax = Self::default();
        let bad = || broken("a pax header of the archive is damaged");
        while !bytes.is_empty() {
            let space = bytes.iter().position(|byte| *byte == b' ').ok_or_else(bad)?;
            let length: usize = number_text(bytes.get(..space)).ok_or_else(bad)?;
            let record =
                bytes.get(space + 1..length).and_then(|record| record.strip_suffix(b"\n")).ok_or_else(bad)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(bad)?;
            let (key, value) =
                (record.get(..equals).ok_or_else(bad)?, record.get(equals + 1..).ok_or_else(bad)?);
            match key {
                b"path" => pax.path = said(value.to_vec()),
                b"GNU.sparse.name" => pax.sparse_path = said(value.to_vec()),
                b"GNU.sparse.major" => pax.sparse_major = value.to_vec(),
                b"GNU.sparse.minor" => pax.sparse_minor = value.to_vec(),
                b"GNU.sparse.map" | b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                    pax.has_sparse_map |= !value.is_empty();
                }
                b"linkpath" => pax.link = said(value.to_vec()),
                b"size" if value.is_empty() => pax.size = None,
                b"size" => pax.size = Some(number_text(Some(value)).ok_or_else(bad)?),
                b"uid" => pax.uid = number_text(Some(value)),
                b"gid" => pax.gid = number_text(Some(value)),
                CAPABILITIES => pax.has_capabilities = true,
                _ => {}
            }
            bytes = bytes.get(length..).unwrap_or_default();
        }
        Ok(pax)
    }

    /// Whether the records are those of a file with holes in a version that engines know.
    fn is_sparse(&self) -> bool {
        match (self.sparse_major.as_slice(), self.sparse_minor.as_slice()) {
            (b"0", b"0" | b"1") | (b"1", b"0") => true,
            (b"", b"") => self.has_sparse_map,
            _ => false,
        }
    }
}

fn said(value: Vec<u8>) -> Option<Vec<u8>> {
    (!value.is_empty()).then_some(value)
}

fn number_text<T: std::str::FromStr>(bytes: Option<&[u8]>) -> Option<T> {
    std::str::from_utf8(bytes?).ok()?.parse().ok()
}

/// A header block.
struct Header<'a>(&'a [u8; BLOCK]);

impl Header<'_> {
    fn bytes(&self, at: usize, length: usize) -> &[u8] {
        self.0.get(at..at + length).unwrap_or_default()
    }

    fn kind(&self) -> u8 {
        self.0.get(156).copied().unwrap_or(0)
    }

    /// Some old programs summed signed bytes.
    fn is_valid(&self) -> bool {
        let Ok(stored) = self.number(148, 8) else { return false };
        let blank = |at: usize| (148..156).contains(&at);
        let bytes = || self.0.iter().enumerate().map(|(at, byte)| if blank(at) { b' ' } else { *byte });
        let unsigned: u64 = bytes().map(u64::from).sum();
        let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
        stored == unsigned || i64::try_from(stored).is_ok_and(|stored| stored == signed)
    }

    /// An octal number, or a binary one where the first bit is set.
    fn number(&self, at: usize, length: usize) -> io::Result<u64> {
        let bad = || broken("a number in a header of the archive cannot be read");
        let field = self.bytes(at, length);
        let Some((first, rest)) = field.split_first() else { return Err(bad()) };
        if first & 0x80 != 0 {
            let mut value = u64::from(first & 0x7f);
            for byte in rest {
                value = value.checked_mul(256).ok_or_else(bad)? | u64::from(*byte);
            }
            return Ok(value);
        }
        let text = field.split(|byte| *byte == 0).next().unwrap_or_default().trim_ascii();
        if text.is_empty() {
            return Ok(0);
        }
        let text = std::str::from_utf8(text).map_err(|_| bad())?;
        u64::from_str_radix(text, 8).map_err(|_| bad())
    }

    fn path(&self) -> Vec<u8> {
        let name = terminated(self.bytes(0, 100));
        let prefix =
            if self.bytes(257, 6) == b"ustar\0" { terminated(self.bytes(345, 155)) } else { Vec::new() };
        if prefix.is_empty() { name } else { [prefix.as_slice(), b"/", &name].concat() }
    }
}

/// Whether these first bytes are those of a tar archive, an empty one included.
pub(super) fn is_tar(head: &[u8]) -> bool {
    let Some(block) = head.first_chunk::<BLOCK>() else { return false };
    block.iter().all(|byte| *byte == 0) || Header(block).is_valid()
}

fn terminated(bytes: &[u8]) -> Vec<u8> {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
}

fn cut_off(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        io::Error::new(error.kind(), "the archive ends in the middle: it is cut off")
    } else {
        error
    }
}

/// Reads over bytes; of `u64::MAX` up to the end.
fn skip(reader: &mut impl BufRead, mut count: u64) -> io::Result<()> {
    let to_the_end = count == u64::MAX;
    while count > 0 {
        let there = reader.fill_buf()?.len();
        if there == 0 {
            return if to_the_end { Ok(()) } else { Err(cut_off(io::ErrorKind::UnexpectedEof.into())) };
        }
        let step = usize::try_from(count).map_or(there, |count| count.min(there));
        reader.consume(step);
        if !to_the_end {
            count -= step as u64;
        }
    }
    Ok(())
}

/// The content of one entry. An archive that ends within it is an error, never a short file.
pub(super) struct Content<'a, R>(&'a mut Archive<R>);

impl<R: BufRead> BufRead for Content<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.0.content == 0 {
            return Ok(&[]);
        }
        let left = usize::try_from(self.0.content).unwrap_or(usize::MAX);
        let buffer = self.0.inner.fill_buf()?;
        if buffer.is_empty() {
            return Err(cut_off(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(buffer.get(..left).unwrap_or(buffer))
    }

    fn consume(&mut self, count: usize) {
        let count = usize::try_from(self.0.content).map_or(count, |left| left.min(count));
        self.0.content -= count as u64;
        self.0.inner.consume(count);
    }
}

impl<R: BufRead> Read for Content<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let buffer = self.fill_buf()?;
        let count = buffer.len().min(into.len());
        let (Some(to), Some(from)) = (into.get_mut(..count), buffer.get(..count)) else { return Ok(0) };
        to.copy_from_slice(from);
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
#[path = "tar_tests.rs"]
mod tests;
