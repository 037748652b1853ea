//! The right edge of a tree: all that is needed to append to it and to know its root.

use tlog_tiles::{EMPTY_HASH, Hash, node_hash};

use crate::tile::{TILE, Tile};

/// Why an edge cannot be made of tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EdgeError {
    /// A tile of the edge is not as wide as the size of the tree says.
    #[error("the last tile of level {level} has {found} hashes where the size of the tree asks for {wanted}")]
    Width {
        /// Its level.
        level: usize,
        /// Hashes that there are.
        found: usize,
        /// Hashes that there must be.
        wanted: u64,
    },
}

/// The right edge: of each level the hashes of its last tile, where that is not full.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edge {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

impl Edge {
    /// Hashes that the last tile of each level has, from level 0 up; 0 where all are full.
    pub fn widths(size: u64) -> Vec<u64> {
        std::iter::successors(Some(size), |rest| Some(rest / TILE))
            .take_while(|rest| *rest > 0)
            .map(|rest| rest % TILE)
            .collect()
    }

    /// The edge of a tree of this size; `levels` are the hashes of its last tiles that are not full, from level 0 up.
    ///
    /// # Errors
    /// When one of them is not as wide as the size says.
    pub fn new(size: u64, mut levels: Vec<Vec<Hash>>) -> Result<Self, EdgeError> {
        let widths = Self::widths(size);
        levels.resize(widths.len().max(levels.len()), Vec::new());
        for (level, hashes) in levels.iter().enumerate() {
            let wanted = widths.get(level).copied().unwrap_or(0);
            if hashes.len() as u64 != wanted {
                return Err(EdgeError::Width { level, found: hashes.len(), wanted });
            }
        }
        Ok(Self { size, levels })
    }

    /// Entries in the tree.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends the hash of an entry; `full` is told every tile that is full by it: level, number, the tile.
    pub fn push(&mut self, hash: Hash, mut full: impl FnMut(u8, u64, &Tile)) {
        self.size += 1;
        let mut carried = hash;
        let mut count = self.size;
        for level in 0_u8.. {
            let at = usize::from(level);
            if self.levels.len() <= at {
                self.levels.push(Vec::new());
            }
            let Some(hashes) = self.levels.get_mut(at) else { return };
            hashes.push(carried);
            let Some((tile, whole)) = full_tile(hashes) else { return };
            hashes.clear();
            count /= TILE;
            full(level, count - 1, &tile);
            carried = whole;
        }
    }

    /// The last tile of each level that is not full: level, number, the tile.
    pub fn partial(&self) -> Vec<(u8, u64, Tile)> {
        let mut tiles = Vec::new();
        let mut rest = self.size;
        for (level, hashes) in (0_u8..).zip(&self.levels) {
            if let Ok(tile) = Tile::new(hashes.clone()) {
                tiles.push((level, rest / TILE, tile));
            }
            rest /= TILE;
        }
        tiles
    }

    /// The root: the Merkle Tree Hash of RFC 6962, section 2.1.
    pub fn root(&self) -> Hash {
        // Whole subtrees from the right: each is as large as all that is right of it, or larger.
        let mut root = None;
        for hashes in &self.levels {
            let mut rest = hashes.as_slice();
            while !rest.is_empty() {
                let smallest = 1 << rest.len().trailing_zeros();
                let (before, last) = rest.split_at(rest.len() - smallest);
                let whole = subtree(last);
                root = Some(root.map_or(whole, |right| node_hash(whole, right)));
                rest = before;
            }
        }
        root.unwrap_or(EMPTY_HASH)
    }
}

/// The tile and its hash once it is full.
fn full_tile(hashes: &[Hash]) -> Option<(Tile, Hash)> {
    let tile = Tile::new(hashes.to_vec()).ok().filter(|_| hashes.len() as u64 == TILE)?;
    let whole = tile.hash()?;
    Some((tile, whole))
}

/// The hash over a power of two of hashes.
fn subtree(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => EMPTY_HASH,
        [one] => *one,
        more => {
            let (left, right) = more.split_at(more.len() / 2);
            node_hash(subtree(left), subtree(right))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use tlog_tiles::{Error, HashReader, record_hash, stored_hashes, tree_hash};

    use super::*;

    /// The library's own store: every hash in one list.
    struct All(Vec<Hash>);

    impl HashReader for All {
        fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Error> {
            indexes
                .iter()
                .map(|index| self.0.get(usize::try_from(*index).unwrap()).copied().ok_or(Error::BadMath))
                .collect()
        }
    }

    /// The roots of RFC 6962's example tree, as every implementation has them in its tests.
    #[test]
    fn roots_are_those_of_the_known_tree() {
        let entries: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut edge = Edge::default();
        assert_eq!(edge.root(), EMPTY_HASH);
        for (entry, root) in entries.iter().zip(roots) {
            edge.push(record_hash(entry), |_, _, _| panic!("no tile is full"));
            assert_eq!(hex::encode(edge.root().0), root);
        }
    }

    #[test]
    fn an_edge_grows_like_the_librarys_tree_and_comes_back_from_its_tiles() {
        let mut all = All(Vec::new());
        let mut edge = Edge::default();
        let mut tiles: BTreeMap<(u8, u64), Tile> = BTreeMap::new();
        for number in 0..66_000_u64 {
            let entry = number.to_be_bytes();
            let new = stored_hashes(number, &entry, &all).unwrap();
            all.0.extend(new);
            edge.push(record_hash(&entry), |level, number, tile| {
                assert_eq!(tiles.insert((level, number), tile.clone()), None);
            });
            if number < 1_100 || number % 997 == 0 || number > 65_500 {
                assert_eq!(edge.root(), tree_hash(number + 1, &all).unwrap(), "{number}");
                let again = Edge::new(edge.size(), edge.levels.clone()).unwrap();
                assert_eq!(again.root(), edge.root());
            }
        }
        assert_eq!(tiles.keys().filter(|(level, _)| *level == 1).count(), 1);
        assert_eq!(tiles.len(), 66_000 / 256 + 1);
        let partial: Vec<(u8, u64, usize)> = edge
            .partial()
            .into_iter()
            .map(|(level, number, tile)| (level, number, tile.hashes().len()))
            .collect();
        assert_eq!(partial, [(0, 257, 208), (1, 1, 1), (2, 0, 1)]);
    }

    proptest! {
        #[test]
        fn an_edge_of_other_widths_is_refused(size in 0_u64..100_000, level in 0_usize..3, more in 1_usize..5) {
            let mut levels: Vec<Vec<Hash>> =
                Edge::widths(size).iter().map(|width| vec![EMPTY_HASH; usize::try_from(*width).unwrap()]).collect();
            prop_assert!(Edge::new(size, levels.clone()).is_ok());
            levels.resize(levels.len().max(level + 1), Vec::new());
            levels[level].extend(vec![EMPTY_HASH; more]);
            prop_assert!(Edge::new(size, levels).is_err());
        }
    }
}
