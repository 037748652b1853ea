//! Bundles of entries: each with its length in two bytes before it, at most 256.

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
