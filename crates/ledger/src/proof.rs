//! Proofs that an entry is in the tree, and that one tree begins with another; and the file for one entry (C2SP tlog-proof).

use std::cell::RefCell;
use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tlog_tiles::{
    EMPTY_HASH, Error as TreeError, Hash, HashReader, Tile as Place, check_record, check_tree, prove_record,
    prove_tree,
};

use crate::checkpoint::{Checkpoint, CheckpointError, Head};
use crate::key::VerifierKey;
use crate::tile::{Path, Tile};

/// What the file begins with.
const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// Hashes of a proof at most: trees of 64 bits are not higher.
const MOST_HASHES: usize = 64;

/// Why there is no proof, or it does not prove it.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The text is not of the form.
    #[error("it is not a proof of the form {FIRST_LINE}")]
    Form,
    /// A tile that the proof needs is not there, or is none.
    #[error("the tile {0} is missing or damaged")]
    Tile(String),
    /// The entry is not in a tree of that size.
    #[error("the entry {index} is not in a tree of {size} entries")]
    Outside {
        /// The entry.
        index: u64,
        /// Entries of the tree.
        size: u64,
    },
    /// The hashes do not lead from the entry to the root.
    #[error("the proof does not lead to the root that was signed")]
    Wrong,
    /// The checkpoint is not to be believed.
    #[error("the checkpoint in the proof: {0}")]
    Checkpoint(#[source] CheckpointError),
}

/// Reads the hashes of a proof out of tiles, and notes which tiles those are.
struct Tiles<'a> {
    size: u64,
    read: &'a dyn Fn(Path) -> Option<Tile>,
    missing: RefCell<Option<Path>>,
}

impl HashReader for Tiles<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, TreeError> {
        indexes.iter().map(|index| self.hash(*index)).collect()
    }
}

impl Tiles<'_> {
    fn hash(&self, index: u64) -> Result<Hash, TreeError> {
        // As wide as a tree of this size has it.
        let place = Place::from_index(8, index).parent(0, self.size).ok_or(TreeError::IndexesNotInTree)?;
        let width = u16::try_from(place.width()).map_err(|_| TreeError::InvalidTile)?;
        let path = Path::Tile { level: place.level(), number: place.level_index(), width };
        match (self.read)(path).filter(|tile| tile.hashes().len() >= usize::from(width)) {
            Some(tile) => place.hash_at_index(&tile.bytes(), index),
            None => {
                *self.missing.borrow_mut() = Some(path);
                Err(TreeError::InvalidTile)
            }
        }
    }
}

type Tree<'a> = dyn Fn(&Tiles<'_>) -> Result<Vec<Hash>, TreeError> + 'a;

fn proven(size: u64, read: &dyn Fn(Path) -> Option<Tile>, prove: &Tree<'_>) -> Result<Vec<Hash>, ProofError> {
    let tiles = Tiles { size, read, missing: RefCell::default() };
    prove(&tiles)
        .map_err(|_| tiles.missing.take().map_or(ProofError::Wrong, |path| ProofError::Tile(path.to_string())))
}

/// The tiles that a proof is made of, for whoever must fetch them first.
fn needed(size: u64, prove: &Tree<'_>) -> BTreeSet<Path> {
    let paths = RefCell::new(BTreeSet::new());
    let any = Tile::new(vec![EMPTY_HASH; 256]).ok();
    let read = |path| {
        paths.borrow_mut().insert(path);
        any.clone()
    };
    // What comes out proves nothing.
    drop(proven(size, &read, prove));
    paths.into_inner()
}

/// The hashes that lead from the entry at `index` to the root of a tree of `size` entries.
///
/// # Errors
/// When the entry is not in it, or a tile is missing.
pub fn inclusion(index: u64, size: u64, read: &dyn Fn(Path) -> Option<Tile>) -> Result<Vec<Hash>, ProofError> {
    if index >= size {
        return Err(ProofError::Outside { index, size });
    }
    proven(size, read, &|tiles| prove_record(size, index, tiles))
}

/// The tiles that [`inclusion`] reads; none where the entry is not in the tree.
pub fn inclusion_needs(index: u64, size: u64) -> BTreeSet<Path> {
    if index >= size {
        return BTreeSet::new();
    }
    needed(size, &|tiles| prove_record(size, index, tiles))
}

/// The hashes that show that the tree of `size` entries begins with that of `old`.
///
/// # Errors
/// When it is smaller, or a tile is missing.
pub fn consistency(old: u64, size: u64, read: &dyn Fn(Path) -> Option<Tile>) -> Result<Vec<Hash>, ProofError> {
    if old > size {
        return Err(ProofError::Outside { index: old, size });
    }
    if old == 0 || old == size {
        return Ok(Vec::new());
    }
    proven(size, read, &|tiles| prove_tree(size, old, tiles))
}

/// The tiles that [`consistency`] reads.
pub fn consistency_needs(old: u64, size: u64) -> BTreeSet<Path> {
    if old == 0 || old >= size {
        return BTreeSet::new();
    }
    needed(size, &|tiles| prove_tree(size, old, tiles))
}

/// Whether the tree `new` begins with the tree `old`, by this proof.
///
/// # Errors
/// When it does not.
pub(crate) fn extends(old: Head, new: Head, proof: &[Hash]) -> Result<(), ProofError> {
    if old.size == 0 || old.size == new.size {
        let is_same = old.size == 0 || old.root == new.root;
        return if is_same && proof.is_empty() { Ok(()) } else { Err(ProofError::Wrong) };
    }
    if old.size > new.size {
        return Err(ProofError::Wrong);
    }
    check_tree(&proof.to_vec(), new.size, new.root, old.size, old.root).map_err(|_| ProofError::Wrong)
}

/// All that proves one entry, without the server: where it is, the way to the root, the checkpoint.
#[derive(Debug, PartialEq)]
pub struct Proof {
    /// Where the entry is.
    pub index: u64,
    /// The hashes beside the way to the root, from below.
    pub hashes: Vec<Hash>,
    /// What the log and its witnesses signed.
    pub checkpoint: Checkpoint,
}

impl Proof {
    /// The file.
    pub fn text(&self) -> Vec<u8> {
        let mut text = format!("{FIRST_LINE}\nindex {}\n", self.index);
        for hash in &self.hashes {
            text.push_str(&STANDARD.encode(hash.0));
            text.push('\n');
        }
        text.push('\n');
        [text.as_bytes(), &self.checkpoint.text()].concat()
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`ProofError::Form`], or the checkpoint is none.
    pub fn read(bytes: &[u8]) -> Result<Self, ProofError> {
        let text = std::str::from_utf8(bytes).map_err(|_| ProofError::Form)?;
        let rest =
            text.strip_prefix(FIRST_LINE).and_then(|rest| rest.strip_prefix('\n')).ok_or(ProofError::Form)?;
        let (lines, checkpoint) = rest.split_once("\n\n").ok_or(ProofError::Form)?;
        let mut lines = lines.split('\n').peekable();
        // What it may carry beside is not signed, and nothing of ours.
        if lines.peek().is_some_and(|line| line.starts_with("extra ")) {
            lines.next();
        }
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).ok_or(ProofError::Form)?;
        let index = decimal(index).ok_or(ProofError::Form)?;
        let hashes = lines.map(|line| hash(line).ok_or(ProofError::Form)).collect::<Result<Vec<_>, _>>()?;
        if hashes.len() > MOST_HASHES {
            return Err(ProofError::Form);
        }
        let checkpoint = Checkpoint::read(checkpoint.as_bytes()).map_err(ProofError::Checkpoint)?;
        Ok(Self { index, hashes, checkpoint })
    }

    /// Whether the entry with this hash is in the log of this key.
    ///
    /// # Errors
    /// What speaks against it.
    pub fn check(&self, entry: Hash, key: &VerifierKey) -> Result<(), ProofError> {
        self.checkpoint.signed_by(key).map_err(ProofError::Checkpoint)?;
        self.includes(entry)
    }

    /// Whether the entry with this hash is in the tree of the checkpoint, whoever signed that.
    ///
    /// # Errors
    /// What speaks against it.
    pub(crate) fn includes(&self, entry: Hash) -> Result<(), ProofError> {
        let Head { size, root } = self.checkpoint.head();
        if self.index >= size {
            return Err(ProofError::Outside { index: self.index, size });
        }
        check_record(&self.hashes, size, root, self.index, entry).map_err(|_| ProofError::Wrong)
    }
}

/// A number as the formats write it: decimal, no leading zeroes.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let value: u64 = text.parse().ok()?;
    (value.to_string() == text).then_some(value)
}

/// A hash in base64.
pub(crate) fn hash(line: &str) -> Option<Hash> {
    Some(Hash(STANDARD.decode(line).ok()?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use tlog_tiles::record_hash;

    use super::*;
    use crate::checkpoint::tests::log_key;
    use crate::edge::Edge;

    /// A log of so many entries: its tiles as they stand at that size.
    fn log(size: u64) -> (BTreeMap<(u8, u64), Tile>, Head) {
        let mut tiles = BTreeMap::new();
        let mut edge = Edge::default();
        for number in 0..size {
            edge.push(record_hash(&number.to_be_bytes()), |level, number, tile| {
                tiles.insert((level, number), tile.clone());
            });
        }
        tiles.extend(edge.partial().into_iter().map(|(level, number, tile)| ((level, number), tile)));
        (tiles, Head { size, root: edge.root() })
    }

    fn reader(tiles: &BTreeMap<(u8, u64), Tile>) -> impl Fn(Path) -> Option<Tile> {
        |path| match path {
            Path::Tile { level, number, .. } => tiles.get(&(level, number)).cloned(),
            _ => None,
        }
    }

    #[test]
    fn every_entry_is_proven_and_no_other_one() {
        for size in [1, 2, 5, 255, 256, 257, 1000] {
            let (tiles, head) = log(size);
            for index in (0..size).step_by(7) {
                let hashes = inclusion(index, size, &reader(&tiles)).unwrap();
                let proof = Proof { index, hashes, checkpoint: Checkpoint::sign(head, &log_key()).unwrap() };
                let read = Proof::read(&proof.text()).unwrap();
                assert_eq!(read, proof);
                let needs = inclusion_needs(index, size);
                let only = |path| reader(&tiles)(path).filter(|_| needs.contains(&path));
                assert_eq!(inclusion(index, size, &only).unwrap(), read.hashes, "no more is needed");
                read.check(record_hash(&index.to_be_bytes()), log_key().verifier()).unwrap();
                let other = record_hash(&(index + 1).to_be_bytes());
                assert!(matches!(read.check(other, log_key().verifier()), Err(ProofError::Wrong)));
                let moved = Proof { index: index + 1, ..read };
                assert!(moved.check(record_hash(&index.to_be_bytes()), log_key().verifier()).is_err());
            }
            assert!(matches!(inclusion(size, size, &reader(&tiles)), Err(ProofError::Outside { .. })));
        }
    }

    #[test]
    fn a_tree_is_shown_to_begin_with_each_before_it_and_with_no_fork() {
        let (tiles, new) = log(700);
        for size in [0, 1, 2, 255, 256, 257, 512, 699, 700] {
            let (_, old) = log(size);
            let proof = consistency(size, 700, &reader(&tiles)).unwrap();
            extends(old, new, &proof).unwrap();
            let needs = consistency_needs(size, 700);
            let only = |path| reader(&tiles)(path).filter(|_| needs.contains(&path));
            assert_eq!(consistency(size, 700, &only).unwrap(), proof);
            if size > 0 {
                let forked = Head { root: record_hash(b"fork"), ..old };
                assert!(extends(forked, new, &proof).is_err(), "{size}");
            }
        }
        assert!(extends(new, log(5).1, &[]).is_err());
    }

    #[test]
    fn a_missing_tile_is_named() {
        let (mut tiles, _) = log(600);
        tiles.remove(&(0, 1));
        let error = inclusion(300, 600, &reader(&tiles)).unwrap_err();
        assert!(matches!(&error, ProofError::Tile(path) if path == "tile/0/001"), "{error}");
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "(index|extra|[0-9a-zA-Z+/=]{1,44}| |\n|\u{2014} ){0,40}") {
            drop(Proof::read(&bytes));
            drop(Proof::read(format!("{FIRST_LINE}\n{text}").as_bytes()));
        }
    }
}
