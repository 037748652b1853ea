//! The streams between a file and the entries of a layer: bounded in time and bytes, hashed, unpacked.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use host::Door;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use sha2::{Digest, Sha256};

use super::tar::broken;

/// Reading in larger pieces makes nothing faster.
const BUFFER: usize = 128 << 10;
/// Bytes between two looks at the clock.
const CLOCK: u64 = 4 << 20;
/// Unpacked bytes of all layers together; the largest images people run (machine learning) have 20 to 30 GiB.
const TOTAL_LIMIT: u64 = 64 << 30;
/// From so many bytes on a layer's ratio is judged; a small one costs nothing.
const RATIO_FROM: u64 = 256 << 20;
/// Unpacked bytes to each packed one. Real layers have 2 to 5, gzip reaches 1032, zstd any number.
const RATIO_LIMIT: u64 = 200;

/// What all streams of one image may still read.
#[derive(Clone)]
pub(super) struct Budget {
    door: Door,
    unpacked: Rc<Cell<u64>>,
    total: u64,
    ratio_from: u64,
}

impl Budget {
    pub(super) fn new(door: &Door) -> Self {
        Self { door: door.clone(), unpacked: Rc::default(), total: TOTAL_LIMIT, ratio_from: RATIO_FROM }
    }

    /// The same limits, smaller, so that a test need not write gigabytes.
    #[cfg(test)]
    pub(super) fn small(door: &Door, total: u64, ratio_from: u64) -> Self {
        Self { total, ratio_from, ..Self::new(door) }
    }
}

/// Ends when the probe's time is up.
pub(super) struct Timed<R> {
    inner: R,
    budget: Budget,
    since: u64,
}

/// A buffered stream that ends when the probe's time is up.
pub(super) fn timed<R: Read>(inner: R, budget: &Budget) -> BufReader<Timed<R>> {
    BufReader::with_capacity(BUFFER, Timed { inner, budget: budget.clone(), since: 0 })
}

impl<R: Read> Read for Timed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.since >= CLOCK {
            self.since = 0;
            let left = self.budget.door.time_left(Path::new("the image"));
            left.map_err(|error| io::Error::new(io::ErrorKind::TimedOut, error.to_string()))?;
        }
        let count = self.inner.read(into)?;
        self.since += count as u64;
        Ok(count)
    }
}

/// Hashes what is consumed.
pub(super) struct Hashed<R> {
    inner: R,
    hash: Sha256,
    count: u64,
}

impl<R: BufRead> Hashed<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new(), count: 0 }
    }

    /// The digest as manifests write it, and the bytes it is over.
    pub(super) fn finish(self) -> (String, u64) {
        (hex(self.hash), self.count)
    }
}

fn hex(hash: Sha256) -> String {
    let mut text = "sha256:".to_owned();
    for byte in hash.finalize() {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// The digest of bytes.
pub(super) fn digest(bytes: &[u8]) -> String {
    hex(Sha256::new_with_prefix(bytes))
}

impl<R: BufRead> BufRead for Hashed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        // The buffer was filled before: this reads nothing.
        if let Ok(buffer) = self.inner.fill_buf() {
            self.hash.update(buffer.get(..count).unwrap_or(buffer));
        }
        self.count += count as u64;
        self.inner.consume(count);
    }
}

impl<R: BufRead> Read for Hashed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let buffer = self.fill_buf()?;
        let count = buffer.len().min(into.len());
        let (Some(to), Some(from)) = (into.get_mut(..count), buffer.get(..count)) else { return Ok(0) };
        to.copy_from_slice(from);
        self.consume(count);
        Ok(count)
    }
}

/// How a layer is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

impl Packing {
    /// By the first bytes.
    pub(super) fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // Frames that are to be skipped come first in zstd:chunked.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// The unpacked bytes of a layer, bounded.
pub(super) struct Unpacked<R> {
    inner: Unpacker<R>,
    /// Bytes that came out so far.
    out: u64,
    /// Bytes of the packed layer.
    packed: u64,
    budget: Budget,
}

enum Unpacker<R> {
    Gzip(Box<MultiGzDecoder<R>>),
    Zstd(Box<Zstd<R>>),
}

/// Unpacks a layer of `size` packed bytes.
pub(super) fn unpacked<R: BufRead>(
    inner: R,
    packing: Packing,
    size: u64,
    budget: &Budget,
) -> BufReader<Unpacked<R>> {
    let inner = match packing {
        Packing::Zstd => Unpacker::Zstd(Box::new(Zstd::new(inner))),
        Packing::Gzip | Packing::None => Unpacker::Gzip(Box::new(MultiGzDecoder::new(inner))),
    };
    let budget = budget.clone();
    BufReader::with_capacity(BUFFER, Unpacked { inner, out: 0, packed: size, budget })
}

impl<R: BufRead> Unpacked<R> {
    /// The packed stream, read as far as unpacking needed it.
    pub(super) fn into_source(self) -> R {
        match self.inner {
            Unpacker::Gzip(inner) => inner.into_inner(),
            Unpacker::Zstd(inner) => inner.source,
        }
    }
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.inner {
            Unpacker::Gzip(inner) => inner.read(into)?,
            Unpacker::Zstd(inner) => inner.read(into)?,
        } as u64;
        self.out += count;
        let total = self.budget.unpacked.get().saturating_add(count);
        self.budget.unpacked.set(total);
        if total > self.budget.total {
            return Err(broken(format!("its layers unpack to more than {} bytes", self.budget.total)));
        }
        if self.out > self.budget.ratio_from && self.out / self.packed.max(1) > RATIO_LIMIT {
            return Err(broken(format!(
                "a layer of {} bytes unpacks to more than {RATIO_LIMIT} times as many: a decompression bomb",
                self.packed
            )));
        }
        Ok(usize::try_from(count).unwrap_or(0))
    }
}

/// All frames of a zstd stream; those that are to be skipped are.
struct Zstd<R> {
    source: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> Zstd<R> {
    fn new(source: R) -> Self {
        Self { source, decoder: FrameDecoder::new(), in_frame: false }
    }

    /// Begins the next frame; false at the end.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            if self.source.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.source) {
                Ok(()) => {
                    self.in_frame = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = (&mut self.source).take(u64::from(length));
                    io::copy(&mut skipped, &mut io::sink())?;
                }
                Err(error) => return Err(broken(format!("a layer is no valid zstd stream ({error})"))),
            }
        }
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.in_frame && !self.next_frame()? {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let strategy = BlockDecodingStrategy::UptoBytes(into.len());
                let decoded = self.decoder.decode_blocks(&mut self.source, strategy);
                decoded.map_err(|error| broken(format!("a layer is no valid zstd stream ({error})")))?;
            }
            let count = self.decoder.read(into)?;
            if count > 0 {
                return Ok(count);
            }
            self.in_frame = false;
        }
    }
}
