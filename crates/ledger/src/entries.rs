//! Bundles of entries: each with its length in two bytes before it, at most 256.

use sha2::{Digest as _, Sha256};
use tlog_tiles::{Hash, record_hash};

use crate::event::LONGEST;
use crate::tile::TILE;

/// Why bytes are no bundle, or entries make none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// It ends within an entry.
    #[error("the bundle ends within its entry {0}")]
    Cut(usize),
    /// More than 256.
    #[error("the bundle has more than {TILE} entries")]
    TooMany,
    /// Too long for its length to be told.
    #[error("an entry of {0} bytes is too long: {LONGEST} is the most")]
    TooLong(usize),
}

/// One bundle of these entries.
///
/// # Errors
/// When there are too many, or one is too long.
pub fn join<E: AsRef<[u8]>>(entries: &[E]) -> Result<Vec<u8>, BundleError> {
    if entries.len() as u64 > TILE {
        return Err(BundleError::TooMany);
    }
    let mut bytes = Vec::new();
    for entry in entries.iter().map(AsRef::as_ref) {
        let length = u16::try_from(entry.len()).map_err(|_| BundleError::TooLong(entry.len()))?;
        bytes.extend(length.to_be_bytes());
        bytes.extend(entry);
    }
    Ok(bytes)
}

/// The entries of a bundle.
///
/// # Errors
/// When it is cut, or holds too many.
pub fn split(mut bytes: &[u8]) -> Result<Vec<&[u8]>, BundleError> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        if entries.len() as u64 == TILE {
            return Err(BundleError::TooMany);
        }
        let cut = BundleError::Cut(entries.len());
        let (length, rest) = bytes.split_first_chunk::<2>().ok_or(cut)?;
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(cut)?;
        entries.push(entry);
        bytes = rest;
    }
    Ok(entries)
}

/// A length before an entry that is not the entry's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Torn {
    /// Which entry of the bundle.
    pub(crate) place: usize,
    /// What is written.
    pub(crate) written: usize,
    /// How long the entry is that was logged there.
    pub(crate) logged: usize,
}

/// The entries of a bundle with wrong lengths in it, found by the hashes that the tree holds of them; none where the lengths are not all
/// that is wrong. At most `patience` lengths are looked for.
pub(crate) fn mend<'a>(
    mut bytes: &'a [u8],
    hashes: &[Hash],
    mut patience: usize,
) -> Option<(Vec<&'a [u8]>, Vec<Torn>)> {
    let (mut entries, mut torn) = (Vec::new(), Vec::new());
    for (place, hash) in hashes.iter().enumerate() {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let written = usize::from(u16::from_be_bytes(*length));
        let is_right = rest.get(..written).is_some_and(|entry| record_hash(entry) == *hash);
        let logged = if is_right { written } else { length_of(rest, *hash, &mut patience)? };
        if logged != written {
            torn.push(Torn { place, written, logged });
        }
        let (entry, rest) = rest.split_at_checked(logged)?;
        entries.push(entry);
        bytes = rest;
    }
    bytes.is_empty().then_some((entries, torn))
}

/// How many of the first bytes have this hash in the tree.
fn length_of(bytes: &[u8], hash: Hash, patience: &mut usize) -> Option<usize> {
    *patience = patience.checked_sub(1)?;
    let mut digest = Sha256::new_with_prefix([0]);
    let is_it = |digest: &Sha256| digest.clone().finalize()[..] == hash.0;
    (0..=bytes.len().min(LONGEST)).find(|length| {
        if let Some(last) = length.checked_sub(1).and_then(|last| bytes.get(last)) {
            digest.update([*last]);
        }
        is_it(&digest)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bounds_hold() {
        assert_eq!(join(&vec![b"x"; 257]), Err(BundleError::TooMany));
        assert_eq!(join(&[vec![0; 65_536]]), Err(BundleError::TooLong(65_536)));
        assert_eq!(split(&[0, 1, b'x'].repeat(257)), Err(BundleError::TooMany));
        assert_eq!(split(&[0, 1, b'x', 0, 2, b'y']), Err(BundleError::Cut(1)));
        assert_eq!(split(&[0]), Err(BundleError::Cut(0)));
    }

    #[test]
    fn a_changed_length_is_found_by_the_hashes() {
        let entries: Vec<Vec<u8>> = (0_u8..9).map(|number| vec![number; usize::from(number) * 7]).collect();
        let hashes: Vec<Hash> = entries.iter().map(|entry| record_hash(entry)).collect();
        let bytes = join(&entries).unwrap();
        let mut at = 0;
        for (place, entry) in entries.iter().enumerate() {
            for written in [0, 1, 20, 300, 65_535] {
                let mut changed = bytes.clone();
                changed[at..at + 2].copy_from_slice(&u16::to_be_bytes(written));
                let (found, torn) = mend(&changed, &hashes, 1).unwrap();
                assert_eq!(found, entries);
                let expected = Torn { place, written: usize::from(written), logged: entry.len() };
                assert_eq!(torn, if expected.written == entry.len() { vec![] } else { vec![expected] });
            }
            at += 2 + entry.len();
        }
        let mut changed = bytes.clone();
        changed[1] = 9;
        assert!(mend(&changed, &hashes, 0).is_none(), "without patience");
        changed[20] ^= 1;
        assert!(mend(&changed, &hashes, 9).is_none(), "more than a length was changed");
        assert!(mend(&bytes[..40], &hashes, 9).is_none());
        assert!(mend(&[bytes.as_slice(), b"x"].concat(), &hashes, 9).is_none());
    }

    proptest! {
        #[test]
        fn what_is_joined_is_split(entries in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..256)) {
            let joined = join(&entries).unwrap();
            prop_assert_eq!(split(&joined).unwrap(), entries);
        }

        #[test]
        fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            if let Ok(entries) = split(&bytes) {
                prop_assert_eq!(join(&entries).unwrap(), bytes);
            }
        }
    }
}
