//! The tree and its proofs beside another implementation of RFC 6962, of other authors and in another form.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot be set up must stop")]

use std::collections::BTreeMap;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof};
use ledger::{Edge, Hash, Path, Tile, consistency, inclusion, record_hash};
use sha2::Sha256;

type Other = MemoryBackedTree<Sha256, Vec<u8>>;

/// Sizes around each power of two and each full tile.
const SIZES: [u64; 22] =
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 32, 33, 100, 255, 256, 257, 258, 511, 512, 513, 600, 700];

fn entry(number: u64) -> Vec<u8> {
    format!("entry {number}").into_bytes()
}

/// Our tree of so many entries, as tiles.
fn ours(size: u64) -> (Edge, BTreeMap<(u8, u64), Tile>) {
    let (mut edge, mut tiles) = (Edge::default(), BTreeMap::new());
    for number in 0..size {
        edge.push(record_hash(&entry(number)), |level, number, tile| {
            tiles.insert((level, number), tile.clone());
        });
    }
    tiles.extend(edge.partial().into_iter().map(|(level, number, tile)| ((level, number), tile)));
    (edge, tiles)
}

fn theirs(size: u64) -> Other {
    let mut tree = Other::new();
    (0..size).for_each(|number| tree.push(entry(number)));
    tree
}

/// Reads a tile as wide as it is asked for.
fn read(tiles: &BTreeMap<(u8, u64), Tile>) -> impl Fn(Path) -> Option<Tile> + '_ {
    |path| {
        let Path::Tile { level, number, width } = path else { return None };
        Tile::new(tiles.get(&(level, number))?.hashes().get(..usize::from(width))?.to_vec()).ok()
    }
}

fn bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

#[test]
fn roots_are_those_of_another_implementation() {
    for size in SIZES {
        assert_eq!(ours(size).0.root().0.as_slice(), theirs(size).root().as_bytes().as_slice(), "{size}");
    }
}

#[test]
fn another_implementation_believes_each_inclusion_proof_and_no_other() {
    for size in SIZES {
        let (_, tiles) = ours(size);
        let root = theirs(size).root();
        for index in (0..size).filter(|index| size < 40 || index % 37 == 0 || index + 3 > size) {
            let proof = bytes(&inclusion(index, size, &read(&tiles)).unwrap());
            let proof: InclusionProof<Sha256> = InclusionProof::try_from_bytes(proof).unwrap();
            assert!(root.verify_inclusion(&entry(index), index, &proof).is_ok(), "{index} of {size}");
            assert!(root.verify_inclusion(&entry(index + 1), index, &proof).is_err(), "{index} of {size}");
        }
    }
}

#[test]
fn another_implementation_believes_each_consistency_proof_and_no_other() {
    for size in SIZES {
        let (_, tiles) = ours(size);
        let root = theirs(size).root();
        for old in SIZES.into_iter().filter(|old| *old < size) {
            let hashes = consistency(old, size, &read(&tiles)).unwrap();
            let proof: ConsistencyProof<Sha256> = ConsistencyProof::try_from_bytes(bytes(&hashes)).unwrap();
            assert!(root.verify_consistency(&theirs(old).root(), &proof).is_ok(), "{old} in {size}");
            let mut forked = Other::new();
            (0..old).for_each(|number| forked.push(entry(number + u64::from(number == old / 2))));
            assert!(root.verify_consistency(&forked.root(), &proof).is_err(), "{old} in {size}");
        }
    }
}
