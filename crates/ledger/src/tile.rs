//! Tiles: 256 hashes of one level, and the names under which logs serve them.

use tlog_tiles::{Hash, Tile as Subtree};

/// Hashes of a full tile, and entries of a full bundle.
pub const TILE: u64 = 256;

/// Levels that a tree can have: 256 to the power of eight is more than 64 bits.
const LEVELS: u8 = 8;

/// Bytes of a hash.
pub(crate) const HASH: usize = 32;

/// Why bytes are no tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Not whole hashes, none, or too many.
    #[error("a tile of {0} bytes is none: it holds 1 to 256 hashes of 32 bytes")]
    Length(usize),
}

/// The hashes of one tile, at most 256.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    hashes: Vec<Hash>,
}

impl Tile {
    /// A tile of these hashes.
    ///
    /// # Errors
    /// When there are none or too many.
    pub fn new(hashes: Vec<Hash>) -> Result<Self, TileError> {
        let most = usize::try_from(TILE).unwrap_or(usize::MAX);
        if hashes.is_empty() || hashes.len() > most {
            return Err(TileError::Length(hashes.len() * HASH));
        }
        Ok(Self { hashes })
    }

    /// The tile of these bytes.
    ///
    /// # Errors
    /// When they are no whole hashes.
    pub fn read(bytes: &[u8]) -> Result<Self, TileError> {
        let (hashes, rest) = bytes.as_chunks::<HASH>();
        if !rest.is_empty() {
            return Err(TileError::Length(bytes.len()));
        }
        Self::new(hashes.iter().map(|hash| Hash(*hash)).collect()).map_err(|_| TileError::Length(bytes.len()))
    }

    /// As it is served: hash after hash.
    pub fn bytes(&self) -> Vec<u8> {
        self.hashes.iter().flat_map(|hash| hash.0).collect()
    }

    /// Its hashes.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// The hash of the whole tile, which stands in the tile above; none while it is not full.
    pub fn hash(&self) -> Option<Hash> {
        (self.hashes.len() as u64 == TILE).then(|| Subtree::subtree_hash(&self.bytes()))
    }
}

/// What is served of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Path {
    /// The newest checkpoint.
    Checkpoint,
    /// A tile of hashes: its level, its number within the level, how many hashes.
    Tile {
        /// 0: hashes of entries.
        level: u8,
        /// From the left, beginning at 0.
        number: u64,
        /// Hashes in it: 1 to 256.
        width: u16,
    },
    /// A bundle of entries.
    Entries {
        /// From the left, beginning at 0.
        number: u64,
        /// Entries in it: 1 to 256.
        width: u16,
    },
}

impl Path {
    /// Reads the path after the prefix of the log; none: nothing is served there.
    pub fn read(text: &str) -> Option<Self> {
        if text == "checkpoint" {
            return Some(Self::Checkpoint);
        }
        let mut parts: Vec<&str> = text.strip_prefix("tile/")?.split('/').collect();
        let mut width = 256;
        if let [.., before, last] = parts.as_mut_slice()
            && let Some(number) = before.strip_suffix(".p")
        {
            (width, *before) = (decimal(last, 255)?, number);
            parts.pop();
        }
        let (first, numbers) = parts.split_first()?;
        let number = number(numbers)?;
        let width = u16::try_from(width).ok().filter(|width| *width > 0)?;
        if *first == "entries" {
            return Some(Self::Entries { number, width });
        }
        let level = u8::try_from(decimal(first, 63)?).ok()?;
        Some(Self::Tile { level, number, width })
    }

    /// Everything that a log of this size is served as, without the checkpoint; entries where their last one is at `minimum`
    /// or after it.
    pub fn all(size: u64, minimum: u64) -> impl Iterator<Item = Self> {
        let tiles = (0..LEVELS).flat_map(move |level| {
            widths(size >> (8 * u32::from(level))).map(move |(number, width)| Self::Tile {
                level,
                number,
                width,
            })
        });
        let entries = widths(size).filter(move |(number, width)| number * TILE + u64::from(*width) > minimum);
        tiles.chain(entries.map(|(number, width)| Self::Entries { number, width }))
    }

    /// Whether it is a part of a log of so many entries.
    pub(crate) fn is_of(self, size: u64) -> bool {
        let (level, number, width) = match self {
            Self::Checkpoint => return true,
            Self::Tile { level, number, width } => (level, number, width),
            Self::Entries { number, width } => (0, number, width),
        };
        let left = size
            .checked_shr(8 * u32::from(level))
            .zip(number.checked_mul(TILE))
            .and_then(|(count, first)| count.checked_sub(first));
        level < LEVELS && left.is_some_and(|left| left > 0 && left.min(TILE) == u64::from(width))
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (first, number, width) = match self {
            Self::Checkpoint => return formatter.write_str("checkpoint"),
            Self::Tile { level, number, width } => (level.to_string(), *number, *width),
            Self::Entries { number, width } => ("entries".to_owned(), *number, *width),
        };
        write!(formatter, "tile/{first}/{}", numbered(number))?;
        if u64::from(width) < TILE { write!(formatter, ".p/{width}") } else { Ok(()) }
    }
}

/// Number and width of each tile over so many hashes, from the left.
pub(crate) fn widths(count: u64) -> impl Iterator<Item = (u64, u16)> {
    (0..count.div_ceil(TILE)).map(move |number| {
        let width = (count - number * TILE).min(TILE);
        (number, u16::try_from(width).unwrap_or(u16::MAX))
    })
}

/// `1234067` as `x001/x234/067`.
fn numbered(number: u64) -> String {
    let mut text = format!("{:03}", number % 1000);
    let mut rest = number / 1000;
    while rest > 0 {
        text = format!("x{:03}/{text}", rest % 1000);
        rest /= 1000;
    }
    text
}

fn number(parts: &[&str]) -> Option<u64> {
    let (last, before) = parts.split_last()?;
    let mut value: u64 = 0;
    for part in before.iter().map(|part| part.strip_prefix('x')).chain([Some(*last)]) {
        let part = part.filter(|part| part.len() == 3)?;
        let digits = part
            .bytes()
            .try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))?;
        value = value.checked_mul(1000)?.checked_add(digits)?;
    }
    // One name for one number: no leading `x000`.
    (numbered(value).split('/').count() == parts.len()).then_some(value)
}

/// A number without leading zeroes, at most this.
fn decimal(text: &str, most: u64) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let value = text.parse().ok().filter(|value| *value <= most)?;
    (plain && (text.len() == 1 || !text.starts_with('0'))).then_some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        for (text, path) in [
            ("checkpoint", Path::Checkpoint),
            ("tile/0/x001/x234/067", Path::Tile { level: 0, number: 1_234_067, width: 256 }),
            ("tile/1/000.p/17", Path::Tile { level: 1, number: 0, width: 17 }),
            ("tile/entries/x273/001.p/112", Path::Entries { number: 273_001, width: 112 }),
        ] {
            assert_eq!((Path::read(text), path.to_string().as_str()), (Some(path), text));
        }
        for text in [
            "",
            "tile",
            "tile/",
            "tile/0",
            "tile/0/1",
            "tile/00/000",
            "tile/64/000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/x000/000",
            "tile/0/001/000",
            "tile/0/x001",
            "tile/entries/",
            "tile/data/000",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
            "tile/0/+01",
            "../checkpoint",
        ] {
            assert_eq!(Path::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_part_is_of_a_log_of_its_size_and_of_no_other() {
        for size in [0, 1, 255, 256, 257, 300, 65_536, 70_000] {
            let all: std::collections::BTreeSet<Path> = Path::all(size, 0).collect();
            for path in [size, size + 1, size * 2, 512].into_iter().flat_map(|size| Path::all(size, 0)) {
                assert_eq!(path.is_of(size), all.contains(&path), "{path} of {size}");
            }
            assert!(Path::Checkpoint.is_of(size));
            assert!(!Path::Tile { level: 0, number: u64::MAX, width: 1 }.is_of(size));
        }
    }

    #[test]
    fn a_log_is_served_as_the_example_of_the_specification() {
        let paths: Vec<String> = Path::all(70_000, 0).map(|path| path.to_string()).collect();
        let count = |start: &str| paths.iter().filter(|path| path.starts_with(start)).count();
        assert_eq!(
            (count("tile/0/"), count("tile/1/"), count("tile/2/"), count("tile/entries/")),
            (274, 2, 1, 274)
        );
        for path in ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1", "tile/entries/273.p/112"] {
            assert!(paths.iter().any(|one| one == path), "{path}");
        }
        assert_eq!(Path::all(256, 0).count(), 3);
        assert_eq!(Path::all(0, 0).count(), 0);
        assert_eq!(Path::all(600, 300).filter(|path| matches!(path, Path::Entries { .. })).count(), 2);
    }

    proptest! {
        #[test]
        fn any_path_is_read_as_it_is_written(level in 0_u8..64, number: u64, width in 1_u16..=256) {
            for path in [Path::Tile { level, number, width }, Path::Entries { number, width }] {
                prop_assert_eq!(Path::read(&path.to_string()), Some(path));
            }
        }

        #[test]
        fn no_text_breaks_the_reader(text in ".{0,60}", path in "tile/[0-9a-z/.]{0,40}") {
            for text in [text, path] {
                if let Some(path) = Path::read(&text) {
                    prop_assert_eq!(path.to_string(), text);
                }
            }
        }

        #[test]
        fn no_bytes_break_a_tile(bytes in proptest::collection::vec(any::<u8>(), 0..9000)) {
            if let Ok(tile) = Tile::read(&bytes) {
                prop_assert_eq!(tile.bytes(), bytes);
            }
        }
    }
}
